//! Records as they were read: two flat arenas, for a zone may have millions of them.

use std::cmp::Ordering;

use super::Zone;
use super::findings::Spot;
use crate::model::{Name, RecordType, Ttl, wire_name};

/// A record whose owner and data lie in the arena of its [`Draft`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Staged {
    owner: u32,
    data: u32,
    /// Its time to live.
    pub(super) ttl: Ttl,
    /// Where it is written.
    pub(super) spot: Spot,
    data_length: u16,
    /// Its type.
    pub(super) rtype: RecordType,
    owner_length: u8,
}

/// An owner in the arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    at: u32,
    length: u8,
}

/// Everything that was read of a zone.
#[derive(Default)]
pub(super) struct Draft {
    /// Owners and data, one after the other.
    pub(super) arena: Vec<u8>,
    records: Vec<Staged>,
}

/// The most that the arena holds: offsets are four octets, and one more record must fit.
const ARENA_MAX_OCTETS: usize = u32::MAX as usize - 0x2_0000;

impl Draft {
    /// Adds an owner that `push` appends to the arena.
    pub(super) fn owner<E>(&mut self, push: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Owner, E> {
        let start = self.arena.len();
        push(&mut self.arena)?;
        let length = u8::try_from(self.arena.len() - start).expect("a name has 255 octets at most");
        Ok(Owner { at: offset(start), length })
    }

    /// The wire form of an owner.
    pub(super) fn owner_wire(&self, owner: Owner) -> &[u8] {
        wire(&self.arena, owner.at, owner.length.into())
    }

    /// Whether there is room in the arena for one more record, whatever it is.
    pub(super) fn has_room(&self) -> bool {
        self.arena.len() <= ARENA_MAX_OCTETS
    }

    /// Adds a record whose data were appended to the arena from `start` on.
    pub(super) fn add(&mut self, owner: Owner, rtype: RecordType, ttl: Ttl, spot: Spot, start: usize) {
        let data_length = u16::try_from(self.arena.len() - start).expect("the reader bounds the data");
        let Owner { at, length } = owner;
        let data = offset(start);
        self.records.push(Staged { owner: at, data, ttl, spot, data_length, rtype, owner_length: length });
    }

    /// Puts the records in canonical order of their owners, then of their types; what is equal stays as written.
    pub(super) fn sort(self, zone: &Name) -> Sorted {
        let Draft { arena, records } = self;
        let mut keys: Vec<Key> = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            let prefix =
                wire_name::prefix(wire(&arena, record.owner, record.owner_length.into()), zone.wire());
            keys.push(Key { high: high(prefix), low: low(prefix), index: offset(index) });
        }
        keys.sort_unstable_by(|a, b| {
            let (ours, theirs) = (&records[a.index as usize], &records[b.index as usize]);
            (a.high, a.low)
                .cmp(&(b.high, b.low))
                .then_with(|| compare_owners(&arena, ours, theirs))
                .then_with(|| ours.rtype.cmp(&theirs.rtype))
                .then_with(|| a.index.cmp(&b.index))
        });
        let mut sorted: Vec<Staged> = keys.iter().map(|key| records[key.index as usize]).collect();
        drop((keys, records)); // before the arena is there twice
        let arena = gather(&arena, &mut sorted);
        Sorted { arena, records: sorted }
    }
}

/// What is compared first when a million records are sorted: without touching the arena.
struct Key {
    high: u64,
    low: u64,
    index: u32,
}

/// In halves, for a whole u128 would pad the key by half.
fn high(prefix: u128) -> u64 {
    u64::try_from(prefix >> 64).expect("64 bits are left")
}

fn low(prefix: u128) -> u64 {
    u64::try_from(prefix & u128::from(u64::MAX)).expect("64 bits are left")
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("the reader asks whether there is room")
}

fn wire(arena: &[u8], at: u32, length: usize) -> &[u8] {
    &arena[at as usize..at as usize + length]
}

fn compare_owners(arena: &[u8], a: &Staged, b: &Staged) -> Ordering {
    if a.owner == b.owner {
        return Ordering::Equal; // left out in the text, so it is one in the arena
    }
    let owner = |record: &Staged| wire(arena, record.owner, record.owner_length.into());
    wire_name::compare(owner(a), owner(b))
}

/// Copies the octets into the order of the records, so that walking over these walks over memory.
/// Records of one owner then share its octets: owners are compared by their places.
fn gather(arena: &[u8], records: &mut [Staged]) -> Vec<u8> {
    let mut gathered = Vec::with_capacity(arena.len());
    let mut last: Option<(u32, u8)> = None;
    for record in records {
        let owner = wire(arena, record.owner, record.owner_length.into());
        let same =
            |(at, length): &(u32, u8)| wire(&gathered, *at, (*length).into()).eq_ignore_ascii_case(owner);
        record.owner = match last.filter(same) {
            Some((at, _)) => at,
            None => append(&mut gathered, owner),
        };
        last = Some((record.owner, record.owner_length));
        record.data = append(&mut gathered, wire(arena, record.data, record.data_length.into()));
    }
    gathered
}

fn append(arena: &mut Vec<u8>, octets: &[u8]) -> u32 {
    let at = offset(arena.len());
    arena.extend_from_slice(octets);
    at
}

/// The records of a zone in canonical order.
pub(super) struct Sorted {
    arena: Vec<u8>,
    /// Those of one owner together, and among these those of one type.
    pub(super) records: Vec<Staged>,
}

impl Sorted {
    /// The owner of a record.
    pub(super) fn owner(&self, record: &Staged) -> &[u8] {
        wire(&self.arena, record.owner, record.owner_length.into())
    }

    /// The data of a record.
    pub(super) fn data(&self, record: &Staged) -> &[u8] {
        wire(&self.arena, record.data, record.data_length.into())
    }

    /// The records of each owner.
    pub(super) fn owners(&self) -> impl Iterator<Item = &[Staged]> {
        self.records.chunk_by(|a, b| a.owner == b.owner)
    }

    /// The records of each owner and type.
    pub(super) fn sets(&self) -> impl Iterator<Item = &[Staged]> {
        self.records.chunk_by(|a, b| a.rtype == b.rtype && a.owner == b.owner)
    }

    /// How many records the set has that begins at a place in the list.
    pub(super) fn set_length(&self, start: usize) -> usize {
        let first = &self.records[start];
        let same = |record: &&Staged| record.rtype == first.rtype && record.owner == first.owner;
        self.records[start..].iter().take_while(same).count()
    }

    /// The records at a name.
    pub(super) fn at(&self, name: &[u8]) -> &[Staged] {
        let rest = &self.records[self.first_from(name)..];
        let length = rest.iter().take_while(|record| self.owner(record).eq_ignore_ascii_case(name)).count();
        &rest[..length]
    }

    /// Whether there is a record at a name or below it.
    pub(super) fn exists(&self, name: &[u8]) -> bool {
        let next = self.records.get(self.first_from(name));
        next.is_some_and(|record| wire_name::is_within(self.owner(record), name))
    }

    fn first_from(&self, name: &[u8]) -> usize {
        self.records.partition_point(|record| wire_name::compare(self.owner(record), name).is_lt())
    }

    /// The zone that the records make.
    pub(super) fn seal(self, zone: &Name) -> Zone {
        let mut packed = Zone::new(zone.clone(), self.packed_octets());
        for records in self.owners() {
            let mut owner = self.owner(&records[0]);
            for set in records.chunk_by(|a, b| a.rtype == b.rtype) {
                packed.push(owner, set[0].rtype, set[0].ttl, set.iter().map(|record| self.data(record)));
                owner = &[];
            }
        }
        packed
    }

    fn packed_octets(&self) -> usize {
        let owners = self.owners().map(|records| usize::from(records[0].owner_length)).sum::<usize>();
        let set = |set: &[Staged]| Zone::set_octets(set.iter().map(|record| record.data_length.into()));
        owners + self.sets().map(set).sum::<usize>()
    }
}
