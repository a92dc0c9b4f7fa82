//! A zone and its steered names become nodes, written in one pass over the names in canonical order.
//!
//! In that order a name comes after all names above it, so what lies above decides what a name is, and the empty
//! non-terminals between them (RFC 4592 section 2.2.2) are made on the way.

use std::cmp::Ordering;
use std::iter::Peekable;

use crate::model::wire_name::{compare, is_within, suffixes};
use crate::model::{RecordType, SteerId};
use crate::zone::{RecordSet, Zone};

use super::node::{Arena, At, Kind, NodeHeader};
use super::records::encode;

/// Nodes between two places of [`Compiled::places`]: a quarter of an octet for each name, and a search in canonical
/// order reads no more than so many nodes in a row.
pub(super) const PLACE_EVERY: usize = 16;

/// The nodes of a zone.
pub(super) struct Compiled {
    /// In canonical order.
    pub(super) arena: Arena,
    /// How many there are.
    pub(super) nodes: usize,
    /// The node of the apex: the first one.
    pub(super) apex: At,
    /// The first of every [`PLACE_EVERY`] nodes.
    pub(super) places: Box<[At]>,
}

/// Writes the nodes of a zone. `steered` are names in the zone, each once, in any order.
pub(super) fn compile(zone: &Zone, steered: &mut [(&[u8], SteerId)]) -> Compiled {
    steered.sort_unstable_by(|(a, _), (b, _)| compare(a, b));
    let mut writer = ZoneWriter::default();
    let apex = writer.write(zone, steered);
    writer.arena.shrink();
    let ZoneWriter { arena, nodes, places, above: _ } = writer;
    Compiled { arena, nodes, apex, places: places.into() }
}

/// Writes the nodes of one zone.
#[derive(Default)]
struct ZoneWriter {
    arena: Arena,
    nodes: usize,
    places: Vec<At>,
    /// From the apex down to the name written last.
    above: Vec<Above>,
}

/// What the names further down need to know.
struct Above {
    at: At,
    kind: Kind,
    governor: Option<At>,
}

impl ZoneWriter {
    fn write(&mut self, zone: &Zone, steered: &[(&[u8], SteerId)]) -> At {
        let mut sets = zone.sets().peekable();
        let mut steered = steered.iter().copied().peekable();
        let mut of_one_name = Vec::new();
        let mut apex = None;
        while let Some((owner, steer)) = next_owner(&mut sets, &mut steered) {
            of_one_name.clear();
            while let Some(set) = sets.next_if(|set| set.owner.eq_ignore_ascii_case(owner)) {
                of_one_name.push(set);
            }
            self.names_between(owner);
            let at = self.node(owner, &of_one_name, steer);
            apex = apex.or(Some(at));
        }
        apex.expect("every zone has an apex")
    }

    /// Goes up to the lowest name that this one is below of, then makes the empty ones on the way down to it.
    fn names_between(&mut self, owner: &[u8]) {
        let arena = &self.arena;
        while self.above.pop_if(|above| !is_within(owner, arena.node(above.at).name())).is_some() {}
        let Some(above) = self.above.last() else {
            return; // the apex itself
        };
        let top = arena.node(above.at).name().len();
        let between: Vec<&[u8]> = suffixes(owner).skip(1).take_while(|suffix| suffix.len() > top).collect();
        for name in between.iter().rev() {
            self.node(name, &[], None);
        }
    }

    fn node(&mut self, name: &[u8], sets: &[RecordSet<'_>], steered: Option<SteerId>) -> At {
        let header = self.header(sets, steered);
        let given = |set: &&RecordSet<'_>| steered.is_none() || !set.rtype.is_address();
        let count = u16::try_from(sets.iter().filter(given).count()).expect("at most one set for each type");
        let (at, octets) = self.arena.open(&header, name, count);
        for set in sets.iter().filter(given) {
            encode(octets, set.owner, set.rtype, set.ttl, set.rdata());
        }
        self.arena.close();
        if self.nodes.is_multiple_of(PLACE_EVERY) {
            self.places.push(at);
        }
        self.nodes += 1;
        self.settle(name, at, &header);
        at
    }

    fn header(&self, sets: &[RecordSet<'_>], steered: Option<SteerId>) -> NodeHeader {
        let has = |rtype| sets.iter().any(|set| set.rtype == rtype);
        let (kind, governor) = match self.above.last().map(|above| (above.kind, above)) {
            Some((Kind::Cut | Kind::Renaming, above)) => (Kind::Below, Some(above.at)),
            Some((Kind::Below, above)) => (Kind::Below, above.governor),
            Some((Kind::Inside, _)) if has(RecordType::NS) => (Kind::Cut, None),
            Some((Kind::Inside, _)) | None if has(RecordType::DNAME) => (Kind::Renaming, None),
            Some((Kind::Inside, _)) | None => (Kind::Inside, None),
        };
        NodeHeader { kind, steered, governor }
    }

    fn settle(&mut self, name: &[u8], at: At, header: &NodeHeader) {
        if let Some(parent) = self.above.last()
            && parent.kind == Kind::Inside
            && name.starts_with(b"\x01*")
        {
            self.arena.set_wildcard(parent.at, at);
        }
        let NodeHeader { kind, governor, .. } = *header;
        self.above.push(Above { at, kind, governor });
    }
}

/// The first name of both lists, and its steer if it is steered.
fn next_owner<'a>(
    sets: &mut Peekable<impl Iterator<Item = RecordSet<'a>>>,
    steered: &mut Peekable<impl Iterator<Item = (&'a [u8], SteerId)>>,
) -> Option<(&'a [u8], Option<SteerId>)> {
    let written = sets.peek().map(|set| set.owner);
    let Some((name, steer)) = steered.peek().copied() else {
        return written.map(|owner| (owner, None));
    };
    match written.map_or(Ordering::Less, |owner| compare(name, owner)) {
        Ordering::Greater => written.map(|owner| (owner, None)),
        Ordering::Equal | Ordering::Less => {
            steered.next();
            Some((name, Some(steer)))
        }
    }
}
