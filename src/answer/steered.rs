//! The addresses of steered names: the part of a table that decisions change.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{Family, RecordType, SteerId, Ttl};

use super::QueryContext;
use super::chunked::Chunked;
use super::records::{SetRef, encode_addresses};

/// What a steered name answers now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Never empty; A takes the IPv4 ones, AAAA the others.
    pub addresses: Arc<[IpAddr]>,
    /// Their TTL.
    pub ttl: Ttl,
}

/// What every steer gives its names.
#[derive(Clone, Default)]
pub(super) struct Steered(Chunked<Arc<SteeredAddresses>>);

/// A set of addresses as it will stand in a reply.
pub(super) struct SteeredAddresses {
    ipv4: Box<[u8]>,
    ipv6: Box<[u8]>,
}

/// For whom an answer holds: every client whose address begins with the same bits as this one's (the SCOPE
/// PREFIX-LENGTH of RFC 7871 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    prefix_bits: u8,
}

impl Scope {
    /// For all clients.
    pub const EVERYBODY: Scope = Scope { prefix_bits: 0 };

    /// How many bits of the client's address the answer depends on; 0 for none.
    #[must_use]
    pub fn prefix_bits(self) -> u8 {
        self.prefix_bits
    }
}

impl SteeredAddresses {
    fn of(served: &Served) -> SteeredAddresses {
        assert!(
            !served.addresses.is_empty(),
            "a steered name must have an address: fail open on the last ones"
        );
        let family = |family| {
            let mut octets = Vec::new();
            encode_addresses(&mut octets, family, &served.addresses, served.ttl);
            octets.into()
        };
        SteeredAddresses { ipv4: family(Family::Ipv4), ipv6: family(Family::Ipv6) }
    }

    /// The set of a type, if there are such addresses.
    pub(super) fn set(&self, rtype: RecordType) -> Option<SetRef<'_>> {
        let octets = match rtype {
            RecordType::A => &self.ipv4,
            RecordType::AAAA => &self.ipv6,
            _ => return None,
        };
        Some(SetRef::split(octets, 1).0).filter(|set| set.count > 0)
    }
}

impl Steered {
    /// The addresses that a client gets, and for which other clients they are right too. There is no other way to
    /// them. Every client gets the same today.
    #[inline]
    pub(super) fn lookup(&self, steer: SteerId, _: &QueryContext<'_>) -> Option<(&SteeredAddresses, Scope)> {
        self.0.get(steer.0 as usize).map(|addresses| (addresses.as_ref(), Scope::EVERYBODY))
    }

    /// Whether a steer has addresses.
    pub(super) fn has(&self, steer: SteerId) -> bool {
        self.0.get(steer.0 as usize).is_some()
    }

    /// Gives some steers other addresses.
    pub(super) fn set(&mut self, changes: &[(SteerId, Served)]) {
        let mut cache = EncodeCache::default();
        for (steer, served) in changes {
            self.0.set(steer.0 as usize, Some(cache.addresses(served)));
        }
    }
}

/// Encodes each different set of addresses once, however many steers get it.
#[derive(Default)]
struct EncodeCache<'s> {
    encoded: HashMap<(&'s [IpAddr], Ttl), Arc<SteeredAddresses>>,
}

impl<'s> EncodeCache<'s> {
    fn addresses(&mut self, served: &'s Served) -> Arc<SteeredAddresses> {
        let encoded = self.encoded.entry((&served.addresses, served.ttl));
        Arc::clone(encoded.or_insert_with(|| Arc::new(SteeredAddresses::of(served))))
    }
}
