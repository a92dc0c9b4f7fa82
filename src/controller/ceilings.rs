//! Epochs that were told, and those that may have been.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Name;
use crate::policy::{Decision, Standing};

/// How far ahead of the epochs in use the ceilings are written.
const RESERVED_EPOCHS: u64 = 16;

/// The epochs that were told, and those that may have been while the disk hung, of every name there ever was: so that
/// no epoch is ever told with two meanings, though a name is gone for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ceilings(BTreeMap<Name, Ceiling>);

/// The epochs of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Ceiling {
    /// The greatest one that is known.
    epoch: u64,
    /// None above this was told, whatever was lost.
    reserved: u64,
}

impl Ceilings {
    /// What was told last is lost: the known epochs are the reserved ones, and one more for each second since then, for a
    /// disk may take nothing for as long as several runs of ours.
    pub(super) fn skip_lost(&mut self, since: Duration) {
        for ceiling in self.0.values_mut() {
            ceiling.epoch = ceiling.reserved + since.as_secs();
        }
    }

    /// The decision with an epoch that was never told before, if its answer is another one than `before`.
    pub(super) fn lift(&self, mut decision: Decision, before: Option<&Standing>) -> Decision {
        if before.is_none_or(|before| before.epoch != decision.standing.epoch) {
            let told = decision.names.iter().filter_map(|name| self.0.get(name)).map(|ceiling| ceiling.epoch);
            let least = told.max().map_or(1, |told| told + 1);
            decision.standing.epoch = decision.standing.epoch.max(least);
        }
        decision
    }

    /// The greatest epoch that any of these names has told; 0 if none has.
    pub(super) fn told(&self, names: &[Name]) -> u64 {
        let told = names.iter().filter_map(|name| self.0.get(name)).map(|ceiling| ceiling.epoch);
        told.max().unwrap_or(0)
    }

    /// A decision is in force.
    pub(super) fn note(&mut self, decision: &Decision) {
        for name in decision.names.iter() {
            self.raise(name, decision.standing.epoch);
        }
    }

    /// This epoch of a name was told.
    pub(super) fn raise(&mut self, name: &Name, epoch: u64) {
        let reserved = epoch + RESERVED_EPOCHS;
        let ceiling = self.0.entry(name.clone()).or_insert(Ceiling { epoch, reserved });
        ceiling.epoch = ceiling.epoch.max(epoch);
        ceiling.reserved = ceiling.reserved.max(reserved);
    }
}
