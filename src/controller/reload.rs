//! Another configuration, as it comes, and as it is made durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Parameters;
use super::command::{CommandId, Refusal, Terms};
use super::report::Report;
use super::saved::{Change, SavedName};
use crate::answer::ZoneTable;
use crate::health::Region;
use crate::model::{CheckId, GateId, Moment, RegionId};
use crate::policy::{Affected, Decision};

/// Another configuration: read and judged, and everything compiled that takes long.
#[derive(Debug, Clone)]
pub struct Reload {
    /// For the reply.
    pub id: CommandId,
    /// Who wants it: an operator, a signal, the watch on the files.
    pub author: String,
    /// Why; may be empty.
    pub reason: String,
    /// After this moment it is refused.
    pub expires: Moment,
    /// On which terms.
    pub terms: Terms,
    /// What is decided by from then on.
    pub parameters: Parameters,
    /// The zones, compiled with the steers of the parameters.
    pub zones: Vec<ReloadedZone>,
    /// What was seen, and still counts.
    pub kept: Kept,
    /// How many names of the zones have other records, or none any more.
    pub affected: Affected,
    /// What the files have become, told apart by this.
    pub hash: String,
    /// What changes, in words.
    pub changes: Arc<[String]>,
}

/// A zone of another configuration.
#[derive(Debug, Clone)]
pub struct ReloadedZone {
    /// The zone, compiled.
    pub table: Arc<ZoneTable>,
    /// It is not what it was: its serial moves.
    pub changed: bool,
}

/// What was seen under one configuration, and still counts under another, because the same is asked of the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Checks by their new identity, with the one that they had.
    pub checks: BTreeMap<CheckId, CheckId>,
    /// Gates.
    pub gates: BTreeSet<GateId>,
}

impl Kept {
    /// Where checks are known by their identity alone: those that are in both, under the new name of their region.
    #[must_use]
    pub fn between(old: &Parameters, new: &Parameters) -> Kept {
        let renamed = renamed_regions(&old.regions, &new.regions);
        let known: BTreeSet<&CheckId> = checks(old).collect();
        let before = |check: &CheckId| {
            let was = renamed.iter().find(|(_, now)| **now == check.region).map(|(was, _)| was);
            CheckId { region: was.unwrap_or(&check.region).clone(), ..check.clone() }
        };
        let kept = checks(new).map(|check| (check.clone(), before(check)));
        let gates = new.gates.iter().filter(|gate| old.gates.contains(gate)).map(|gate| gate.id.clone());
        Kept { checks: kept.filter(|(_, was)| known.contains(was)).collect(), gates: gates.collect() }
    }
}

fn checks(parameters: &Parameters) -> impl Iterator<Item = &CheckId> {
    let of_regions = parameters.regions.iter().flat_map(|region| &region.checks);
    of_regions.chain(&parameters.witnesses).map(|check| &check.id)
}

/// The new name of each region that has another one: it is recognised by an address.
#[must_use]
pub fn renamed_regions(old: &[Region], new: &[Region]) -> BTreeMap<RegionId, RegionId> {
    let is_in = |regions: &[Region], id: &RegionId| regions.iter().any(|region| region.id == *id);
    let mut fresh: Vec<&Region> = new.iter().filter(|region| !is_in(old, &region.id)).collect();
    let mut renamed = BTreeMap::new();
    for gone in old.iter().filter(|region| !is_in(new, &region.id)) {
        let has_one = |region: &&Region| region.addresses.iter().any(|a| gone.addresses.contains(a));
        if let Some(place) = fresh.iter().position(has_one) {
            renamed.insert(gone.id.clone(), fresh.remove(place).id.clone());
        }
    }
    renamed
}

/// What a reload comes to, before it is made durable.
pub(super) struct Reloading {
    pub(super) reload: Box<Reload>,
    /// One for each of the new steers.
    pub(super) decisions: Vec<Decision>,
    /// The new name of each region that has another one.
    pub(super) renamed: BTreeMap<RegionId, RegionId>,
}

impl Reloading {
    /// A rule forbids it.
    pub(super) fn refused(&self, refusal: &Refusal) -> Report {
        Report::Refused {
            command: "reload".into(),
            names: Arc::default(),
            region: None,
            author: self.reload.author.clone(),
            reason: self.reload.reason.clone(),
            why: refusal.to_string(),
        }
    }

    /// What is made durable before any of it is told.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.decisions.iter().flat_map(SavedName::all_of).map(Change::Name)
    }
}
