use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq};
use proptest::test_runner::{Config, TestRunner};

use super::super::crafted::{self, CLIENT, SERVER};
use super::super::frame;
use super::super::kernel::{self, MapKind};
use super::*;

const ASKED: [&str; 2] = ["192.0.2.53:53", "[2001:db8::53]:53"];
const ASKING: [&str; 2] = ["198.51.100.7:4000", "[2001:db8:1::7]:4000"];

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// The program in the kernel, with a socket for the queue that test frames come from.
struct Loaded {
    program: OwnedFd,
    _socket: xdp::socket::XdpSocketBuilder,
}

impl Loaded {
    fn new() -> Loaded {
        let addresses = Map::new(MapKind::Hash, KEY_OCTETS, 2).expect("root may");
        for asked in ASKED {
            addresses.put(&key(address(asked)), 1).expect("room for two");
        }
        let sockets = Map::new(MapKind::Sockets, 4, 1).expect("root may");
        let socket = xdp::socket::XdpSocketBuilder::new().expect("root may");
        sockets.put(&[0; 4], socket.as_raw_fd().cast_unsigned()).expect("room for one");
        let program = kernel::load(&program(SERVER, &addresses, &sockets)).expect("the kernel verifies it");
        Loaded { program, _socket: socket }
    }

    fn takes(&self, frame: &[u8]) -> bool {
        const XDP_REDIRECT: u32 = 4;
        match kernel::run_once(&self.program, frame).expect("a frame that may be tried") {
            XDP_REDIRECT => true,
            verdict => {
                assert_eq!(verdict, XDP_PASS.cast_unsigned(), "nothing is ever dropped");
                false
            }
        }
    }
}

/// The rules of the program, from the frame as the RFCs read it.
fn is_for_us(frame: &[u8]) -> bool {
    let Some(opened) = crafted::open(frame) else { return false };
    let may_ask = match opened.from.ip() {
        IpAddr::V4(v4) => !matches!(v4.octets()[0], 0 | 127 | 224..),
        IpAddr::V6(v6) => !matches!(v6.octets()[0], 0 | 0xff),
    };
    let asked = ASKED.map(address).contains(&opened.to);
    frame[..6] == SERVER
        && asked
        && may_ask
        && opened.from.port() > 0
        && opened.message.len() <= QUERY_MAX_OCTETS
}

/// One change for each rule; everything goes to the kernel but what is a query for us.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn the_kernel_keeps_everything_that_is_no_query_for_us() {
    let loaded = Loaded::new();
    for (asking, asked) in ASKING.map(address).into_iter().zip(ASKED.map(address)) {
        let query = crafted::frame(asking, asked, &[7; 33]);
        let udp = query.len() - 33 - 8;
        assert!(loaded.takes(&query), "{asked}");
        assert!(loaded.takes(&[&query[..], &[0; 20]].concat()), "{asked}: padding of short frames");
        for octets in 14..query.len() {
            assert!(!loaded.takes(&query[..octets]), "{asked}: the first {octets} octets");
        }
        for at in 0..query.len() {
            let mut damaged = query.clone();
            damaged[at] ^= 0x10;
            // The client's hardware address, and over IPv6 what no checksum covers: traffic class, flow label, hops.
            let uncovered = (6..12).contains(&at) || asked.is_ipv6() && matches!(at, 15..=17 | 21);
            assert_eq!(loaded.takes(&damaged), uncovered, "{asked}: octet {at}");
        }
        for (from, to, octets, taken) in [
            (asking, asked, QUERY_MAX_OCTETS, true),
            (asking, asked, QUERY_MAX_OCTETS + 1, false),
            (asking, asked, 0, true),
            (SocketAddr::new(asking.ip(), 0), asked, 12, false),
            (asking, SocketAddr::new(asked.ip(), 5353), 12, false),
            (asking, asking, 12, false),
        ] {
            let frame = crafted::frame(from, to, &vec![9; octets]);
            assert_eq!(loaded.takes(&frame), taken, "{from} to {to}, {octets} octets");
        }
        let mut without_checksum = query.clone();
        without_checksum[udp + 6..udp + 8].fill(0);
        assert_eq!(loaded.takes(&without_checksum), asked.is_ipv4());
        let tagged = [&query[..12], &[0x81, 0, 0, 5], &query[12..]].concat();
        assert!(!loaded.takes(&tagged), "a VLAN");
        let elsewhere = [&CLIENT[..], &query[6..]].concat();
        assert!(!loaded.takes(&elsewhere), "another hardware address");
    }
    for martian in ["0.0.0.1:4000", "127.0.0.1:4000", "224.0.0.1:4000", "255.255.255.255:4000"] {
        assert!(!loaded.takes(&crafted::frame(address(martian), address(ASKED[0]), &[7; 33])), "{martian}");
    }
    for martian in ["[::]:4000", "[::1]:4000", "[::ffff:192.0.2.1]:4000", "[ff02::1]:4000"] {
        assert!(!loaded.takes(&crafted::frame(address(martian), address(ASKED[1]), &[7; 33])), "{martian}");
    }
}

/// IPv4 options, fragments and other protocols, with checksums that are right nevertheless.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn headers_that_are_right_but_not_ours_go_to_the_kernel() {
    let loaded = Loaded::new();
    let with_header = |change: &dyn Fn(&mut [u8])| {
        let mut frame = crafted::frame(address(ASKING[0]), address(ASKED[0]), &[7; 33]);
        change(&mut frame[14..34]);
        frame[24..26].fill(0);
        let sum = crafted::checksum(&[&frame[14..34]]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        frame
    };
    assert!(loaded.takes(&with_header(&|header| header[8] = 1)), "a small TTL is none of our business");
    assert!(loaded.takes(&with_header(&|header| header[6] = 0)), "may be cut");
    assert!(!loaded.takes(&with_header(&|header| header[6] = 0x20)), "the first fragment");
    assert!(!loaded.takes(&with_header(&|header| header[7] = 3)), "another fragment");
    assert!(!loaded.takes(&with_header(&|header| header[9] = 6)), "TCP");
    assert!(!loaded.takes(&with_header(&|header| header[0] = 0x46)), "options");
    assert!(!loaded.takes(&with_header(&|header| header[3] -= 1)), "shorter than its datagram");
    assert!(!loaded.takes(&with_header(&|header| header[3] += 1)), "longer than its datagram");
}

/// The program and the RFCs agree about frames of all lengths with a few octets changed.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn the_program_judges_as_the_rfcs_do() {
    let loaded = Loaded::new();
    let taken = std::cell::Cell::new(0);
    let changes = vec((0..70_usize, any::<u8>()), 0..3);
    let inputs = (any::<bool>(), vec(any::<u8>(), 0..520), changes, 0..3_usize);
    let mut runner =
        TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&inputs, |(v6, message, changes, cut)| {
        let (asking, asked) = (address(ASKING[usize::from(v6)]), address(ASKED[usize::from(v6)]));
        let mut frame = crafted::frame(asking, asked, &message);
        for (at, octet) in changes {
            let last = frame.len() - 1;
            frame[at.min(last)] = octet;
        }
        frame.truncate(frame.len() - cut);
        let takes = loaded.takes(&frame);
        prop_assert_eq!(takes, is_for_us(&frame));
        if takes {
            let layout = frame::read(&frame).expect("what is taken can be read");
            let opened = crafted::open(&frame).expect("what is taken is right");
            prop_assert_eq!(
                (layout.source(&frame), layout.query(&frame)),
                (opened.from, &opened.message[..])
            );
            taken.set(taken.get() + 1);
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(taken.get() > 1000, "only {} of the frames were taken", taken.get());
}
