//! Frames for tests, built and judged by the letter of the RFCs: a second opinion on the program and on [`super::frame`].

use std::net::{IpAddr, SocketAddr};

pub(super) const CLIENT: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
pub(super) const SERVER: [u8; 6] = [0x02, 0, 0, 0xc0, 0xff, 0xee];

/// The checksum of RFC 1071 section 4.1, octet pair by octet pair.
pub(super) fn checksum(parts: &[&[u8]]) -> u16 {
    let octets = parts.concat();
    let mut sum = 0_u16;
    for pair in octets.chunks(2) {
        let word = u16::from(pair[0]) << 8 | u16::from(*pair.get(1).unwrap_or(&0));
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    !sum
}

/// A frame from a client to a server, as the client's kernel would build it.
pub(super) fn frame(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let udp_octets = u16::try_from(8 + message.len()).expect("a short message").to_be_bytes();
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let mut udp = [&ports, &udp_octets[..], &[0, 0], message].concat();
    let (ethertype, header, addresses) = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let addresses = [from.octets(), to.octets()].concat();
            let total = u16::try_from(20 + udp.len()).expect("a short message").to_be_bytes();
            let mut header =
                [&[0x45, 0], &total[..], &[0x12, 0x34, 0x40, 0, 63, 17, 0, 0], &addresses].concat();
            let sum = checksum(&[&header]);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            ([0x08, 0x00], header, addresses)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let addresses = [from.octets(), to.octets()].concat();
            let header = [&[0x60, 1, 2, 3], &udp_octets[..], &[17, 63], &addresses].concat();
            ([0x86, 0xdd], header, addresses)
        }
        (IpAddr::V4(_) | IpAddr::V6(_), _) => panic!("{from} cannot ask {to}"),
    };
    let sum = match checksum(&[&addresses, &udp_octets, &[0, 17], &udp]) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    [&SERVER[..], &CLIENT, &ethertype, &header, &udp].concat()
}

/// A frame taken apart; nothing if anything about it is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) message: Vec<u8>,
    /// Octets behind the packet.
    pub(super) padding: usize,
}

pub(super) fn open(frame: &[u8]) -> Option<Opened> {
    let ethertype = frame.get(12..14)?;
    let (header, packet) = match ethertype {
        [0x08, 0x00] => (20, frame.get(14..)?),
        [0x86, 0xdd] => (40, frame.get(14..)?),
        _ => return None,
    };
    let fixed = packet.get(..header)?;
    let word = |octets: &[u8], at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
    let (octets, from, to): (usize, IpAddr, IpAddr) = if header == 20 {
        let whole = word(fixed, 6) & 0xbfff == 0;
        if fixed[0] != 0x45 || fixed[9] != 17 || !whole || checksum(&[fixed]) != 0 {
            return None;
        }
        let address = |at: usize| IpAddr::from([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        (usize::from(word(fixed, 2)).checked_sub(20)?, address(12), address(16))
    } else {
        if fixed[0] >> 4 != 6 || fixed[6] != 17 {
            return None;
        }
        let address = |at: usize| IpAddr::from(*fixed[at..].first_chunk::<16>().expect("a whole header"));
        (usize::from(word(fixed, 4)), address(8), address(24))
    };
    let udp = packet.get(header..header + octets)?;
    if udp.len() < 8 || usize::from(word(udp, 4)) != octets {
        return None;
    }
    let (addresses, length) = (&fixed[if header == 20 { 12 } else { 8 }..], &udp[4..6]);
    let right = match word(udp, 6) {
        0 => header == 20,
        _ => checksum(&[addresses, length, &[0, 17], udp]) == 0,
    };
    let padding = packet.len() - header - octets;
    let (from, to) = (SocketAddr::new(from, word(udp, 0)), SocketAddr::new(to, word(udp, 2)));
    right.then(|| Opened { from, to, message: udp[8..].to_vec(), padding })
}
