//! The rules that a zone must keep, all judged, each breach with its place.

mod judged;
mod names;
mod sets;
mod steering;
mod targets;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::draft::Sorted;
use super::findings::{Findings, Spot};
use crate::model::Name;
use judged::Judged;

/// Settles what may be settled (duplicates, TTLs) and reports everything that breaks a rule.
pub(super) fn judge(records: &mut Sorted, zone: &Name, steered: &BTreeSet<Name>, findings: &mut Findings) {
    let broken = findings.has_errors();
    sets::settle(records, findings);
    let zone = Judged { records, zone: zone.wire(), steered };
    names::check(&zone, findings);
    steering::check(&zone, findings);
    if !broken {
        // Records that could not be read would be missed here.
        names::judge_apex(&zone, findings);
        targets::check(&zone, findings);
    }
}

/// The place that stands for the whole zone.
const WHOLE: Spot = Spot { source: 0, at: 0 };
