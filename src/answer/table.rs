//! Everything that queries are answered from.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::wire_name::suffixes;
use crate::model::{Name, RecordType, Serial, SteerId};
use crate::zone::Zone;

use super::chaos::Chaos;
use super::edns;
use super::lookup::Found;
use super::node::NodeRef;
use super::steered::{Served, Steered};
use super::wire::Key;
use super::zone_table::ZoneTable;
use super::zones::{ZoneEntry, Zones};

/// Everything that a query can be answered from: immutable, swapped as a whole. Whatever does not change is shared by
/// the tables before and after.
pub struct AnswerTable {
    zones: Zones,
    pub(super) steered: Steered,
    pub(super) ourselves: Arc<Ourselves>,
}

/// What this server says about itself, encoded.
pub(super) struct Ourselves {
    /// The data of an NSID option; empty when there is none.
    pub(super) nsid: Box<[u8]>,
    /// Names in class CH.
    pub(super) chaos: Chaos,
}

/// What this server says about itself. What is empty is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// NSID (RFC 5001): the node's name.
    pub nsid: String,
    /// `version.bind` and `version.server` in class CH.
    pub version: String,
    /// `hostname.bind` and `id.server` (RFC 4892) in class CH.
    pub host: String,
}

/// Where a name stands: what denial of existence is made from (RFC 4035 section 3.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The apex of the zone that speaks for it.
    pub zone: Name,
    /// The wildcard that stands for it when it does not exist (RFC 4592 section 3.3.1).
    pub wildcard: Option<Name>,
    /// The longest existing name at or above it; below a cut or a DNAME, the name that has these.
    pub closest_encloser: Name,
    /// The last name at or before it in canonical order that would own an NSEC record.
    pub predecessor: Name,
}

/// More of an NSID would leave too little of 512 octets for the longest question, a cookie and an extended error.
const NSID_MAX_OCTETS: usize = 128;

impl AnswerTable {
    /// The longest reply, over TCP.
    pub const REPLY_MAX_OCTETS: usize = u16::MAX as usize;
    /// The longest reply over UDP.
    pub const UDP_REPLY_MAX_OCTETS: usize = edns::UDP_OCTETS as usize;

    /// Compiles zones of different apexes. Each steered name belongs to the lowest zone that it lies in, and its
    /// [`SteerId`] is its place in the list; names that lie in none of the zones are left out.
    ///
    /// # Panics
    /// When a steered name has no address at all: the policy must fail open.
    #[must_use]
    pub fn compile(zones: &[Zone], steered: &[(Name, Served)], identity: Identity) -> AnswerTable {
        let homes = homes_of(zones, steered);
        let tables = zones.iter().zip(homes).map(|(zone, steered)| Arc::new(ZoneTable::of(zone, steered)));
        let tables = tables.collect();
        let served = steered.iter().enumerate().map(|(number, (_, served))| (steer(number), served.clone()));
        AnswerTable::of(tables, &served.collect::<Vec<_>>(), identity)
    }

    /// Puts together what was compiled: zones of different apexes, each telling the serial that is written in it, and
    /// what is served at the names that they leave to a steer.
    ///
    /// # Panics
    /// When a steer of a zone has no address at all: the policy must fail open.
    #[must_use]
    pub fn of(zones: Vec<Arc<ZoneTable>>, served: &[(SteerId, Served)], identity: Identity) -> AnswerTable {
        let nsid = identity.nsid.as_bytes();
        let nsid = nsid[..nsid.len().min(NSID_MAX_OCTETS)].into();
        let ourselves = Arc::new(Ourselves { nsid, chaos: Chaos::of(&identity.version, &identity.host) });
        let mut steered = Steered::default();
        steered.set(served);
        zones.iter().for_each(|zone| assert_served(zone, &steered));
        AnswerTable { zones: Zones::of(zones), steered, ourselves }
    }

    /// The same table with other addresses for some steers, new ones among them, and later serials for some zones.
    /// A serial that is not later than the zone's (RFC 1982), and names of no zone, are left out.
    ///
    /// # Panics
    /// When a steer gets no address at all: the policy must fail open.
    #[must_use]
    pub fn with(&self, changes: &[(SteerId, Served)], serials: &[(Name, Serial)]) -> AnswerTable {
        let mut table = self.share();
        table.steered.set(changes);
        table.zones.raise(serials);
        table
    }

    /// The same table with one more zone, or with another state of one: told apart by the apex. It tells the later of
    /// the serial that it told before and the one that is written in it.
    ///
    /// # Panics
    /// When a steer of the zone has no address: [`AnswerTable::with`] comes first.
    #[must_use]
    pub fn with_zone(&self, zone: Arc<ZoneTable>) -> AnswerTable {
        assert_served(&zone, &self.steered);
        let mut table = self.share();
        table.zones.put(zone);
        table
    }

    /// The same table without a zone. What its steers serve is kept, for their names may come back.
    #[must_use]
    pub fn without_zone(&self, apex: &Name) -> AnswerTable {
        let mut table = self.share();
        table.zones.take(apex);
        table
    }

    fn share(&self) -> AnswerTable {
        let (zones, steered) = (self.zones.clone(), self.steered.clone());
        AnswerTable { zones, steered, ourselves: Arc::clone(&self.ourselves) }
    }

    /// A zone by the name of its apex.
    #[must_use]
    pub fn zone(&self, apex: &Name) -> Option<&Arc<ZoneTable>> {
        self.zones.get(apex).map(|entry| &entry.table)
    }

    /// Every zone as it was compiled, in no particular order.
    pub fn compiled(&self) -> impl Iterator<Item = &ZoneTable> {
        self.zones.iter().map(|entry| &*entry.table)
    }

    /// The serial that a zone tells.
    #[must_use]
    pub fn serial_of(&self, apex: &Name) -> Option<Serial> {
        self.zones.get(apex).map(|entry| entry.serial)
    }

    /// The apex of every zone, with the serial that it tells, in no particular order.
    pub fn zones(&self) -> impl Iterator<Item = (&Name, Serial)> {
        self.zones.iter().map(|entry| (entry.table.origin(), entry.serial))
    }

    /// The apexes of the zones in which one of these steers decides, each once: a change of what they serve is a change
    /// of these zones.
    pub fn zones_of(&self, steers: &[SteerId]) -> impl Iterator<Item = &Name> {
        self.zones.of_steers(steers).map(|entry| entry.table.origin())
    }

    /// Where a name stands; `None` outside of all zones.
    #[must_use]
    pub fn locate(&self, name: &Name) -> Option<Located> {
        let key = Key::of(name.wire());
        let (entry, found) = self.find(&key, RecordType::A)?;
        let written = |wire: &[u8]| Name::from_wire(wire).expect("a node has a whole name");
        let node = |node: NodeRef<'_>| written(node.name());
        Some(Located {
            zone: entry.table.origin().clone(),
            wildcard: found.wildcard().map(node),
            closest_encloser: written(found.closest_encloser()),
            predecessor: node(entry.table.predecessor(key.octets())),
        })
    }

    /// The octets that the zones take, without the steered addresses.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.zones.iter().map(|entry| entry.table.octets()).sum()
    }

    /// The zone that is asked about a name, and what the name is in it; `None` outside of all zones.
    #[inline(always)] // measured: a node that is returned through memory stalls its reader
    pub(super) fn find(&self, key: &Key, rtype: RecordType) -> Option<(&ZoneEntry, Found<'_>)> {
        let (entry, encloser, exact) = self.zones.enclosing(key)?;
        // The DS of a zone is its parent's to tell (RFC 4035 section 3.1.4.1).
        if rtype == RecordType::DS
            && exact
            && encloser.at == entry.table.apex
            && let Some(parent) = self.zones.parent(key)
        {
            return Some((parent, parent.table.find(key, rtype)?));
        }
        Some((entry, entry.table.classify(encloser, exact, rtype)))
    }
}

/// The steered names of each zone: a name belongs to the lowest zone that it lies in.
fn homes_of<'s>(zones: &[Zone], steered: &'s [(Name, Served)]) -> Vec<Vec<(&'s [u8], SteerId)>> {
    let apexes: HashMap<Vec<u8>, usize> =
        zones.iter().enumerate().map(|(number, zone)| (zone.origin().lower_wire(), number)).collect();
    let mut homes = vec![Vec::new(); zones.len()];
    for (number, (name, _)) in steered.iter().enumerate() {
        if let Some(home) = suffixes(&name.lower_wire()).find_map(|suffix| apexes.get(suffix)) {
            homes[*home].push((name.wire(), steer(number)));
        }
    }
    homes
}

fn steer(number: usize) -> SteerId {
    SteerId(u32::try_from(number).expect("fewer steered names than 32 bits can count"))
}

fn assert_served(zone: &ZoneTable, steered: &Steered) {
    let missing = zone.steers().iter().find(|steer| !steered.has(**steer));
    assert!(
        missing.is_none(),
        "a steered name of {} must have an address: {missing:?} has none",
        zone.origin()
    );
}
