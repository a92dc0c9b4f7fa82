//! The rule that fired and those that did not, each with its reason.

use std::sync::Arc;

use super::RuleExplanation;
use crate::health::{Doubt, State, Verdict};
use crate::policy::{Decision, Rule};

/// Every rule, in the order in which one would ask for them.
pub(super) fn rules(decision: &Decision) -> Vec<RuleExplanation> {
    let case = Case::of(decision);
    let why_not = [
        ("pinned", case.not_ordered("pinned to a region")),
        ("frozen", case.not_ordered("frozen")),
        ("draining", case.draining()),
        ("preferred", case.preferred()),
        ("failed-over", case.failed_over()),
        ("held", case.held()),
        ("none-proven", case.none_proven()),
        ("fail-open", case.fail_open()),
        ("freeze", case.freeze()),
        ("unproven", case.unproven()),
    ];
    let label = decision.derivation.rule.label();
    let explain = |(rule, why_not): (&str, String)| {
        let fired = rule == label;
        RuleExplanation { rule: rule.to_owned(), fired, why: if fired { case.headline() } else { why_not } }
    };
    why_not.into_iter().map(explain).collect()
}

/// What the rules ask about.
struct Case<'d> {
    decision: &'d Decision,
    /// The region in service; none when the decision does not know its verdict.
    served: Option<&'d Arc<Verdict>>,
    others: Vec<&'d Arc<Verdict>>,
}

impl<'d> Case<'d> {
    fn of(decision: &'d Decision) -> Case<'d> {
        let served = decision.verdict();
        let is_other = |verdict: &&Arc<Verdict>| verdict.region != decision.standing.region;
        let others = decision.derivation.evidence.iter().filter(is_other).collect();
        Case { decision, served, others }
    }

    fn headline(&self) -> String {
        self.decision.derivation.headline(&self.decision.standing.region)
    }

    fn state(&self) -> Option<State> {
        self.served.map(|verdict| verdict.state)
    }

    /// The region in service is in this state, though the rule asks for another.
    fn served_is(&self) -> String {
        let region = &self.decision.standing.region;
        match self.served {
            Some(verdict) => format!("{region}, in service, is {}", verdict.state),
            None => format!("nothing is known of {region}, in service"),
        }
    }

    fn is_first(&self) -> bool {
        self.decision.derivation.evidence.first().is_some_and(|v| v.region == self.decision.standing.region)
    }

    /// The other regions in a state, by name.
    fn others_in(&self, state: State) -> Vec<&str> {
        let such = self.others.iter().filter(|verdict| verdict.state == state);
        such.map(|verdict| verdict.region.as_str()).collect()
    }

    fn not_ordered(&self, what: &str) -> String {
        match &self.decision.derivation.order {
            Some(order) => format!("another order comes first: {}", order.order),
            None => format!("no operator wants it {what}"),
        }
    }

    fn draining(&self) -> String {
        let region = &self.decision.standing.region;
        match self.served {
            Some(verdict) if verdict.is_drained() => "another order or rule comes first".to_owned(),
            _ => format!("no operator wants {region} left"),
        }
    }

    fn preferred(&self) -> String {
        match (self.is_first(), self.decision.derivation.evidence.first()) {
            (false, Some(first)) => {
                format!("{} is preferred, and not in service: it is {first}", first.region)
            }
            _ => self.served_is(),
        }
    }

    fn failed_over(&self) -> String {
        if self.is_first() {
            return format!("{} is the preferred region", self.decision.standing.region);
        }
        self.served_is()
    }

    fn held(&self) -> String {
        match (self.state(), self.others_in(State::Up).as_slice()) {
            (Some(State::Down), []) => "no other region is up to escape to".to_owned(),
            (Some(State::Down), up) => format!("{} could take over at once", up.join(", ")),
            _ => self.served_is(),
        }
    }

    fn none_proven(&self) -> String {
        match (self.state(), self.others_in(State::Unknown).as_slice()) {
            (Some(State::Down), []) => "of no other region it is unknown whether it is up".to_owned(),
            (Some(State::Down), _) => {
                format!("another region is up: {}", self.others_in(State::Up).join(", "))
            }
            _ => self.served_is(),
        }
    }

    fn fail_open(&self) -> String {
        match self.state() {
            Some(State::Down) => {
                let not_down = self.others.iter().filter(|verdict| verdict.state != State::Down);
                let not_down: Vec<String> =
                    not_down.map(|verdict| format!("{} is {}", verdict.region, verdict.state)).collect();
                format!("not every region is down: {}", not_down.join(", "))
            }
            _ => self.served_is(),
        }
    }

    fn freeze(&self) -> String {
        match self.served.map(|verdict| (verdict.state, verdict.doubt)) {
            Some((State::Unknown, Some(Doubt::Unproven))) => {
                "nothing was ever proven that could be lost".to_owned()
            }
            _ => self.served_is(),
        }
    }

    fn unproven(&self) -> String {
        match self.served.map(|verdict| verdict.state) {
            Some(State::Unknown) => format!("{}, and it was proven before", self.served_is()),
            _ => self.served_is(),
        }
    }
}

/// Fails to compile when a rule is added that is not explained.
const _: fn(&Rule) = |rule| match rule {
    Rule::Unproven
    | Rule::Preferred
    | Rule::FailedOver { .. }
    | Rule::FailOpen
    | Rule::NoneProven
    | Rule::Freeze
    | Rule::Held
    | Rule::Pinned
    | Rule::Frozen
    | Rule::Draining => {}
};
