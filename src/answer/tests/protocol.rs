//! Header, EDNS and sizes: what holds whatever is asked.

use hickory_proto::op::Edns;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::super::{AnswerTable, Identity, QueryContext, ResponsePolicy, Transport};
use super::render::{query, query_with, render};
use super::{ZONE, context, reply_for, reply_to, table, zone};

/// The reply to `query` with some octets replaced.
fn reply_with(patch: &[(usize, u8)], mut query: Vec<u8>) -> Option<Vec<u8>> {
    for (at, octet) in patch {
        query[*at] = *octet;
    }
    reply_to(&table(&[("t", ZONE)]), &query, Transport::Udp)
}

fn edns(octets: u16) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(octets);
    edns
}

fn head(reply: Option<Vec<u8>>) -> String {
    render(&reply.expect("a reply"))[0].clone()
}

#[test]
fn silence_for_responses_and_runts() {
    let www = query("www.t A");
    assert_eq!(reply_with(&[(2, 0x80)], www.clone()), None);
    assert_eq!(reply_with(&[(2, 0x80)], www[..14].to_vec()), None);
    for octets in 0..12 {
        assert_eq!(reply_with(&[], www[..octets].to_vec()), None);
    }
}

#[test]
fn flags_are_built_from_zero() {
    let reply = reply_with(&[(2, 0x07), (3, 0xff)], query("www.t A")).expect("a reply");
    assert_eq!(reply[2..4], [0x85, 0x00], "QR, AA and the RD that was asked with");
    let reply = reply_with(&[(2, 0x7f), (3, 0xff)], query("www.t A")).expect("a reply");
    assert_eq!(reply[2..4], [0xf9, 0x04], "QR, the opcode, RD and NOTIMP");
}

#[test]
fn an_unknown_opcode_is_not_implemented_even_without_a_question() {
    let mut bare = vec![0; 12];
    (bare[0], bare[2]) = (7, 0x21);
    assert_eq!(reply_with(&[], bare), Some(vec![7, 0, 0xa1, 4, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(head(reply_with(&[(2, 0x20)], query_with("www.t A", edns(1232)))), "NOTIMP edns 1232");
}

#[test]
fn what_is_no_query_is_a_format_error() {
    let www = query("www.t A");
    assert_eq!(head(reply_with(&[(5, 2)], www.clone())), "FORMERR");
    assert_eq!(head(reply_with(&[(7, 1)], www.clone())), "FORMERR", "an answer that is not there");
    assert_eq!(head(reply_with(&[], [&www[..], &[0]].concat())), "FORMERR", "something behind the end");
}

/// By a stream these are format errors: who is there can be told so, and there is no loop.
#[test]
fn what_cannot_have_been_a_query_is_met_with_silence() {
    let www = query("www.t A");
    let table = table(&[("t", ZONE)]);
    let mut unlike =
        vec![www[..www.len() - 1].to_vec(), www[..20].to_vec(), [&[0; 12][..], b"garbage"].concat()];
    for (at, octet) in [(4, 1), (5, 0), (5, 3), (6, 1), (7, 5), (9, 5), (11, 5), (12, 0xc0), (12, 0x41)] {
        let mut changed = www.clone();
        changed[at] = octet;
        unlike.push(changed);
    }
    for opcode in 1..16 {
        let mut garbage = [&www[..], &[0]].concat();
        garbage[2] = opcode << 3;
        unlike.push(garbage);
    }
    for message in unlike {
        assert_eq!(reply_to(&table, &message, Transport::Udp), None, "{message:02x?}");
        let by_stream = head(reply_to(&table, &message, Transport::Tcp));
        assert!(["FORMERR", "NOTIMP"].contains(&by_stream.as_str()), "{by_stream}: {message:02x?}");
    }
}

/// What services send to whoever sends them something: none of it starts a conversation.
#[test]
fn other_protocols_are_met_with_silence() {
    let table = table(&[("t", ZONE)]);
    let printable: Vec<u8> = (b' '..=b'~').collect();
    let chargen = (0..printable.len()).map(|start| {
        let line: Vec<u8> = printable.iter().cycle().skip(start).take(72).copied().collect();
        [&line[..], b"\r\n"].concat()
    });
    let others: [&[u8]; 14] = [
        b"Sunday, November 29, 2026 06:00:00-UTC\r\n",
        b"\"When in doubt, tell the truth.\" Mark Twain\r\n",
        b"\xec\x9a\x11\x22",                                               // time
        b"\x00\x05\x00\x04Illegal TFTP operation\x00",
        b"\x24\x02\x06\xe9\x00\x00\x0a\x1b\x00\x00\x05\x3e\xc0\x00\x02\x01\xec\x9a\x11\x22\x00\x00\x00\x00\xec\x9a\x11\x22\x80\x00\x00\x00\
          \xec\x9a\x11\x22\x90\x00\x00\x00\xec\x9a\x11\x22\xa0\x00\x00\x00", // NTP
        b"\x1c\x02\x06\xe9\x00\x00\x00\x00\x00\x00\x00\x01GPS\x00\xec\x9a\x11\x22\x00\x00\x00\x00", // of a first stratum
        b"\x30\x26\x02\x01\x01\x04\x06public\xa2\x19\x02\x01\x01\x02\x01\x00", // SNMP
        b"\x30\x84\x00\x00\x00\x2d\x02\x01\x07\x65\x84\x00\x00\x00\x24\x0a\x01\x00", // CLDAP
        b"\x00\x07\x00\x00\x00\x01\x00\x00ERROR\r\n",                   // memcached
        b"\x02\x02\x00\x00\x00\x02\x00\x00\x0a\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", // RIP
        b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n",                // SSDP
        b"SIP/2.0 200 OK\r\n\r\n",
        b"\x01\x01\x00\x0c\x21\x12\xa4\x42\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", // STUN
        b"\xff\xff\xff\xffprint\nnot a challenge\n",                       // a game
    ];
    for message in others.into_iter().map(<[u8]>::to_vec).chain(chargen) {
        assert_eq!(reply_to(&table, &message, Transport::Udp), None, "{}", message.escape_ascii());
    }
}

#[test]
fn other_classes_and_transfers_are_refused() {
    let www = query("www.t A");
    let class = www.len() - 1;
    for octet in [0, 3, 4, 254, 255] {
        assert_eq!(head(reply_with(&[(class, octet)], www.clone())), "REFUSED");
    }
    for question in ["t TYPE251", "t TYPE252"] {
        assert_eq!(head(reply_with(&[], query(question))), "REFUSED");
    }
}

/// Other networks learn by a stream that it is not for them, whatever they ask, and by a datagram nothing at all.
#[test]
fn who_is_not_allowed_gets_silence_or_refused() {
    let table = table(&[("t", ZONE)]);
    let networks: Box<[ipnet::IpNet]> =
        ["192.0.2.0/24", "2001:db8::/48"].iter().map(|network| network.parse().expect("a network")).collect();
    let policy = ResponsePolicy { allow: Some(networks), ..ResponsePolicy::default() };
    let ask = |from: &str, transport, query: &[u8]| {
        let address = from.parse().expect("an address");
        reply_for(&QueryContext { address, ..context(transport, &policy) }, &table, query)
    };
    for question in ["www.t A", "nowhere.t A", "else A", "t TYPE252"] {
        let query = query_with(question, edns(1232));
        for allowed in ["192.0.2.255", "2001:db8:0:ffff::1"] {
            for transport in [Transport::Udp, Transport::Tcp] {
                let reply = ask(allowed, transport, &query);
                assert_eq!(reply, reply_to(&table, &query, transport), "{allowed} is answered as anybody");
            }
        }
        for other in ["192.0.3.0", "127.0.0.1", "2001:db8:1::1", "::1"] {
            assert_eq!(ask(other, Transport::Udp, &query), None, "{other}");
            let reply = ask(other, Transport::Tcp, &query).expect("a reply");
            assert_eq!(render(&reply), ["REFUSED edns 1232"], "{other}: {question}");
            assert_eq!(reply[reply.len() - 6..], [0, 15, 0, 2, 0, 18], "prohibited (RFC 8914)");
        }
    }
}

#[test]
fn the_question_comes_back_octet_by_octet() {
    let mut query = query("www.t A");
    query[13..16].copy_from_slice(b"wWw");
    let end = query.len();
    let reply = reply_with(&[], query.clone()).expect("a reply");
    assert_eq!(reply[12..end], query[12..end]);
    assert_eq!(render(&reply)[1], "an wWw.t. 300 A 192.0.2.1");
}

#[test]
fn every_reply_to_a_query_with_opt_has_one() {
    for (question, expected) in [
        ("www.t A", "NOERROR aa edns 1232"),
        ("nowhere.t A", "NXDOMAIN aa edns 1232"),
        ("else A", "REFUSED edns 1232"),
        ("t TYPE252", "REFUSED edns 1232"),
    ] {
        assert_eq!(head(reply_with(&[], query_with(question, edns(4096)))), expected);
    }
    let mut asks_dnssec = edns(0);
    asks_dnssec.set_dnssec_ok(true);
    assert_eq!(head(reply_with(&[], query_with("www.t A", asks_dnssec))), "NOERROR aa edns 1232 do");
}

#[test]
fn a_referral_without_signatures_has_no_ds() {
    let mut asks_dnssec = edns(1232);
    asks_dnssec.set_dnssec_ok(true);
    let reply = reply_with(&[], query_with("x.sub.t A", asks_dnssec)).expect("a reply");
    assert_eq!(render(&reply)[0], "NOERROR edns 1232 do");
    assert!(render(&reply).iter().all(|line| !line.contains(" DS ")), "{:?}", render(&reply));
}

#[test]
fn another_edns_version_is_told_ours_before_all_else() {
    let mut newer = edns(1232);
    newer.set_version(1);
    let reply = reply_with(&[], query_with("www.t A", newer)).expect("a reply");
    assert_eq!(render(&reply), ["BADVERS edns 1232"]);
    assert_eq!(
        reply[reply.len() - 6..],
        [1, 0, 0, 0, 0, 0],
        "extended code 1, version 0, no flags, no options"
    );
}

#[test]
fn options_are_ignored_unless_they_are_broken() {
    let opt = |options: &[u8]| [&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.len() as u8], options].concat();
    let with = |additional: &[&[u8]]| {
        let mut query = query("www.t A");
        query[11] = additional.len() as u8;
        query.extend(additional.concat());
        head(reply_with(&[], query))
    };
    let fine = "NOERROR aa edns 1232";
    assert_eq!(with(&[&opt(&[])]), fine);
    assert_eq!(with(&[&opt(&[255, 0, 0, 2, 1, 2, 0, 12, 0, 1, 0])]), fine);
    assert_eq!(with(&[&opt(&[255, 0, 0, 3, 1, 2])]), "FORMERR edns 1232", "an option that runs over the end");
    assert_eq!(with(&[&opt(&[255])]), "FORMERR edns 1232");
    assert_eq!(with(&[&opt(&[]), &opt(&[])]), "FORMERR edns 1232");
    let a = [1, b'x', 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
    assert_eq!(with(&[&opt(&[]), &a]), fine, "the OPT is not the last");
    assert_eq!(with(&[&[&[1, b'x'], &opt(&[])[..]].concat()]), "FORMERR", "an OPT of somebody's");
}

#[test]
fn the_node_says_its_name_when_asked() {
    let table =
        AnswerTable::compile(&[zone("t", ZONE)], &[], Identity { nsid: "ns1".into(), ..Identity::default() });
    let mut asks = edns(1232);
    asks.options_mut().insert(EdnsOption::Unknown(3, Vec::new()));
    let reply = reply_to(&table, &query_with("www.t A", asks), Transport::Udp).expect("a reply");
    let message = hickory_proto::op::Message::from_vec(&reply).expect("a reply that can be read");
    let options = message.edns.expect("an OPT");
    assert!(matches!(options.option(EdnsCode::NSID), Some(EdnsOption::NSID(id)) if id.as_ref() == b"ns1"));
    let reply = reply_to(&table, &query_with("www.t A", edns(1232)), Transport::Udp).expect("a reply");
    assert_eq!(reply[reply.len() - 2..], [0, 0], "nobody asked");
}

/// A set of `n` TXT records of 100 octets each, of which 90 are text, at `n.t`.
fn many(n: usize) -> String {
    let head = "@ 300 SOA ns.t. a.t. 1 2 3 4 60\n@ 300 NS ns.t.\nns 300 A 192.0.2.1\n";
    let records = (0..n).map(|i| format!("n 300 TXT \"{i:085}\"\n"));
    head.to_owned() + &records.collect::<String>()
}

#[test]
fn what_does_not_fit_is_left_out_whole() {
    // Header and question are 21 octets, a record 98, an OPT 11.
    for (records, edns_octets, whole) in [
        (5, None, true),
        (6, None, false),
        (4, Some(512), true),
        (5, Some(512), false),
        (5, Some(0), false),
        (6, Some(620), true),
        (12, Some(1232), true),
        (13, Some(1232), false),
        (13, Some(65535), false),
    ] {
        let table = table(&[("t", &many(records))]);
        let query =
            edns_octets.map_or_else(|| query("n.t TXT"), |octets| query_with("n.t TXT", edns(octets)));
        let reply = reply_to(&table, &query, Transport::Udp).expect("a reply");
        let lines = render(&reply);
        assert_eq!(lines.len() - 1, if whole { records } else { 0 }, "{records} records, {edns_octets:?}");
        assert_eq!(lines[0].contains(" tc"), !whole);
        assert_eq!(lines[0].contains(" edns 1232"), edns_octets.is_some());
        let over_tcp = reply_to(&table, &query, Transport::Tcp).expect("a reply");
        assert_eq!(render(&over_tcp).len() - 1, records);
    }
}

#[test]
fn glue_below_the_cut_must_fit_and_other_addresses_may() {
    let zone = |below: usize, beside: usize| {
        let mut text = many(0) + "sib 300 NS ns.sib\nns.sib 300 A 192.0.2.1\n";
        let name = |i: usize| format!("{}{i:03}", "x".repeat(20));
        (0..below).for_each(|i| text += &format!("sub 300 NS {0}.sub\n{0}.sub 300 A 192.0.2.1\n", name(i)));
        (0..beside).for_each(|i| text += &format!("sub 300 NS {0}.sib\n{0}.sib 300 A 192.0.2.1\n", name(i)));
        table(&[("t", &text)])
    };
    let lines =
        |table: &AnswerTable| render(&reply_to(table, &query("sub.t NS"), Transport::Udp).expect("a reply"));
    let fits = lines(&zone(8, 0));
    assert_eq!((fits.len(), fits[0].as_str()), (1 + 8 + 8, "NOERROR"));
    assert_eq!(lines(&zone(10, 0)), ["NOERROR tc"]);
    let some = lines(&zone(1, 9));
    assert_eq!(some[0], "NOERROR");
    assert!(some.len() < 1 + 10 + 10, "not all addresses fit");
    assert!(some.contains(&format!("ad {}000.sub.t. 300 A 192.0.2.1", "x".repeat(20))));
}
