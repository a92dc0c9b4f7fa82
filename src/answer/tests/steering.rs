//! Names whose addresses come from a decision.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{Name, SteerId, Ttl};
use crate::zone::{MasterFile, Zone, parse};

use super::super::{AnswerTable, Identity, Served, Transport, ZoneTable};
use super::{PLAIN, check_in, context};

const ZONE: &str = "\
@ 300 SOA ns.t. a.t. 1 2 3 4 60
@ 300 NS ns
@ 300 MX 10 app
@ 300 MX 20 deep.er
ns 300 A 192.0.2.53
app 300 TXT \"x\"
alias 300 CNAME app
";

const SOA: &str = "au t. 60 SOA ns.t. a.t. 1 2 3 4 60";

/// The steer of app.t.
const APP: SteerId = SteerId(0);

fn name(text: &str) -> Name {
    text.parse().expect("a good name")
}

fn served(addresses: &[&str], ttl: u64) -> Served {
    let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    Served { addresses, ttl: Ttl::from_secs(ttl).expect("a TTL") }
}

fn zone(text: &str, steered: &[&str]) -> Zone {
    let steered: BTreeSet<Name> = steered.iter().map(|n| name(n)).collect();
    let master = MasterFile { file: "t.zone", text: text.as_bytes() };
    parse(&name("t"), &master, &steered, &mut crate::zone::no_include)
        .unwrap_or_else(|problems| panic!("{}", problems[0]))
        .zone
}

fn table() -> AnswerTable {
    let steered = [
        (name("app.t"), served(&["192.0.2.1", "2001:db8::1", "192.0.2.2"], 30)),
        (name("T"), served(&["192.0.2.1"], 30)),
        (name("deep.er.t"), served(&["2001:db8::2"], 10)),
        (name("*.w.t"), served(&["192.0.2.7"], 10)),
        (name("else"), served(&["192.0.2.9"], 30)),
    ];
    let zone = zone(ZONE, &["app.t", "t", "deep.er.t", "*.w.t"]);
    AnswerTable::compile(&[zone], &steered, Identity::default())
}

#[test]
fn answers_with_the_decision() {
    let table = table();
    check_in(&table, "app.t A", &["NOERROR aa", "an app.t. 30 A 192.0.2.1", "an app.t. 30 A 192.0.2.2"]);
    check_in(&table, "app.t AAAA", &["NOERROR aa", "an app.t. 30 AAAA 2001:db8::1"]);
    check_in(&table, "app.t TXT", &["NOERROR aa", "an app.t. 300 TXT x"]);
    check_in(&table, "t A", &["NOERROR aa", "an t. 30 A 192.0.2.1"]);
    check_in(&table, "er.t A", &["NOERROR aa", SOA]);
    check_in(&table, "x.y.w.t A", &["NOERROR aa", "an x.y.w.t. 10 A 192.0.2.7"]);
    check_in(&table, "else A", &["REFUSED"]);
    check_in(
        &table,
        "alias.t AAAA",
        &["NOERROR aa", "an alias.t. 300 CNAME app.t.", "an app.t. 30 AAAA 2001:db8::1"],
    );
}

#[test]
fn a_family_without_addresses_is_nodata() {
    check_in(&table(), "t AAAA", &["NOERROR aa", SOA]);
    check_in(&table(), "deep.er.t A", &["NOERROR aa", SOA]);
}

#[test]
fn steered_addresses_stand_beside_an_answer() {
    check_in(
        &table(),
        "t MX",
        &[
            "NOERROR aa",
            "an t. 300 MX 10 app.t.",
            "an t. 300 MX 20 deep.er.t.",
            "ad app.t. 30 A 192.0.2.1",
            "ad app.t. 30 A 192.0.2.2",
            "ad app.t. 30 AAAA 2001:db8::1",
            "ad deep.er.t. 10 AAAA 2001:db8::2",
        ],
    );
}

#[test]
fn a_change_changes_what_it_names_and_nothing_else() {
    let before = table();
    let after = before
        .with(&[(APP, served(&["198.51.100.1"], 10)), (SteerId(99), served(&["198.51.100.2"], 10))], &[]);
    check_in(&after, "app.t A", &["NOERROR aa", "an app.t. 10 A 198.51.100.1"]);
    check_in(&after, "app.t AAAA", &["NOERROR aa", SOA]);
    check_in(&after, "t A", &["NOERROR aa", "an t. 30 A 192.0.2.1"]);
    check_in(&after, "ns.t A", &["NOERROR aa", "an ns.t. 300 A 192.0.2.53"]);
    check_in(&after, "nowhere.t A", &["NXDOMAIN aa", SOA]);
    check_in(&before, "app.t AAAA", &["NOERROR aa", "an app.t. 30 AAAA 2001:db8::1"]);
}

/// `count` names with one set of addresses.
fn table_of(count: usize) -> AnswerTable {
    let all = served(&["192.0.2.1"], 30);
    let steered: Vec<(Name, Served)> = (0..count).map(|n| (name(&format!("n{n}.t")), all.clone())).collect();
    let zone = zone("@ 300 SOA ns.t. a.t. 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n", &[]);
    AnswerTable::compile(&[zone], &steered, Identity::default())
}

#[test]
fn names_with_the_same_addresses_share_them() {
    let before = table_of(200);
    let after = before.with(&[(SteerId(7), served(&["192.0.2.2"], 30))], &[]);
    let zone = |table: &AnswerTable| Arc::as_ptr(table.zone(&name("t")).expect("a zone"));
    assert_eq!(zone(&before), zone(&after));
    let context = context(Transport::Udp, &PLAIN);
    let body = |table: &AnswerTable, n: u32| {
        let (addresses, scope) = table.steered.lookup(SteerId(n), &context).expect("a steer");
        assert_eq!(scope.prefix_bits(), 0, "every client gets the same");
        std::ptr::from_ref(addresses)
    };
    assert_eq!(body(&before, 0), body(&before, 199));
    assert_eq!(body(&before, 0), body(&after, 8));
    assert_ne!(body(&before, 7), body(&after, 7));
}

#[test]
fn names_of_one_steer_move_together() {
    let group = SteerId(3);
    let steered = [(name("a.t"), group), (name("b.t"), group), (name("else"), SteerId(4))];
    let zone = ZoneTable::compile(&zone(ZONE, &["a.t", "b.t"]), &steered);
    assert_eq!(zone.steers(), [group]);
    let before =
        AnswerTable::of(vec![Arc::new(zone)], &[(group, served(&["192.0.2.1"], 30))], Identity::default());
    let after = before.with(&[(group, served(&["192.0.2.2"], 10))], &[]);
    for owner in ["a.t", "b.t"] {
        let question = format!("{owner} A");
        check_in(&before, &question, &["NOERROR aa", &format!("an {owner}. 30 A 192.0.2.1")]);
        check_in(&after, &question, &["NOERROR aa", &format!("an {owner}. 10 A 192.0.2.2")]);
    }
}

#[test]
#[should_panic(expected = "fail open")]
fn an_empty_decision_stops_here() {
    let _ = table().with(&[(APP, served(&[], 30))], &[]);
}

#[test]
#[should_panic(expected = "must have an address")]
fn a_zone_whose_steer_serves_nothing_stops_here() {
    let zone = ZoneTable::compile(&zone(ZONE, &["new.t"]), &[(name("new.t"), SteerId(50))]);
    let _ = table().with_zone(Arc::new(zone));
}
