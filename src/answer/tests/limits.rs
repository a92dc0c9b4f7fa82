//! What a client gets instead of a reply that the rate limit rules against. The limit here is the simplest possible one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use hickory_proto::op::Edns;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use proptest::prelude::*;

use super::super::{
    AnswerTable, CookieSecrets, Identity, Outcome, QueryContext, ResponsePolicy, ResponseRateLimit, RrlKey,
    Ruling, Transport, respond,
};
use super::render::{query, query_with, render};
use super::{ZONE, zone};
use crate::model::Moment;

/// Lets the first three replies with one key out, to any address; what becomes of the others is given.
#[derive(Debug)]
struct FirstThree {
    told: Mutex<HashMap<u64, u32>>,
    beyond: Ruling,
}

impl ResponseRateLimit for FirstThree {
    fn rule(&self, _: IpAddr, rrl_key: RrlKey, _: Moment, _: u16) -> Ruling {
        let mut told = self.told.lock().expect("nothing panics");
        let count = told.entry(rrl_key.number()).or_default();
        *count += 1;
        if *count <= 3 { Ruling::Whole } else { self.beyond }
    }
}

fn policy(beyond: Ruling) -> ResponsePolicy {
    let limiter = Box::new(FirstThree { told: Mutex::default(), beyond });
    ResponsePolicy {
        allow: None,
        rotate: false,
        cookies: Some(CookieSecrets::new([7; 16])),
        limiter: Some(limiter),
    }
}

/// A server, and the time there.
struct Asked {
    table: AnswerTable,
    policy: ResponsePolicy,
    now: Moment,
}

impl Asked {
    fn start(policy: ResponsePolicy) -> Asked {
        let identity = Identity { nsid: "ns1".into(), ..Identity::default() };
        let table = AnswerTable::compile(&[zone("t", ZONE)], &[], identity);
        Asked { table, policy, now: Moment::from_millis(1_795_363_451_000) }
    }

    fn ask(&self, from: &str, transport: Transport, query: &[u8]) -> (Outcome, Vec<u8>) {
        let address: IpAddr = from.parse().expect("an address");
        let context = QueryContext { transport, address, now: self.now, idle: None, policy: &self.policy };
        let mut reply = vec![0; AnswerTable::REPLY_MAX_OCTETS];
        let outcome = respond(&self.table, query, &context, &mut reply);
        reply.truncate(outcome.octets().unwrap_or(0));
        (outcome, reply)
    }

    /// Asks so often, and says what became of each.
    fn flood(&self, from: &str, query: &[u8], times: usize) -> String {
        let each = (0..times).map(|_| match self.ask(from, Transport::Udp, query).0 {
            Outcome::Silence => '-',
            Outcome::Reply(_) => 'R',
            Outcome::Dropped => 'd',
            Outcome::Slipped(_) => 's',
            Outcome::Challenged(_) => 'c',
        });
        each.collect()
    }
}

fn with_cookie(question: &str, cookie: &[u8]) -> Vec<u8> {
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    edns.options_mut().insert(EdnsOption::Unknown(3, Vec::new())); // NSID
    if !cookie.is_empty() {
        edns.options_mut().insert(EdnsOption::Unknown(10, cookie.to_vec()));
    }
    query_with(question, edns)
}

fn cookie_in(reply: &[u8]) -> Option<Vec<u8>> {
    let message = hickory_proto::op::Message::from_vec(reply).expect("a reply that can be read");
    if let EdnsOption::Unknown(_, octets) = message.edns?.option(EdnsCode::Cookie)? {
        return Some(octets.clone());
    }
    None
}

#[test]
fn whoever_makes_up_names_is_told_one_thing() {
    let server = Asked::start(policy(Ruling::Drop));
    let ask = |name: &str| server.flood("192.0.2.1", &query(name), 1);
    assert_eq!(["x1.t A", "x2.t A", "x3.t TXT", "x4.t A", "www.t AAAA"].map(ask).concat(), "RRRdd");
    assert_eq!(["1.wild.t A", "2.wild.t A", "3.wild.t A", "4.wild.t A"].map(ask).concat(), "RRRd");
    assert_eq!(["1.else A", "2.else A", "t TYPE252", "4.else A", "t TYPE251"].map(ask).concat(), "RRRdd");
    assert_eq!(["1.sub.t A", "2.sub.t A", "sub.t NS", "4.sub.t A"].map(ask).concat(), "RRRd");
}

#[test]
fn streams_and_silence_are_not_limited() {
    let server = Asked::start(policy(Ruling::Drop));
    let www = query("www.t A");
    assert_eq!(server.flood("198.51.101.0", &www, 4), "RRRd");
    for _ in 0..9 {
        let (outcome, _) = server.ask("198.51.101.0", Transport::Tcp, &www);
        assert!(matches!(outcome, Outcome::Reply(_)), "a stream: {outcome:?}");
    }
    assert_eq!(server.flood("198.51.101.0", &www[..5], 1), "-", "silence is silence");
}

#[test]
fn who_speaks_cookies_gets_one_and_is_answered_with_it() {
    let server = Asked::start(policy(Ruling::Slip));
    let from = "192.0.2.1";
    let client = [9; 8];
    let stale = [9; 24];
    let query = with_cookie("www.t A", &stale);
    assert_eq!(server.flood(from, &query, 5), "RRRcc");
    let (_, reply) = server.ask(from, Transport::Udp, &query);
    assert_eq!(render(&reply), ["CODE23 edns 1232"], "BADCOOKIE, not AA, no records, no NSID");
    let cookie = cookie_in(&reply).expect("a cookie");
    assert_eq!(cookie[..8], client);
    assert_eq!(server.flood(from, &with_cookie("www.t A", &cookie), 9), "RRRRRRRRR");
    assert_eq!(server.flood("192.0.2.2", &with_cookie("www.t A", &cookie), 2), "cc", "it is another's");
    assert_eq!(server.flood(from, &with_cookie("www.t A", &[]), 2), "ss", "EDNS alone proves nothing");
    assert_eq!(server.flood(from, &with_cookie("www.t A", &client), 2), "ss", "BADCOOKIE would be longer");
    let (_, reply) = server.ask(from, Transport::Tcp, &with_cookie("www.t A", &client));
    assert!(cookie_in(&reply).is_some(), "the stream that he comes by brings one");
}

/// A forger may well write a client cookie: it buys him nothing.
#[test]
fn a_cookie_that_proves_nothing_has_the_luck_of_none() {
    let server = Asked::start(policy(Ruling::Drop));
    for cookie in [&[][..], &[9; 8], &[9; 24]] {
        let question = format!("{}.wild.t A", cookie.len());
        server.flood("192.0.2.1", &with_cookie(&question, cookie), 3);
        assert_eq!(server.flood("192.0.2.1", &with_cookie(&question, cookie), 5), "ddddd", "{cookie:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever is over the limit gets no more octets than he sent, whatever options he writes.
    #[test]
    fn beyond_the_limit_nothing_is_amplified(
        question in prop_oneof![Just("www.t A"), Just("t TXT"), Just("a.b.c.d.nowhere.t A"), Just("else A"), Just("t TYPE252")],
        cookie in prop_oneof![Just(0..0), Just(0..8), Just(0..16), Just(0..24), Just(0..40), Just(0..9)],
        padding in 0..40_usize,
        edns: bool,
    ) {
        let server = Asked::start(policy(Ruling::Slip));
        let cookie: Vec<u8> = cookie.collect();
        let mut options = Edns::new();
        options.set_max_payload(4096);
        options.options_mut().insert(EdnsOption::Unknown(3, Vec::new()));
        if !cookie.is_empty() {
            options.options_mut().insert(EdnsOption::Unknown(10, cookie));
        }
        if padding > 0 {
            options.options_mut().insert(EdnsOption::Unknown(12, vec![0; padding]));
        }
        let query = if edns { query_with(question, options) } else { query(question) };
        server.flood("192.0.2.1", &query, 3);
        let (outcome, reply) = server.ask("192.0.2.1", Transport::Udp, &query);
        prop_assert!(matches!(outcome, Outcome::Slipped(_) | Outcome::Challenged(_)), "{:?}", outcome);
        prop_assert!(reply.len() <= query.len(), "{} for {}", reply.len(), query.len());
    }
}

#[test]
fn what_slips_through_is_no_longer_than_the_query() {
    let www = query("www.t A");
    let all = Asked::start(policy(Ruling::Slip));
    assert_eq!(all.flood("192.0.2.1", &www, 6), "RRRsss");
    let (_, reply) = all.ask("192.0.2.1", Transport::Udp, &www);
    assert_eq!(render(&reply), ["NOERROR aa tc"]);
    assert_eq!(reply.len(), www.len());
    let query = with_cookie("else A", &[]);
    all.flood("192.0.2.1", &query, 3);
    let (outcome, reply) = all.ask("192.0.2.1", Transport::Udp, &query);
    assert_eq!((outcome, render(&reply)), (Outcome::Slipped(reply.len()), vec!["REFUSED edns 1232".into()]));
    assert!(reply.len() < query.len(), "neither NSID nor the reason");
}
