//! What master files say, one line a case: the text, then the records as they are shown, or the place of a mistake.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use proptest::prelude::*;

use super::{Accepted, IncludeError, MasterFile, no_include, parse, show};
use crate::model::{Name, Problem, Serial};

/// Makes a zone of whatever records a case is about. It comes last, so that lines count from 1.
const APEX: &str = "\nt. 60 IN SOA n.x. h.x. 1 2 3 4 5\nt. 60 IN NS n.x.\n";

fn read(text: &[u8], files: &[(&str, &str)]) -> Result<Accepted, Vec<Problem>> {
    let origin: Name = "t".parse().expect("a name");
    let text = [text, APEX.as_bytes()].concat();
    let master = MasterFile { file: "f", text: &text };
    parse(&origin, &master, &BTreeSet::new(), &mut |name| {
        let file = files.iter().find(|(known, _)| *known == name);
        file.map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| IncludeError::Unreadable(ErrorKind::NotFound.into()))
    })
}

/// The text says exactly these records, beside those of the apex.
#[track_caller]
fn says_with(files: &[(&str, &str)], text: &str, expected: &[&str]) {
    let accepted = read(text.as_bytes(), files).unwrap_or_else(|problems| panic!("{text:?}: {problems:#?}"));
    let shown = show(&accepted.zone);
    let lines: Vec<&str> = shown.lines().filter(|line| !APEX.contains(*line)).collect();
    assert_eq!(lines, expected, "{text:?}");
}

#[track_caller]
fn says(text: &str, expected: &[&str]) {
    says_with(&[], text, expected);
}

/// The first problem stands at this place and says this.
#[track_caller]
fn fails_with(files: &[(&str, &str)], text: &[u8], expected: &str) {
    let shown = String::from_utf8_lossy(text).into_owned();
    let Err(problems) = read(text, files) else { panic!("{shown:?} was accepted") };
    let first = problems[0].to_string();
    let (place, found) = expected.split_once(' ').expect("a place and a text");
    assert!(first.starts_with(&format!("f:{place}: error: ")) && first.contains(found), "{shown:?}: {first}");
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    fails_with(&[], text.as_bytes(), expected);
}

#[test]
fn owners_are_relative_absolute_or_left_out() {
    says("a 1 A 1.2.3.4", &["a.t. 1 IN A 1.2.3.4"]);
    says("a.t. 1 A 1.2.3.4", &["a.t. 1 IN A 1.2.3.4"]);
    says("@ 1 A 1.2.3.4", &["t. 1 IN A 1.2.3.4"]);
    says("a 1 A 1.2.3.4\n\t 2 AAAA ::1\n", &["a.t. 1 IN A 1.2.3.4", "a.t. 2 IN AAAA ::1"]);
    says("a 1 A 1.2.3.4\n\n ; a comment\n   \n 1 TXT x", &["a.t. 1 IN A 1.2.3.4", "a.t. 1 IN TXT \"x\""]);
    says("*.a 1 A 1.2.3.4", &["*.a.t. 1 IN A 1.2.3.4"]);
    says("3 4 A 1.2.3.4", &["3.t. 4 IN A 1.2.3.4"]);
    says("\\065\\.\\\"\\@\\; 1 A 1.2.3.4", &["A\\.\\\"\\@\\;.t. 1 IN A 1.2.3.4"]);
    says("caf\u{e9} 1 A 1.2.3.4", &["caf\\195\\169.t. 1 IN A 1.2.3.4"]);
    fails(" 1 A 1.2.3.4", "1:2 no owner");
    fails("b.example. 1 A 1.2.3.4", "1:1 \"b.example.\" is not in the zone t");
    fails("a..b 1 A 1.2.3.4", "1:1 an empty label");
    fails("\"a\" 1 A 1.2.3.4", "1:1 quotes around an owner");
    fails("a\\256 1 A 1.2.3.4", "1:1 is not a name");
    fails("a\n 1 A 1.2.3.4", "1:2 a record type is missing");
}

#[test]
fn ttl_and_class_stand_in_any_order_or_are_those_before() {
    says("a 1 IN A 1.2.3.4", &["a.t. 1 IN A 1.2.3.4"]);
    says("a IN 1 A 1.2.3.4", &["a.t. 1 IN A 1.2.3.4"]);
    says("a class1 1h30m A 1.2.3.4", &["a.t. 5400 IN A 1.2.3.4"]);
    says("a 1 A 1.2.3.4\nb A 1.2.3.4", &["a.t. 1 IN A 1.2.3.4", "b.t. 1 IN A 1.2.3.4"]);
    says("$TTL 9\na 1 A 1.2.3.4\nb A 1.2.3.4", &["a.t. 1 IN A 1.2.3.4", "b.t. 9 IN A 1.2.3.4"]);
    says("$ttl 2147483647\na A 1.2.3.4", &["a.t. 2147483647 IN A 1.2.3.4"]);
    fails("a A 1.2.3.4", "1:3 no TTL");
    fails("a 1 2 A 1.2.3.4", "1:5 a second TTL");
    fails("a 1 IN IN A 1.2.3.4", "1:8 a second class");
    fails("a 1 CH A 1.2.3.4", "1:5 not IN");
    fails("a 1 CLASS3 A 1.2.3.4", "1:5 not IN");
    fails("a 2147483648 A 1.2.3.4", "1:3 2147483647");
    fails("a 1h30 A 1.2.3.4", "1:3 is not a time");
    fails("a 1 IN", "1:7 a record type is missing");
    fails("a 1 IN B 1.2.3.4", "1:8 \"B\" is neither");
    fails("a 1 ANY \\# 0", "1:5 \"ANY\" is neither");
    fails("a 1 TYPE255 \\# 0", "1:5 not for zones");
    fails("a 1 TYPE41 \\# 0", "1:5 not for zones");
}

#[test]
fn directives_hold_from_their_line_on() {
    says("$ORIGIN b.t.\na 1 A 1.2.3.4", &["a.b.t. 1 IN A 1.2.3.4"]);
    says("$ORIGIN c\n$ORIGIN b\na 1 CNAME @", &["a.b.c.t. 1 IN CNAME b.c.t."]);
    says("$ORIGIN .\na.t 1 CNAME x", &["a.t. 1 IN CNAME x."]);
    says("$ORIGIN @ ; the same\na 1 CNAME x", &["a.t. 1 IN CNAME x.t."]);
    fails("$ORIGIN", "1:8 a name is missing");
    fails("$ORIGIN a b", "1:11 \"b\" after the end of the directive");
    fails("$TTL 1x", "1:6 is not a time");
    fails("$GENERATE 1-2 a A 1.2.3.4", "1:1 $GENERATE");
    fails("$NAME a", "1:1 \"$NAME\" is not a directive");
}

#[test]
fn an_included_file_leaves_no_trace() {
    let files = [
        ("sub", "$TTL 7\n$ORIGIN c.b.t.\nx A 1.2.3.4"),
        ("plain", "y A 1.2.3.4\n"),
        ("blank", " 1 A 1.2.3.4"),
        ("loop", "$INCLUDE loop\n"),
        ("wrong", "y 1 A 1.2.3.4\ny 1 A 1.2.3\n"),
    ];
    says_with(
        &files,
        "$TTL 1\na A 1.2.3.4\n$INCLUDE sub b\n AAAA ::1\nz A 1.2.3.4",
        &["a.t. 1 IN A 1.2.3.4", "a.t. 1 IN AAAA ::1", "x.c.b.t. 7 IN A 1.2.3.4", "z.t. 1 IN A 1.2.3.4"],
    );
    says_with(&files, "$TTL 1\n$INCLUDE \"plain\" o", &["y.o.t. 1 IN A 1.2.3.4"]);
    let many: String = (0..100).map(|n| format!("$INCLUDE plain o{n:02}\n")).collect();
    let each: Vec<String> = (0..100).map(|n| format!("y.o{n:02}.t. 1 IN A 1.2.3.4")).collect();
    says_with(&files, &format!("$TTL 1\n{many}"), &each.iter().map(String::as_str).collect::<Vec<_>>());
    let fails = |text: &str, expected: &str| fails_with(&files, text.as_bytes(), expected);
    fails("$INCLUDE none", "1:10 entity not found");
    fails("$INCLUDE plain o p", "1:18 \"p\" after the end");
    let problems = |text: &str| read(text.as_bytes(), &files).err().expect("wrong")[0].to_string();
    assert!(problems("$INCLUDE wrong").starts_with("wrong:2:7: error: \"1.2.3\" is not an IPv4 address"));
    assert!(
        problems("$INCLUDE loop").starts_with("loop:1:10: error: $INCLUDE of \"loop\", the one too many")
    );
    assert!(problems("a 1 A 1.2.3.4\n$INCLUDE blank").starts_with("blank:1:2: error: no owner"));
}

/// `$INCLUDE` of a key by mistake, or by an editor of zones who may not read keys: what is wrong and where, but
/// no word of it.
#[test]
fn an_included_file_that_is_no_zone_is_not_shown() {
    for (secret, expected) in [
        ("aabbccddeeff00112233445566778899\n", "secret:1:33: error: a record type is missing"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n", "secret:1:12: error: … is neither a type"),
        ("key \"tsig\" { secret \"aGVsbG8=\"; };\n", "secret:1:5: error: quotes where a record type"),
        ("Private-key-format: v1.3\nPrivateKey: aGVsbG8=\n", "secret:1:21: error: … is neither a type"),
        ("root:$6$salt$hash:19000:0:99999:7:::\n", "secret:1:37: error: a record type is missing"),
        ("$PASSWORD hunter2\n", "secret:1:1: error: … is not a directive"),
        ("hunter2 1 A hunter2\n", "secret:1:13: error: … is not an IPv4 address"),
        ("hunter2 hunter2 \"hunter2", "secret:1:9: error: … is neither a type"),
    ] {
        let problems = read(b"$INCLUDE secret", &[("secret", secret)]).err().expect("no zone");
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        let told = told.join("\n");
        assert!(told.starts_with(expected), "{secret}\n{told}");
        let words = secret.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3);
        for word in words.filter(|word| *word != "secret") {
            assert!(!told.contains(word), "{word} of {secret}\n{told}");
        }
    }
}

#[test]
fn parentheses_quotes_and_comments() {
    says("a 1 MX ( ; first\n 10\n\n b ) ; last", &["a.t. 1 IN MX 10 b.t."]);
    says("a 1 MX (10(b))", &["a.t. 1 IN MX 10 b.t."]);
    says("( a 1 A\n1.2.3.4 )", &["a.t. 1 IN A 1.2.3.4"]);
    says("a 1 A 1.2.3.4;x", &["a.t. 1 IN A 1.2.3.4"]);
    says("a 1 A 1.2.3.4\r\nb 1 A 1.2.3.4\r\n", &["a.t. 1 IN A 1.2.3.4", "b.t. 1 IN A 1.2.3.4"]);
    says("a 1 TXT \"(;)\" \\( \\; \"\\\"\"", &["a.t. 1 IN TXT \"(;)\" \"(\" \";\" \"\\\"\""]);
    fails("a 1 A 1.2.3.4 )", "1:15 a ) without its (");
    fails("a 1 MX ( 10 b", "1:8 never closed");
    fails("a 1 TXT \"x\nb 1 A 1.2.3.4", "1:9 not closed");
    fails("a 1 TXT x\"y\"", "1:9 in the middle");
    fails("a 1 TXT x=\"y\"", "1:9 in the middle");
    fails("a 1 TXT \"x\"\"y\"", "1:12 no blank after");
    fails("a 1 TXT x\\", "1:10 at the end of a line");
    fails("a 1 TXT x\u{0}", "1:10 control character 0");
    fails("a 1 A 1.2.3.4\rb 1 A 1.2.3.4", "1:14 carriage return");
    fails("\u{feff}a 1 A 1.2.3.4", "1:1 byte order mark");
    fails("a 1 TXT \"\u{e4}\u{f6}\" \"", "1:14 not closed");
}

#[test]
fn every_mistake_is_reported_and_the_rest_is_read_on() {
    let Err(problems) = read(b"a 1 A 1\nb 1 MX ( x\n y ) z\nc 1 A 1.1.1.1\nd 1 A x\n", &[]) else {
        panic!("accepted")
    };
    let places: Vec<String> =
        problems.iter().filter_map(|p| p.place.as_ref()).map(ToString::to_string).collect();
    assert_eq!(places, ["f:1:7", "f:2:10", "f:5:7"]);
}

#[test]
fn a_line_is_shown_without_its_end() {
    let Err(problems) = read(b"a 1 A x\r\n", &[]) else { panic!("accepted") };
    assert_eq!(problems[0].source_line.as_deref(), Some("a 1 A x"));
}

#[test]
fn the_smallest_ttl_counts_for_all() {
    says("a 5 A 1.1.1.1\na 3 A 1.1.1.2", &["a.t. 3 IN A 1.1.1.1", "a.t. 3 IN A 1.1.1.2"]);
}

#[test]
fn of_very_many_problems_some_are_counted_only() {
    let Err(problems) = read(&b"a 1 A x\n".repeat(1000), &[]) else { panic!("accepted") };
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].to_string(), "error: 900 more errors, which are not shown");
}

/// The line is read, and shown as it was written.
#[track_caller]
fn keeps(record: &str) {
    says(&format!("a 1 {record}"), &[&format!("a.t. 1 IN {record}")]);
}

#[test]
fn data_of_each_type() {
    keeps("A 192.0.2.1");
    keeps("AAAA 2001:db8::1");
    keeps("PTR b.t.");
    keeps("MX 65535 .");
    keeps("TXT \"a b\" \"\" \"\\000\\255\\\\\"");
    keeps("SRV 0 1 65535 b.t.");
    keeps("CAA 128 issue \"ca.example; policy=ev\"");
    keeps("NAPTR 1 2 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .");
    keeps("HINFO \"a\" \"b\"");
    keeps("RP a.t. b.t.");
    keeps("AFSDB 1 b.t.");
    keeps("URI 1 2 \"https://example.com/\"");
    keeps("TLSA 3 1 1 0123456789abcdef");
    keeps("SSHFP 4 2 00ff");
    keeps("CERT 1 2 13 AAEC");
    keeps("DNSKEY 257 3 13 AAECAw==");
    keeps("CDS 0 0 0 00");
    keeps("OPENPGPKEY AAE=");
    keeps("CSYNC 66 3 A NS AAAA TYPE1234");
    keeps("TYPE65280 \\# 4 01020304");
    keeps("TYPE65280 \\# 0");
    keeps("LOC \\# 1 00");
    keeps("SVCB 0 b.t.");
    keeps("HTTPS 1 . alpn=\"h2,h3\" port=443 ipv4hint=192.0.2.1,192.0.2.2 ech=AAE= ipv6hint=2001:db8::1");
    keeps("HTTPS 1 . mandatory=alpn,port alpn=\"h2\" no-default-alpn port=1");
    keeps("SVCB 1 . alpn=\"f\\\\\\\\oo\\\\,bar,h2\""); // RFC 9460 appendix D.2
    keeps("SVCB 1 . dohpath=\"/q{?dns}\" ohttp key667=\"he\\\"llo\\210\"");
}

#[test]
fn data_may_be_written_in_other_ways() {
    for (written, shown) in [
        ("A \\# 4 C0000201", "A 192.0.2.1"),
        ("type1 192.0.2.1", "A 192.0.2.1"),
        ("TYPE1 \\# 4 c000 0201", "A 192.0.2.1"),
        ("DS \\# 5 0001 0d 02 aa", "DS 1 13 2 aa"),
        ("DS 1 ECDSAP256SHA256 2 ( a\n a )", "DS 1 13 2 aa"),
        ("MX 1 b", "MX 1 b.t."),
        ("MX 1 @", "MX 1 t."),
        ("SRV 1 2 3 b", "SRV 1 2 3 b.t."),
        ("RP @ b", "RP t. b.t."),
        ("HTTPS 1 b port=1 alpn=h2", "HTTPS 1 b.t. alpn=\"h2\" port=1"),
        ("SVCB 1 . key1=\"\\002h2\"", "SVCB 1 . alpn=\"h2\""),
        (
            "SVCB 1 . mandatory=port,alpn alpn=\"h2\" port=1",
            "SVCB 1 . mandatory=alpn,port alpn=\"h2\" port=1",
        ),
        ("TXT a \"b c\"", "TXT \"a\" \"b c\""),
        ("TXT \\# 3 02 4142", "TXT \"AB\""),
        ("CAA 0 iodef mailto:a@b", "CAA 0 iodef \"mailto:a@b\""),
        ("HINFO a b", "HINFO \"a\" \"b\""),
        ("DNSKEY 256 3 ED25519 AAEC Aw==", "DNSKEY 256 3 15 AAECAw=="),
        ("CSYNC 1 0 AAAA A A", "CSYNC 1 0 A AAAA"),
    ] {
        let (written, shown) = (format!("a 1 {written}"), format!("a.t. 1 IN {shown}"));
        says(
            &format!("{written}\nb.a 1 DS 1 1 1 00\nb.a 1 NS x."),
            &[&shown, "b.a.t. 1 IN NS x.", "b.a.t. 1 IN DS 1 1 1 00"],
        );
    }
}

#[test]
fn data_that_is_wrong() {
    for (record, expected) in [
        ("A 1.2.3.4 junk", "1:15 \"junk\" after the end of the A data"),
        ("A", "1:6 the data of the record is missing"),
        ("A 01.2.3.4", "1:7 is not an IPv4 address"),
        ("A \"1.2.3.4\"", "1:7 quotes where an IPv4 address belongs"),
        ("AAAA 1.2.3.4", "1:10 is not an IPv6 address"),
        ("MX b", "1:8 \"b\" is not a number from 0 to 65535"),
        ("MX 65536 b", "1:8 65535"),
        ("MX +1 b", "1:8 is not a number"),
        ("MX 1", "1:9 a name is missing"),
        ("MX 1 b c", "1:12 \"c\" after"),
        ("SRV 1 2 b", "1:13 is not a number"),
        ("TXT", "1:8 is missing"),
        ("TXT \\256", "1:9 a bad escape"),
        ("CAA 0 is-sue x", "1:11 is not a property"),
        ("TLSA 3 1 1", "1:15 hexadecimal digits is missing"),
        ("TLSA 3 1 1 abc", "1:18 an odd number"),
        ("TLSA 3 1 1 xy", "1:16 not a hexadecimal digit"),
        ("TLSA 256 1 1 00", "1:10 from 0 to 255"),
        ("DNSKEY 1 3 13 A", "1:19 not Base64"),
        ("DNSKEY 1 3 FOO AAAA", "1:16 not a DNSSEC algorithm"),
        ("CSYNC 1 0 FOO", "1:15 not a record type"),
        ("LOC 52 N", "1:9 the text form of LOC data"),
        ("TYPE65280 abc", "1:15 the text form of TYPE65280 data"),
        ("A \\# 3 010203", "1:7 no data of type A"),
        ("A \\# 4 010203", "1:7 \\# 4 before 3 octets"),
        ("A \\# 4 0102030", "1:18 an odd number"),
        ("A \\#", "1:9 a number is missing"),
        ("NS \\# 2 c00c", "1:8 no data of type NS"),
        ("TXT \\# 2 0541", "1:9 no data of type TXT"),
        ("CSYNC \\# 9 00000001 0000 00 01 00", "1:11 no data of type CSYNC"),
        ("CSYNC \\# 12 00000001 0000 01 01 40 00 01 40", "1:11 no data of type CSYNC"),
        ("HTTPS \\# 12 0001 00 0003 0002 0050 0003 00", "1:11 no data of type HTTPS"),
        ("HTTPS \\# 15 0001 00 0003 0002 0050 0003 0002 0050", "1:11 no data of type HTTPS"),
        ("HTTPS \\# 7 0001 00 ffff 0000", "1:11 no data of type HTTPS"),
        ("HTTPS 1", "1:12 a name is missing"),
        ("HTTPS 1 . port=1 port=2", "1:22 the service parameter \"port=2\""),
        ("HTTPS 1 . port=65536", "1:15 port=65536"),
        ("HTTPS 1 . alpn=h2,,h3", "1:15 alpn"),
        ("HTTPS 1 . alpn", "1:15 alpn"),
        ("HTTPS 1 . foo=1", "1:15 foo"),
        ("HTTPS 1 . key65535=1", "1:15 key65535"),
        ("HTTPS 1 . key3=1", "1:15 key3"),
        ("HTTPS 1 . no-default-alpn", "1:15 do not fit together"),
        ("HTTPS 1 . mandatory=port", "1:15 do not fit together"),
        ("HTTPS 1 . mandatory=mandatory", "1:15 mandatory"),
        ("HTTPS 1 . \"port=1\"", "1:15 port=1"),
        ("HTTPS 1 . port=\"1\"x", "1:23 no blank after"),
    ] {
        fails(&format!("a 1 {record}"), expected);
    }
    let long = "x".repeat(256);
    fails(&format!("a 1 TXT {long}"), "1:9 a string of 256 octets");
    fails(&format!("a 1 DNSKEY 1 3 13 {}", "AAAA".repeat(30_000)), "1:12 more than 65535 octets");
}

#[test]
fn the_zone_tells_its_serial_and_negative_ttl() {
    let zone = read(b"", &[]).unwrap_or_else(|problems| panic!("{problems:?}")).zone;
    assert_eq!((zone.serial(), zone.negative_ttl().as_secs(), zone.record_count()), (Serial(1), 5, 2));
    assert_eq!(zone.soa().ttl.as_secs(), 60);
}

#[test]
fn sets_come_in_canonical_order_and_those_of_a_name_together() {
    says(
        "$TTL 1\nb A 1.1.1.1\na.b A 1.1.1.1\nB TXT x\na A 1.1.1.1\nb A 1.1.1.2",
        &[
            "a.t. 1 IN A 1.1.1.1",
            "b.t. 1 IN A 1.1.1.1",
            "b.t. 1 IN A 1.1.1.2",
            "b.t. 1 IN TXT \"x\"",
            "a.b.t. 1 IN A 1.1.1.1",
        ],
    );
}

#[test]
fn the_examples_have_nothing_doubtful() {
    let cadence = ("cadence.example.com", &include_bytes!("../../zones/cadence.example.com.zone")[..], true);
    let plain = ("example.net", &include_bytes!("../../zones/example.net.zone")[..], false);
    for (origin, text, steered) in [cadence, plain] {
        let origin: Name = origin.parse().expect("a name");
        let steered: BTreeSet<Name> = steered.then(|| origin.clone()).into_iter().collect();
        let outcome = parse(&origin, &MasterFile { file: "f", text }, &steered, &mut no_include);
        assert_eq!(
            outcome.map(|accepted| accepted.warnings).unwrap_or_else(|problems| problems),
            [],
            "{origin}"
        );
    }
}

/// Text of the words and signs that master files are made of, and of any octet.
fn a_text() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "a",
        "b.a",
        "@",
        "*",
        "t.",
        "x.",
        " ",
        "\n",
        "\t",
        "1",
        "1h",
        "IN",
        "A",
        "AAAA",
        "NS",
        "SOA",
        "TXT",
        "MX",
        "CNAME",
        "DNAME",
        "HTTPS",
        "CAA",
        "CSYNC",
        "TYPE9",
        "1.2.3.4",
        "::1",
        "\\#",
        "4",
        "01020304",
        "\"",
        "(",
        ")",
        ";",
        "\\",
        "\\065",
        "\r\n",
        "$TTL 1\n",
        "$ORIGIN",
        "$INCLUDE f",
        "=",
        "alpn=h2",
        "key9=\"x\"",
        "AAAA====",
        "\u{e4}",
    ];
    let word = prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        4 => Just(b" ".to_vec()),
        1 => any::<u8>().prop_map(|octet| vec![octet]),
    ];
    proptest::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// A line that is a record, most often a good one.
fn a_line() -> impl Strategy<Value = String> {
    let owner = proptest::sample::select(vec!["@", "a", "A", "b.a", "*.a", "c", "", "\\000x", "\\..c"]);
    let data = proptest::sample::select(vec![
        "A 1.2.3.4",
        "A 1.2.3.5",
        "AAAA ::1",
        "TXT \"\\200\" x",
        "MX 1 a",
        "NS c",
        "NS x.",
        "CNAME a",
        "DNAME b.x.",
        "TYPE300 \\# 2 0102",
        "HTTPS 1 a port=1 alpn=h2",
        "CAA 0 issue \"\"",
        "SRV 1 2 3 C.t.",
        "CSYNC 1 2 A TYPE999",
    ]);
    (owner, 1_u32..3, data).prop_map(|(owner, ttl, data)| format!("{owner} {ttl} {data}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in a_text()) {
        if let Ok(accepted) = read(&text, &[("f", "a 1 A 1.2.3.4\n")]) {
            prop_assert!(!crate::model::has_errors(&accepted.warnings));
        }
    }

    #[test]
    fn a_zone_that_is_shown_reads_the_same(lines in proptest::collection::vec(a_line(), 0..6)) {
        if let Ok(first) = read(lines.concat().as_bytes(), &[]) {
            let shown = show(&first.zone);
            let origin: Name = "t".parse().expect("a name");
            let master = MasterFile { file: "f", text: shown.as_bytes() };
            let again = parse(&origin, &master, &BTreeSet::new(), &mut no_include);
            let again = again.unwrap_or_else(|problems| panic!("{problems:?}"));
            prop_assert_eq!(show(&again.zone), shown);
            let sets = |zone: &super::Zone| -> Vec<_> {
                zone.sets().map(|s| (s.owner.to_vec(), s.rtype, s.ttl, s.rdata().map(<[u8]>::to_vec).collect::<Vec<_>>())).collect()
            };
            prop_assert_eq!(sets(&again.zone), sets(&first.zone));
        }
    }
}
