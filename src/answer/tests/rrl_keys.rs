//! What replies tell: the questions of a line are told one thing, those of different lines different ones.

use std::collections::BTreeMap;

use super::super::reply::Reply;
use super::super::rrl_key::RrlKey;
use super::super::{AnswerTable, Transport, request, respond};
use super::render::query;
use super::{PLAIN, ZONE, context, table};

fn rrl_key(table: &AnswerTable, question: &str) -> RrlKey {
    let query = query(question);
    let context = context(Transport::Udp, &PLAIN);
    let request = request::read(&query, &context).expect("a query");
    let mut reply = vec![0; 1232];
    let mut reply = Reply::begin(&mut reply, &request, 1232, 0);
    respond::fill(table, &request, &context, &mut reply).1
}

#[test]
fn whatever_is_asked_few_things_are_told() {
    let table = table(&[("t", ZONE), ("u", ZONE)]);
    let lines = [
        "www.t A, wWw.T A, www.t ANY",
        "www.t TXT",
        "www.u A",
        "a.wild.t A, b.wild.t A, c.d.wild.t A, *.wild.t A",
        "a.wild.t MX, b.wild.t MX",
        "nowhere.t A, elsewhere.t TXT, a.b.c.d.t AAAA, www.t AAAA, b.c.t A, a.wild.t TXT",
        "nowhere.u A",
        "alias.t A, alias.t TXT, alias.t TYPE999, alias.t CNAME",
        "alias2.t A, alias2.t AAAA",
        "gone.t A, gone.t MX",
        "a.walias.t A, b.walias.t TXT",
        "a.dn.t A, b.dn.t TXT, c.d.dn.t A, dn.t DNAME",
        "x.sub.t A, y.sub.t TXT, sub.t NS, sub.t A",
        "sub.t DS",
        "x.sib.t A",
        "else A, other TXT, . NS, t TYPE252",
    ];
    let mut seen = BTreeMap::new();
    for line in lines {
        for question in line.split(", ") {
            let told = format!("{:?}", rrl_key(&table, question));
            assert_eq!(*seen.entry(told).or_insert(line), line, "{question}");
        }
    }
    assert_eq!(seen.len(), lines.len(), "{seen:#?}");
}
