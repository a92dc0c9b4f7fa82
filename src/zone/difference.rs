//! How one state of a zone differs from another, by names.

use std::fmt;

use super::record::{RecordSet, Zone};
use crate::model::wire_name::compare;
use crate::model::{Name, RecordType};

/// As many names are told of each kind.
const TOLD_MAX: usize = 5;

/// How many names have other records; the serial alone makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneDifference {
    /// Names of the state before.
    pub names: usize,
    /// Names that are new.
    pub added: Few,
    /// Names that are gone.
    pub gone: Few,
    /// Names with other records.
    pub changed: Few,
}

/// Some names, of which the first are told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Few {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub first: Vec<Name>,
}

impl Few {
    fn add(&mut self, owner: &[u8]) {
        self.count += 1;
        if self.first.len() < TOLD_MAX {
            self.first.extend(Name::from_wire(owner));
        }
    }
}

/// The records of one name.
struct Owned<'z> {
    owner: &'z [u8],
    sets: Vec<RecordSet<'z>>,
}

/// Every name with its records, in canonical order.
fn names(zone: Option<&Zone>) -> impl Iterator<Item = Owned<'_>> {
    let mut sets = zone.into_iter().flat_map(Zone::sets).peekable();
    std::iter::from_fn(move || {
        let first = sets.next()?;
        let mut owned = Owned { owner: first.owner, sets: vec![first] };
        while let Some(set) = sets.next_if(|set| compare(set.owner, owned.owner).is_eq()) {
            owned.sets.push(set);
        }
        Some(owned)
    })
}

impl Owned<'_> {
    fn has_records_of(&self, other: &Owned<'_>) -> bool {
        let said = |owned: &Owned<'_>| -> Vec<(RecordType, u32, Vec<Vec<u8>>)> {
            let set = |set: &RecordSet<'_>| {
                let records = set.rdata().map(|data| without_serial(set.rtype, data));
                (set.rtype, set.ttl.as_secs(), records.collect())
            };
            owned.sets.iter().map(set).collect()
        };
        said(self) == said(other)
    }
}

/// The data of a SOA without the serial, which stands before the last four numbers (RFC 1035 section 3.3.13).
fn without_serial(rtype: RecordType, data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    if rtype == RecordType::SOA
        && let Some(serial) = data.len().checked_sub(20)
    {
        data[serial..serial + 4].fill(0);
    }
    data
}

impl ZoneDifference {
    /// From one state to the other; a zone that is not there has no names.
    #[must_use]
    pub fn between(before: Option<&Zone>, after: Option<&Zone>) -> ZoneDifference {
        let mut difference = ZoneDifference::default();
        let (mut old, mut new) = (names(before).peekable(), names(after).peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return difference,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => compare(old.owner, new.owner),
            };
            let old = old.next_if(|_| order.is_le());
            let new = new.next_if(|_| order.is_ge());
            difference.names += usize::from(old.is_some());
            match (old, new) {
                (Some(old), Some(new)) if !old.has_records_of(&new) => difference.changed.add(new.owner),
                (Some(old), None) => difference.gone.add(old.owner),
                (None, Some(new)) => difference.added.add(new.owner),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    /// Whether all names have the same records.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.added.count + self.gone.count + self.changed.count == 0
    }
}

/// Such as `1 name added (a.example.com), 2 changed (b.example.com, c.example.com)`.
impl fmt::Display for ZoneDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [(&self.added, "added"), (&self.gone, "gone"), (&self.changed, "changed")];
        let mut is_first = true;
        for (few, word) in kinds.into_iter().filter(|(few, _)| few.count > 0) {
            let names: Vec<String> = few.first.iter().map(Name::to_string).collect();
            let more = if few.count > names.len() { ", …" } else { "" };
            let comma = if is_first { "" } else { ", " };
            write!(f, "{comma}names {word}: {} ({}{more})", few.count, names.join(", "))?;
            is_first = false;
        }
        if is_first { f.write_str("the same records") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::zone::{MasterFile, no_include, parse};

    const ZONE: &str =
        "@ 60 IN SOA ns1 admin 1 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\nwww 60 IN A 192.0.2.2\n";

    fn zone(text: &str) -> Zone {
        let origin = "example.com".parse().expect("a name");
        let master = MasterFile { file: "z", text: text.as_bytes() };
        let accepted = parse(&origin, &master, &BTreeSet::new(), &mut no_include);
        accepted.unwrap_or_else(|problems| panic!("{problems:?}")).zone
    }

    fn check(after: &str, expected: &str) {
        let difference = ZoneDifference::between(Some(&zone(ZONE)), Some(&zone(after)));
        assert_eq!((difference.names, difference.to_string().as_str()), (3, expected), "{after}");
    }

    #[test]
    fn names_with_other_records_are_told() {
        check(ZONE, "the same records");
        check(&ZONE.replace("admin 1", "admin 7"), "the same records");
        check(&ZONE.replace("admin", "root"), "names changed: 1 (example.com)");
        check(&ZONE.replace("192.0.2.2", "192.0.2.3"), "names changed: 1 (www.example.com)");
        check(&ZONE.replace("www 60", "www 61"), "names changed: 1 (www.example.com)");
        check(&ZONE.replace("www", "w"), "names added: 1 (w.example.com), names gone: 1 (www.example.com)");
        let many: String = (0..7).map(|n| format!("a{n} 60 IN A 192.0.2.9\n")).collect();
        let told = "a0.example.com, a1.example.com, a2.example.com, a3.example.com, a4.example.com, …";
        check(&format!("{ZONE}{many}"), &format!("names added: 7 ({told})"));
    }

    #[test]
    fn a_zone_that_is_not_there_has_no_names() {
        let all = zone(ZONE);
        let gone = ZoneDifference::between(Some(&all), None);
        assert_eq!((gone.names, gone.gone.count), (3, 3));
        assert_eq!(ZoneDifference::between(None, Some(&all)).added.count, 3);
        assert!(ZoneDifference::between(None, None).is_none());
    }
}
