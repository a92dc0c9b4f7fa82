//! Which entries were asked for.

use std::collections::BTreeSet;

use crate::controller::HistoryEntry;
use crate::model::{Moment, Name, RegionId};

/// What an operator wants to see.
pub(super) struct Choice {
    name: Option<Name>,
    region: Option<RegionId>,
    from: Moment,
    to: Option<Moment>,
    /// The regions that decisions about the name have read: what happened to them is part of its story.
    read: BTreeSet<RegionId>,
}

impl Choice {
    pub(super) fn new(
        name: Option<Name>,
        region: Option<RegionId>,
        from: Moment,
        to: Option<Moment>,
    ) -> Choice {
        Choice { name, region, from, to, read: BTreeSet::new() }
    }

    /// Learns from a decision which regions the name may have.
    pub(super) fn learn(&mut self, entry: &HistoryEntry) {
        if self.name.as_ref().is_some_and(|name| entry.names.contains(name))
            && let Some((decision, _)) = entry.decision()
        {
            self.read.extend(decision.derivation.evidence.iter().map(|verdict| verdict.region.clone()));
        }
    }

    /// Whether an entry is one of them. What the daemon says about itself always is.
    pub(super) fn has(&self, entry: &HistoryEntry) -> bool {
        let is_in_time = entry.time >= self.from && self.to.is_none_or(|to| entry.time <= to);
        let is_of_daemon = entry.names.is_empty() && entry.regions.is_empty();
        is_in_time && (is_of_daemon || (self.is_of_name(entry) && self.is_of_region(entry)))
    }

    fn is_of_name(&self, entry: &HistoryEntry) -> bool {
        let Some(name) = &self.name else { return true };
        let is_of_read = || entry.regions.iter().any(|region| self.read.contains(region));
        entry.names.contains(name) || (entry.names.is_empty() && is_of_read())
    }

    fn is_of_region(&self, entry: &HistoryEntry) -> bool {
        self.region.as_ref().is_none_or(|region| entry.regions.contains(region))
    }
}
