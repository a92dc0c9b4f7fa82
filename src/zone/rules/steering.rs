//! What a steered name needs: its addresses come from a decision, so the file must leave it the place.

use super::super::findings::Findings;
use super::judged::{Cover, Judged, cover_of, shown};
use crate::model::{Name, RecordType, wire_name};

/// Judges every steered name of the zone; others are not this zone's business.
pub(super) fn check(zone: &Judged<'_>, findings: &mut Findings) {
    for name in zone.steered.iter().filter(|name| wire_name::is_within(name.wire(), zone.zone)) {
        in_the_way(zone, name, findings);
        out_of_reach(zone, name, findings);
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
