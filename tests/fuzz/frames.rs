//! Frames of AF_XDP: the program that an interface runs, against the RFCs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

use cadence_dns::dns::{frame_program, frame_query};

use super::ebpf::{ADDRESSES, Machine, SOCKETS};

const SERVER: [u8; 6] = [0x02, 0, 0, 0xc0, 0xff, 0xee];
const ASKED_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
const ASKED_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53);
const PORT: u16 = 53;

/// Longer ones go by the sockets.
const QUERY_MAX_OCTETS: usize = 511 - 8;

const ETHERNET: usize = 14;

/// A frame behind an octet of what is put right in it, for no fuzzer would find it: 1 the lengths, 2 the checksum of IPv4, 4
/// that of UDP. The program takes what is a query for us by the letter of the RFCs, and nothing else; what it takes is read
/// as they read it.
pub fn frame(octets: &[u8]) {
    let Some((right, frame)) = octets.split_first() else { return };
    let mut frame = frame.to_vec();
    put_right(&mut frame, *right);
    let opened = Opened::read(&frame).filter(Opened::is_for_us);
    let taken = machine().takes(&frame);
    assert_eq!(taken, opened.is_some(), "{frame:02x?}");
    if let Some(opened) = opened {
        assert_eq!(frame_query(&frame), Some((opened.from, opened.message)), "{frame:02x?}");
    }
}

fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let key = |address: Ipv6Addr| [&address.octets()[..], &PORT.to_be_bytes(), &[0, 0]].concat();
        let known = vec![key(ASKED_V4.to_ipv6_mapped()), key(ASKED_V6)];
        Machine::new(frame_program(SERVER, ADDRESSES, SOCKETS), known)
    })
}

/// A query as the RFCs read it, all lengths and checksums right.
struct Opened<'f> {
    from: SocketAddr,
    to: SocketAddr,
    message: &'f [u8],
    to_us: bool,
}

impl Opened<'_> {
    fn read(frame: &[u8]) -> Option<Opened<'_>> {
        let to_us = frame.get(..6)? == SERVER;
        let packet = frame.get(ETHERNET..)?;
        let (header, from, to): (usize, IpAddr, IpAddr) = match frame.get(12..ETHERNET)? {
            [0x08, 0x00] => {
                let header = packet.get(..20)?;
                let is_whole = word(header, 6)? & 0xbfff == 0;
                let is_right = header[0] == 0x45 && header[9] == 17 && checksum(&[header]) == 0;
                if !is_whole || !is_right {
                    return None;
                }
                (20, v4_at(header, 12)?.into(), v4_at(header, 16)?.into())
            }
            [0x86, 0xdd] => {
                let header = packet.get(..40)?;
                if header[0] >> 4 != 6 || header[6] != 17 {
                    return None;
                }
                (40, v6_at(header, 8)?.into(), v6_at(header, 24)?.into())
            }
            _ => return None,
        };
        let octets = match header {
            20 => usize::from(word(packet, 2)?).checked_sub(20)?,
            _ => usize::from(word(packet, 4)?),
        };
        let udp = packet.get(header..header + octets)?;
        if udp.len() < 8 || usize::from(word(udp, 4)?) != octets {
            return None;
        }
        let is_right = match word(udp, 6)? {
            0 => header == 20, // there is none, which IPv4 allows
            _ => udp_checksum(packet, header, udp) == 0,
        };
        let (from, to) = (SocketAddr::new(from, word(udp, 0)?), SocketAddr::new(to, word(udp, 2)?));
        is_right.then(|| Opened { from, to, message: &udp[8..], to_us })
    }

    fn is_for_us(&self) -> bool {
        let may_ask = match self.from.ip() {
            IpAddr::V4(v4) => !matches!(v4.octets()[0], 0 | 127 | 224..),
            IpAddr::V6(v6) => !matches!(v6.octets()[0], 0 | 0xff),
        };
        let is_asked = self.to.port() == PORT && [ASKED_V4.into(), ASKED_V6.into()].contains(&self.to.ip());
        let is_short = self.message.len() <= QUERY_MAX_OCTETS;
        self.to_us && may_ask && is_asked && is_short && self.from.port() > 0
    }
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

fn v4_at(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    octets.get(at..)?.first_chunk::<4>().map(|address| Ipv4Addr::from(*address))
}

fn v6_at(octets: &[u8], at: usize) -> Option<Ipv6Addr> {
    octets.get(at..)?.first_chunk::<16>().map(|address| Ipv6Addr::from(*address))
}

/// RFC 1071 section 4.1, octet pair by octet pair.
fn checksum(parts: &[&[u8]]) -> u16 {
    let octets = parts.concat();
    let mut sum = 0_u16;
    for pair in octets.chunks(2) {
        let word = u16::from(pair[0]) << 8 | u16::from(*pair.get(1).unwrap_or(&0));
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    !sum
}

/// Over the pseudo header (RFC 768, RFC 8200 section 8.1) and the datagram.
fn udp_checksum(packet: &[u8], header: usize, udp: &[u8]) -> u16 {
    let addresses = &packet[if header == 20 { 12 } else { 8 }..header];
    checksum(&[addresses, &udp[4..6], &[0, 17], udp])
}

fn put_right(frame: &mut [u8], what: u8) {
    let header = match frame.get(12..ETHERNET) {
        Some([0x08, 0x00]) => 20,
        Some([0x86, 0xdd]) => 40,
        _ => return,
    };
    let Some(packet) = frame.get_mut(ETHERNET..).filter(|packet| packet.len() >= header + 8) else { return };
    if what & 1 > 0 {
        let udp = u16::try_from(packet.len() - header).unwrap_or(u16::MAX);
        let (at, octets) = if header == 20 { (2, udp.saturating_add(20)) } else { (4, udp) };
        packet[at..at + 2].copy_from_slice(&octets.to_be_bytes());
        packet[header + 4..header + 6].copy_from_slice(&udp.to_be_bytes());
    }
    if what & 2 > 0 && header == 20 {
        packet[10..12].fill(0);
        let sum = checksum(&[&packet[..20]]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let udp = usize::from(u16::from_be_bytes([packet[header + 4], packet[header + 5]]));
    if what & 4 > 0 && udp >= 8 && packet.len() >= header + udp {
        packet[header + 6..header + 8].fill(0);
        let sum = match udp_checksum(packet, header, &packet[header..header + udp]) {
            0 => 0xffff,
            sum => sum,
        };
        packet[header + 6..header + 8].copy_from_slice(&sum.to_be_bytes());
    }
}
