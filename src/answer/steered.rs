//! The addresses of steered names: the one part of a table that changes, in chunks that tables share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{Family, Ttl};
use crate::zone::RecordType;

use super::Served;
use super::node::SlotId;
use super::records::{SetRef, encode_addresses};

/// Names in a chunk: a change copies one chunk and the list of chunks, and both are short at 100,000 names.
const CHUNK: usize = 64;

/// What every steered name answers, by its slot.
#[derive(Clone, Default)]
pub(super) struct Steered {
    chunks: Vec<Arc<[Arc<Addresses>]>>,
}

/// A set of addresses as it will stand in a reply.
pub(super) struct Addresses {
    ipv4: Box<[u8]>,
    ipv6: Box<[u8]>,
}

impl Addresses {
    fn of(served: &Served) -> Addresses {
        assert!(
            !served.addresses.is_empty(),
            "a steered name must have an address: fail open on the last ones"
        );
        let family = |family| {
            let mut octets = Vec::new();
            encode_addresses(&mut octets, family, &served.addresses, served.ttl);
            octets.into()
        };
        Addresses { ipv4: family(Family::Ipv4), ipv6: family(Family::Ipv6) }
    }

    /// The set of a type, if the name has such addresses.
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
    /// One slot for each, in this order.
    pub(super) fn of<'s>(served: impl Iterator<Item = &'s Served>) -> Steered {
        let mut cache = EncodeCache::default();
        let all: Vec<Arc<Addresses>> = served.map(|served| cache.addresses(served)).collect();
        Steered { chunks: all.chunks(CHUNK).map(Arc::from).collect() }
    }

    /// The addresses in a slot.
    pub(super) fn addresses(&self, SlotId(slot): SlotId) -> Option<&Addresses> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK)?.get(slot % CHUNK).map(Arc::as_ref)
    }

    /// The same with other addresses in some slots; chunks without a change are shared.
    pub(super) fn with<'s>(&self, changes: impl Iterator<Item = (SlotId, &'s Served)>) -> Steered {
        let mut cache = EncodeCache::default();
        let mut changed = self.clone();
        for (SlotId(slot), served) in changes {
            let slot = slot as usize;
            Arc::make_mut(&mut changed.chunks[slot / CHUNK])[slot % CHUNK] = cache.addresses(served);
        }
        changed
    }
}

/// Presses each different set of addresses once, however many names get it.
#[derive(Default)]
struct EncodeCache<'s> {
    pressed: HashMap<(&'s [IpAddr], Ttl), Arc<Addresses>>,
}

impl<'s> EncodeCache<'s> {
    fn addresses(&mut self, served: &'s Served) -> Arc<Addresses> {
        let pressed = self.pressed.entry((&served.addresses, served.ttl));
        Arc::clone(pressed.or_insert_with(|| Arc::new(Addresses::of(served))))
    }
}
