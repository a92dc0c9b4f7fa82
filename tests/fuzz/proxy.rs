//! Datagrams of a front end, beside a second reader of the PROXY protocol, version 2.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use cadence_dns::dns::query_by_front_end;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Who asks and what, or nothing, as the specification says.
pub fn proxy(datagram: &[u8]) {
    let front_end = SocketAddr::from(([192, 0, 2, 1], 4000));
    let found = query_by_front_end(front_end, datagram);
    assert_eq!(found, wanted(front_end, datagram), "{datagram:02x?}");
}

fn wanted(front_end: SocketAddr, datagram: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let rest = datagram.strip_prefix(SIGNATURE)?;
    let (&[version_and_command, family_and_protocol, high, low], rest) = rest.split_first_chunk()?;
    let (body, query) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    let octets_of_addresses = [0, 12, 36, 216];
    let (family, protocol) = (usize::from(family_and_protocol >> 4), family_and_protocol & 15);
    let addresses = body.get(..*octets_of_addresses.get(family)?)?;
    if protocol > 2 {
        return None;
    }
    let port = |at: usize| u16::from_be_bytes([addresses[at], addresses[at + 1]]);
    let client = match (version_and_command, family) {
        (0x20, _) => front_end,
        (0x21, 1) => SocketAddr::from(([addresses[0], addresses[1], addresses[2], addresses[3]], port(8))),
        (0x21, 2) => {
            let address = Ipv6Addr::from(*addresses.first_chunk::<16>()?);
            SocketAddr::new(IpAddr::from(address).to_canonical(), port(32))
        }
        _ => return None,
    };
    Some((client, query))
}
