use std::net::SocketAddr;

use ppp::v2::{Builder, Command, Protocol, Version};
use proptest::prelude::*;

use super::*;

const FRONT_END: &str = "192.0.2.1:4000";
const OTHER: &str = "192.0.2.2:4000";
const CLIENT: &str = "198.51.100.7:5000";

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn front_ends() -> FrontEnds {
    FrontEnds::new(&["192.0.2.1/32".parse().expect("a network"), "2001:db8::/64".parse().expect("a network")])
}

/// What a front end sends for a client, before the query.
fn header(client: &str, command: Command) -> Vec<u8> {
    let addresses = match at(client) {
        v4 @ SocketAddr::V4(_) => (v4, at("192.0.2.53:53")),
        v6 @ SocketAddr::V6(_) => (v6, at("[2001:db8::53]:53")),
    };
    let builder = Builder::with_addresses(Version::Two | command, Protocol::Datagram, addresses);
    builder.write_tlv(0x04_u8, b"a comment").and_then(Builder::build).expect("a header that is short enough")
}

fn check(source: &str, datagram: &[u8], expected: Option<(&str, &[u8])>) {
    let expected = expected.map(|(client, query)| (at(client), query));
    assert_eq!(front_ends().unwrap(at(source), datagram), expected, "{datagram:02x?} from {source}");
}

fn wrapped(client: &str, command: Command) -> Vec<u8> {
    [header(client, command), b"a query".to_vec()].concat()
}

#[test]
fn a_front_end_says_who_asks() {
    check(FRONT_END, &wrapped(CLIENT, Command::Proxy), Some((CLIENT, b"a query")));
    let v6 = "[2001:db8:7::7]:5000";
    check("[2001:db8::1]:1", &wrapped(v6, Command::Proxy), Some((v6, b"a query")));
    check(FRONT_END, &wrapped("[::ffff:198.51.100.7]:5000", Command::Proxy), Some((CLIENT, b"a query")));
}

#[test]
fn a_front_end_may_ask_for_itself() {
    check(FRONT_END, &wrapped(CLIENT, Command::Local), Some((FRONT_END, b"a query")));
}

#[test]
fn who_is_no_front_end_is_not_believed() {
    let datagram = wrapped(CLIENT, Command::Proxy);
    check(OTHER, &datagram, Some((OTHER, &datagram)));
    assert_eq!(FrontEnds::default().unwrap(at(FRONT_END), &datagram), Some((at(FRONT_END), &datagram[..])));
}

#[test]
fn a_front_end_that_does_not_say_is_not_answered() {
    check(FRONT_END, b"a query that is longer than a header's beginning", None);
    check(FRONT_END, b"", None);
    let whole = header(CLIENT, Command::Proxy);
    for octets in 0..whole.len() {
        check(FRONT_END, &whole[..octets], None);
    }
    let unspecified = [&whole[..13], &[0, 0, 0]].concat();
    check(FRONT_END, &[&unspecified[..], b"a query"].concat(), None);
}

proptest! {
    #[test]
    fn no_octets_do_harm(
        octets in prop::collection::vec(any::<u8>(), 0..80),
        keep in 0_usize..40,
        from_front_end in any::<bool>(),
    ) {
        let source = if from_front_end { FRONT_END } else { OTHER };
        let begun = [&header(CLIENT, Command::Proxy)[..keep], &octets].concat();
        for datagram in [&octets[..], &begun] {
            if let Some((_, query)) = front_ends().unwrap(at(source), datagram) {
                prop_assert!(datagram.ends_with(query));
            }
        }
    }
}

async fn read(mut octets: &[u8]) -> io::Result<(SocketAddr, &[u8])> {
    let client = FrontEnds::read_header(&mut octets, at(FRONT_END)).await?;
    Ok((client, octets))
}

#[tokio::test]
async fn a_stream_begins_with_a_header_and_goes_on_behind_it() {
    let octets = wrapped(CLIENT, Command::Proxy);
    assert_eq!(read(&octets).await.expect("a header"), (at(CLIENT), &b"a query"[..]));
    let octets = wrapped(CLIENT, Command::Local);
    assert_eq!(read(&octets).await.expect("a header"), (at(FRONT_END), &b"a query"[..]));
}

#[tokio::test]
async fn a_stream_without_a_header_ends() {
    for octets in
        [&b"\0\x0ca query of any length"[..], b"PROXY TCP4 198.51.100.7 192.0.2.53 5000 53\r\n", b""]
    {
        assert!(read(octets).await.is_err(), "{octets:02x?}");
    }
    let mut endless = header(CLIENT, Command::Proxy);
    endless[14..16].fill(0xff);
    endless.resize(70_000, 0);
    assert_eq!(read(&endless).await.expect_err("too long").kind(), io::ErrorKind::InvalidData);
}
