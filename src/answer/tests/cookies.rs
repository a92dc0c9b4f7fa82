//! Cookies as RFC 7873 has them exchanged and RFC 9018 has them made.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::super::{CookieSecrets, QueryContext, ResponsePolicy, Transport};
use super::render::{query_with, render};
use super::{ZONE, reply_for, reply_to, table};
use crate::model::Moment;

/// From RFC 9018, appendix A.1: who asks, the server's secret, when, and the cookie that is learnt.
const CLIENT: &str = "198.51.100.100";
const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const LEARNT: u64 = 1_559_731_985;
const FRESH: &str = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";

/// Appendix A.4: the secret before the change, and after it.
const BEFORE: &str = "dd3bdf9344b678b185a6f5cb60fca715";
const NEXT: &str = "445536bcd2513298075a5d379663c962";

fn octets(hex: &str) -> Vec<u8> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16).expect("hexadecimal digits") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn policy(secrets: &str) -> ResponsePolicy {
    let secrets = secrets.replace(' ', "\n");
    let cookies = Some(CookieSecrets::parse("x", &secrets).expect("good secrets"));
    ResponsePolicy { allow: None, rotate: false, cookies, limiter: None }
}

fn asking(question: &str, cookies: &[&str]) -> Vec<u8> {
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    for cookie in cookies {
        edns.options_mut().insert(EdnsOption::Unknown(10, octets(cookie)));
    }
    query_with(question, edns)
}

/// Code and flags, then the cookie.
fn told(reply: &[u8]) -> String {
    let message = Message::from_vec(reply).expect("a reply that can be read");
    let cookie = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::Cookie));
    let cookie = match cookie {
        Some(EdnsOption::Unknown(_, octets)) => hex(octets),
        Some(other) => panic!("{other:?}"),
        None => "none".into(),
    };
    format!("{} {cookie}", render(reply)[0].replace(" edns 1232", ""))
}

fn exchange(secrets: &str, client: &str, seconds: u64, query: &[u8]) -> String {
    let policy = policy(secrets);
    let address: IpAddr = client.parse().expect("an address");
    let now = Moment::from_millis(seconds * 1000);
    let context = QueryContext { transport: Transport::Udp, address, now, idle: None, policy: &policy };
    told(&reply_for(&context, &table(&[("t", ZONE)]), query).expect("a reply"))
}

/// What comes back with an answer.
fn check(secrets: &str, client: &str, seconds: u64, cookie: &str, expected: &str) {
    let told = exchange(secrets, client, seconds, &asking("www.t A", &[cookie]));
    assert_eq!(told, format!("NOERROR aa {expected}"), "{cookie} from {client} at {seconds}");
}

/// Whether a cookie is believed: a query without a question asks just that (RFC 7873 section 5.4).
fn is_good(secrets: &str, client: &str, seconds: u64, cookie: &str) -> bool {
    let told = exchange(secrets, client, seconds, &without_question(asking("www.t A", &[cookie])));
    let [code, back] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    assert_eq!(back[..16], cookie[..16], "the client's part comes back");
    match code {
        "NOERROR" => true,
        "CODE23" => false,
        _ => panic!("{told}"),
    }
}

fn without_question(mut query: Vec<u8>) -> Vec<u8> {
    query[5] = 0;
    query.drain(12..12 + "xwwwxtx".len() + 4);
    query
}

#[test]
fn the_examples_of_rfc_9018() {
    check(SECRET, CLIENT, LEARNT, "2464c4abcf10c957", FRESH);
    check(SECRET, CLIENT, LEARNT + 2400, FRESH, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
    let (client, reserved) = ("203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
    assert!(is_good(SECRET, client, 1_559_727_985, reserved));
    check(SECRET, client, 1_559_734_700, reserved, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e");
    let client = "2001:db8:220:1:59de:d0f4:8769:82b8";
    let old = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
    let new = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
    check(&format!("{NEXT} {BEFORE}"), client, 1_559_741_961, old, new);
    assert!(is_good(&format!("{NEXT} {BEFORE}"), client, 1_559_741_961, old));
    assert!(!is_good(NEXT, client, 1_559_741_961, old));
    assert!(is_good(&format!("{BEFORE} {NEXT}"), client, 1_559_741_961, new));
}

#[test]
fn a_cookie_lives_for_an_hour_and_is_renewed_after_half_of_it() {
    for (age, good) in [(-301, false), (-300, true), (0, true), (3600, true), (3601, false), (1 << 31, false)]
    {
        assert_eq!(is_good(SECRET, CLIENT, LEARNT.wrapping_add_signed(age), FRESH), good, "{age}");
    }
    for (age, same) in [(-300, true), (0, true), (1800, true), (1801, false), (3600, false), (3601, false)] {
        let query = asking("www.t A", &[FRESH]);
        let told = exchange(SECRET, CLIENT, LEARNT.wrapping_add_signed(age), &query);
        assert_eq!(told.ends_with(FRESH), same, "{age}");
    }
}

#[test]
fn a_cookie_is_good_only_as_a_whole_and_from_where_it_was_given() {
    assert!(!is_good(SECRET, "198.51.100.101", LEARNT, FRESH));
    assert!(!is_good(NEXT, CLIENT, LEARNT, FRESH));
    let given = octets(FRESH);
    for at in 0..given.len() {
        let mut changed = given.clone();
        changed[at] ^= 1;
        assert!(!is_good(SECRET, CLIENT, LEARNT, &hex(&changed)), "{at}");
    }
    for octets in 16..=40 {
        let cookie = hex(&[&given[..], &[0; 16]].concat()[..octets]);
        assert_eq!(is_good(SECRET, CLIENT, LEARNT, &cookie), octets == given.len(), "{octets}");
    }
}

#[test]
fn a_wrong_cookie_costs_no_answer() {
    check(SECRET, CLIENT, LEARNT, "2464c4abcf10c95701000000000000000000000000000000", FRESH);
    check(SECRET, CLIENT, LEARNT, "2464c4abcf10c9570102030405060708", FRESH);
}

#[test]
fn what_has_no_cookies_length_is_a_format_error() {
    for octets in (0..=50).filter(|octets| *octets != 8 && !(16..=40).contains(octets)) {
        let told = exchange(SECRET, CLIENT, LEARNT, &asking("www.t A", &[&"00".repeat(octets)]));
        assert_eq!(told, "FORMERR none", "{octets}");
    }
}

#[test]
fn the_first_of_several_counts() {
    let mut query = asking("www.t A", &["2464c4abcf10c957"]);
    let rdata_length = query.len() - 13;
    query.extend([0, 10, 0, 1, 0]);
    query[rdata_length] += 5;
    assert_eq!(exchange(SECRET, CLIENT, LEARNT, &query), format!("NOERROR aa {FRESH}"));
}

#[test]
fn every_reply_brings_one_but_to_an_edns_version_that_is_not_ours() {
    let check = |query: &[u8], expected: &str| assert_eq!(exchange(SECRET, CLIENT, LEARNT, query), expected);
    let with = |question| asking(question, &["2464c4abcf10c957"]);
    check(&with("nowhere.t A"), &format!("NXDOMAIN aa {FRESH}"));
    check(&with("else A"), &format!("REFUSED {FRESH}"));
    let mut notify = with("t SOA");
    notify[2] = 0x20;
    check(&notify, &format!("NOTIMP {FRESH}"));
    check(&without_question(with("www.t A")), &format!("NOERROR {FRESH}"));
    check(&without_question(asking("www.t A", &[])), "FORMERR none");
    let mut newer = with("www.t A");
    let version = newer.len() - 12 - 2 - 3;
    newer[version] = 1;
    check(&newer, "BADVERS none");
}

#[test]
fn who_does_not_speak_of_cookies_ignores_them() {
    let table = table(&[("t", ZONE)]);
    for cookie in ["2464c4abcf10c957", FRESH, "00"] {
        let reply = reply_to(&table, &asking("www.t A", &[cookie]), Transport::Udp).expect("a reply");
        assert_eq!(told(&reply), "NOERROR aa none", "{cookie}");
    }
}

/// A change while queries are answered: whoever has a cookie keeps it, and gets the next one with it.
#[test]
fn a_cookie_outlives_the_secret_that_made_it_by_one_change() {
    const NOW: Moment = Moment::from_millis(LEARNT * 1000);
    let (secrets, client) = (CookieSecrets::new([1; 16]), CLIENT.parse().expect("an address"));
    let mut cookie = octets(&FRESH[..16]);
    let proof = secrets.verify(&cookie, client, NOW);
    cookie = proof.cookie().expect("one to learn").to_vec();
    assert!(secrets.verify(&cookie, client, NOW).is_good());
    let shared = secrets.clone();
    shared.roll([2; 16]);
    let proof = secrets.verify(&cookie, client, NOW);
    assert!(proof.is_good(), "the secret before is believed");
    let next = proof.cookie().expect("another one").to_vec();
    assert_ne!(next, cookie, "and signs no more");
    secrets.roll([3; 16]);
    assert!(!secrets.verify(&cookie, client, NOW).is_good(), "two changes are too many");
    assert!(secrets.verify(&next, client, NOW).is_good());
    assert!(!secrets.replace(
        &CookieSecrets::parse("x", &format!("{}\n{}", "03".repeat(16), "02".repeat(16))).expect("two")
    ));
    assert!(secrets.replace(&CookieSecrets::new([4; 16])));
    assert!(!secrets.verify(&next, client, NOW).is_good());
}
