//! One zone as it is answered from. Tables share it for as long as it does not change.

use std::fmt;

use crate::model::wire_name::{compare, is_within, label_count};
use crate::model::{Name, RecordType, Serial, SteerId};
use crate::zone::Zone;

use super::compile::{Compiled, PLACE_EVERY, compile};
use super::names::Names;
use super::node::{Arena, At, Kind, NodeRef};
use super::records::{SetRef, encode};
use super::wire::{Key, hash};

/// A compiled zone: immutable, without the addresses of its steered names and without its current serial, which are
/// the [`AnswerTable`](super::AnswerTable)'s.
pub struct ZoneTable {
    arena: Arena,
    names: Names,
    /// The apex, the first node.
    pub(super) apex: At,
    /// Places in canonical order, one for each run of nodes.
    places: Box<[At]>,
    /// The SOA as negative answers show it, its TTL cut to the MINIMUM (RFC 2308 section 5).
    negative: Box<[u8]>,
    origin: Name,
    /// Of the origin in lower case.
    apex_hash: u64,
    serial: Serial,
    checksum: u32,
    /// In rising order, each once.
    steers: Box<[SteerId]>,
}

impl fmt::Debug for ZoneTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZoneTable({} {})", self.origin, self.serial.0)
    }
}

impl ZoneTable {
    /// Compiles a zone; names of `steered` that lie outside of it are left out. It takes about a second for some
    /// millions of names and may be done on any thread.
    #[must_use]
    pub fn compile(zone: &Zone, steered: &[(Name, SteerId)]) -> ZoneTable {
        let inside = steered.iter().filter(|(name, _)| name.is_within(zone.origin()));
        ZoneTable::of(zone, inside.map(|(name, steer)| (name.wire(), *steer)).collect())
    }

    /// Compiles a zone with the steered names that lie in it.
    pub(super) fn of(zone: &Zone, mut steered: Vec<(&[u8], SteerId)>) -> ZoneTable {
        let Compiled { arena, nodes, apex, places } = compile(zone, &mut steered);
        let mut steers: Vec<SteerId> = steered.iter().map(|(_, steer)| *steer).collect();
        steers.sort_unstable();
        steers.dedup();
        ZoneTable {
            names: Names::of(&arena, nodes),
            checksum: arena.checksum(),
            arena,
            apex,
            places,
            negative: negative_soa(zone),
            origin: zone.origin().clone(),
            apex_hash: hash(&zone.origin().lower_wire()),
            serial: zone.serial(),
            steers: steers.into(),
        }
    }

    /// The name of its apex.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// The serial in its SOA as it was written: the least that the zone may tell.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// A checksum of all that it holds: another one for zones that answer otherwise.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// What decides addresses in it, in rising order.
    #[must_use]
    pub fn steers(&self) -> &[SteerId] {
        &self.steers
    }

    /// The octets that it takes.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.arena.len() + self.names.octets() + size_of_val(&*self.places)
    }

    /// The node at a place.
    pub(super) fn node(&self, at: At) -> NodeRef<'_> {
        self.arena.node(at)
    }

    /// The closest encloser of a name in the zone, and whether it is the name itself. `None` outside of the zone.
    #[inline(always)] // measured, as in Names
    pub(super) fn enclosing(&self, key: &Key) -> Option<(NodeRef<'_>, bool)> {
        self.names.enclosing(&self.arena, key)
    }

    /// The name of its apex in lower case.
    pub(super) fn apex_name(&self) -> &[u8] {
        self.arena.node(self.apex).name()
    }

    /// The hash of the same: it stands for the zone, whatever it holds and wherever it stands in a table.
    pub(super) fn apex_hash(&self) -> u64 {
        self.apex_hash
    }

    /// The number of labels of the same.
    pub(super) fn apex_labels(&self) -> usize {
        label_count(self.origin.wire())
    }

    /// The SOA of negative answers, with the serial that was written.
    pub(super) fn negative_soa(&self) -> SetRef<'_> {
        SetRef::split(&self.negative, self.origin.wire().len()).0
    }

    /// The last name at or before a name of the zone, in canonical order, that would own an NSEC record (RFC 4035
    /// section 2.3): one with records that the zone speaks for, or a cut. Empty non-terminals and glue are passed over.
    pub(super) fn predecessor(&self, name: &[u8]) -> NodeRef<'_> {
        debug_assert!(is_within(name, self.apex_name()), "the apex comes before every name of the zone");
        let at_or_before = |node: &NodeRef<'_>| compare(node.name(), name).is_le();
        let runs = self.places.partition_point(|place| at_or_before(&self.node(*place)));
        // A run without an owner is part of a chain of empty non-terminals, which has 126 at most.
        let in_runs = self.places[..runs].iter().rev().find_map(|place| {
            let nodes = self.arena.nodes_from(*place).take(PLACE_EVERY);
            nodes.take_while(at_or_before).filter_map(|node| self.owner(node)).last()
        });
        in_runs.unwrap_or(self.node(self.apex))
    }

    /// A node that would own an NSEC record: itself, or the cut or renaming that it lies below.
    fn owner<'t>(&'t self, node: NodeRef<'t>) -> Option<NodeRef<'t>> {
        match node.kind() {
            Kind::Below => node.governor().map(|at| self.node(at)),
            Kind::Inside | Kind::Cut | Kind::Renaming => node.has_records().then_some(node),
        }
    }
}

fn negative_soa(zone: &Zone) -> Box<[u8]> {
    let mut octets = Vec::new();
    encode(&mut octets, zone.origin().wire(), RecordType::SOA, zone.negative_ttl(), zone.soa().rdata());
    octets.into()
}
