use std::net::SocketAddr;

use proptest::array::{uniform4, uniform16};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::super::crafted::{self, CLIENT, Opened, SERVER};
use super::*;

/// What a frame of the ring has room for.
const ROOM: usize = 1344;

fn pair() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let address = prop_oneof![
        (uniform4(any::<u8>()), uniform4(any::<u8>())).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        (uniform16(any::<u8>()), uniform16(any::<u8>()))
            .prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    (address, any::<u16>(), any::<u16>())
        .prop_map(|((a, b), from, to)| (SocketAddr::new(a, from), SocketAddr::new(b, to)))
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    /// Whatever comes, and however long the reply: nothing is read or written where it must not be.
    #[test]
    fn any_octets_are_taken_without_a_panic(mut octets in vec(any::<u8>(), 0..200), reply in 0..1232_usize, version: bool) {
        if let (Some(first), version) = (octets.get_mut(14), version) {
            *first = if version { 0x45 } else { 0x60 }; // otherwise most would be neither
        }
        if let Some(layout) = read(&octets) {
            let _ = layout.source(&octets);
            prop_assert!(layout.query(&octets).len() <= octets.len());
            octets.resize(ROOM, 0);
            prop_assert!(layout.room(&mut octets).len() == AnswerTable::UDP_REPLY_MAX_OCTETS);
            prop_assert!(layout.turn_round(&mut octets, reply) <= REPLY_MAX_OCTETS);
        }
    }

    /// A query goes in, its reply comes out, addressed to the client and with the right checksums.
    #[test]
    fn a_reply_goes_where_its_query_came_from(
        (from, to) in pair(),
        query in vec(any::<u8>(), 0..503),
        reply in vec(any::<u8>(), 12..=1232),
        padding in 0..50_usize,
    ) {
        let mut frame = crafted::frame(from, to, &query);
        frame.resize(frame.len() + padding, 0xa5);
        let layout = read(&frame).expect("a query");
        prop_assert_eq!(layout.source(&frame), from);
        prop_assert_eq!(layout.query(&frame), &query);
        frame.resize(ROOM, 0x5a);
        layout.room(&mut frame)[..reply.len()].copy_from_slice(&reply);
        let octets = layout.turn_round(&mut frame, reply.len());
        frame.truncate(octets);
        prop_assert_eq!((&frame[..6], &frame[6..12]), (&CLIENT[..], &SERVER[..]));
        prop_assert_eq!(crafted::open(&frame), Some(Opened { from: to, to: from, message: reply, padding: 0 }));
    }

    /// Against the reference of RFC 1071, over any octets.
    #[test]
    fn sums_are_those_of_the_reference(octets in vec(any::<u8>(), 0..100)) {
        prop_assert_eq!((!folded(sum(&octets))).to_ne_bytes(), crafted::checksum(&[&octets]).to_be_bytes());
    }
}

#[test]
fn a_frame_that_ends_too_early_holds_no_query() {
    for address in ["192.0.2.1:4000", "[2001:db8::1]:4000"] {
        let address: SocketAddr = address.parse().expect("an address");
        let frame = crafted::frame(address, address, b"a query of 21 octets.");
        assert!(read(&frame).is_some());
        for octets in 0..frame.len() {
            assert_eq!(read(&frame[..octets]), None, "{octets} octets");
        }
    }
}

/// A checksum that comes out as 0 is sent as 0xffff, for 0 means that there is none.
#[test]
fn a_checksum_of_zero_is_not_sent() {
    let address: SocketAddr = "[2001:db8::1]:4000".parse().expect("an address");
    let mut seen = false;
    for word in 0..=u16::MAX {
        let mut frame = crafted::frame(address, address, &[0; 12]);
        let layout = read(&frame).expect("a query");
        layout.room(&mut frame)[..2].copy_from_slice(&word.to_be_bytes());
        layout.turn_round(&mut frame, 12);
        let sum = &frame[14 + 40 + 6..14 + 40 + 8];
        assert_ne!(sum, [0, 0], "{word}");
        seen |= sum == [0xff, 0xff];
    }
    assert!(seen, "some word brings the sum to zero");
}

/// Like replies of the sockets: routers may cut them, and do not mix them up.
#[test]
fn a_v4_reply_is_identified_by_its_message() {
    let [from, to] = ["192.0.2.1:4000", "192.0.2.53:53"].map(|one| one.parse().expect("an address"));
    let mut frame = crafted::frame(from, to, &[0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    read(&frame).expect("a query").turn_round(&mut frame, 12);
    assert_eq!(frame[18..24], [0xab, 0xcd, 0, 0, 64, 17]);
}
