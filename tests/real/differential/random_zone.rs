//! Zones that nobody would write: few labels, so that aliases, cuts, renamings and wildcards meet.

use cadence_dns::model::Name;
use cadence_dns::zone::{RecordType, Zone};

use super::dice::Dice;
use crate::kit::zone::{name, try_zone};

/// Lines that are tried for a zone; those that break a rule are left out.
const LINES: usize = 24;

/// The text of a zone.
pub(crate) fn text(origin: &str, dice: &mut Dice) -> String {
    let soa_ttl = *dice.one_of(&[30, 300, 3600]);
    let mut text = format!("@ {soa_ttl} SOA a hostmaster.else. 1 7200 900 86400 60\n@ 300 NS ns.else.\n");
    for _ in 0..dice.below(LINES) {
        let longer = format!("{text}{}\n", record(dice));
        if parse(origin, &longer).is_some_and(|zone| !is_judged_apart(&zone)) {
            text = longer;
        }
    }
    text
}

/// The zone that a text is, if it is one.
pub(crate) fn parse(origin: &str, text: &str) -> Option<Zone> {
    try_zone(&name(origin), text.as_bytes(), &[]).ok()
}

/// Knot refuses to serve names below a renaming. An asterisk below a cut is glue for it and for NSD, but not for us; the
/// rich zone has one.
fn is_judged_apart(zone: &Zone) -> bool {
    let owner = |wire: &[u8]| Name::from_wire(wire).expect("owners are names");
    let owners_of =
        |rtype| zone.sets().filter(move |set| set.rtype == rtype).map(move |set| owner(set.owner));
    let renamings: Vec<Name> = owners_of(RecordType::DNAME).collect();
    let cuts: Vec<Name> = owners_of(RecordType::NS).filter(|cut| cut != zone.origin()).collect();
    let below = |name: &Name, all: &[Name]| all.iter().any(|above| name != above && name.is_within(above));
    zone.sets()
        .map(|set| owner(set.owner))
        .any(|name| below(&name, &renamings) || name.is_wildcard() && below(&name, &cuts))
}

fn record(dice: &mut Dice) -> String {
    let kinds =
        ["A", "A", "AAAA", "TXT", "NS", "NS", "CNAME", "CNAME", "DNAME", "MX", "SRV", "DS", "TYPE65280"];
    let (owner, kind) = (owner(dice), *dice.one_of(&kinds));
    // What these mean at an asterisk is left open (RFC 4592 sections 4.2 and 4.4), and Knot has an idea of its own.
    let kind = if owner.starts_with('*') && ["NS", "DNAME"].contains(&kind) { "MX" } else { kind };
    let data = match kind {
        "A" => format!("192.0.2.{}", dice.below(256)),
        "AAAA" => format!("2001:db8::{}", dice.below(256)),
        "TXT" => format!("\"{}\"", "t".repeat(dice.below(200))),
        "MX" => format!("{} {}", dice.below(3), target(dice)),
        "SRV" => format!("0 {} 53 {}", dice.below(3), target(dice)),
        "DS" => format!("{} 13 2 {}", dice.below(3), "0".repeat(64)),
        "TYPE65280" => format!("\\# 1 {:02x}", dice.below(3)),
        _ => target(dice),
    };
    // One TTL for each type: of a set with several, each server makes something else (RFC 2181 section 5.2).
    let ttl = 60 * kind.len();
    format!("{owner} {ttl} {kind} {data}")
}

/// `a`, `b.a`, `*.b` and the like, relative to the zone.
fn owner(dice: &mut Dice) -> String {
    let labels: Vec<&str> =
        (0..dice.below(4)).map(|_| *dice.one_of(&["a", "b", "c", "a", "b", "*", "A"])).collect();
    if labels.is_empty() { "@".to_owned() } else { labels.join(".") }
}

/// The same, and sometimes a name elsewhere.
fn target(dice: &mut Dice) -> String {
    if dice.once_in(6) { "a.else.".to_owned() } else { owner(dice) }
}
