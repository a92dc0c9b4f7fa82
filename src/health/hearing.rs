//! When the far end of a check was heard: what a witness is made of.

use serde::{Deserialize, Serialize};

use super::{Failure, ProbeOutcome};
use crate::model::Moment;

/// When a vantage heard the far end of a check: packets of it reached us, whatever they said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hearing {
    /// The first time of the row that is going on: no probe of it was silent, and none is missing.
    pub since: Option<Moment>,
    /// The last time.
    pub last: Option<Moment>,
    /// The last time that it said anything but a refusal.
    pub answered: Option<Moment>,
    /// The first refusal of the row that is going on.
    pub refused_since: Option<Moment>,
}

impl Hearing {
    pub(super) fn note(&mut self, outcome: &ProbeOutcome, now: Moment) {
        match outcome {
            ProbeOutcome::Pass => self.answer(now),
            ProbeOutcome::Heard(Failure::Refused) => {
                self.hear(now);
                self.refused_since.get_or_insert(now);
            }
            ProbeOutcome::Heard(_) => self.answer(now),
            ProbeOutcome::Silent(_) => (self.since, self.refused_since) = (None, None),
            ProbeOutcome::Ours(_) => {}
        }
    }

    fn answer(&mut self, now: Moment) {
        self.hear(now);
        (self.answered, self.refused_since) = (Some(now), None);
    }

    fn hear(&mut self, now: Moment) {
        self.since.get_or_insert(now);
        self.last = Some(now);
    }
}
