//! Whether the servers that a zone names can be reached: names in the zone that NS, MX and SRV point to.

use super::super::draft::Staged;
use super::super::findings::Findings;
use super::super::{RecordType, order};
use super::names::has;
use super::{Cover, Judged, shown};

/// Judges the targets in the zone of every NS, MX and SRV record that is served.
pub(super) fn judge(zone: &Judged<'_>, findings: &mut Findings) {
    let mut last: Option<(&[u8], Reached)> = None;
    for records in zone.records.owners() {
        let owner = zone.records.owner(&records[0]);
        for record in records {
            let Some(target) = target(zone, record).filter(|target| order::is_within(target, zone.zone))
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
        .filter(|name| order::is_within(name, zone.zone))
        .collect();
    names.sort_unstable_by(|a, b| order::compare(a, b));
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    names
}

fn target<'z>(zone: &Judged<'z>, record: &Staged) -> Option<&'z [u8]> {
    let data = zone.records.data(record);
    match record.rtype {
        RecordType::NS => Some(data),
        RecordType::MX => data.get(2..),
        RecordType::SRV => data.get(6..),
        _ => None,
    }
    .filter(|target| *target != b"\0" || record.rtype == RecordType::NS) // "." says: no such service
}

/// What a name in the zone leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// An address, ours or glue.
    Address,
    /// A name without an address.
    Nothing,
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
        None if exists(zone, target) => Reached::Nothing,
        None => by_wildcard(zone, target),
    }
}

fn exists(zone: &Judged<'_>, name: &[u8]) -> bool {
    zone.records.exists(name) || zone.steered.iter().any(|steered| order::is_within(steered.wire(), name))
}

/// A name that does not exist may get its address from the wildcard below its closest encloser (RFC 4592).
fn by_wildcard(zone: &Judged<'_>, target: &[u8]) -> Reached {
    let Some(encloser) = order::ancestors(target, zone.zone).find(|name| exists(zone, name)) else {
        return Reached::Nothing;
    };
    let wildcard = [b"\x01*", encloser].concat();
    let records = zone.records.at(&wildcard);
    if has(records, RecordType::A) || has(records, RecordType::AAAA) || zone.is_steered(&wildcard) {
        Reached::Address
    } else if has(records, RecordType::CNAME) {
        Reached::Alias
    } else {
        Reached::Nothing
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
    let (rtype, name) = (record.rtype, shown(target));
    let server = rtype == RecordType::NS;
    let in_domain = server && !zone.is_apex(owner) && order::is_within(target, owner);
    match reached {
        Reached::Address => {}
        Reached::Nothing if server && zone.is_apex(owner) => findings.error(
            record.spot,
            format!("the zone's own server {name} has no address"),
            "give it an A or AAAA record, or end the name with a dot if it lies elsewhere",
        ),
        Reached::OtherZone if in_domain => findings.warning(
            record.spot,
            format!("{name} has no glue: nobody can reach it"),
            format!("give it an A or AAAA record here, for it lies below {}", shown(owner)),
        ),
        Reached::Nothing | Reached::OtherZone
            if server && !zone.is_apex(owner) || reached == Reached::Nothing =>
        {
            findings.warning(
                record.spot,
                format!("the {rtype} record points to {name}, which has no address"),
                "give it an A or AAAA record, or end the name with a dot if it lies elsewhere",
            );
        }
        Reached::Nothing | Reached::OtherZone => {}
        Reached::Alias => findings.warning(
            record.spot,
            format!("the {rtype} record points to {name}, which is an alias"),
            "point to a name with addresses (RFC 2181 section 10.3)",
        ),
    }
}
