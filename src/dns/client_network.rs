//! The network that a client address belongs to: what the limits count, because one host may have many addresses.

use std::net::IpAddr;

/// The prefix length that IPv4 clients are counted by.
const IPV4_PREFIX_BITS: u32 = 24;

/// The prefix length that IPv6 clients are counted by: what one customer usually gets (RFC 6177).
const IPV6_PREFIX_BITS: u32 = 56;

/// The /24 of an IPv4 address or the /56 of an IPv6 address. Networks of the two families never equal each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientNetwork(u64);

impl ClientNetwork {
    pub(super) fn of(client: IpAddr) -> ClientNetwork {
        ClientNetwork(match client {
            IpAddr::V4(v4) => u64::from(v4.to_bits() >> (u32::BITS - IPV4_PREFIX_BITS)),
            // The highest bit tells the families apart: an IPv6 prefix of 56 bits leaves it free.
            IpAddr::V6(v6) => 1 << 63 | (v6.to_bits() >> (u128::BITS - IPV6_PREFIX_BITS)) as u64,
        })
    }

    /// A number that no other network has.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_customer_share_a_network() {
        let of = |address: &str| ClientNetwork::of(address.parse().expect("an address"));
        assert_eq!(of("192.0.2.0"), of("192.0.2.255"));
        assert_ne!(of("192.0.2.255"), of("192.0.3.0"));
        assert_eq!(of("2001:db8:0:100::"), of("2001:db8:0:1ff:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:0:1ff::"), of("2001:db8:0:200::"));
        assert_ne!(of("0.0.0.0"), of("::"));
    }
}
