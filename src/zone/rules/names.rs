//! What may stand together at one name, and what may stand below another.

use super::super::draft::Staged;
use super::super::findings::Findings;
use super::WHOLE;
use super::judged::{Cover, Judged, cover_of, has, shown};
use super::targets::glue_names;
use crate::model::{RecordType, wire_name};

/// The apex has exactly one SOA and at least one NS (RFC 1035 section 5.2).
pub(super) fn judge_apex(zone: &Judged<'_>, findings: &mut Findings) {
    let apex = zone.records.at(zone.zone);
    let name = shown(zone.zone);
    if !has(apex, RecordType::SOA) {
        findings.error(
            WHOLE,
            format!("no SOA record at {name}"),
            "a zone begins with one: @ SOA ns1 hostmaster (1 1h 15m 1w 30s)",
        );
    }
    if !has(apex, RecordType::NS) {
        findings.error(WHOLE, format!("no NS record at {name}"), "name the zone's servers, as in @ NS ns1");
    }
}

/// Judges every name by what is at it and above it. Names come in canonical order, so what covers a name is
/// always the last cut or DNAME that was seen.
pub(super) fn check(zone: &Judged<'_>, findings: &mut Findings) {
    let mut glue = None;
    let mut cover: Option<(Cover, &[u8])> = None;
    for records in zone.records.owners() {
        let owner = zone.records.owner(&records[0]);
        at_one_name(zone, owner, records, findings);
        if cover.is_some_and(|(_, top)| !wire_name::is_below(owner, top)) {
            cover = None;
        }
        match cover {
            Some((Cover::Alias, top)) => below_alias(owner, top, records, findings),
            Some((Cover::Cut, _)) | None => {
                cover = cover.or(cover_of(records, zone.is_apex(owner)).map(|(cover, _)| (cover, owner)));
                if let Some((Cover::Cut, top)) = cover {
                    let glue = glue.get_or_insert_with(|| glue_names(zone));
                    let is_glue = glue.binary_search_by(|name| wire_name::compare(name, owner)).is_ok();
                    occluded(owner, top, is_glue, records, findings);
                }
            }
        }
    }
}

fn at_one_name(zone: &Judged<'_>, owner: &[u8], records: &[Staged], findings: &mut Findings) {
    let apex = zone.is_apex(owner);
    alone(owner, records, findings);
    for (rtype, rule) in [
        (RecordType::SOA, "a zone has one (RFC 1035 section 5.2)"),
        (RecordType::CNAME, "a name has one alias (RFC 2181 section 10.1)"),
        (RecordType::DNAME, "a name has one (RFC 6672 section 2.4)"),
    ] {
        if let Some(second) = records.iter().filter(|record| record.rtype == rtype).nth(1) {
            findings.error(second.spot, format!("a second {rtype} record at {}", shown(owner)), rule);
        }
    }
    for record in records {
        let (found, help) = match record.rtype {
            RecordType::SOA if !apex => ("an SOA record below the apex", "it belongs in a zone of its own"),
            RecordType::DNAME if !apex && has(records, RecordType::NS) => {
                ("DNAME and NS", "a delegated name cannot be an alias (RFC 6672 section 2.3)")
            }
            _ => continue,
        };
        findings.error(record.spot, format!("{found} at {}", shown(owner)), help);
    }
    doubtful(owner, apex, records, findings);
    let soa = records.iter().find(|record| record.rtype == RecordType::SOA);
    if let Some(soa) = soa.filter(|soa| has_at_sign(zone.records.data(soa))) {
        let help = "write its @ as a dot, as in hostmaster.example.com. (RFC 1035 section 8)";
        findings.warning(soa.spot, "an @ in the mail address of the SOA record", help);
    }
}

/// Whether the first label of the second name in an SOA's data, the user of a mail address, has an `@`.
fn has_at_sign(soa: &[u8]) -> bool {
    let address = wire_name::name_length(soa).and_then(|server| soa.get(server..)).unwrap_or_default();
    address
        .split_first()
        .is_some_and(|(length, rest)| rest.iter().take((*length).into()).any(|octet| *octet == b'@'))
}

/// RFC 2181 section 10.1: beside a CNAME there is nothing but what DNSSEC adds.
fn alone(owner: &[u8], records: &[Staged], findings: &mut Findings) {
    const DNSSEC: [u16; 3] = [25, 46, 47];
    let Some(alias) = records.iter().find(|record| record.rtype == RecordType::CNAME) else { return };
    let beside = |record: &&Staged| record.rtype != RecordType::CNAME && !DNSSEC.contains(&record.rtype.0);
    if let Some(other) = records.iter().find(beside) {
        let later = if other.spot > alias.spot { other } else { alias };
        let found = format!("a CNAME and {} records at {}", other.rtype, shown(owner));
        findings.error(later.spot, found, "an alias has no other data (RFC 2181 section 10.1)");
    }
}

fn doubtful(owner: &[u8], apex: bool, records: &[Staged], findings: &mut Findings) {
    let wildcard = owner.starts_with(b"\x01*");
    for set in records.chunk_by(|a, b| a.rtype == b.rtype) {
        let (found, help) = match set[0].rtype {
            RecordType::NS if wildcard => {
                ("an NS record at a wildcard", "RFC 4592 section 4.2 leaves open what it does")
            }
            RecordType::DNAME if wildcard => {
                ("a DNAME record at a wildcard", "RFC 4592 section 4.4 leaves open what it does")
            }
            RecordType::DS if apex => {
                ("a DS record at the apex", "it belongs in the parent zone (RFC 4034 section 5)")
            }
            RecordType::DS if !has(records, RecordType::NS) => {
                ("a DS record without NS", "it belongs beside a delegation (RFC 4034 section 5)")
            }
            _ => continue,
        };
        findings.warning(set[0].spot, format!("{found}: {}", shown(owner)), help);
    }
}

fn below_alias(owner: &[u8], top: &[u8], records: &[Staged], findings: &mut Findings) {
    let found = format!("{} is below {}, which has a DNAME", shown(owner), shown(top));
    findings.error(records[0].spot, found, "nothing may exist below a DNAME (RFC 6672 section 2.4)");
}

/// At a cut NS, DS and glue are served, below it glue alone.
fn occluded(owner: &[u8], top: &[u8], is_glue: bool, records: &[Staged], findings: &mut Findings) {
    let at_cut = owner.len() == top.len();
    for set in records.chunk_by(|a, b| a.rtype == b.rtype) {
        let served = match set[0].rtype {
            RecordType::A | RecordType::AAAA => is_glue,
            RecordType::NS | RecordType::DS => at_cut,
            RecordType(46 | 47) => at_cut, // RRSIG and NSEC of the parent's side
            _ => false,
        };
        if !served {
            let found = format!("the {} record of {} is never served", set[0].rtype, shown(owner));
            findings.warning(
                set[0].spot,
                found,
                format!("{} is delegated; it belongs in that zone", shown(top)),
            );
        }
    }
}
