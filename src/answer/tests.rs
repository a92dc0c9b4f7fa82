//! Questions and answers, a line each, as hickory-proto reads them.

mod chaos;
mod cookies;
mod freshness;
mod keepalive;
mod limits;
mod model;
mod properties;
mod protocol;
mod render;
mod rotation;
mod rrl_keys;
mod serials;
mod steering;
mod trace;
mod zones;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::model::{Moment, Name};
use crate::zone::{MasterFile, Zone, parse};

use super::{AnswerTable, Identity, QueryContext, ResponsePolicy, Transport, respond};

use render::{query, render};

/// A zone with a bit of everything.
const ZONE: &str = "\
$TTL 300
@         3600 SOA ns.t. admin.t. 1 7200 900 86400 60
@         NS    ns.t.
@         NS    ns.else.
@         MX    10 mail
@         MX    20 mail
@         MX    30 mail.else.
ns        A     192.0.2.53
mail      A     192.0.2.25
mail      AAAA  2001:db8::25
www       A     192.0.2.1
www       A     192.0.2.2
www       TXT   \"x\"
alias     CNAME www
alias2    CNAME alias
gone      CNAME nowhere
out       CNAME www.else.
loop      CNAME pool
pool      CNAME loop
self      CNAME self
below     CNAME x.sub
a.b.c     A     192.0.2.3
*.wild    A     192.0.2.4
*.wild    MX    5 any.wild
x.y.wild  TXT   \"y\"
*.walias  CNAME www
*.a.star  A     192.0.2.5
sub       NS    ns.sub
sub       NS    ns.sib
sub       NS    ns
sub       NS    ns.else.
sub       DS    1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.sub    A     192.0.2.6
x.sub     A     192.0.2.7
sib       NS    ns.sib
ns.sib    A     192.0.2.8
ns.sib    AAAA  2001:db8::8
dn        DNAME www
dn        TXT   \"d\"
dout      DNAME else.
dself     DNAME x.dself
dup.up    DNAME up
_s._tcp   SRV   1 2 53 mail
svc       HTTPS 1 mail alpn=h2
www       HTTPS 1 . alpn=h2
www       MX    0 .
ssvc      HTTPS 0 svc
sself     HTTPS 1 sself
sself     A     192.0.2.9
raw       TYPE65280 \\# 3 010203
";

pub(super) fn zone(origin: &str, text: &str) -> Zone {
    let origin: Name = origin.parse().expect("a good name");
    let master = MasterFile { file: "test.zone", text: text.as_bytes() };
    match parse(&origin, &master, &BTreeSet::new(), &mut crate::zone::no_include) {
        Ok(accepted) => accepted.zone,
        Err(problems) => {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn table(zones: &[(&str, &str)]) -> AnswerTable {
    let zones: Vec<Zone> = zones.iter().map(|(origin, text)| zone(origin, text)).collect();
    AnswerTable::compile(&zones, &[], Identity::default())
}

/// Nothing goes round, so that answers can be foretold.
const PLAIN: ResponsePolicy = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: None };

/// The reply to some octets, under the default policy.
pub(super) fn reply_to(table: &AnswerTable, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
    reply_for(&context(transport, &PLAIN), table, query)
}

/// Somebody at some time.
pub(super) fn context(transport: Transport, policy: &ResponsePolicy) -> QueryContext<'_> {
    let address = Ipv4Addr::new(198, 51, 100, 100).into();
    QueryContext { transport, address, now: Moment::from_millis(1_559_731_985_000), idle: None, policy }
}

/// The reply that somebody gets.
pub(super) fn reply_for(context: &QueryContext<'_>, table: &AnswerTable, query: &[u8]) -> Option<Vec<u8>> {
    let mut reply = vec![0xff; AnswerTable::REPLY_MAX_OCTETS];
    respond(table, query, context, &mut reply).octets().map(|octets| reply[..octets].to_vec())
}

/// `question` is a name and a type; `expected` a code, flags, and what stands in each section.
fn check_in(table: &AnswerTable, question: &str, expected: &[&str]) {
    let reply = reply_to(table, &query(question), Transport::Tcp).expect("a reply");
    assert_eq!(render(&reply), expected, "{question}");
}

fn check(question: &str, expected: &[&str]) {
    thread_local! {
        static TABLE: AnswerTable = table(&[("t", ZONE)]);
    }
    TABLE.with(|table| check_in(table, question, expected));
}

const DS: &str = "DS \\# 36 00010d020000000000000000000000000000000000000000000000000000000000000000";
const SOA: &str = "au t. 60 SOA ns.t. admin.t. 1 7200 900 86400 60";

#[test]
fn names_that_exist() {
    check("www.t A", &["NOERROR aa", "an www.t. 300 A 192.0.2.1", "an www.t. 300 A 192.0.2.2"]);
    check("www.t TXT", &["NOERROR aa", "an www.t. 300 TXT x"]);
    check("www.t AAAA", &["NOERROR aa", SOA]);
    check("t SOA", &["NOERROR aa", "an t. 3600 SOA ns.t. admin.t. 1 7200 900 86400 60"]);
    check("raw.t TYPE65280", &["NOERROR aa", "an raw.t. 300 TYPE65280 \\# 3 010203"]);
    check("www.t ANY", &["NOERROR aa", "an www.t. 300 A 192.0.2.1", "an www.t. 300 A 192.0.2.2"]);
    check("gone.t ANY", &["NOERROR aa", "an gone.t. 300 CNAME nowhere.t."]);
    check("raw.t ANY", &["NOERROR aa", "an raw.t. 300 TYPE65280 \\# 3 010203"]);
}

#[test]
fn names_that_do_not_exist_or_are_empty() {
    check("nowhere.t A", &["NXDOMAIN aa", SOA]);
    check("x.www.t A", &["NXDOMAIN aa", SOA]);
    check("c.t A", &["NOERROR aa", SOA]);
    check("b.c.t ANY", &["NOERROR aa", SOA]);
    check("x.b.c.t A", &["NXDOMAIN aa", SOA]);
    check("_tcp.t SRV", &["NOERROR aa", SOA]);
    check("else A", &["REFUSED"]);
    check(". NS", &["REFUSED"]);
    check("tt A", &["REFUSED"]);
}

#[test]
fn wildcards() {
    check("x.wild.t A", &["NOERROR aa", "an x.wild.t. 300 A 192.0.2.4"]);
    check("x.z.wild.t A", &["NOERROR aa", "an x.z.wild.t. 300 A 192.0.2.4"]);
    check("x.wild.t AAAA", &["NOERROR aa", SOA]);
    check("*.wild.t A", &["NOERROR aa", "an *.wild.t. 300 A 192.0.2.4"]);
    check("wild.t A", &["NOERROR aa", SOA]);
    check("y.wild.t A", &["NOERROR aa", SOA]);
    check("x.y.wild.t A", &["NOERROR aa", SOA]);
    check("z.y.wild.t A", &["NXDOMAIN aa", SOA]);
    check("a.star.t A", &["NOERROR aa", SOA]);
    check("q.a.star.t A", &["NOERROR aa", "an q.a.star.t. 300 A 192.0.2.5"]);
    check("z.*.wild.t A", &["NXDOMAIN aa", SOA]);
    check(
        "x.wild.t MX",
        &["NOERROR aa", "an x.wild.t. 300 MX 5 any.wild.t.", "ad any.wild.t. 300 A 192.0.2.4"],
    );
    let www = ["an www.t. 300 A 192.0.2.1", "an www.t. 300 A 192.0.2.2"];
    check("x.walias.t A", &["NOERROR aa", "an x.walias.t. 300 CNAME www.t.", www[0], www[1]]);
}

#[test]
fn aliases() {
    let www = ["an www.t. 300 A 192.0.2.1", "an www.t. 300 A 192.0.2.2"];
    check("alias.t A", &["NOERROR aa", "an alias.t. 300 CNAME www.t.", www[0], www[1]]);
    check("alias.t CNAME", &["NOERROR aa", "an alias.t. 300 CNAME www.t."]);
    check("alias.t AAAA", &["NOERROR aa", "an alias.t. 300 CNAME www.t.", SOA]);
    let to_alias = "an alias2.t. 300 CNAME alias.t.";
    check("alias2.t A", &["NOERROR aa", to_alias, "an alias.t. 300 CNAME www.t.", www[0], www[1]]);
    check("gone.t A", &["NXDOMAIN aa", "an gone.t. 300 CNAME nowhere.t.", SOA]);
    check("out.t A", &["NOERROR aa", "an out.t. 300 CNAME www.else."]);
    check("loop.t A", &["NOERROR aa", "an loop.t. 300 CNAME pool.t.", "an pool.t. 300 CNAME loop.t."]);
    check("self.t A", &["NOERROR aa", "an self.t. 300 CNAME self.t."]);
}

const REFERRAL: [&str; 8] = [
    "au sub.t. 300 NS ns.sub.t.",
    "au sub.t. 300 NS ns.sib.t.",
    "au sub.t. 300 NS ns.t.",
    "au sub.t. 300 NS ns.else.",
    "ad ns.sub.t. 300 A 192.0.2.6",
    "ad ns.sib.t. 300 A 192.0.2.8",
    "ad ns.sib.t. 300 AAAA 2001:db8::8",
    "ad ns.t. 300 A 192.0.2.53",
];

#[test]
fn referrals() {
    let referral = [&["NOERROR"][..], &REFERRAL].concat();
    for question in
        ["sub.t A", "sub.t NS", "x.sub.t A", "ns.sub.t A", "a.b.sub.t TXT", "sub.t ANY", "x.sub.t DS"]
    {
        check(question, &referral);
    }
    check("sub.t DS", &["NOERROR aa", &format!("an sub.t. 300 {DS}")]);
    check("sib.t DS", &["NOERROR aa", SOA]);
    check("below.t A", &[&["NOERROR aa", "an below.t. 300 CNAME x.sub.t."][..], &REFERRAL].concat());
}

#[test]
fn renamed_names() {
    check("dn.t TXT", &["NOERROR aa", "an dn.t. 300 TXT d"]);
    check("dn.t A", &["NOERROR aa", SOA]);
    check("dn.t DNAME", &["NOERROR aa", "an dn.t. 300 DNAME www.t."]);
    let dn = "an dn.t. 300 DNAME www.t.";
    check("a.dn.t A", &["NXDOMAIN aa", dn, "an a.dn.t. 300 CNAME a.www.t.", SOA]);
    check("a.dn.t ANY", &["NXDOMAIN aa", dn, "an a.dn.t. 300 CNAME a.www.t.", SOA]);
    let own = "an dup.up.t. 300 DNAME up.t.";
    let to_owner = "an dup.dup.up.t. 300 CNAME dup.up.t.";
    check("dup.dup.up.t DNAME", &["NOERROR aa", own, to_owner]);
    check("dup.dup.up.t ANY", &["NOERROR aa", own, to_owner]);
    check("a.dn.t CNAME", &["NOERROR aa", dn, "an a.dn.t. 300 CNAME a.www.t."]);
    check("a.dout.t A", &["NOERROR aa", "an dout.t. 300 DNAME else.", "an a.dout.t. 300 CNAME a.else."]);
    let long = format!("{0}.{0}.{0}.{1}.dself.t A", "x".repeat(63), "y".repeat(49));
    let own = "an dself.t. 300 DNAME x.dself.t.";
    let reply = {
        let table = table(&[("t", ZONE)]);
        render(&reply_to(&table, &query(&long), Transport::Tcp).expect("a reply"))
    };
    assert_eq!(reply[0], "YXDOMAIN aa");
    assert_eq!(reply[1], own);
}

/// RFC 4592 section 4.4 and RFC 6672 section 2.3 advise against it. It is answered by the rules of RFC 1034 section
/// 4.3.2: the wildcard is a renaming for the names below its own, and a set like any other for those that it stands for.
#[test]
fn a_dname_at_a_wildcard_answers_for_the_name_that_was_asked_for() {
    let table =
        table(&[("t", "$TTL 300\n@ SOA a.t. a.else. 1 2 3 4 60\n@ NS ns.else.\n*.b.t. DNAME b.t.\n")]);
    let renamed = ["an *.b.t. 300 DNAME b.t.", "an A.*.b.t. 300 CNAME A.b.t."];
    check_in(&table, "A.*.b.t DNAME", &["NOERROR aa", renamed[0], renamed[1], "an A.b.t. 300 DNAME b.t."]);
    check_in(&table, "A.*.b.t ANY", &["NOERROR aa", renamed[0], renamed[1], "an A.b.t. 300 DNAME b.t."]);
    check_in(&table, "x.b.t DNAME", &["NOERROR aa", "an x.b.t. 300 DNAME b.t."]);
    check_in(&table, "*.b.t DNAME", &["NOERROR aa", renamed[0]]);
}

#[test]
fn endless_renaming_ends() {
    let steps = [
        "an dself.t. 300 DNAME x.dself.t.",
        "an a.dself.t. 300 CNAME a.x.dself.t.",
        "an a.x.dself.t. 300 CNAME a.x.x.dself.t.",
        "an a.x.x.dself.t. 300 CNAME a.x.x.x.dself.t.",
        "an a.x.x.x.dself.t. 300 CNAME a.x.x.x.x.dself.t.",
        "an a.x.x.x.x.dself.t. 300 CNAME a.x.x.x.x.x.dself.t.",
    ];
    check("a.dself.t A", &[&["NOERROR aa"][..], &steps].concat());
}

#[test]
fn addresses_beside_the_answer() {
    let mail = ["ad mail.t. 300 A 192.0.2.25", "ad mail.t. 300 AAAA 2001:db8::25"];
    let mx = ["an t. 300 MX 10 mail.t.", "an t. 300 MX 20 mail.t.", "an t. 300 MX 30 mail.else."];
    check("t MX", &["NOERROR aa", mx[0], mx[1], mx[2], mail[0], mail[1]]);
    check(
        "t NS",
        &["NOERROR aa", "an t. 300 NS ns.t.", "an t. 300 NS ns.else.", "ad ns.t. 300 A 192.0.2.53"],
    );
    check("_s._tcp.t SRV", &["NOERROR aa", "an _s._tcp.t. 300 SRV 1 2 53 mail.t.", mail[0], mail[1]]);
    let reply = reply_to(&table(&[("t", ZONE)]), &query("svc.t HTTPS"), Transport::Tcp).expect("a reply");
    assert_eq!(render(&reply)[2..], mail);
    check("www.t MX", &["NOERROR aa", "an www.t. 300 MX 0 ."]);
    let reply = reply_to(&table(&[("t", ZONE)]), &query("ssvc.t HTTPS"), Transport::Tcp).expect("a reply");
    let lines = render(&reply);
    assert!(
        lines[2].starts_with("ad svc.t. 300 HTTPS 1 mail.t."),
        "the service that it stands for: {lines:?}"
    );
    let reply = reply_to(&table(&[("t", ZONE)]), &query("sself.t HTTPS"), Transport::Tcp).expect("a reply");
    assert_eq!(render(&reply)[2..], ["ad sself.t. 300 A 192.0.2.9"]);
    let reply = reply_to(&table(&[("t", ZONE)]), &query("www.t HTTPS"), Transport::Tcp).expect("a reply");
    assert_eq!(render(&reply)[2..], ["ad www.t. 300 A 192.0.2.1", "ad www.t. 300 A 192.0.2.2"]);
}

/// What the leanest peer takes for a name with one address.
const NAME_OCTETS_MAX: usize = 122;

#[test]
fn a_million_names_fit_into_little_memory() {
    let names = 10_000;
    let head = "@ 300 SOA ns.else. a.else. 1 2 3 4 60\n@ 300 NS ns.else.\n";
    let text: String = (0..names).map(|n| format!("host{:06} 300 A 192.0.2.1\n", n + 900_000)).collect();
    let table = table(&[("example.com", &(head.to_owned() + &text))]);
    assert!(table.octets() <= names * NAME_OCTETS_MAX, "{} octets for each", table.octets() / names);
}

#[test]
fn parent_and_child_are_both_ours() {
    const PARENT: &str = "\
@ 300 SOA ns.t. a.t. 1 2 3 4 60
@ 300 NS ns.t.
ns 300 A 192.0.2.1
kid 300 NS ns.kid
kid 300 DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.kid 300 A 192.0.2.2
old.kid 300 A 192.0.2.3
to 300 CNAME www.kid
";
    const CHILD: &str = "\
@ 300 SOA ns.kid.t. a.t. 1 2 3 4 30
@ 300 NS ns
ns 300 A 192.0.2.9
www 300 A 192.0.2.4
";
    const CHILD_SOA: &str = "au kid.t. 30 SOA ns.kid.t. a.t. 1 2 3 4 30";
    for zones in [[("t", PARENT), ("kid.t", CHILD)], [("kid.t", CHILD), ("t", PARENT)]] {
        let table = table(&zones);
        check_in(&table, "www.kid.t A", &["NOERROR aa", "an www.kid.t. 300 A 192.0.2.4"]);
        check_in(&table, "ns.kid.t A", &["NOERROR aa", "an ns.kid.t. 300 A 192.0.2.9"]);
        check_in(&table, "old.kid.t A", &["NXDOMAIN aa", CHILD_SOA]);
        check_in(&table, "x.old.kid.t A", &["NXDOMAIN aa", CHILD_SOA]);
        check_in(&table, "kid.t MX", &["NOERROR aa", CHILD_SOA]);
        check_in(&table, "kid.t DS", &["NOERROR aa", &format!("an kid.t. 300 {DS}")]);
        let referral = ["au kid.t. 300 NS ns.kid.t.", "ad ns.kid.t. 300 A 192.0.2.2"];
        check_in(
            &table,
            "to.t A",
            &["NOERROR aa", "an to.t. 300 CNAME www.kid.t.", referral[0], referral[1]],
        );
    }
}
