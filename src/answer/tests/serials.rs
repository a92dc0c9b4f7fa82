//! What the SOA of a zone tells: a serial of the table, not the one that was written.

use std::sync::Arc;

use crate::model::{Name, Serial};

use super::super::{AnswerTable, ZoneTable};
use super::{check_in, table, zone};

const SOA: &str = "ns.t. a.t.";

fn text(serial: u32) -> String {
    format!("@ 300 SOA ns.t. a.t. {serial} 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.1\n")
}

fn name(text: &str) -> Name {
    text.parse().expect("a good name")
}

fn compiled(origin: &str, serial: u32) -> Arc<ZoneTable> {
    Arc::new(ZoneTable::compile(&zone(origin, &text(serial)), &[]))
}

fn raised(table: &AnswerTable, origin: &str, serial: u32) -> AnswerTable {
    table.with(&[], &[(name(origin), Serial(serial))])
}

/// Everywhere that an SOA can stand in a reply.
fn check_serial(table: &AnswerTable, serial: u32) {
    let negative = format!("au t. 60 SOA {SOA} {serial} 2 3 4 60");
    let answer = format!("an t. 300 SOA {SOA} {serial} 2 3 4 60");
    check_in(table, "t SOA", &["NOERROR aa", &answer]);
    check_in(table, "nowhere.t A", &["NXDOMAIN aa", &negative]);
    check_in(table, "ns.t AAAA", &["NOERROR aa", &negative]);
    assert_eq!(table.serial_of(&name("T")), Some(Serial(serial)));
}

#[test]
fn every_soa_tells_the_serial_of_the_table() {
    let table = table(&[("t", &text(7)), ("u", &text(1))]);
    check_serial(&table, 7);
    let later = raised(&table, "T", 1_000_000);
    check_serial(&later, 1_000_000);
    check_serial(&table, 7);
    check_in(&later, "u SOA", &["NOERROR aa", &format!("an u. 300 SOA {SOA} 1 2 3 4 60")]);
    assert_eq!(later.zone(&name("t")).map(|zone| zone.serial()), Some(Serial(7)), "as it was written");
}

#[test]
fn a_serial_never_goes_back() {
    let table = raised(&table(&[("t", &text(7))]), "t", 9);
    check_serial(&raised(&table, "t", 8), 9);
    check_serial(&raised(&table, "t", 9), 9);
    check_serial(&raised(&table, "else", 99), 9);
    check_serial(&table.with_zone(compiled("t", 8)), 9); // an edited file with a serial that was passed long ago
    check_serial(&table.with_zone(compiled("t", 10)), 10);
    let high = raised(&raised(&table, "t", 1 << 31), "t", u32::MAX);
    check_serial(&high, u32::MAX);
    check_serial(&raised(&high, "t", Serial(u32::MAX).next().0), 0); // RFC 1982: after the last comes 0
    check_serial(&high.with_zone(compiled("t", 3)), 3);
}
