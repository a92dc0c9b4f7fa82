//! Zones that come, change and go while the table answers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;

use crate::model::{Name, RecordType, SteerId, Ttl};

use super::super::{AnswerTable, Identity, Served, Transport, ZoneTable};
use super::render::{query, render};
use super::{check_in, reply_to, table, zone};

fn name(text: &str) -> Name {
    text.parse().expect("a good name")
}

/// A zone in which the names of all others have something to hide: delegations, glue, aliases, a wildcard.
fn text(state: u8) -> String {
    let mut text = format!(
        "$TTL 300\n@ SOA ns.else. a.else. 1 2 3 4 60\n@ NS ns.else.\n@ MX 10 a\n@ TXT state{state}\n\
         to CNAME x.a\n* A 192.0.2.{state}\nx.b A 192.0.2.{state}\n"
    );
    if state.is_multiple_of(2) {
        text += "a NS ns.a\nns.a A 192.0.2.53\n";
        text += "a DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000\n";
    }
    text
}

fn compiled(origin: &str, state: u8, steered: &[(Name, SteerId)]) -> Arc<ZoneTable> {
    Arc::new(ZoneTable::compile(&zone(origin, &text(state)), steered))
}

const APEXES: [&str; 6] = ["t", "a.t", "a.a.t", "b.t", "x.a.t", "u"];
const ASKED: [&str; 14] = [
    "t", "a.t", "a.a.t", "x.a.t", "x.a.a.t", "ns.a.t", "to.t", "to.a.t", "b.t", "x.b.t", "y.x.b.t", "u",
    "a.u", "else",
];

fn check_same(ours: &AnswerTable, fresh: &AnswerTable, story: &str) {
    for owner in ASKED {
        for rtype in [RecordType::A, RecordType::NS, RecordType::DS, RecordType::MX, RecordType::TXT] {
            let query = query(&format!("{owner} {rtype}"));
            let replies =
                [ours, fresh].map(|table| reply_to(table, &query, Transport::Tcp).expect("a reply"));
            assert_eq!(render(&replies[0]), render(&replies[1]), "{owner} {rtype} after {story}");
        }
        assert_eq!(ours.locate(&name(owner)), fresh.locate(&name(owner)), "{owner} after {story}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever came, changed and went before: a table answers as one that was made of its zones at once.
    #[test]
    fn a_table_has_no_memory(changes in prop::collection::vec((0..APEXES.len(), prop::option::of(0..4_u8)), 1..20)) {
        let empty = || AnswerTable::of(Vec::new(), &[], Identity::default());
        let (mut ours, mut zones, mut story) = (empty(), BTreeMap::new(), String::new());
        for (which, state) in changes {
            let apex = APEXES[which];
            write!(story, " {apex}={state:?}").expect("a String takes all");
            ours = match state {
                Some(state) => ours.with_zone(compiled(apex, state, &[])),
                None => ours.without_zone(&name(apex)),
            };
            zones.insert(apex, state);
        }
        let now = zones.iter().filter_map(|(apex, state)| Some(compiled(apex, (*state)?, &[])));
        check_same(&ours, &AnswerTable::of(now.collect(), &[], Identity::default()), &story);
        prop_assert_eq!(ours.zones().count(), zones.values().flatten().count());
    }
}

#[test]
fn a_child_that_comes_or_goes_changes_what_its_parent_answers() {
    let parent = table(&[("t", &text(0))]);
    let both = parent.with_zone(compiled("a.t", 1, &[]));
    let referral = ["au a.t. 300 NS ns.a.t.", "ad ns.a.t. 300 A 192.0.2.53"];
    check_in(&parent, "x.b.a.t A", &["NOERROR", referral[0], referral[1]]);
    check_in(&both, "x.b.a.t A", &["NOERROR aa", "an x.b.a.t. 300 A 192.0.2.1"]);
    check_in(&both, "ns.a.t A", &["NOERROR aa", "an ns.a.t. 300 A 192.0.2.1"]);
    let ds = "DS \\# 36 00010d020000000000000000000000000000000000000000000000000000000000000000";
    check_in(&parent, "a.t DS", &["NOERROR aa", &format!("an a.t. 300 {ds}")]);
    check_in(&both, "a.t DS", &["NOERROR aa", &format!("an a.t. 300 {ds}")]);
    let child = both.without_zone(&name("T"));
    check_in(&child, "a.t DS", &["NOERROR aa", "au a.t. 60 SOA ns.else. a.else. 1 2 3 4 60"]);
    check_in(&child, "x.b.t A", &["REFUSED"]);
    check_in(&child.without_zone(&name("a.t")), "a.t A", &["REFUSED"]);
    check_in(&both.without_zone(&name("a.t")), "x.b.a.t A", &["NOERROR", referral[0], referral[1]]);
}

#[test]
fn a_change_of_one_zone_shares_all_others() {
    let zones: Vec<_> = (0..200).map(|n| compiled(&format!("z{n}.t"), 0, &[])).collect();
    let before = AnswerTable::of(zones, &[], Identity::default());
    let after = before.with_zone(compiled("z7.t", 3, &[]));
    let zone =
        |table: &AnswerTable, n: usize| Arc::as_ptr(table.zone(&name(&format!("z{n}.t"))).expect("a zone"));
    for n in 0..200 {
        assert_eq!(zone(&before, n) == zone(&after, n), n != 7, "{n}");
    }
    check_in(&before, "z7.t TXT", &["NOERROR aa", "an z7.t. 300 TXT state0"]);
    check_in(&after, "z7.t TXT", &["NOERROR aa", "an z7.t. 300 TXT state3"]);
}

#[test]
fn every_name_finds_its_own_zone_among_thousands() {
    let text = "@ 300 SOA ns.else. a.else. 1 2 3 4 60\n@ 300 NS ns.else.\n";
    let apex = |n: usize| match n % 3 {
        0 => format!("z{n}.t"),
        1 => format!("z{n}.z{}.t", n - 1), // below another one
        _ => format!("z{n}.deep.er.t"),
    };
    let zones = (0..5000).map(|n| Arc::new(ZoneTable::compile(&zone(&apex(n), text), &[])));
    let table = AnswerTable::of(zones.collect(), &[], Identity::default());
    for n in 0..5000 {
        for (asked, expected) in [
            (apex(n), Some(apex(n))),
            (format!("a.{}", apex(n)), Some(apex(n))),
            (format!("a.b.c.{}", apex(n)), Some(apex(n))),
            (format!("x{}", apex(n)), if n % 3 == 1 { Some(apex(n - 1)) } else { None }),
        ] {
            let zone = table.locate(&name(&asked)).map(|located| located.zone.to_string());
            assert_eq!(zone, expected, "{asked}");
        }
    }
    assert_eq!(table.locate(&name("t")), None);
    assert_eq!(table.locate(&name("deep.er.t")), None);
}

#[test]
fn the_zones_of_a_steer_are_known_whatever_changes() {
    let (one, two, three) = (SteerId(1), SteerId(2), SteerId(3));
    let address = "192.0.2.1".parse().expect("an address");
    let served = Served { addresses: [address].into(), ttl: Ttl::ZERO };
    let served = [one, two, three].map(|steer| (steer, served.clone()));
    let zone = |origin: &str, steered: &[(&str, SteerId)]| {
        let steered: Vec<_> = steered.iter().map(|(owner, steer)| (name(owner), *steer)).collect();
        compiled(origin, 1, &steered)
    };
    let first = vec![
        zone("t", &[("n.t", one), ("m.t", one), ("n.u", three)]),
        zone("u", &[("n.u", one), ("m.u", two)]),
    ];
    let of = |table: &AnswerTable, steers: &[SteerId]| {
        let mut zones: Vec<String> = table.zones_of(steers).map(ToString::to_string).collect();
        zones.sort();
        zones.join(" ")
    };
    let table = AnswerTable::of(first, &served, Identity::default());
    assert_eq!([of(&table, &[one]), of(&table, &[two]), of(&table, &[three, SteerId(9)])], ["t u", "u", ""]);
    assert_eq!(of(&table, &[two, one]), "t u");
    let table = table.with_zone(zone("v", &[("n.v", two)])).with_zone(zone("t", &[("n.t", three)]));
    assert_eq!([of(&table, &[one]), of(&table, &[two]), of(&table, &[three])], ["u", "u v", "t"]);
    let table = table.without_zone(&name("u"));
    assert_eq!([of(&table, &[one]), of(&table, &[two]), of(&table, &[three])], ["", "v", "t"]);
}

/// More empty non-terminals and more glue in a row than a search reads at once.
#[test]
fn predecessors_are_found_across_long_stretches_of_names_that_own_no_nsec() {
    let deep = (0..100).map(|_| "e").collect::<Vec<_>>().join(".");
    let mut text = "$TTL 300\n@ SOA ns.else. a.else. 1 2 3 4 60\n@ NS ns.else.\ncut NS g00.cut\n".to_owned();
    (0..100).for_each(|n| {
        writeln!(text, "g{n:02}.cut NS g{n:02}.cut\ng{n:02}.cut A 192.0.2.1").expect("written")
    });
    writeln!(text, "{deep}.deep A 192.0.2.1").expect("written");
    let table = table(&[("t", &text)]);
    let predecessor = |asked: &str| table.locate(&name(asked)).expect("in the zone").predecessor.to_string();
    assert_eq!(predecessor("g50.cut.t"), "cut.t");
    assert_eq!(predecessor("zz.cut.t"), "cut.t");
    assert_eq!(predecessor("d.t"), "cut.t");
    assert_eq!(predecessor("e.e.e.deep.t"), "cut.t");
    assert_eq!(predecessor("z.deep.t"), format!("{deep}.deep.t"));
    assert_eq!(predecessor("t"), "t");
    assert_eq!(predecessor("a.t"), "t");
}

/// A big zone is compiled on another thread than the one that publishes.
#[test]
fn a_zone_is_compiled_on_any_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<ZoneTable>();
    is_shared::<AnswerTable>();
}
