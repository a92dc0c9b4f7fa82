//! The rules of a zone, one line a case: the records, then each problem that they bring, or none.

use std::collections::BTreeSet;

use super::super::{MasterFile, no_include, parse};
use crate::model::{Name, Problem};

fn judge(text: &str, steered: &[&str]) -> Vec<Problem> {
    let name = |text: &str| -> Name { text.parse().expect("a name") };
    let steered: BTreeSet<Name> = steered.iter().copied().map(name).collect();
    let text = format!("$TTL 1\n{text}\n");
    let master = MasterFile { file: "f", text: text.as_bytes() };
    match parse(&name("t"), &master, &steered, &mut no_include) {
        Ok(accepted) => accepted.warnings,
        Err(problems) => problems,
    }
}

#[track_caller]
fn expect(text: &str, steered: &[&str], expected: &[&str]) {
    let problems: Vec<String> = judge(text, steered).iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), expected.len(), "{text:?}: {problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        let (place, found) = expected.split_once(' ').expect("a place and a text");
        let said = problem.strip_prefix(&format!("f:{place}: ")).is_some_and(|said| said.starts_with(found));
        assert!(said, "{text:?}: {problem}, not {expected}");
    }
}

const APEX: &str = "@ SOA ns.x. h.x. 1 2 3 4 5\n@ NS ns.x.\n";

/// A zone of these records and an apex before them, so that the first line of the case is line 4.
#[track_caller]
fn check(records: &str, expected: &[&str]) {
    expect(&format!("{APEX}{records}"), &[], expected);
}

#[track_caller]
fn check_steered(steered: &[&str], records: &str, expected: &[&str]) {
    expect(&format!("{APEX}{records}"), steered, expected);
}

#[test]
fn the_apex_has_one_soa_and_servers() {
    expect("", &[], &["1:1 error: no SOA record at t", "1:1 error: no NS record at t"]);
    expect("@ SOA a. b. 1 2 3 4 5", &[], &["1:1 error: no NS record at t"]);
    check("@ SOA ns.x. h.x. 2 2 3 4 5", &["4:3 error: a second SOA record at t"]);
    check("@ SOA NS.x. h.x. 1 2 3 4 5", &["4:3 warning: the SOA record of t twice"]);
    check("a SOA ns.x. h.x. 1 2 3 4 5", &["4:3 error: an SOA record below the apex at a.t"]);
}

#[test]
fn what_could_not_be_read_is_not_missed() {
    expect("@ SOA a. b.\n@ NS x.", &[], &["2:12 error: a number is missing"]);
    check("@ NS a\na A x\n", &["5:5 error: \"x\" is not an IPv4 address"]);
    expect(
        "a A 1.2.3\n@ CNAME b\n@ TXT x",
        &[],
        &["2:5 error: \"1.2.3\"", "4:3 error: a CNAME and TXT records"],
    );
}

#[test]
fn an_alias_is_alone() {
    check("a CNAME b.x.", &[]);
    check("a CNAME b.x.\na NSEC b CNAME\na RRSIG \\# 0", &[]);
    check("a CNAME b.x.\na A 1.1.1.1", &["5:3 error: a CNAME and A records at a.t"]);
    check("a A 1.1.1.1\na TXT x\nA CNAME b.x.", &["6:3 error: a CNAME and A records at a.t"]);
    check("a CNAME b.x.\na CNAME c.x.", &["5:3 error: a second CNAME record at a.t"]);
    check("a CNAME b.x.\na CNAME B.x.", &["5:3 warning: the CNAME record of a.t twice"]);
    check("@ CNAME b.x.", &["4:3 error: a CNAME and NS records at t"]);
}

#[test]
fn nothing_is_below_a_dname() {
    check("a DNAME b.x.\na A 1.1.1.1", &[]);
    check("a DNAME b.x.\na DNAME c.x.", &["5:3 error: a second DNAME record at a.t"]);
    check("b.a A 1.1.1.1\na DNAME b.x.", &["4:5 error: b.a.t is below a.t, which has a DNAME"]);
    check("@ DNAME x.\na TXT x", &["5:3 error: a.t is below t, which has a DNAME"]);
    check(
        "a DNAME x.\na NS x.",
        &["4:3 error: DNAME and NS at a.t", "4:3 warning: the DNAME record of a.t is never served"],
    );
    check("*.a DNAME x.", &["4:5 warning: a DNAME record at a wildcard: *.a.t"]);
    check("a-b TXT x\na DNAME b.x.\nc.a-b TXT x", &[]);
}

#[test]
fn below_a_cut_there_is_only_glue() {
    check("a NS b.a\nb.a A 1.1.1.1\nb.a AAAA ::1", &[]);
    check("a NS a\na A 1.1.1.1\na DS 1 13 2 aa", &[]);
    check("a NS x.\na A 1.1.1.1", &["5:3 warning: the A record of a.t is never served"]);
    check("a NS x.\nb.a A 1.1.1.1", &["5:5 warning: the A record of b.a.t is never served"]);
    check("a NS x.\nb.a TXT x\nb.a TXT y", &["5:5 warning: the TXT record of b.a.t is never served"]);
    check("a NS x.\nb.a NS y.", &["5:5 warning: the NS record of b.a.t is never served"]);
    check(
        "a NS x.\nb.a DNAME y.\nc.b.a A 1.1.1.1",
        &["5:5 warning: the DNAME", "6:7 warning: the A record of c.b.a.t"],
    );
    check("a NS x.\nc NS b.a\nb.a A 1.1.1.1", &[]); // glue of a sibling
    check("*.a NS x.", &["4:5 warning: an NS record at a wildcard: *.a.t"]);
}

#[test]
fn a_delegation_signer_stands_at_a_cut() {
    check("a DS 1 13 2 aa", &["4:3 warning: a DS record without NS: a.t"]);
    check("@ DS 1 13 2 aa", &["4:3 warning: a DS record at the apex: t"]);
}

#[test]
fn a_set_has_one_ttl_and_no_record_twice() {
    check(
        "a 5 A 1.1.1.1\na 3 A 1.1.1.2\na 9 A 1.1.1.3",
        &["5:5 warning: TTLs of 5s and 3s in the A set of a.t"],
    );
    check("a A 1.1.1.1\na A 1.1.1.2\na A 1.1.1.1", &["6:3 warning: the A record of a.t twice"]);
    check("a TXT x\na TXT X", &[]);
    check("a MX 65 b.x.\na MX 97 b.x.", &[]);
    check("a MX 1 b.x.\na MX 1 B.X.\n", &["5:3 warning: the MX record of a.t twice"]);
    let many: String = (0..200).map(|n| format!("a TXT {n}\n")).collect();
    check(&format!("{many}a TXT 7"), &["204:3 warning: the TXT record of a.t twice"]);
}

#[test]
fn servers_have_addresses() {
    check("@ NS a\na A 1.1.1.1", &[]);
    check("@ NS a\n*.b TXT x", &["4:3 error: the zone's own server a.t has no address"]);
    check("@ NS a.b\n*.b A 1.1.1.1", &[]);
    check("@ NS a.b\n*.b TXT x", &["4:3 error: the zone's own server a.b.t has no address"]);
    check(
        "@ NS a.c.b\n*.b A 1.1.1.1\nd.c.b TXT x",
        &["4:3 error: the zone's own server a.c.b.t has no address"],
    );
    check("@ NS a\na TXT x", &["4:3 error: the zone's own server a.t has no address"]);
    check("@ NS a\na CNAME x.", &["4:3 warning: the NS record points to a.t, which is an alias"]);
    check("@ NS b.a\na DNAME x.", &["4:3 warning: the NS record points to b.a.t, which is an alias"]);
    check("@ NS b.a\na NS x.", &[]); // the other zone has the address
    check("a NS b.a", &["4:3 warning: b.a.t has no glue: resolvers cannot reach it"]);
    check("a NS b.c\nc NS x.", &["4:3 warning: the NS record points to b.c.t, which has no glue"]);
    check("a NS b", &["4:3 warning: the NS record points to b.t, which has no address"]);
    check(
        "a MX 1 b\na MX 0 .\na MX 1 b.x.",
        &["4:3 warning: the MX record points to b.t, which has no address"],
    );
    check("a SRV 1 1 1 b\nb CNAME x.", &["4:3 warning: the SRV record points to b.t, which is an alias"]);
}

#[test]
fn an_alias_leads_somewhere() {
    check("a CNAME b\nb TXT x", &[]);
    check("a CNAME c.b\n*.b TXT x", &[]);
    check("a CNAME b\nc.b TXT x", &[]);
    check("a CNAME b\nb CNAME @", &[]);
    check("a CNAME b.c\nc NS x.", &[]);
    check("a CNAME .", &[]);
    check("a CNAME b.x", &["4:3 warning: the CNAME record points to b.x.t, which does not exist"]);
    check_steered(&["b.t"], "a CNAME b", &[]);
}

#[test]
fn a_mail_address_has_no_at_sign() {
    expect("@ SOA a.x. b@c.x. 1 2 3 4 5\n@ NS a.x.", &[], &["2:3 warning: an @ in the mail address"]);
    expect("@ SOA a@x. b.c@x. 1 2 3 4 5\n@ NS a.x.", &[], &[]);
}

#[test]
fn a_set_fits_into_a_message() {
    let many: String = (0..4093).map(|n| format!("a A 10.0.{}.{}\n", n / 256, n % 256)).collect();
    check(&many, &[]);
    check(&format!("{many}a A 10.1.1.1"), &["4:3 error: the A set of a.t needs 65536 octets"]);
}

#[test]
fn a_steered_name_leaves_its_place_to_the_decision() {
    check_steered(&["t"], "@ TXT x\n@ MX 1 @", &[]);
    check_steered(&["a.t"], "", &[]);
    check_steered(&["a.u"], "", &[]);
    check_steered(&["T"], "@ A 1.1.1.1", &["4:3 error: A at T, which a [[steer]] answers"]);
    check_steered(&["a.t"], "a AAAA ::1\na AAAA ::2", &["4:3 error: AAAA at a.t, which a [[steer]] answers"]);
    check_steered(&["a.t"], "a CNAME b.x.", &["4:3 error: CNAME at a.t, which a [[steer]] answers"]);
    check_steered(&["a.t"], "a DNAME b", &["4:3 error: DNAME at a.t, which a [[steer]] answers"]);
}

#[test]
fn no_service_leads_past_the_decision() {
    check_steered(&["a.t"], "a HTTPS 1 . alpn=h2", &[]);
    check_steered(&["a.t"], "a HTTPS 0 b.x.\nb HTTPS 1 . ipv4hint=192.0.2.1\nb A 192.0.2.1", &[]);
    let hint = "4:3 error: ipv4hint of the HTTPS record at a.t, whose addresses a [[steer]] answers";
    check_steered(&["a.t"], "a HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1", &[hint]);
    let hint = "4:4 error: ipv4hint and ipv6hint of the SVCB record at _x.t, whose addresses a [[steer]]";
    check_steered(&["a.t"], "_x SVCB 1 A.t. ipv4hint=192.0.2.1 ipv6hint=::1", &[hint]);
    let hint = "4:3 error: ipv6hint of the HTTPS record at a.t, whose addresses a [[steer]] answers";
    check_steered(&["a.t"], "a TYPE65 \\# 23 0001 00 0006 0010 20010db8000000000000000000000001", &[hint]);
}

#[test]
fn a_steered_name_is_within_reach() {
    check_steered(&["a.t"], "a NS x.", &["4:3 error: a.t has a [[steer]], but a.t is delegated"]);
    check_steered(&["c.b.a.t"], "a NS x.", &["4:3 error: c.b.a.t has a [[steer]], but a.t is delegated"]);
    check_steered(&["c.b.a.t"], "a DNAME x.", &["4:3 error: c.b.a.t has a [[steer]], but a.t is an alias"]);
    let both = ["4:3 error: c.b.a.t has a [[steer]], but a.t is delegated", "5:5 warning: the DNAME"];
    check_steered(&["c.b.a.t"], "a NS x.\nb.a DNAME x.", &both);
    check_steered(&["a.t"], "@ DNAME x.", &["4:3 error: a.t has a [[steer]], but t is an alias"]);
}

#[test]
fn a_steered_name_exists_and_has_addresses() {
    check_steered(&["a.t"], "@ NS a\nb MX 1 a\nb SRV 1 1 1 a", &[]);
    check_steered(&["*.a.t"], "@ NS b.a", &[]);
    check_steered(
        &["b.a.t"],
        "@ NS a\n*.t. A 1.1.1.1",
        &["4:3 error: the zone's own server a.t has no address"],
    );
    check_steered(
        &["b.a.t"],
        "@ NS c.a\n*.t. A 1.1.1.1",
        &["4:3 error: the zone's own server c.a.t has no address"],
    );
}
