//! The rules that a zone must keep, all judged, each breach with its place.

mod names;
mod sets;
mod steering;
mod targets;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::draft::{Sorted, Staged};
use super::findings::{Findings, Spot};
use crate::model::{Name, RecordType, wire_name};

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

/// A zone under judgement.
struct Judged<'j> {
    records: &'j Sorted,
    /// The name of the apex.
    zone: &'j [u8],
    steered: &'j BTreeSet<Name>,
}

impl Judged<'_> {
    /// Whether a name is steered: it then exists and has addresses.
    fn is_steered(&self, name: &[u8]) -> bool {
        !self.steered.is_empty() && Name::from_wire(name).is_some_and(|name| self.steered.contains(&name))
    }

    /// Whether a name exists: it has records or is steered, or something below it does.
    fn exists(&self, name: &[u8]) -> bool {
        let steered = || {
            let name = Name::from_wire(name)?;
            self.steered.range(&name..).next().map(|next| next.is_within(&name))
        };
        self.records.exists(name) || steered().unwrap_or(false)
    }

    fn is_apex(&self, name: &[u8]) -> bool {
        name.len() == self.zone.len()
    }

    /// The highest name above `name`, itself left out, that is a zone cut or has a DNAME: nothing below is served.
    fn cover(&self, name: &[u8]) -> Option<(Cover, &Staged)> {
        let mut above: Vec<&[u8]> = wire_name::ancestors(name, self.zone).collect();
        above.reverse();
        above.into_iter().find_map(|ancestor| cover_of(self.records.at(ancestor), self.is_apex(ancestor)))
    }
}

/// Why what is below a name cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    /// It is a zone of its own.
    Cut,
    /// It is an alias of another tree.
    Alias,
}

/// What the records of a name make of what is below it, and the record that does.
fn cover_of(records: &[Staged], apex: bool) -> Option<(Cover, &Staged)> {
    let cut = records.iter().find(|record| record.rtype == RecordType::NS && !apex);
    let alias = || records.iter().find(|record| record.rtype == RecordType::DNAME);
    cut.map(|ns| (Cover::Cut, ns)).or_else(|| alias().map(|dname| (Cover::Alias, dname)))
}

/// Whether there is a record of a type among those of a name.
fn has(records: &[Staged], rtype: RecordType) -> bool {
    records.iter().any(|record| record.rtype == rtype)
}

/// A name as a message shows it.
fn shown(wire: &[u8]) -> String {
    Name::from_wire(wire).map_or_else(String::new, |name| name.to_string())
}

/// The place that stands for the whole zone.
const WHOLE: Spot = Spot { source: 0, at: 0 };
