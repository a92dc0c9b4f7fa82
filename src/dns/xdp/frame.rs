//! An Ethernet frame with a query becomes the frame with its reply: octets in, octets out.
//!
//! ```text
//! Ethernet 14 │ IPv4 20 │ UDP 8 │ message        IPv4 without options, IPv6 without extension headers:
//! Ethernet 14 │ IPv6 40 │ UDP 8 │ message        super::program lets nothing else through
//! ```
//!
//! What the program has judged (addresses, checksums) is not judged again; every length is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use crate::answer::AnswerTable;

const ETHERNET: usize = 14;
const V4: usize = 20;
const V6: usize = 40;
const UDP: usize = 8;

/// The longest frame with a reply.
pub(super) const REPLY_MAX_OCTETS: usize = ETHERNET + V6 + UDP + AnswerTable::UDP_REPLY_MAX_OCTETS;

/// The longest packet with a reply, without the Ethernet header: what an interface must carry.
pub(super) const PACKET_MAX_OCTETS: usize = REPLY_MAX_OCTETS - ETHERNET;

/// Routers on the way of a reply, as for replies of sockets.
const HOP_LIMIT: u8 = 64;

const UDP_PROTOCOL: u8 = 17;

/// Where a frame holds what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    v6: bool,
    /// The message lies behind all headers, up to here.
    end: usize,
}

/// Finds the message in a frame; nothing when there is none.
pub(super) fn read(frame: &[u8]) -> Option<Layout> {
    let v6 = match frame.get(ETHERNET)? >> 4 {
        4 => false,
        6 => true,
        _ => return None,
    };
    let layout = Layout { v6, end: 0 };
    let length_at = layout.udp() + 4;
    let [high, low] = *frame.get(length_at..)?.first_chunk()?;
    let end = layout.udp() + usize::from(u16::from_be_bytes([high, low]));
    (end >= layout.message() && end <= frame.len()).then_some(Layout { v6, end })
}

impl Layout {
    /// Where the UDP header begins.
    fn udp(self) -> usize {
        ETHERNET + if self.v6 { V6 } else { V4 }
    }

    /// Where the message begins.
    fn message(self) -> usize {
        self.udp() + UDP
    }

    /// Where the two IP addresses stand, source and destination.
    fn addresses(self) -> Range<usize> {
        let both = if self.v6 { 32 } else { 8 };
        self.udp() - both..self.udp()
    }

    /// Who asks.
    pub(super) fn source(self, frame: &[u8]) -> SocketAddr {
        let (addresses, udp) = (&frame[self.addresses()], &frame[self.udp()..]);
        let address: IpAddr = match (self.v6, addresses) {
            (false, [a, b, c, d, ..]) => Ipv4Addr::new(*a, *b, *c, *d).into(),
            (_, source) => {
                source.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |v6| Ipv6Addr::from(*v6)).into()
            }
        };
        SocketAddr::new(address, udp.first_chunk().map_or(0, |port| u16::from_be_bytes(*port)))
    }

    /// What is asked.
    pub(super) fn query(self, frame: &[u8]) -> &[u8] {
        &frame[self.message()..self.end]
    }

    /// Where the reply goes: over the query, and as far behind it as there is room.
    pub(super) fn room(self, frame: &mut [u8]) -> &mut [u8] {
        let start = self.message();
        let end = frame.len().min(start + AnswerTable::UDP_REPLY_MAX_OCTETS);
        &mut frame[start..end]
    }

    /// Makes the headers of the query those of the reply, which is as long as that; returns the length of the frame.
    pub(super) fn turn_round(self, frame: &mut [u8], reply_octets: usize) -> usize {
        let end = self.message() + reply_octets;
        let udp_octets = (UDP + reply_octets) as u16; // at most 1240
        let frame = &mut frame[..end];
        swap_halves(&mut frame[..12]); // hardware addresses
        swap_halves(&mut frame[self.addresses()]);
        swap_halves(&mut frame[self.udp()..self.udp() + 4]); // ports
        if self.v6 {
            self.v6_header(frame, udp_octets)
        } else {
            self.v4_header(frame, udp_octets)
        }
        self.udp_header(frame, udp_octets);
        end
    }

    /// Everything before the addresses.
    fn v4_header(self, frame: &mut [u8], udp_octets: u16) {
        let [total_high, total_low] = (V4 as u16 + udp_octets).to_be_bytes();
        // Fragments of different replies are told apart by the message's identifier, which cannot be guessed.
        let [id_high, id_low] = frame[self.message()..].first_chunk().copied().unwrap_or_default();
        let header = &mut frame[ETHERNET..ETHERNET + V4];
        let fixed = [0x45, 0, total_high, total_low, id_high, id_low, 0, 0, HOP_LIMIT, UDP_PROTOCOL, 0, 0];
        header[..12].copy_from_slice(&fixed);
        let checksum = !folded(sum(header));
        header[10..12].copy_from_slice(&checksum.to_ne_bytes());
    }

    /// The same; the flow label is none.
    fn v6_header(self, frame: &mut [u8], udp_octets: u16) {
        let [high, low] = udp_octets.to_be_bytes();
        frame[ETHERNET..ETHERNET + 8].copy_from_slice(&[0x60, 0, 0, 0, high, low, UDP_PROTOCOL, HOP_LIMIT]);
    }

    /// Length and checksum. IPv6 demands one; IPv4 does not, but a damaged reply shall be noticed there as well.
    fn udp_header(self, frame: &mut [u8], udp_octets: u16) {
        let udp = self.udp();
        frame[udp + 4..udp + 6].copy_from_slice(&udp_octets.to_be_bytes());
        frame[udp + 6..udp + 8].fill(0);
        // The pseudo header (RFC 768, RFC 8200 section 8.1) is the addresses, which stand in front, and these two.
        let pseudo = u64::from(u16::from(UDP_PROTOCOL).to_be()) + u64::from(udp_octets.to_be());
        let checksum = match !folded(sum(&frame[self.addresses().start..]) + pseudo) {
            0 => 0xffff, // 0 would mean that there is none
            checksum => checksum,
        };
        frame[udp + 6..udp + 8].copy_from_slice(&checksum.to_ne_bytes());
    }
}

/// Each half takes the place of the other.
fn swap_halves(octets: &mut [u8]) {
    let (first, second) = octets.split_at_mut(octets.len() / 2);
    first.swap_with_slice(second);
}

/// The words of 16 bits added up as they lie there, with zeroes behind the last octets: the sum is the same in either
/// order of octets, once it is stored as it lies (RFC 1071 section 2).
fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let of_words: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    of_words + u64::from(u32::from_ne_bytes(last))
}

/// Adds what overflows 16 bits below, until nothing does.
fn folded(sum: u64) -> u16 {
    let mut sum = (sum >> 32) + (sum & 0xffff_ffff);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

#[cfg(test)]
mod tests;
