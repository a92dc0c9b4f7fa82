//! Addresses go round from query to query, and nothing else does.

use crate::model::{RecordType, SteerId, Ttl};

use super::super::{AnswerTable, Identity, ResponsePolicy, Served, Transport};
use super::render::{query, render};
use super::{context, reply_for, zone};

const ZONE: &str = "\
@   300 SOA ns.t. a.t. 1 2 3 4 60
@   300 NS  ns
@   300 MX  10 mail
ns  300 A   192.0.2.53
two 300 AAAA 2001:db8::1
two 300 AAAA 2001:db8::2
txt 300 TXT  \"a\"
txt 300 TXT  \"b\"
mail  300 A   192.0.2.1
mail  300 A   192.0.2.2
mail  300 A   192.0.2.3
alias 300 CNAME mail
*.any 300 A   192.0.2.8
*.any 300 A   192.0.2.9
";

const ROUND: ResponsePolicy = ResponsePolicy { allow: None, rotate: true, cookies: None, limiter: None };

fn table() -> AnswerTable {
    let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|text| text.parse().expect("an address"));
    let served = Served { addresses: addresses.into(), ttl: Ttl::from_secs(30).expect("a TTL") };
    let steered = [("app.t".parse().expect("a good name"), served)];
    AnswerTable::compile(&[zone("t", ZONE)], &steered, Identity::default())
}

/// The last part of each record's data, for a query with this identifier.
fn data(policy: &ResponsePolicy, transport: Transport, question: &str, id: u16) -> String {
    let mut query = query(question);
    query[..2].copy_from_slice(&id.to_be_bytes());
    let reply = reply_for(&context(transport, policy), &table(), &query).expect("a reply");
    let last = |line: &String| line.rsplit(['.', ':', ' ']).next().map(str::to_owned);
    render(&reply)[1..].iter().filter_map(last).collect::<Vec<_>>().join(" ")
}

/// What queries with the identifiers 0, 1, 2 and 3 get.
fn check(question: &str, expected: [&str; 4]) {
    for (id, expected) in (0..).zip(expected) {
        assert_eq!(data(&ROUND, Transport::Udp, question, id), expected, "{question} {id}");
        assert_eq!(data(&ROUND, Transport::Tcp, question, id), expected, "{question} {id} over TCP");
        let still = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: None };
        assert_eq!(data(&still, Transport::Udp, question, id), data(&still, Transport::Udp, question, 0));
    }
}

#[test]
fn each_query_gets_addresses_beginning_with_another_one() {
    check("mail.t A", ["1 2 3", "2 3 1", "3 1 2", "1 2 3"]);
    check("app.t A", ["1 2 3", "2 3 1", "3 1 2", "1 2 3"]);
    check("two.t AAAA", ["1 2", "2 1", "1 2", "2 1"]);
    check("x.any.t A", ["8 9", "9 8", "8 9", "9 8"]);
    check("ns.t A", ["53"; 4]);
}

/// Behind an alias, and beside the answer; the name before them ends in a dot.
#[test]
fn wherever_they_stand() {
    check("alias.t A", [" 1 2 3", " 2 3 1", " 3 1 2", " 1 2 3"]);
    check("t MX", [" 1 2 3", " 2 3 1", " 3 1 2", " 1 2 3"]);
}

#[test]
fn other_records_keep_their_order() {
    check("txt.t TXT", ["a b"; 4]);
}

#[test]
fn every_turn_of_a_set_begins_with_one_of_its_records() {
    let table = table();
    let context = context(Transport::Udp, &ROUND);
    let (addresses, _) = table.steered.lookup(SteerId(0), &context).expect("a steer");
    let set = addresses.set(RecordType::A).expect("three addresses");
    for turn in [0, 1, 2, 3, 4, u16::MAX - 1, u16::MAX] {
        assert_eq!(set.body[set.first_in(turn)..][..2], [0xc0, 0x0c], "{turn}");
    }
}
