//! Whether what a zone points to can be reached: names in the zone that NS, CNAME, MX and SRV lead to.

use super::super::draft::Staged;
use super::super::findings::Findings;
use super::judged::{Cover, Judged, has, shown};
use crate::model::{RecordType, wire_name};

/// Judges the target of every NS, CNAME, MX and SRV record that lies in the zone.
pub(super) fn check(zone: &Judged<'_>, findings: &mut Findings) {
    let mut last: Option<(&[u8], Reached)> = None;
    for records in zone.records.owners() {
        let owner = zone.records.owner(&records[0]);
        for record in records {
            let Some(target) = target(zone, record).filter(|target| wire_name::is_within(target, zone.zone))
            else {
                continue;
            };
            let known = last.filter(|(name, _)| *name == target);
            let (_, reached) = *last.insert(known.unwrap_or_else(|| (target, reach(zone, target))));
            report(zone, owner, record, target, reached, findings);
        }
    }
}

/// The names in the zone that NS records point to: addresses at them are glue. In canonical order.
pub(super) fn glue_names<'z>(zone: &Judged<'z>) -> Vec<&'z [u8]> {
    let servers = zone.records.records.iter().filter(|record| record.rtype == RecordType::NS);
    let mut names: Vec<&[u8]> = servers
        .map(|record| zone.records.data(record))
        .filter(|name| wire_name::is_within(name, zone.zone))
        .collect();
    names.sort_unstable_by(|a, b| wire_name::compare(a, b));
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    names
}

fn target<'z>(zone: &Judged<'z>, record: &Staged) -> Option<&'z [u8]> {
    let data = zone.records.data(record);
    match record.rtype {
        RecordType::NS | RecordType::CNAME => Some(data),
        RecordType::MX => data.get(2..),
        RecordType::SRV => data.get(6..),
        _ => None,
    }
    .filter(|target| *target != b"\0" || matches!(record.rtype, RecordType::NS | RecordType::CNAME)) // "." says: no such service
}

/// What a name in the zone leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// An address, ours or glue.
    Address,
    /// A name without an address.
    NoAddress,
    /// No name at all.
    NoName,
    /// An alias, by CNAME or DNAME.
    Alias,
    /// Another zone, which alone knows the address.
    OtherZone,
}

fn reach(zone: &Judged<'_>, target: &[u8]) -> Reached {
    let records = zone.records.at(target);
    let addressed = has(records, RecordType::A) || has(records, RecordType::AAAA);
    match zone.cover(target) {
        Some((Cover::Alias, _)) => Reached::Alias,
        _ if addressed || zone.is_steered(target) => Reached::Address,
        Some((Cover::Cut, _)) => Reached::OtherZone,
        None if has(records, RecordType::NS) && !zone.is_apex(target) => Reached::OtherZone,
        None if has(records, RecordType::CNAME) => Reached::Alias,
        None if zone.exists(target) => Reached::NoAddress,
        None => by_wildcard(zone, target),
    }
}

/// A name that does not exist may get its address from the wildcard below its closest encloser (RFC 4592).
fn by_wildcard(zone: &Judged<'_>, target: &[u8]) -> Reached {
    let encloser = wire_name::ancestors(target, zone.zone).find(|name| zone.exists(name));
    let wildcard = [b"\x01*", encloser.unwrap_or(zone.zone)].concat();
    let records = zone.records.at(&wildcard);
    if records.is_empty() && !zone.is_steered(&wildcard) {
        Reached::NoName
    } else if has(records, RecordType::A) || has(records, RecordType::AAAA) || zone.is_steered(&wildcard) {
        Reached::Address
    } else if has(records, RecordType::CNAME) {
        Reached::Alias
    } else {
        Reached::NoAddress
    }
}

fn report(
    zone: &Judged<'_>,
    owner: &[u8],
    record: &Staged,
    target: &[u8],
    reached: Reached,
    findings: &mut Findings,
) {
    use Reached::{Address, Alias, NoAddress, NoName, OtherZone};
    let apex = zone.is_apex(owner);
    let (rtype, name) = (record.rtype, || shown(target));
    let elsewhere = "give it an A or AAAA record, or end the name with a dot if it lies elsewhere";
    let (found, help) = match (rtype, reached) {
        (RecordType::CNAME, NoName) => (
            format!("the CNAME record points to {}, which does not exist", name()),
            "end the name with a dot if it lies elsewhere",
        ),
        (RecordType::CNAME, _) | (_, Address) => return,
        (RecordType::NS, NoAddress | NoName) if apex => {
            let found = format!("the zone's own server {} has no address", name());
            return findings.error(record.spot, found, elsewhere);
        }
        (RecordType::NS, OtherZone) if wire_name::is_within(target, owner) && !apex => (
            format!("{} has no glue: resolvers cannot reach it", name()),
            "give it an A or AAAA record in this file",
        ),
        (_, Alias) => (
            format!("the {rtype} record points to {}, which is an alias", name()),
            "point to a name with addresses (RFC 2181 section 10.3)",
        ),
        (RecordType::NS, OtherZone) if !apex => (
            format!("the NS record points to {}, which has no glue", name()),
            "give it an A or AAAA record in this file",
        ),
        (_, OtherZone) => return, // that zone knows the address, and a resolver asks it
        (_, NoAddress | NoName) => {
            (format!("the {rtype} record points to {}, which has no address", name()), elsewhere)
        }
    };
    findings.warning(record.spot, found, help);
}
