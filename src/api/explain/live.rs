//! The answer of this moment, explained from what the controller knows.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::earliest::{earliest, earliest_of_one};
use super::{
    DecisionExplanation, EXPLANATION_SCHEMA, EndpointExplanation, Explanation, ExplanationSource,
    MovesExplanation, NextExplanation, Question, RegionExplanation, TtlExplanation, WitnessExplanation,
};
use super::{client, path, rules};
use crate::answer::{TraceFound, TraceStep};
use crate::api::status::{BudgetStatus, CheckStatus, WaitStatus};
use crate::config::DnsSettings;
use crate::controller::Controller;
use crate::health::{Check, EndpointVerdict, State, Verdict};
use crate::model::{Family, Moment, Name, RecordType, RegionId};
use crate::policy::{
    AtExpiry, Decision, Facts, Hold, Override, Overrides, Steer, TtlRule, Turn, Wait, decide, decisive,
    imagine, turns,
};

/// Names that are listed.
const NAMES_MAX: usize = 100;

impl Explanation {
    /// Why a question is answered as it is, now.
    #[must_use]
    pub fn of(
        controller: &Controller,
        question: &Question,
        settings: &DnsSettings,
        now: Moment,
    ) -> Explanation {
        let parameters = controller.parameters();
        let Question { name, rtype, client } = question;
        let rtype = rtype.unwrap_or_else(|| address_type(controller, name));
        let asks = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let code =
            controller.table().trace(name, rtype, asks).last().map(|step| step.found.code().to_owned());
        let steps = steps(controller, name, rtype, asks);
        let steered = path::steered(&steps);
        let index =
            steered.and_then(|name| parameters.steers.iter().position(|steer| steer.names.contains(name)));
        Explanation {
            schema: EXPLANATION_SCHEMA.into(),
            node: parameters.vantage.to_string(),
            time: now,
            source: ExplanationSource::Live,
            name: name.clone(),
            rtype: rtype.to_string(),
            code,
            path: path::path(&steps, rtype),
            client: client.map(|client| client::client(client, settings)),
            decision: index.map(|index| Box::new(DecisionExplanation::live(controller, index, now))),
        }
    }
}

/// Replies that a resolver puts together.
const REPLIES_MAX: usize = 8;

/// The steps of the reply, and of those that a resolver asks us for because of it.
fn steps(controller: &Controller, name: &Name, rtype: RecordType, client: IpAddr) -> Vec<TraceStep> {
    let mut steps = controller.table().trace(name, rtype, client);
    for _ in 1..REPLIES_MAX {
        let Some(TraceStep { name, found: TraceFound::AskedAnew, .. }) = steps.last() else { break };
        let further = controller.table().trace(&name.clone(), rtype, client);
        let is_ours = further.first().is_some_and(|step| step.found != TraceFound::NotOurs);
        let is_known = further.iter().any(|step| step.zone.is_some() && steps.contains(step));
        if !is_ours || is_known {
            break;
        }
        steps.extend(further);
    }
    steps
}

/// A, unless the name is steered and has IPv6 addresses only.
fn address_type(controller: &Controller, name: &Name) -> RecordType {
    let decision = controller.decisions().iter().find(|decision| decision.names.contains(name));
    let has_ipv4 = |decision: &Decision| decision.standing.addresses.iter().any(IpAddr::is_ipv4);
    if decision.is_none_or(has_ipv4) { RecordType::A } else { RecordType::AAAA }
}

impl DecisionExplanation {
    fn live(controller: &Controller, index: usize, now: Moment) -> DecisionExplanation {
        let parameters = controller.parameters();
        let (steer, decision) = (&parameters.steers[index], &controller.decisions()[index]);
        let facts = controller.facts();
        let decisive = decisive(steer, &decision.standing, facts, now);
        let verdicts = steer.regions.iter().filter_map(|region| facts.verdicts.get(region));
        let regions = verdicts.enumerate().map(|(place, verdict)| {
            let checks = |address| CheckStatus::all_of(controller, &verdict.region, address, now);
            let overruled = facts.overrides.overrule(verdict);
            RegionExplanation {
                decisive: Some(decisive.contains(&verdict.region)),
                overruled: (overruled != *verdict).then(|| verdict.to_string()),
                ..RegionExplanation::of(place, &overruled, decision, checks)
            }
        });
        let budget = controller.budgets()[index].as_ref().map(|budget| BudgetStatus::new(budget, steer));
        let pending = controller.pending(index).map(|next| {
            format!("{} (epoch {}) is being made durable", next.standing.region, next.standing.epoch)
        });
        DecisionExplanation {
            regions: regions.collect(),
            overrides: concerning(facts.overrides, steer, decision),
            moves: MovesExplanation {
                within_hour: decision.standing.flips.within_hour(now),
                limit: Some(steer.max_flips_per_hour),
            },
            ttl: TtlExplanation::live(decision, steer, now),
            witnesses: parameters.witnesses.iter().map(|check| witness(controller, check, now)).collect(),
            next: next(controller, steer, decision, &decisive, now),
            budget,
            pending,
            ..DecisionExplanation::of(decision, now)
        }
    }

    /// As much of it as the decision itself tells.
    pub(super) fn of(decision: &Decision, now: Moment) -> DecisionExplanation {
        let Decision { names, standing, ttl, derivation } = decision;
        let regions = derivation.evidence.iter().enumerate();
        DecisionExplanation {
            names: names.iter().take(NAMES_MAX).cloned().collect(),
            region: standing.region.clone(),
            addresses: standing.addresses.to_vec(),
            epoch: standing.epoch,
            since: standing.since,
            rule: derivation.rule.clone(),
            why: derivation.headline(&standing.region),
            rules: rules::rules(decision),
            wait: derivation.wait.as_ref().map(|wait| WaitStatus::new(wait, now)),
            overrides: derivation.order.iter().cloned().collect(),
            moves: MovesExplanation { within_hour: standing.flips.within_hour(now), limit: None },
            ttl: TtlExplanation {
                ttl: *ttl,
                rule: derivation.ttl_rule,
                why: why_ttl(decision),
                kept_until: now + ttl.as_duration(),
            },
            regions: regions
                .map(|(place, verdict)| RegionExplanation::of(place, verdict, decision, |_| Vec::new()))
                .collect(),
            witnesses: Vec::new(),
            next: Vec::new(),
            budget: None,
            pending: None,
            later: Vec::new(),
        }
    }
}

/// The overrides that may bear on the answer.
fn concerning(overrides: &Overrides, steer: &Steer, decision: &Decision) -> Vec<Arc<Override>> {
    let concerns = |known: &&Arc<Override>| known.order.concerns(steer, &decision.standing.region);
    overrides.iter().filter(concerns).cloned().collect()
}

impl RegionExplanation {
    fn of(
        place: usize,
        verdict: &Verdict,
        decision: &Decision,
        checks: impl Fn(IpAddr) -> Vec<CheckStatus>,
    ) -> RegionExplanation {
        let in_service = verdict.region == decision.standing.region;
        let gates = decision.derivation.gates.iter().filter(|view| view.region == verdict.region);
        let endpoint = |endpoint: &EndpointVerdict| EndpointExplanation {
            address: endpoint.address,
            family: Family::of(endpoint.address),
            served: in_service && decision.standing.addresses.contains(&endpoint.address),
            state: endpoint.state,
            doubt: endpoint.doubt,
            suspect: endpoint.suspect,
            degraded: endpoint.degraded,
            word: endpoint.word.clone(),
            votes: endpoint.ballots.clone(),
            checks: checks(endpoint.address),
        };
        RegionExplanation {
            region: verdict.region.clone(),
            preference: place + 1,
            in_service,
            decisive: None,
            state: verdict.state,
            since: verdict.since,
            doubt: verdict.doubt,
            steady: verdict.steady,
            recovered: verdict.recovered,
            why: verdict.to_string(),
            overruled: None,
            families: verdict.families.clone(),
            needed: verdict.needed,
            degraded: verdict.degraded(),
            gates: gates.cloned().collect(),
            endpoints: verdict.endpoints.iter().map(endpoint).collect(),
        }
    }
}

impl TtlExplanation {
    fn live(decision: &Decision, steer: &Steer, now: Moment) -> TtlExplanation {
        let why = match decision.derivation.ttl_rule {
            TtlRule::Steady => {
                format!("{}; it would be {} while a change may be near", why_ttl(decision), steer.ttl_suspect)
            }
            TtlRule::Suspect | TtlRule::ChangeDue | TtlRule::Imminent => {
                format!("{}; it is {} while all is quiet", why_ttl(decision), steer.ttl)
            }
        };
        let kept_until = now + decision.ttl.as_duration();
        TtlExplanation { ttl: decision.ttl, rule: decision.derivation.ttl_rule, why, kept_until }
    }
}

fn why_ttl(decision: &Decision) -> String {
    let region = &decision.standing.region;
    match (decision.derivation.ttl_rule, decision.verdict(), &decision.derivation.wait) {
        (TtlRule::Steady, ..) => "`ttl`: all is quiet".to_owned(),
        (TtlRule::ChangeDue, _, Some(Wait { to, until: Some(until), .. })) => {
            format!("`ttl_suspect`: the move to {to} is due at {until}, before `ttl` would be over")
        }
        (TtlRule::Imminent, ..) => {
            "a second: a planned move comes so soon that no cache may keep the answer".to_owned()
        }
        (TtlRule::ChangeDue, ..) => "`ttl_suspect`: a move is due before `ttl` would be over".to_owned(),
        (TtlRule::Suspect, Some(verdict), _) if verdict.state == State::Up => {
            format!("`ttl_suspect`: an address of {region} fails just now")
        }
        (TtlRule::Suspect, Some(verdict), _) => format!("`ttl_suspect`: {region} is {}", verdict.state),
        (TtlRule::Suspect, None, _) => "`ttl_suspect`: a change may be near".to_owned(),
    }
}

fn witness(controller: &Controller, check: &Check, now: Moment) -> WitnessExplanation {
    let heard = controller.states().get(&check.id).and_then(|state| state.hearing.last);
    WitnessExplanation {
        witness: check.id.region.to_string(),
        address: check.id.address,
        family: check.id.family(),
        heard,
        age: heard.map(|heard| now.since(heard).as_secs_f64()),
    }
}

/// What would change the answer: time first, then each turn of a region that the answer depends on.
fn next(
    controller: &Controller,
    steer: &Steer,
    decision: &Decision,
    decisive: &[RegionId],
    now: Moment,
) -> Vec<NextExplanation> {
    let is_of_order = |wait: &&Wait| matches!(wait.hold, Hold::Pin | Hold::Freeze);
    let wait = decision.derivation.wait.as_ref().filter(|wait| !is_of_order(wait));
    let by_time = wait.map(|wait| by_time(controller, steer, decision, wait));
    let orders = concerning(controller.facts().overrides, steer, decision);
    let by_orders = orders.iter().map(|order| by_order(controller, steer, decision, order));
    let by_time = by_time.into_iter().chain(by_orders);
    let turns = turns(steer, controller.facts()).into_iter();
    let of_decisive = turns.filter(|(region, _)| decisive.contains(region));
    let by_turns = of_decisive.map(|turn| by_turn(controller, steer, decision, &turn, now));
    let by_addresses = decision.verdict().map(|verdict| by_addresses(controller, verdict, now));
    by_time.chain(by_turns).chain(by_addresses.into_iter().flatten()).collect()
}

/// What a single address of the region in service changes, while the region stays up.
fn by_addresses(controller: &Controller, verdict: &Verdict, now: Moment) -> Vec<NextExplanation> {
    if verdict.state != State::Up || verdict.is_unprobed() {
        return Vec::new();
    }
    let region = &verdict.region;
    let count = |family: Family, state: State| {
        let of_family = verdict.endpoints.iter().filter(|endpoint| Family::of(endpoint.address) == family);
        of_family.filter(|endpoint| endpoint.state == state).count()
    };
    let is_spare = Family::ALL.into_iter().any(|family| count(family, State::Up) > 1);
    let leaves = is_spare.then(|| NextExplanation {
        cause: format!("a single address of {region} is proven down"),
        effect: format!("{region} without that address"),
        changes_answer: true,
        earliest: earliest_of_one(controller, verdict, false, now),
    });
    let joins = (verdict.count(State::Down) > 0).then(|| NextExplanation {
        cause: format!("an address of {region} that is down is proven up"),
        effect: format!("{region} with that address as well"),
        changes_answer: true,
        earliest: earliest_of_one(controller, verdict, true, now),
    });
    leaves.into_iter().chain(joins).collect()
}

fn by_time(controller: &Controller, steer: &Steer, decision: &Decision, wait: &Wait) -> NextExplanation {
    let Wait { to, hold, until } = wait;
    if let (Hold::Gate(gate), None) = (hold, until) {
        return NextExplanation {
            cause: format!("gate {gate} before {to} turns green, and all else stays as it is"),
            effect: to.to_string(),
            changes_answer: true,
            earliest: None,
        };
    }
    let Some(until) = until else {
        return NextExplanation {
            cause: format!("an operator gives it back: `cadence-dns failback {}`", decision.name()),
            effect: format!(
                "{to}; the hold is {hold}, and nothing else ends it while {} is up",
                decision.standing.region
            ),
            changes_answer: true,
            earliest: None,
        };
    };
    let then = decide(steer, Some(&decision.standing), controller.facts(), *until);
    NextExplanation {
        cause: format!("the {hold} hold ends, and all stays as it is"),
        effect: effect(decision, &then),
        changes_answer: is_other(decision, &then),
        earliest: Some(*until),
    }
}

/// The time of an order is over.
fn by_order(
    controller: &Controller,
    steer: &Steer,
    decision: &Decision,
    order: &Override,
) -> NextExplanation {
    let cause = format!("order {} ends, and all stays as it is", order.id);
    let earliest = Some(order.expires);
    if order.at_expiry == AtExpiry::Hold {
        let region = &decision.standing.region;
        let effect = format!("stays with {region}, until an operator says more or {region} dies");
        return NextExplanation { cause, effect, changes_answer: false, earliest };
    }
    let facts = controller.facts();
    let overrides = facts.overrides.without(&[order.id]);
    let without = Facts { overrides: &overrides, ..facts };
    let then = decide(steer, Some(&decision.standing), without, order.expires);
    let changes_answer = is_other(decision, &then);
    NextExplanation { cause, effect: effect(decision, &then), changes_answer, earliest }
}

fn by_turn(
    controller: &Controller,
    steer: &Steer,
    decision: &Decision,
    turn: &(RegionId, Turn),
    now: Moment,
) -> NextExplanation {
    let region = &turn.0;
    let (cause, earliest) = match turn.1 {
        Turn::GoesDown => (format!("{region} is proven down"), earliest(controller, region, false, now)),
        Turn::ComesUp => (format!("{region} is proven up"), earliest(controller, region, true, now)),
        Turn::GoesUnknown => (format!("nobody knows about {region} any more"), None),
    };
    let then = imagine(steer, &decision.standing, controller.facts(), turn, earliest.unwrap_or(now));
    let changes_answer = is_other(decision, &then);
    NextExplanation { cause, effect: effect(decision, &then), changes_answer, earliest }
}

fn is_other(decision: &Decision, then: &Decision) -> bool {
    then.standing.region != decision.standing.region || then.standing.addresses != decision.standing.addresses
}

fn effect(decision: &Decision, then: &Decision) -> String {
    let (before, after) = (&decision.standing, &then.standing);
    if before.region != after.region {
        return after.region.to_string();
    }
    let ttl = if decision.ttl == then.ttl { String::new() } else { format!(", TTL {}", then.ttl) };
    let wait = match &then.derivation.wait {
        Some(Wait { to, hold: Hold::ManualFailback, .. }) => format!("; {to} then waits for an operator"),
        Some(Wait { to, hold, until: Some(until) }) => format!("; {to} then waits for {hold} until {until}"),
        Some(Wait { to, hold, until: None }) => format!("; {to} then waits for {hold}"),
        None => String::new(),
    };
    let rule = then.derivation.rule.label();
    if Arc::ptr_eq(&before.addresses, &after.addresses) || before.addresses == after.addresses {
        format!("stays with {} ({rule}){ttl}{wait}", after.region)
    } else {
        format!("stays with {} ({rule}), {} addresses{ttl}{wait}", after.region, after.addresses.len())
    }
}
