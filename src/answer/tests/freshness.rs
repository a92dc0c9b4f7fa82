//! How long replies of all kinds may be kept.

use super::super::{Transport, freshness};
use super::render::{query, query_with};
use super::{reply_to, table};

const ZONE: &str = "\
@     3600 SOA ns admin 1 7200 900 86400 60
@     600  NS  ns
ns    30   A   192.0.2.53
www   300  A   192.0.2.1
alias 40   CNAME www
sub   500  NS  ns.sub
ns.sub 200 A   192.0.2.2
";

#[test]
fn the_smallest_ttl_counts_and_a_reply_without_records_is_not_kept() {
    let table = table(&[("t", ZONE)]);
    let kept = |query: &[u8]| {
        let reply = reply_to(&table, query, Transport::Tcp).expect("a reply");
        freshness(&reply).map(|span| span.as_secs())
    };
    for (question, expected) in [
        ("www.t A", Some(300)),
        ("alias.t A", Some(40)),
        ("t NS", Some(30)),       // the address beside it
        ("x.sub.t A", Some(200)), // the glue
        ("t SOA", Some(3600)),
        ("nowhere.t A", Some(60)), // the negative TTL
        ("www.t AAAA", Some(60)),
        ("else A", None),
    ] {
        assert_eq!(kept(&query(question)), expected, "{question}");
        assert_eq!(
            kept(&query_with(question, hickory_proto::op::Edns::new())),
            expected,
            "{question} with EDNS"
        );
    }
}

#[test]
fn what_is_no_reply_has_none() {
    for octets in 0..40 {
        assert_eq!(freshness(&vec![0xff; octets]), None);
    }
}
