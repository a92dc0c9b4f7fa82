//! What a steered name needs: its addresses come from a decision, so the file must leave it the place.

use super::super::draft::Staged;
use super::super::findings::Findings;
use super::super::svcb;
use super::judged::{Cover, Judged, cover_of, shown};
use crate::model::{Name, RecordType, wire_name};

/// The priority stands before the target of an SVCB record (RFC 9460 section 2.2).
const PRIORITY_OCTETS: usize = 2;

/// Judges every steered name of the zone, and every service that leads to one; others are not this zone's business.
pub(super) fn check(zone: &Judged<'_>, findings: &mut Findings) {
    for name in zone.steered.iter().filter(|name| wire_name::is_within(name.wire(), zone.zone)) {
        in_the_way(zone, name, findings);
        out_of_reach(zone, name, findings);
    }
    for record in &zone.records.records {
        if matches!(record.rtype, RecordType::SVCB | RecordType::HTTPS) {
            hints_past_the_decision(zone, record, findings);
        }
    }
}

/// A client that follows the hints of a service goes to addresses that no decision has chosen.
fn hints_past_the_decision(zone: &Judged<'_>, record: &Staged, findings: &mut Findings) {
    let (owner, data) = (zone.records.owner(record), zone.records.data(record));
    let Some(service) = data.get(PRIORITY_OCTETS..) else { return };
    let Some((target, parameters)) = wire_name::name_length(service).map(|length| service.split_at(length))
    else {
        return;
    };
    let target = if target == b"\0" { owner } else { target }; // "." is the owner itself (RFC 9460 section 2.5.2)
    let hints = svcb::address_hints(parameters);
    if !hints.is_empty() && zone.is_steered(target) {
        let found = format!(
            "{} of the {} record at {}, whose addresses a [[steer]] answers",
            hints.join(" and "),
            record.rtype,
            shown(owner)
        );
        findings.error(
            record.spot,
            found,
            format!("take {} out: clients would go there whatever is decided", hints.join(" and ")),
        );
    }
}

fn in_the_way(zone: &Judged<'_>, name: &Name, findings: &mut Findings) {
    let records = zone.records.at(name.wire());
    for set in records.chunk_by(|a, b| a.rtype == b.rtype) {
        let help = match set[0].rtype {
            RecordType::A | RecordType::AAAA => {
                "take the record out of the file: the addresses come from the regions"
            }
            RecordType::CNAME => "take the record out of the file: an alias has no addresses of its own",
            RecordType::DNAME => "take the record out of the file, or steer another name",
            _ => continue,
        };
        let found = format!("{} at {name}, which a [[steer]] answers", set[0].rtype);
        findings.error(set[0].spot, found, help);
    }
}

fn out_of_reach(zone: &Judged<'_>, name: &Name, findings: &mut Findings) {
    let wire = name.wire();
    let at_cut =
        || cover_of(zone.records.at(wire), zone.is_apex(wire)).filter(|(cover, _)| *cover == Cover::Cut);
    let Some((cover, record)) = zone.cover(wire).or_else(at_cut) else { return };
    let top = shown(zone.records.owner(record));
    let found = match cover {
        Cover::Cut => format!("{name} has a [[steer]], but {top} is delegated to other servers"),
        Cover::Alias => format!("{name} has a [[steer]], but {top} is an alias by DNAME"),
    };
    findings.error(
        record.spot,
        found,
        format!("take the {} records out of the file, or steer another name", record.rtype),
    );
}
