//! The protocol around the question: header, opcodes, classes, EDNS, what is broken. Each line is asked over UDP and
//! over TCP, and both must say the same.
//!
//! The first tests are those of RFC 8906 section 8, in its order.

mod dig;
mod shown;

use std::net::{TcpStream, UdpSocket};

use cadence_dns::answer::Identity;
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::Serving;

use crate::kit::query::{ask, client, receive, udp_client};
use crate::kit::zone;
use dig::query;
use shown::shown;

const ZONE: &str = "\
@     300 SOA ns a 1 2 3 4 60
@     300 NS  ns
ns    300 A   192.0.2.53
www   300 A   192.0.2.1
sub   300 NS  ns.sub
ns.sub 300 A  192.0.2.2
";

/// A set that needs more than 512 octets, and one that needs more than 1232.
fn zone_text() -> String {
    let texts =
        |owner: &'static str, count| (0..count).map(move |i| format!("{owner} 300 TXT \"{i:085}\"\n"));
    ZONE.to_owned() + &texts("big", 8).chain(texts("bigger", 20)).collect::<String>()
}

/// A server, and a client that has both ways to it.
struct Asking {
    udp: UdpSocket,
    tcp: TcpStream,
    serving: Serving,
    next_id: u16,
}

impl Asking {
    fn start() -> Asking {
        let identity = Identity { nsid: "ns1".into(), version: String::new(), host: "ns1".into() };
        let (server, serving) = zone::serve(DnsSettings::default(), zone::table("t", &zone_text(), identity));
        let (udp, tcp) = (udp_client(server), client(server));
        Asking { udp, tcp, serving, next_id: 0 }
    }

    fn query(&mut self, words: &str) -> Vec<u8> {
        self.next_id += 1;
        query(words, self.next_id)
    }

    fn by_udp(&mut self, words: &str) -> String {
        let query = self.query(words);
        self.udp.send(&query).expect("sent to ourselves");
        shown(&query, &receive(&self.udp))
    }

    fn by_tcp(&mut self, words: &str) -> String {
        let query = self.query(words);
        shown(&query, &ask(&mut self.tcp, &query))
    }
}

/// Asks each over both, and shows every line that is not as expected.
fn check(lines: &[(&str, &str)]) {
    let mut asking = Asking::start();
    let mut wrong = String::new();
    for (words, expected) in lines {
        for (way, reply) in [("UDP", asking.by_udp(words)), ("TCP", asking.by_tcp(words))] {
            if reply != *expected {
                wrong += &format!("{words} over {way}\n  expected {expected}\n  got      {reply}\n");
            }
        }
    }
    asking.serving.stop();
    assert!(wrong.is_empty(), "{wrong}");
}

const ANSWER: &str = "NOERROR aa, qd 1 an 1 au 0 ad 0";
const NO_DATA: &str = "NOERROR aa, qd 1 an 0 au 1 ad 0";

#[test]
fn basic_dns() {
    check(&[
        ("t SOA", ANSWER),
        ("t TYPE1000", NO_DATA),
        ("t SOA cd", ANSWER),
        ("t SOA ad", ANSWER),
        ("t SOA z", ANSWER),
        ("t SOA rd", "NOERROR aa rd, qd 1 an 1 au 0 ad 0"),
        ("- opcode=15", "NOTIMP op15, qd 0 an 0 au 0 ad 0"),
    ]);
}

#[test]
fn extended_dns() {
    check(&[
        ("t SOA edns=0", "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232"),
        ("t SOA edns=1", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("t SOA option=100:", "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232"),
        ("t SOA ednsflags=0040", "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232"),
        ("t SOA edns=1 ednsflags=0040", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("t SOA edns=1 option=100:", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("t TYPE48 do size=512", "NOERROR aa, qd 1 an 0 au 1 ad 0, edns 0 1232 do"),
        ("t SOA do", "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232 do"),
        ("t SOA edns=1 do", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232 do"),
        // NSID, COOKIE, EXPIRE and CLIENT-SUBNET in one query.
        (
            "t SOA option=3: option=10:0102030405060708 option=9: option=8:00010000",
            "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232 3:3 10:24",
        ),
    ]);
}

#[test]
fn every_flag_but_rd_is_ours_to_set() {
    check(&[
        ("www.t A aa tc ra z ad cd", ANSWER),
        ("www.t A rd aa tc ra z ad cd", "NOERROR aa rd, qd 1 an 1 au 0 ad 0"),
        ("x.sub.t A rd aa tc ra z ad cd", "NOERROR rd, qd 1 an 0 au 1 ad 1"),
        ("else A rd aa tc ra z ad cd", "REFUSED rd, qd 1 an 0 au 0 ad 0"),
        ("nowhere.t A aa tc ra z ad cd", "NXDOMAIN aa, qd 1 an 0 au 1 ad 0"),
        ("t SOA opcode=5 rd aa tc ra z ad cd", "NOTIMP op5 rd, qd 1 an 0 au 0 ad 0"),
    ]);
}

#[test]
fn every_opcode_but_query_is_unknown() {
    let lines = (1..16).flat_map(|opcode| {
        [
            (format!("- opcode={opcode}"), format!("NOTIMP op{opcode}, qd 0 an 0 au 0 ad 0")),
            (
                format!("- opcode={opcode} rd edns=0"),
                format!("NOTIMP op{opcode} rd, qd 0 an 0 au 0 ad 0, edns 0 1232 ede 21"),
            ),
            (format!("t SOA opcode={opcode}"), format!("NOTIMP op{opcode}, qd 1 an 0 au 0 ad 0")),
            (
                format!("t SOA opcode={opcode} do"),
                format!("NOTIMP op{opcode}, qd 1 an 0 au 0 ad 0, edns 0 1232 do ede 21"),
            ),
            (
                format!("t SOA opcode={opcode} edns=7"),
                format!("BADVERS op{opcode}, qd 1 an 0 au 0 ad 0, edns 0 1232"),
            ),
        ]
    });
    let lines: Vec<(String, String)> = lines.collect();
    check(&lines.iter().map(|(words, expected)| (words.as_str(), expected.as_str())).collect::<Vec<_>>());
}

#[test]
fn types_that_mean_something_else_elsewhere() {
    check(&[
        ("t TYPE0", NO_DATA),
        ("t NULL", NO_DATA),
        ("t OPT", NO_DATA),
        ("t TKEY", NO_DATA),
        ("t TSIG", NO_DATA),
        ("t TYPE253", NO_DATA),
        ("t TYPE65535", NO_DATA),
        ("www.t ANY", ANSWER),
        ("t AXFR", "REFUSED, qd 1 an 0 au 0 ad 0"),
        ("t IXFR", "REFUSED, qd 1 an 0 au 0 ad 0"),
        ("t AXFR do", "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 do ede 21"),
    ]);
}

#[test]
fn classes() {
    let refused = "REFUSED, qd 1 an 0 au 0 ad 0";
    check(&[
        ("t SOA class=3", refused),
        ("version.bind TXT class=3", refused),
        ("id.server TXT class=3", "NOERROR, qd 1 an 1 au 0 ad 0"),
        ("ID.Server ANY class=3 rd", "NOERROR rd, qd 1 an 1 au 0 ad 0"),
        ("id.server A class=3", refused),
        ("id.server TXT class=1", refused),
        ("version.bind TXT class=3 edns=0", "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 21"),
        ("t SOA class=0", refused),
        ("t SOA class=4", refused),
        ("t SOA class=254", refused),
        ("t SOA class=255", refused),
        ("t SOA class=65535", refused),
    ]);
}

/// RFC 8914: beside what could mean many things, and only for who speaks EDNS.
#[test]
fn extended_errors() {
    let fine = "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232";
    let longest: String = ["x".repeat(63), "x".repeat(63), "x".repeat(63), "x".repeat(61)].join(".");
    check(&[
        ("else A edns=0", "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 20"),
        ("else A rd edns=0", "REFUSED rd, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 20"),
        ("else A", "REFUSED, qd 1 an 0 au 0 ad 0"),
        ("t AXFR edns=0", "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 21"),
        ("else IXFR edns=0", "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 21"),
        ("t SOA class=4 edns=0", "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 21"),
        ("t SOA opcode=4 edns=0", "NOTIMP op4, qd 1 an 0 au 0 ad 0, edns 0 1232 ede 21"),
        ("else A edns=1", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("t SOA edns=0 more=00", "FORMERR, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("nowhere.t A edns=0", "NXDOMAIN aa, qd 1 an 0 au 1 ad 0, edns 0 1232"),
        ("t SOA edns=0", fine),
        // Behind everything else that there may be, it still fits into 512 octets.
        (
            &format!("{longest} A size=0 do option=3: option=10:0102030405060708"),
            "REFUSED, qd 1 an 0 au 0 ad 0, edns 0 1232 do 3:3 10:24 ede 20",
        ),
    ]);
}

#[test]
fn options() {
    let fine = "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232";
    let broken = "FORMERR, qd 1 an 0 au 0 ad 0, edns 0 1232";
    check(&[
        ("t SOA option=3:", "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232 3:3"),
        ("t SOA option=3: option=3:", "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232 3:3"),
        ("t SOA option=12:00000000", fine),
        ("t SOA option=8:", fine),
        ("t SOA option=65001:deadbeef option=65535:", fine),
        ("t SOA edns=255", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("else A edns=1", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("t SOA edns=1 option=3: option=10:01", "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232"),
        ("t SOA ednsflags=7fff", fine),
        ("t SOA option=10:01020304050607", broken),
        ("t SOA option=10:010203040506070809", broken),
        // An option that runs over the end of its OPT, and half of one.
        ("t SOA additional=1 more=00002904d000000000000400030001", broken),
        ("t SOA additional=1 more=00002904d00000000000020003", broken),
        // Two OPT; one that is not the last; one that is not the root's.
        ("t SOA edns=0 additional=2 more=00002904d0000000000000", broken),
        ("t SOA edns=0 additional=2 more=00000100010000000000047f000001", fine),
        ("t SOA additional=1 more=0178000029", "FORMERR, qd 1 an 0 au 0 ad 0"),
        ("t SOA additional=1 more=017800002904d0000000000000", "FORMERR, qd 1 an 0 au 0 ad 0"),
    ]);
}

/// The only option that means something on a connection alone (RFC 7828).
#[test]
fn keepalive() {
    let mut asking = Asking::start();
    let mut check = |words, by_udp, by_tcp| {
        assert_eq!(
            (asking.by_udp(words).as_str(), asking.by_tcp(words).as_str()),
            (by_udp, by_tcp),
            "{words}"
        );
    };
    let ignored = "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232";
    check("t SOA option=11:", ignored, "NOERROR aa, qd 1 an 1 au 0 ad 0, edns 0 1232 11:2");
    check("t SOA option=11:0064", ignored, "FORMERR, qd 1 an 0 au 0 ad 0, edns 0 1232 11:2");
    check(
        "t SOA edns=1 option=11:0064",
        "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232",
        "BADVERS, qd 1 an 0 au 0 ad 0, edns 0 1232",
    );
    asking.serving.stop();
}

#[test]
fn what_is_no_query() {
    let broken = "FORMERR, qd 1 an 0 au 0 ad 0";
    let bare = "FORMERR, qd 0 an 0 au 0 ad 0";
    check(&[
        ("-", bare),
        ("- rd edns=0", "FORMERR rd, qd 0 an 0 au 0 ad 0, edns 0 1232"),
        ("t SOA questions=2", bare),
        ("t SOA questions=2 more=017400000600010000", bare),
        ("t SOA answers=1", broken),
        ("t SOA additional=4", broken),
        ("t SOA more=00", broken),
        ("t SOA edns=0 more=00", "FORMERR, qd 1 an 0 au 0 ad 0, edns 0 1232"),
    ]);
}

/// Services that answer whatever comes by datagrams can be set to talk with each other for ever.
#[test]
fn what_cannot_have_been_a_query_is_told_so_by_streams_alone() {
    let broken = "FORMERR, qd 1 an 0 au 0 ad 0";
    let bare = "FORMERR, qd 0 an 0 au 0 ad 0";
    let mut asking = Asking::start();
    for (words, expected) in [
        ("- questions=1", bare),
        ("t SOA questions=0", bare),
        ("t SOA questions=3", bare),
        ("t SOA questions=65535", bare),
        ("t SOA cut=1", bare),
        ("t SOA cut=5", bare),
        ("t SOA additional=5", broken),
        ("t SOA answers=65535 additional=65535", broken),
        // A pointer to itself, one forward, and a label of an unknown kind for a name.
        ("- questions=1 more=c00c00010001", bare),
        ("- questions=1 more=c01000010001", bare),
        ("- questions=1 more=4161626300010001", bare),
        ("t SOA opcode=4 more=00", "NOTIMP op4, qd 1 an 0 au 0 ad 0"),
        ("- opcode=15 more=00", "NOTIMP op15, qd 0 an 0 au 0 ad 0"),
    ] {
        let query = asking.query(words);
        asking.udp.send(&query).expect("sent to ourselves");
        assert_eq!(
            asking.by_udp("t SOA"),
            ANSWER,
            "the first that comes is the answer to this one, not {words}"
        );
        assert_eq!(asking.by_tcp(words), expected, "{words}");
    }
    asking.serving.stop();
}

#[test]
fn sizes() {
    let mut asking = Asking::start();
    let whole = |records| format!("NOERROR aa, qd 1 an {records} au 0 ad 0");
    let cut = "NOERROR aa tc, qd 1 an 0 au 0 ad 0";
    for (words, expected) in [
        ("big.t TXT", cut.to_owned()),
        ("big.t TXT size=0", format!("{cut}, edns 0 1232")),
        ("big.t TXT size=511", format!("{cut}, edns 0 1232")),
        ("big.t TXT size=512", format!("{cut}, edns 0 1232")),
        ("big.t TXT size=1232", format!("{}, edns 0 1232", whole(8))),
        ("big.t TXT size=65535", format!("{}, edns 0 1232", whole(8))),
        ("bigger.t TXT size=4096", format!("{cut}, edns 0 1232")),
        ("bigger.t TXT size=65535", format!("{cut}, edns 0 1232")),
        ("bigger.t TXT size=4096 do option=3:", format!("{cut}, edns 0 1232 do 3:3")),
    ] {
        assert_eq!(asking.by_udp(words), expected, "{words}");
    }
    assert_eq!(asking.by_tcp("bigger.t TXT"), whole(20));
    assert_eq!(asking.by_tcp("bigger.t TXT size=512"), format!("{}, edns 0 1232", whole(20)));
    asking.serving.stop();
}

#[test]
fn responses_and_runts_are_met_with_silence() {
    let mut asking = Asking::start();
    for words in ["t SOA qr", "t SOA qr edns=1", "- qr", "- qr opcode=15", "- cut=1", "- cut=12"] {
        let query = asking.query(words);
        asking.udp.send(&query).expect("sent to ourselves");
    }
    assert_eq!(asking.by_udp("t SOA"), ANSWER, "the first that comes is the answer to this one");
    asking.serving.stop();
}
