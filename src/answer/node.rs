//! One name of a zone in the arena: all that is known of it in one run of octets, so that finding it costs one
//! cache miss and reading it seldom a second.
//!
//! ```text
//! link 4 | sets 2 | kind and marks 1 | name length 1 | [steer 4] | name … | set … | padding
//! ```

use crate::model::{RecordType, SteerId};

use super::records::SetRef;

/// Octets before the optional steer.
const NODE_HEADER: usize = 8;
const SETS: usize = 4;
const MARKS: usize = 6;
const NAME_LENGTH: usize = 7;

/// Runs begin at multiples of this, so that 32 bits of place reach 16 GiB.
const ALIGNMENT: usize = 4;

/// The place of a node in the arena of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At(u32);

/// What a name is in its zone, whatever is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The zone speaks for it, and for names below it; `link` leads to the `*` below it.
    Inside,
    /// It is delegated, with all that is below it (NS below the apex).
    Cut,
    /// Names below it are renamed (DNAME).
    Renaming,
    /// It lies below a cut or a renaming, to which `link` leads.
    Below,
}

/// What a node is written from.
pub(super) struct NodeHeader {
    /// What it is.
    pub(super) kind: Kind,
    /// Where its addresses come from when a decision gives them.
    pub(super) steered: Option<SteerId>,
    /// The cut or renaming that it lies below.
    pub(super) governor: Option<At>,
}

/// The bits of the kind; above them a mark.
const KIND: u8 = 3;
const STEERED: u8 = 4;

/// All nodes of a zone, one after the other, in canonical order.
#[derive(Default)]
pub(super) struct Arena {
    octets: Vec<u8>,
}

/// One node, read where it lies.
#[derive(Clone, Copy)]
pub(super) struct NodeRef<'t> {
    /// Its place.
    pub(super) at: At,
    octets: &'t [u8],
}

impl Arena {
    /// Of everything in it.
    pub(super) fn checksum(&self) -> u32 {
        crc32fast::hash(&self.octets)
    }

    /// Begins a node; its sets are appended to what is returned, then it is closed.
    ///
    /// # Panics
    /// When the zone outgrows 16 GiB, some 200 million names.
    pub(super) fn open(&mut self, header: &NodeHeader, name: &[u8], sets: u16) -> (At, &mut Vec<u8>) {
        if self.octets.is_empty() {
            self.octets.resize(ALIGNMENT, 0); // place 0 is no node
        }
        let at = u32::try_from(self.octets.len() / ALIGNMENT).expect("a zone of less than 16 GiB");
        let link = header.governor.map_or(0, |governor| governor.0);
        let marks = header.kind as u8 | if header.steered.is_some() { STEERED } else { 0 };
        self.octets.extend_from_slice(&link.to_ne_bytes());
        self.octets.extend_from_slice(&sets.to_ne_bytes());
        let length = u8::try_from(name.len()).expect("a name of at most 255 octets");
        self.octets.extend_from_slice(&[marks, length]);
        if let Some(SteerId(steer)) = header.steered {
            self.octets.extend_from_slice(&steer.to_ne_bytes());
        }
        self.octets.extend(name.iter().map(u8::to_ascii_lowercase));
        (At(at), &mut self.octets)
    }

    /// Ends the node that was opened last.
    pub(super) fn close(&mut self) {
        let end = self.octets.len().next_multiple_of(ALIGNMENT);
        self.octets.resize(end, 0);
    }

    /// Leads from a node to the `*` below it.
    pub(super) fn set_wildcard(&mut self, parent: At, wildcard: At) {
        let at = parent.0 as usize * ALIGNMENT;
        self.octets[at..at + 4].copy_from_slice(&wildcard.0.to_ne_bytes());
    }

    /// Gives back what growing has left over.
    pub(super) fn shrink(&mut self) {
        self.octets.shrink_to_fit();
    }

    /// The node at a place that a node was opened at.
    pub(super) fn node(&self, at: At) -> NodeRef<'_> {
        NodeRef { at, octets: &self.octets[at.0 as usize * ALIGNMENT..] }
    }

    /// Every node, in canonical order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        self.nodes_from(At(1))
    }

    /// The nodes from a place on, in canonical order.
    pub(super) fn nodes_from(&self, first: At) -> impl Iterator<Item = NodeRef<'_>> {
        let mut start = first.0 as usize * ALIGNMENT;
        std::iter::from_fn(move || {
            let at = At(u32::try_from(start / ALIGNMENT).ok()?);
            let octets = self.octets.get(start..).filter(|octets| !octets.is_empty())?;
            let node = NodeRef { at, octets };
            start = (start + node.octets_in_all()).next_multiple_of(ALIGNMENT);
            Some(node)
        })
    }

    /// Octets in all.
    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }
}

impl At {
    /// As a number that is never 0.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// From such a number; `None` for 0.
    pub(super) fn from_number(number: u32) -> Option<At> {
        (number > 0).then_some(At(number))
    }
}

impl<'t> NodeRef<'t> {
    fn number(&self, at: usize) -> u32 {
        let o = &self.octets[at..at + 4];
        u32::from_ne_bytes([o[0], o[1], o[2], o[3]])
    }

    /// What it is.
    pub(super) fn kind(&self) -> Kind {
        [Kind::Inside, Kind::Cut, Kind::Renaming, Kind::Below][usize::from(self.octets[MARKS] & KIND)]
    }

    /// Where its addresses come from when a decision gives them.
    pub(super) fn steered(&self) -> Option<SteerId> {
        (self.octets[MARKS] & STEERED > 0).then(|| SteerId(self.number(NODE_HEADER)))
    }

    /// The cut or renaming that it lies below.
    pub(super) fn governor(&self) -> Option<At> {
        if self.kind() == Kind::Below { At::from_number(self.number(0)) } else { None }
    }

    /// The `*` directly below it, if the zone speaks for it.
    pub(super) fn wildcard(&self) -> Option<At> {
        if self.kind() == Kind::Inside { At::from_number(self.number(0)) } else { None }
    }

    /// Whether it has records of its own, steered addresses included; an empty non-terminal has none (RFC 4592 section
    /// 2.2.2).
    pub(super) fn has_records(&self) -> bool {
        self.set_count() > 0 || self.steered().is_some()
    }

    fn set_count(&self) -> u16 {
        u16::from_ne_bytes([self.octets[SETS], self.octets[SETS + 1]])
    }

    fn name_at(&self) -> usize {
        NODE_HEADER + if self.octets[MARKS] & STEERED > 0 { 4 } else { 0 }
    }

    fn name_octets(&self) -> usize {
        usize::from(self.octets[NAME_LENGTH])
    }

    /// Its name in lower case.
    pub(super) fn name(&self) -> &'t [u8] {
        &self.octets[self.name_at()..self.name_at() + self.name_octets()]
    }

    /// Its sets, without the steered addresses.
    pub(super) fn sets(&self) -> impl Iterator<Item = SetRef<'t>> {
        let owner_octets = self.name_octets();
        let mut rest = &self.octets[self.name_at() + owner_octets..];
        (0..self.set_count()).map(move |_| {
            let (set, next) = SetRef::split(rest, owner_octets);
            rest = next;
            set
        })
    }

    /// The set of a type, unless it is steered.
    pub(super) fn set(&self, rtype: RecordType) -> Option<SetRef<'t>> {
        self.sets().find(|set| set.rtype == rtype)
    }

    fn octets_in_all(&self) -> usize {
        self.name_at() + self.name_octets() + self.sets().map(|set| set.stored_octets()).sum::<usize>()
    }
}
