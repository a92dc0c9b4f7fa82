//! What is said in class CH, and to whom nothing is.

use hickory_proto::op::{Edns, Message};

use super::super::{AnswerTable, Identity, Transport};
use super::render::{query, query_with, render};
use super::{ZONE, reply_to, zone};

fn table(version: &str, host: &str) -> AnswerTable {
    let identity = Identity { nsid: "ns1".into(), version: version.into(), host: host.into() };
    AnswerTable::compile(&[zone("t", ZONE)], &[], identity)
}

/// The reply to a question of some class, without the class of its records.
fn asked(table: &AnswerTable, mut query: Vec<u8>, question: &str, class: u8) -> Vec<String> {
    let name = question.split_once(' ').expect("a name and a type").0;
    query[12 + name.len() + 2 + 3] = class;
    let reply = reply_to(table, &query, Transport::Udp).expect("a reply");
    let message = Message::from_vec(&reply).expect("a reply that can be read");
    let classes = message.answers.iter().map(|record| u16::from(record.dns_class));
    classes.for_each(|answered| assert_eq!(answered, u16::from(class)));
    render(&reply)
}

fn check(table: &AnswerTable, question: &str, class: u8, expected: &[&str]) {
    assert_eq!(asked(table, query(question), question, class), expected, "{question}");
}

#[test]
fn what_is_configured_is_told() {
    let table = table("cadence 1", "ns1.example");
    let version = |name| format!("an {name}. 0 TXT cadence 1");
    check(&table, "version.bind TXT", 3, &["NOERROR", &version("version.bind")]);
    check(&table, "VERSION.Bind TXT", 3, &["NOERROR", &version("VERSION.Bind")]);
    check(&table, "version.server TXT", 3, &["NOERROR", &version("version.server")]);
    check(&table, "version.bind ANY", 3, &["NOERROR", &version("version.bind")]);
    check(&table, "id.server TXT", 3, &["NOERROR", "an id.server. 0 TXT ns1.example"]);
    check(&table, "hostname.bind TXT", 3, &["NOERROR", "an hostname.bind. 0 TXT ns1.example"]);
}

#[test]
fn nothing_else_is() {
    let table = table("cadence 1", "ns1.example");
    for question in ["version.bind A", "bind TXT", "authors.bind TXT", "x.version.bind TXT", "www.t TXT"] {
        check(&table, question, 3, &["REFUSED"]);
    }
    for class in [1, 4, 255] {
        check(&table, "version.bind TXT", class, &["REFUSED"]);
    }
}

#[test]
fn what_is_not_configured_is_not_told() {
    for name in ["version.bind", "version.server", "id.server", "hostname.bind"] {
        check(&table("", ""), &format!("{name} TXT"), 3, &["REFUSED"]);
    }
    check(&table("v", ""), "id.server TXT", 3, &["REFUSED"]);
    check(&table("", "ns1"), "version.bind TXT", 3, &["REFUSED"]);
}

#[test]
fn the_longest_text_is_cut_to_what_a_record_can_hold() {
    let table = table(&"v".repeat(300), "");
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    let question = "version.bind TXT";
    let lines = asked(&table, query_with(question, edns), question, 3);
    assert_eq!(lines, ["NOERROR edns 1232", &format!("an version.bind. 0 TXT {}", "v".repeat(255))]);
}
