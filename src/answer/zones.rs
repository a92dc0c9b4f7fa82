//! The zones of a table, and which of them speaks for a name: the one with the longest apex.
//!
//! No zone knows of the others, so one that is added, changed or taken away costs that zone and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::wire_name::{label_count, suffixes};
use crate::model::{Name, Serial, SteerId};

use super::chunked::Chunked;
use super::node::NodeRef;
use super::slots::Slots;
use super::wire::{Key, hash};
use super::zone_table::ZoneTable;

/// One zone of a table.
#[derive(Clone)]
pub(super) struct ZoneEntry {
    /// The zone, shared between tables.
    pub(super) table: Arc<ZoneTable>,
    /// What its SOA tells now.
    pub(super) serial: Serial,
    /// The length of its apex, beside it, so that other zones need not be looked into.
    apex_octets: u8,
}

impl ZoneEntry {
    fn new(table: Arc<ZoneTable>, serial: Serial) -> ZoneEntry {
        let apex_octets = u8::try_from(table.origin().wire().len()).expect("a name of at most 255 octets");
        ZoneEntry { table, serial, apex_octets }
    }
}

/// All zones of a table.
#[derive(Clone, Default)]
pub(super) struct Zones {
    entries: Chunked<ZoneEntry>,
    /// The one zone where there are no others: it needs no index.
    only: Option<ZoneEntry>,
    apexes: Arc<Apexes>,
    /// In which zones a steer decides: pairs in rising order.
    steers: Arc<[(SteerId, u32)]>,
}

impl Zones {
    /// From zones of different apexes, each with the serial that was written in it.
    pub(super) fn of(tables: Vec<Arc<ZoneTable>>) -> Zones {
        let entries = tables.into_iter().map(|table| ZoneEntry::new(Arc::clone(&table), table.serial()));
        let mut zones = Zones { entries: Chunked::of(entries.collect()), ..Zones::default() };
        zones.index();
        zones.index_steers();
        zones
    }

    /// The zone that speaks for a name, and the closest encloser in it; whether that is the name itself.
    #[inline(always)] // measured: a node that is returned through memory stalls its reader
    pub(super) fn enclosing(&self, key: &Key) -> Option<(&ZoneEntry, NodeRef<'_>, bool)> {
        let entry = match &self.only {
            Some(only) => only,
            None => self.likely(key)?,
        };
        match entry.table.enclosing(key) {
            Some((node, exact)) => Some((entry, node, exact)),
            None => self.certain(key, key.octets()),
        }
    }

    /// Of the zones above an apex the one with the longest apex: it is asked for its DS.
    pub(super) fn parent(&self, apex: &Key) -> Option<&ZoneEntry> {
        let above = suffixes(apex.octets()).nth(1).filter(|_| self.only.is_none())?;
        self.certain(apex, above).map(|(entry, _, _)| entry)
    }

    /// The zone of the longest apex above a name, by hash and length alone. It is another one only where two names have
    /// the same hash, and then nothing in it encloses the name.
    fn likely(&self, key: &Key) -> Option<&ZoneEntry> {
        self.apexes.candidates(key, key.octets(), |number, octets| {
            self.entries.get(number).filter(|entry| usize::from(entry.apex_octets) == octets)
        })
    }

    /// The zone with the longest apex among `name` and what is above it; `key` is `name` or lies below it.
    #[cold]
    fn certain(&self, key: &Key, name: &[u8]) -> Option<(&ZoneEntry, NodeRef<'_>, bool)> {
        self.apexes.candidates(key, name, |number, octets| {
            let entry = self.entries.get(number).filter(|entry| usize::from(entry.apex_octets) == octets)?;
            let (node, exact) = entry.table.enclosing(key)?;
            Some((entry, node, exact))
        })
    }

    fn number(&self, apex: &Name) -> Option<usize> {
        let name = apex.lower_wire();
        let same =
            |number: usize| self.entries.get(number).is_some_and(|entry| entry.table.apex_name() == name);
        self.apexes.find(hash(&name), |number| same(number).then_some(number))
    }

    /// A zone by the name of its apex.
    pub(super) fn get(&self, apex: &Name) -> Option<&ZoneEntry> {
        self.entries.get(self.number(apex)?)
    }

    /// Every zone.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ZoneEntry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// The zones in which any of these steers decides, each once.
    pub(super) fn of_steers(&self, steers: &[SteerId]) -> impl Iterator<Item = &ZoneEntry> {
        let pairs = steers.iter().flat_map(|steer| {
            let first = self.steers.partition_point(|(other, _)| other < steer);
            self.steers[first..].iter().take_while(move |(other, _)| other == steer)
        });
        let numbers: BTreeSet<u32> = pairs.map(|(_, number)| *number).collect();
        numbers.into_iter().filter_map(|number| self.entries.get(number as usize))
    }

    /// Adds a zone, or replaces the one of the same apex. The serial does not go back.
    pub(super) fn put(&mut self, table: Arc<ZoneTable>) {
        let known = self.number(table.origin());
        let number = known.unwrap_or_else(|| self.entries.first_free());
        let before = self.entries.get(number);
        let serial = before.map_or(table.serial(), |before| before.serial.max(table.serial()));
        let same_steers = before.map_or(&[][..], |before| before.table.steers()) == table.steers();
        self.entries.set(number, Some(ZoneEntry::new(table, serial)));
        self.settle(known.is_some(), same_steers);
    }

    /// Takes a zone away.
    pub(super) fn take(&mut self, apex: &Name) {
        if let Some(number) = self.number(apex) {
            let same_steers = self.entries.get(number).is_some_and(|entry| entry.table.steers().is_empty());
            self.entries.set(number, None);
            self.settle(false, same_steers);
        }
    }

    /// Lets zones tell later serials; earlier ones, and names of no zone, are left out.
    pub(super) fn raise(&mut self, serials: &[(Name, Serial)]) {
        for (apex, serial) in serials {
            if let Some(number) = self.number(apex)
                && let Some(entry) = self.entries.get(number)
                && serial.is_after(entry.serial)
            {
                let entry = ZoneEntry { serial: *serial, ..entry.clone() };
                self.entries.set(number, Some(entry));
            }
        }
        self.settle(true, true);
    }

    /// Brings up to date what is derived from the entries.
    fn settle(&mut self, same_apexes: bool, same_steers: bool) {
        if !same_apexes {
            self.index();
        }
        if !same_steers {
            self.index_steers();
        }
        self.only = self.apexes.only.and_then(|number| self.entries.get(number)).cloned();
    }

    fn index(&mut self) {
        self.apexes = Arc::new(Apexes::of(&self.entries));
        self.only = self.apexes.only.and_then(|number| self.entries.get(number)).cloned();
    }

    fn index_steers(&mut self) {
        let pairs = self.entries.iter().flat_map(|(number, entry)| {
            let number = u32::try_from(number).expect("fewer zones than 32 bits can count");
            entry.table.steers().iter().map(move |steer| (*steer, number))
        });
        let mut pairs: Vec<(SteerId, u32)> = pairs.collect();
        pairs.sort_unstable();
        self.steers = pairs.into();
    }
}

/// From the name of an apex to the number of its zone.
#[derive(Default)]
struct Apexes {
    slots: Slots,
    /// A bit for each number of labels that an apex has: no other name needs to be looked for.
    labels: u128,
    only: Option<usize>,
}

impl Apexes {
    fn of(entries: &Chunked<ZoneEntry>) -> Apexes {
        let count = entries.iter().count();
        let mut apexes = Apexes { slots: Slots::with_room_for(count), labels: 0, only: None };
        for (number, entry) in entries.iter() {
            let slot = u32::try_from(number + 1).expect("fewer zones than 32 bits can count");
            apexes.slots.insert(entry.table.apex_hash(), slot);
            apexes.labels |= 1 << entry.table.apex_labels(); // 127 at most
            apexes.only = (count == 1).then_some(number);
        }
        apexes
    }

    fn find<R>(&self, hash: u64, examine: impl Fn(usize) -> Option<R>) -> Option<R> {
        self.slots.find(hash, |slot| examine(slot as usize - 1))
    }

    /// The first result for `name` or a name above it, the longest first; each candidate comes with the length of its
    /// apex. `key` is `name` or lies below it.
    fn candidates<R>(
        &self,
        key: &Key,
        name: &[u8],
        examine: impl Fn(usize, usize) -> Option<R>,
    ) -> Option<R> {
        let mut left = label_count(name) + 1;
        suffixes(name).find_map(|suffix| {
            left -= 1;
            if self.labels >> left & 1 == 0 {
                return None;
            }
            let hash = if suffix.len() == key.octets().len() { key.hash() } else { hash(suffix) };
            self.find(hash, |number| examine(number, suffix.len()))
        })
    }
}
