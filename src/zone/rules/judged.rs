//! The zone that the rules look at, and the questions that several of them ask.

use std::collections::BTreeSet;

use crate::model::{Name, RecordType, wire_name};
use crate::zone::draft::{Sorted, Staged};

/// A zone under judgement.
pub(super) struct Judged<'j> {
    pub(super) records: &'j Sorted,
    /// The name of the apex.
    pub(super) zone: &'j [u8],
    pub(super) steered: &'j BTreeSet<Name>,
}

impl Judged<'_> {
    /// Whether a name is steered: it then exists and has addresses.
    pub(super) fn is_steered(&self, name: &[u8]) -> bool {
        !self.steered.is_empty() && Name::from_wire(name).is_some_and(|name| self.steered.contains(&name))
    }

    /// Whether a name exists: it has records or is steered, or something below it does.
    pub(super) fn exists(&self, name: &[u8]) -> bool {
        let steered = || {
            let name = Name::from_wire(name)?;
            self.steered.range(&name..).next().map(|next| next.is_within(&name))
        };
        self.records.exists(name) || steered().unwrap_or(false)
    }

    pub(super) fn is_apex(&self, name: &[u8]) -> bool {
        name.len() == self.zone.len()
    }

    /// The highest name above `name`, itself left out, that is a zone cut or has a DNAME: nothing below is served.
    pub(super) fn cover(&self, name: &[u8]) -> Option<(Cover, &Staged)> {
        let mut above: Vec<&[u8]> = wire_name::ancestors(name, self.zone).collect();
        above.reverse();
        above.into_iter().find_map(|ancestor| cover_of(self.records.at(ancestor), self.is_apex(ancestor)))
    }
}

/// Why what is below a name cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// It is a zone of its own.
    Cut,
    /// It is an alias of another tree.
    Alias,
}

/// What the records of a name make of what is below it, and the record that does.
pub(super) fn cover_of(records: &[Staged], apex: bool) -> Option<(Cover, &Staged)> {
    let cut = records.iter().find(|record| record.rtype == RecordType::NS && !apex);
    let alias = || records.iter().find(|record| record.rtype == RecordType::DNAME);
    cut.map(|ns| (Cover::Cut, ns)).or_else(|| alias().map(|dname| (Cover::Alias, dname)))
}

/// Whether there is a record of a type among those of a name.
pub(super) fn has(records: &[Staged], rtype: RecordType) -> bool {
    records.iter().any(|record| record.rtype == rtype)
}

/// A name as a message shows it.
pub(super) fn shown(wire: &[u8]) -> String {
    Name::from_wire(wire).map_or_else(String::new, |name| name.to_string())
}
