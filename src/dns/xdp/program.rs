//! The program that the interface runs for each frame: a query for us goes to the ring of its queue, everything else
//! on to the kernel, as if there were no program.
//!
//! A frame is taken when all of this holds; what is doubtful, the kernel judges, and our ordinary sockets answer it:
//!
//! * Ethernet to the interface's own address; IPv4 or IPv6 without VLAN tag;
//! * IPv4 without options, not a fragment, with the right header checksum; IPv6 without extension headers;
//! * from an address that may ask: no loopback, unspecified or multicast one, and not from port 0;
//! * UDP to one of the addresses and ports in the map, at most [`QUERY_MAX_OCTETS`] long;
//! * all lengths agree, and the UDP checksum is right (over IPv4 it may be absent). One that hardware would still have
//!   to fill in, as between two containers of one machine, is not right, so the kernel gets it, which knows about it.
//!
//! Each line is one instruction. The kernel verifies all of it before it runs: every access lies within the frame.

use std::net::{IpAddr, SocketAddr};

use super::assembler::{
    Line, Mark, Register, Width, add, add_constant, assemble, call, copy, copy_low, exit, go, go_if_above,
    go_if_below, go_if_beyond, go_if_differ, go_if_equal, go_if_not, go_if_not_32, keep, load, load_map, set,
    shift_left, shift_right, store, store_constant, turn_16,
};
use super::kernel::Map;

/// Longer queries go by the sockets; hardly anybody has reason to send one. With the UDP header, nine bits hold it.
pub(super) const QUERY_MAX_OCTETS: usize = 511 - 8;

/// The key of the map of addresses: an IPv6 address, or an IPv4 one mapped into IPv6, and the port.
pub(super) const KEY_OCTETS: usize = 20;

/// An address as the program looks it up.
pub(super) fn key(address: SocketAddr) -> [u8; KEY_OCTETS] {
    let mut key = [0; KEY_OCTETS];
    let address_octets = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    key[..16].copy_from_slice(&address_octets);
    key[16..18].copy_from_slice(&address.port().to_be_bytes());
    key
}

const RESULT: Register = Register(0);
const R1: Register = Register(1);
const R2: Register = Register(2);
const R3: Register = Register(3);
/// What is left of the UDP datagram to be summed up, in octets.
const LEFT: Register = Register(4);
/// The sum of a checksum, in 64 bits: more than any frame can fill.
const SUM: Register = Register(5);
/// What the kernel knows about the frame, a `struct xdp_md`.
const CONTEXT: Register = Register(6);
/// The first octet of the frame.
const FRAME: Register = Register(7);
/// Behind its last octet.
const END: Register = Register(8);
/// The first octet of the UDP header.
const UDP: Register = Register(9);
const STACK: Register = Register(10);

/// Where the stack holds the key, and what must outlive the look-up.
const KEY: i16 = -24;
const KEPT_SUM: i16 = -32;
const KEPT_OCTETS: i16 = -40;

const PASS: Mark = Mark("pass");
const V6: Mark = Mark("IPv6");
const DATAGRAM: Mark = Mark("UDP");
const TAKE: Mark = Mark("take");

/// What a datagram is summed up in: at most 511 octets.
const PARTS: [(i32, Mark); 9] = [
    (256, Mark("behind 256 octets")),
    (128, Mark("behind 128 octets")),
    (64, Mark("behind 64 octets")),
    (32, Mark("behind 32 octets")),
    (16, Mark("behind 16 octets")),
    (8, Mark("behind 8 octets")),
    (4, Mark("behind 4 octets")),
    (2, Mark("behind 2 octets")),
    (1, Mark("behind the last octet")),
];

/// `enum xdp_action`: on to the kernel's network stack.
pub(super) const XDP_PASS: i32 = 2;
const UDP_PROTOCOL: i32 = 17;
const UDP_HEADER: i32 = 8;
const MAP_LOOKUP_ELEM: i32 = 1;
const REDIRECT_MAP: i32 = 51;

/// A constant of 16 bits as it lies in a packet.
fn lying(constant: u16) -> i32 {
    i32::from(constant.to_be())
}

/// The program for an interface with this hardware address, with its two maps: the addresses that are answered for,
/// and the socket of each queue.
pub(super) fn program(hardware: [u8; 6], addresses: &Map, sockets: &Map) -> Vec<u64> {
    program_of_numbers(hardware, addresses.descriptor(), sockets.descriptor())
}

/// The same, its maps known by their descriptors.
pub(super) fn program_of_numbers(hardware: [u8; 6], addresses: i32, sockets: i32) -> Vec<u64> {
    let mut lines = Vec::new();
    lines.extend(ethernet(hardware));
    lines.extend(v4());
    lines.extend(v6());
    lines.extend(datagram(addresses));
    lines.extend(checksum());
    lines.extend(verdict(sockets));
    assemble(&lines)
}

#[rustfmt::skip]
fn ethernet([a, b, c, d, e, f]: [u8; 6]) -> Vec<Line> {
    vec![
        copy(CONTEXT, R1),                                  // the argument
        load(Width::Four, FRAME, CONTEXT, 0),               // xdp_md.data
        load(Width::Four, END, CONTEXT, 4),                 // xdp_md.data_end
        copy(R2, FRAME),
        add_constant(R2, 14 + 20 + UDP_HEADER),             // Ethernet, IPv4 and UDP headers
        go_if_beyond(R2, END, PASS),                        // a shorter frame holds no query
        load(Width::Four, R2, FRAME, 0),                    // to whom
        go_if_not_32(R2, i32::from_ne_bytes([a, b, c, d]), PASS),
        load(Width::Two, R2, FRAME, 4),
        go_if_not(R2, i32::from(u16::from_ne_bytes([e, f])), PASS),
        load(Width::Two, R2, FRAME, 12),                    // what is inside
        go_if_equal(R2, lying(0x86dd), V6),
        go_if_not(R2, lying(0x0800), PASS),                 // neither IPv6 nor IPv4
    ]
}

#[rustfmt::skip]
fn v4() -> Vec<Line> {
    let mut lines = vec![
        load(Width::One, R2, FRAME, 14),                    // version and length of the header
        go_if_not(R2, 0x45, PASS),                          // options
        load(Width::Two, R2, FRAME, 20),                    // flags and fragment offset
        keep(R2, lying(0xbfff)),                            // all but "don't fragment"
        go_if_not(R2, 0, PASS),                             // a fragment
        load(Width::One, R2, FRAME, 23),
        go_if_not(R2, UDP_PROTOCOL, PASS),
        load(Width::One, R2, FRAME, 26),                    // the source, first octet
        go_if_equal(R2, 0, PASS),                           // 0.0.0.0/8, this network
        go_if_equal(R2, 127, PASS),                         // 127.0.0.0/8, loopback
        go_if_above(R2, 223, PASS),                         // 224.0.0.0/4 and above, multicast and broadcast
        load(Width::Two, R2, FRAME, 16),                    // total length
        turn_16(R2),
        load(Width::Two, R3, FRAME, 14 + 20 + 4),           // UDP length
        turn_16(R3),
        add_constant(R3, 20),
        go_if_differ(R2, R3, PASS),                         // they do not agree
        load(Width::Four, SUM, FRAME, 14),                  // the header's sum, word by word
        load(Width::Four, R2, FRAME, 18),
        add(SUM, R2),
        load(Width::Four, R2, FRAME, 22),
        add(SUM, R2),
        load(Width::Four, R2, FRAME, 26),
        add(SUM, R2),
        load(Width::Four, R2, FRAME, 30),
        add(SUM, R2),
    ];
    lines.extend(fold());
    lines.extend([
        go_if_not(SUM, 0xffff, PASS),                       // the header's checksum is wrong
        store_constant(Width::Eight, STACK, KEY, 0),        // the key: ::ffff:0:0/96, and whom they ask
        store_constant(Width::Four, STACK, KEY + 8, 0xffff_u32.to_be().cast_signed()),
        load(Width::Four, R2, FRAME, 30),
        store(Width::Four, STACK, KEY + 12, R2),
        load(Width::Four, SUM, FRAME, 26),                  // UDP's checksum begins with the addresses
        add(SUM, R2),
        copy(UDP, FRAME),
        add_constant(UDP, 14 + 20),
        go(DATAGRAM),
    ]);
    lines
}

#[rustfmt::skip]
fn v6() -> Vec<Line> {
    let mut lines = vec![
        Line::At(V6),
        copy(R2, FRAME),
        add_constant(R2, 14 + 40 + UDP_HEADER),             // Ethernet, IPv6 and UDP headers
        go_if_beyond(R2, END, PASS),
        load(Width::One, R2, FRAME, 14),
        keep(R2, 0xf0),
        go_if_not(R2, 0x60, PASS),                          // not version 6
        load(Width::One, R2, FRAME, 20),                    // next header
        go_if_not(R2, UDP_PROTOCOL, PASS),                  // an extension header, or another protocol
        load(Width::One, R2, FRAME, 22),                    // the source, first octet
        go_if_equal(R2, 0x00, PASS),                        // ::/8: loopback, unspecified, mapped
        go_if_equal(R2, 0xff, PASS),                        // ff00::/8, multicast
        load(Width::Two, R2, FRAME, 18),                    // payload length
        load(Width::Two, R3, FRAME, 14 + 40 + 4),           // UDP length
        go_if_differ(R2, R3, PASS),                         // they do not agree
        load(Width::Two, R2, FRAME, 14 + 40 + 6),
        go_if_equal(R2, 0, PASS),                           // no UDP checksum, which IPv6 demands
        set(SUM, 0),                                        // UDP's checksum begins with the addresses
    ];
    for word in 0..4 {
        let (from, to) = (22 + 4 * word, 38 + 4 * word);
        lines.extend([
            load(Width::Four, R2, FRAME, from),             // the source
            add(SUM, R2),
            load(Width::Four, R2, FRAME, to),               // whom they ask: the key
            add(SUM, R2),
            store(Width::Four, STACK, KEY + 4 * word, R2),
        ]);
    }
    lines.extend([
        copy(UDP, FRAME),
        add_constant(UDP, 14 + 40),
    ]);
    lines
}

#[rustfmt::skip]
fn datagram(addresses: i32) -> Vec<Line> {
    let [first, second] = load_map(R1, addresses);
    vec![
        Line::At(DATAGRAM),
        load(Width::Two, R2, UDP, 0),
        go_if_equal(R2, 0, PASS),                           // from port 0, where no reply can go
        load(Width::Two, R2, UDP, 2),
        store(Width::Two, STACK, KEY + 16, R2),             // the port belongs to the key
        store_constant(Width::Two, STACK, KEY + 18, 0),
        load(Width::Two, LEFT, UDP, 4),                     // UDP length
        add(SUM, LEFT),                                     // belongs to the checksum, as does the protocol
        add_constant(SUM, lying(17)),
        turn_16(LEFT),
        go_if_below(LEFT, UDP_HEADER, PASS),
        go_if_above(LEFT, UDP_HEADER + QUERY_MAX_OCTETS as i32, PASS),
        store(Width::Eight, STACK, KEPT_SUM, SUM),
        store(Width::Eight, STACK, KEPT_OCTETS, LEFT),
        first, second,
        copy(R2, STACK),
        add_constant(R2, i32::from(KEY)),
        call(MAP_LOOKUP_ELEM),
        go_if_equal(RESULT, 0, PASS),                       // we do not answer at this address and port
    ]
}

/// Walks through the datagram, which shows at the same time that the frame holds all of it. There is no loop: the
/// length in binary says which of the parts there are, so the verifier sees 512 ways through, and knows each.
#[rustfmt::skip]
fn checksum() -> Vec<Line> {
    let mut lines = vec![
        load(Width::Eight, SUM, STACK, KEPT_SUM),
        load(Width::Eight, LEFT, STACK, KEPT_OCTETS),
        copy(R1, UDP),                                      // what is summed up next
    ];
    for (octets, behind) in PARTS {
        lines.extend([
            copy(R2, LEFT),
            keep(R2, octets),
            go_if_equal(R2, 0, behind),                     // there is no part of this length
            copy(R2, R1),
            add_constant(R2, octets),
            go_if_beyond(R2, END, PASS),                    // the frame ends before the datagram does
        ]);
        lines.extend(sum_part(octets));
        lines.extend([
            copy(R1, R2),
            Line::At(behind),
        ]);
    }
    lines.extend(fold());
    lines.extend([
        load(Width::Two, R2, UDP, 6),
        go_if_equal(R2, 0, TAKE),                           // there is none, which IPv4 allows
        go_if_not(SUM, 0xffff, PASS),                       // it is wrong
    ]);
    lines
}

/// Adds the octets at `r1`.
#[rustfmt::skip]
fn sum_part(octets: i32) -> Vec<Line> {
    match octets {
        1 => vec![
            load(Width::One, R3, R1, 0),
            shift_left(R3, 8),                              // the octet, and a zero behind it
            turn_16(R3),
            add(SUM, R3),
        ],
        2 => vec![
            load(Width::Two, R3, R1, 0),
            add(SUM, R3),
        ],
        _ => (0..octets as i16).step_by(4).flat_map(|word| [
            load(Width::Four, R3, R1, word),
            add(SUM, R3),
        ]).collect(),
    }
}

/// Folds [`SUM`]: what overflows 16 bits is added below (RFC 1071). A right sum, a multiple of 0xffff, is 0xffff then.
#[rustfmt::skip]
fn fold() -> Vec<Line> {
    let mut lines = vec![
        copy(R3, SUM),
        shift_right(R3, 32),
        copy_low(SUM, SUM),
        add(SUM, R3),                                       // 33 bits
    ];
    for _ in ["at most 0x2fffe", "at most 0x10001"] {
        lines.extend([
            copy(R3, SUM),
            shift_right(R3, 16),
            keep(SUM, 0xffff),
            add(SUM, R3),
        ]);
    }
    lines
}

#[rustfmt::skip]
fn verdict(sockets: i32) -> Vec<Line> {
    let [first, second] = load_map(R1, sockets);
    vec![
        Line::At(TAKE),
        first, second,
        load(Width::Four, R2, CONTEXT, 16),                 // xdp_md.rx_queue_index
        set(R3, XDP_PASS),                                  // for a queue that has no socket
        call(REDIRECT_MAP),
        exit(),

        Line::At(PASS),
        set(RESULT, XDP_PASS),
        exit(),
    ]
}

#[cfg(test)]
mod tests;
