//! What the register holds of decisions and overrides, as far as we have read it.

use std::collections::BTreeMap;

use super::record::{DecisionRecord, OverrideRecord};
use crate::model::Moment;
use crate::policy::OverrideId;

/// The part of the register that is not about nodes.
#[derive(Debug, Default)]
pub(in crate::controller) struct Held {
    /// By the first name of the steer.
    decisions: BTreeMap<String, HeldDecision>,
    overrides: BTreeMap<OverrideId, HeldOverride>,
    /// An override may be gone since somebody looked.
    any_ended: bool,
    /// Which keys we cannot read, and why.
    unreadable: BTreeMap<String, String>,
}

/// A decision that stands in the register, or stood there.
#[derive(Debug, Clone)]
pub(in crate::controller) struct HeldDecision {
    /// The revision that wrote it.
    pub(in crate::controller) revision: u64,
    /// None when it was deleted, or cannot be read: then nobody here may write over it.
    pub(in crate::controller) record: Option<DecisionRecord>,
}

/// An override that stands in the register.
#[derive(Debug, Clone)]
pub(in crate::controller) struct HeldOverride {
    pub(in crate::controller) revision: u64,
    /// When we read it.
    pub(in crate::controller) read: Moment,
    /// We read it when it was written: its spans count from there. Otherwise nobody knows how old it is but those who
    /// have had it since.
    pub(in crate::controller) is_new: bool,
    pub(in crate::controller) record: OverrideRecord,
}

impl Held {
    /// A decision was written.
    pub(in crate::controller) fn decide(
        &mut self,
        name: String,
        revision: u64,
        record: Option<DecisionRecord>,
    ) {
        let is_newer = self.decisions.get(&name).is_none_or(|known| known.revision < revision);
        if is_newer {
            self.decisions.insert(name, HeldDecision { revision, record });
        }
    }

    /// An override was written.
    pub(in crate::controller) fn order(&mut self, id: OverrideId, order: HeldOverride) {
        let is_newer = self.overrides.get(&id).is_none_or(|known| known.revision < order.revision);
        if is_newer {
            self.overrides.insert(id, order);
        }
    }

    /// An override was deleted.
    pub(in crate::controller) fn end(&mut self, id: OverrideId) {
        self.overrides.remove(&id);
        self.any_ended = true;
    }

    /// Whether an override may be gone since this was asked last.
    pub(in crate::controller) fn take_whether_any_ended(&mut self) -> bool {
        std::mem::take(&mut self.any_ended)
    }

    /// A key holds what we cannot read.
    pub(in crate::controller) fn mark_unreadable(&mut self, key: String, why: String) {
        self.unreadable.insert(key, why);
    }

    /// A key can be read, or is gone.
    pub(in crate::controller) fn mark_readable(&mut self, key: &str) {
        self.unreadable.remove(key);
    }

    /// Everything is told anew, as of this revision. Of overrides, what is not told is not there, unless it was written
    /// later; decisions are never deleted.
    pub(in crate::controller) fn begin_anew(&mut self, revision: u64) {
        self.overrides.retain(|_, held| held.revision > revision);
        self.any_ended = true;
        self.unreadable.clear();
    }

    pub(in crate::controller) fn decision(&self, name: &str) -> Option<&HeldDecision> {
        self.decisions.get(name)
    }

    /// The revision that wrote a decision last; 0 if none did.
    pub(in crate::controller) fn revision_of(&self, name: &str) -> u64 {
        self.decisions.get(name).map_or(0, |held| held.revision)
    }

    /// The epoch that stands in the register; 0 if none does.
    pub(in crate::controller) fn epoch_of(&self, name: &str) -> u64 {
        self.decision(name).and_then(|held| held.record.as_ref()).map_or(0, |record| record.epoch)
    }

    /// Whether an override stands in the register.
    pub(in crate::controller) fn has_order(&self, id: OverrideId) -> bool {
        self.overrides.contains_key(&id)
    }

    pub(in crate::controller) fn overrides(&self) -> impl Iterator<Item = (OverrideId, &HeldOverride)> {
        self.overrides.iter().map(|(id, held)| (*id, held))
    }

    pub(in crate::controller) fn unreadable(&self) -> impl Iterator<Item = (&String, &String)> {
        self.unreadable.iter()
    }
}
