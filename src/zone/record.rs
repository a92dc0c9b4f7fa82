//! What a zone is made of.

use crate::model::{Name, RecordType, Serial, Ttl};

/// A zone that keeps the rules: one SOA, nothing out of the zone, one TTL per set.
#[derive(PartialEq, Eq)]
pub struct Zone {
    origin: Name,
    /// Set after set: owner length, owner, type, TTL, octets of the records, then each with its length before it.
    /// An owner length of 0 means the owner of the set before. One allocation, whatever the zone.
    packed: Vec<u8>,
    records: usize,
}

/// The records of one name and type.
pub struct RecordSet<'z> {
    /// The owner in wire form, in a letter case that was written.
    pub owner: &'z [u8],
    /// The type.
    pub rtype: RecordType,
    /// The one TTL of the set (RFC 2181 section 5.2).
    pub ttl: Ttl,
    records: &'z [u8],
}

/// The octets of a set in [`Zone::packed`] beside owner and records.
const SET_HEAD_OCTETS: usize = 1 + 2 + 4 + 4;

impl Zone {
    /// An empty one, with room for `octets`.
    pub(super) fn new(origin: Name, octets: usize) -> Zone {
        Zone { origin, packed: Vec::with_capacity(octets), records: 0 }
    }

    /// The octets that a set takes, without its owner.
    pub(super) fn set_octets(data: impl Iterator<Item = usize>) -> usize {
        SET_HEAD_OCTETS + data.map(|length| 2 + length).sum::<usize>()
    }

    /// Adds a set, in canonical order of the owners; no owner means that of the set before.
    pub(super) fn push<'d>(
        &mut self,
        owner: &[u8],
        rtype: RecordType,
        ttl: Ttl,
        data: impl Iterator<Item = &'d [u8]>,
    ) {
        self.packed.push(u8::try_from(owner.len()).expect("a name has 255 octets at most"));
        self.packed.extend_from_slice(owner);
        self.packed.extend(rtype.0.to_be_bytes());
        self.packed.extend(ttl.as_secs().to_be_bytes());
        let start = self.packed.len();
        self.packed.extend([0; 4]);
        for data in data {
            let length = u16::try_from(data.len()).expect("the reader bounds the data");
            self.packed.extend(length.to_be_bytes());
            self.packed.extend_from_slice(data);
            self.records += 1;
        }
        let octets = u32::try_from(self.packed.len() - start - 4).expect("a set fits into a message");
        self.packed[start..start + 4].copy_from_slice(&octets.to_be_bytes());
    }

    /// The name of its apex.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Every set, those of one owner together; the apex first, the owners in canonical order.
    pub fn sets(&self) -> impl Iterator<Item = RecordSet<'_>> {
        let mut rest = Packed(&self.packed);
        let mut owner: &[u8] = &[];
        std::iter::from_fn(move || {
            if rest.0.is_empty() {
                return None;
            }
            let [length] = rest.array();
            if length > 0 {
                owner = rest.cut(length.into());
            }
            let rtype = RecordType(u16::from_be_bytes(rest.array()));
            let ttl = seconds(rest.array());
            let octets = u32::from_be_bytes(rest.array());
            Some(RecordSet { owner, rtype, ttl, records: rest.cut(octets as usize) })
        })
    }

    /// How many records it has.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records
    }

    /// The set that holds the start of authority: one record at the apex.
    ///
    /// # Panics
    /// Never for a zone that was read: a file without SOA is no zone.
    #[must_use]
    pub fn soa(&self) -> RecordSet<'_> {
        self.sets().find(|set| set.rtype == RecordType::SOA).expect("a zone has an SOA record")
    }

    /// The serial number (RFC 1035 section 3.3.13).
    #[must_use]
    pub fn serial(&self) -> Serial {
        Serial(u32::from_be_bytes(self.soa_number(0)))
    }

    /// How long a negative answer may be cached: the smaller of the SOA's TTL and its MINIMUM (RFC 2308 section 5).
    #[must_use]
    pub fn negative_ttl(&self) -> Ttl {
        self.soa().ttl.min(seconds(self.soa_number(4)))
    }

    /// One of the five numbers at the end of the SOA's data.
    fn soa_number(&self, index: usize) -> [u8; 4] {
        let data = self.soa().rdata().next().expect("a set has a record");
        let (numbers, _) = data[data.len() - 20..].as_chunks();
        numbers[index]
    }
}

impl<'z> RecordSet<'z> {
    /// The data of each record: uncompressed wire form, no duplicates, in the order in which they were written.
    pub fn rdata(&self) -> impl Iterator<Item = &'z [u8]> + use<'z> {
        let mut rest = Packed(self.records);
        std::iter::from_fn(move || {
            if rest.0.is_empty() {
                return None;
            }
            let length = u16::from_be_bytes(rest.array());
            Some(rest.cut(length.into()))
        })
    }
}

/// What is left of a packed zone; it is our own writing, so what should be there is.
struct Packed<'z>(&'z [u8]);

impl<'z> Packed<'z> {
    fn cut(&mut self, length: usize) -> &'z [u8] {
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        head
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.cut(N).try_into().expect("cut to that length")
    }
}

fn seconds(octets: [u8; 4]) -> Ttl {
    Ttl::from_secs(u32::from_be_bytes(octets).into()).expect("the reader bounds every time")
}
