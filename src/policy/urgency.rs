//! How soon an operator is needed: one judgement for monitoring plugins, notices and screens.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Rule;
use crate::health::State;

/// How soon an operator is needed; the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// Not at all: this is only told.
    Info,
    /// Within the day: clients are served, and the next outage would be worse.
    Warning,
    /// Now: clients are sent to a region that does not work, or no outage would be noticed.
    Critical,
}

impl Urgency {
    /// How grave it is that this rule decides while the region in service is in this state; none where all is well.
    ///
    /// | rule | up | unknown | down |
    /// |---|---|---|---|
    /// | preferred | – | – | – |
    /// | unproven, failed over | warning | warning | warning |
    /// | pinned, frozen by an operator, draining | warning | warning | critical |
    /// | fail open, none proven, frozen for want of evidence, held | critical | critical | critical |
    #[must_use]
    pub fn of(rule: &Rule, served: Option<State>) -> Option<Urgency> {
        match rule {
            Rule::Preferred => None,
            Rule::Unproven | Rule::FailedOver { .. } => Some(Urgency::Warning),
            Rule::Pinned | Rule::Frozen | Rule::Draining if served == Some(State::Down) => {
                Some(Urgency::Critical)
            }
            Rule::Pinned | Rule::Frozen | Rule::Draining => Some(Urgency::Warning),
            Rule::FailOpen | Rule::NoneProven | Rule::Freeze | Rule::Held => Some(Urgency::Critical),
        }
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Urgency::Info => "info",
            Urgency::Warning => "warning",
            Urgency::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        let (warning, critical) = (Some(Urgency::Warning), Some(Urgency::Critical));
        let check = |rule: Rule, expected: [Option<Urgency>; 3]| {
            let states = [State::Up, State::Unknown, State::Down];
            assert_eq!(states.map(|state| Urgency::of(&rule, Some(state))), expected, "{rule:?}");
        };
        check(Rule::Preferred, [None; 3]);
        check(Rule::Unproven, [warning; 3]);
        check(Rule::FailedOver { from: "us-east".into() }, [warning; 3]);
        for ordered in [Rule::Pinned, Rule::Frozen, Rule::Draining] {
            check(ordered, [warning, warning, critical]);
        }
        for stuck in [Rule::FailOpen, Rule::NoneProven, Rule::Freeze, Rule::Held] {
            check(stuck, [critical; 3]);
        }
    }
}
