//! One name of a zone in the arena: all that is known of it in one run of octets, so that finding it costs one
//! cache miss and reading it seldom a second.
//!
//! ```text
//! zone 4 | link 4 | sets 2 | kind 1 | marks 1 | name length 1 | [steered slot 4] | name … | set … | padding
//! ```

use crate::zone::RecordType;

use super::records::SetRef;

/// Octets before the optional slot.
const NODE_HEADER: usize = 13;
const LINK: usize = 4;

/// Runs begin at multiples of this, so that 32 bits of place reach 16 GiB.
const ALIGNMENT: usize = 4;

/// The place of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At(u32);

/// A zone by its number in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ZoneId(pub(super) u32);

/// A steered name by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotId(pub(super) u32);

/// What a name is in its zone, whatever is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The zone speaks for it, and for names below it.
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
    /// The zone that it belongs to.
    pub(super) zone: ZoneId,
    /// What it is.
    pub(super) kind: Kind,
    /// It and what is below it belong to a zone of ours further down, which is asked instead.
    pub(super) shadowed: bool,
    /// Where its addresses come from when a decision gives them.
    pub(super) steered: Option<SlotId>,
    /// The cut or renaming that it lies below.
    pub(super) governor: Option<At>,
}

const SHADOWED: u8 = 1;
const STEERED: u8 = 2;

/// All nodes, one after the other.
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
    /// Begins a node; its sets are appended to what is returned, then it is closed.
    ///
    /// # Panics
    /// When the table outgrows 16 GiB, some 200 million names.
    pub(super) fn open(&mut self, header: &NodeHeader, name: &[u8], sets: u16) -> (At, &mut Vec<u8>) {
        if self.octets.is_empty() {
            self.octets.resize(ALIGNMENT, 0); // place 0 means nowhere
        }
        let at = u32::try_from(self.octets.len() / ALIGNMENT).expect("a table of names below 16 GiB");
        let link = header.governor.map_or(0, |governor| governor.0);
        let marks = u8::from(header.shadowed) * SHADOWED + u8::from(header.steered.is_some()) * STEERED;
        self.octets.extend_from_slice(&header.zone.0.to_ne_bytes());
        self.octets.extend_from_slice(&link.to_ne_bytes());
        self.octets.extend_from_slice(&sets.to_ne_bytes());
        let length = u8::try_from(name.len()).expect("a name of at most 255 octets");
        self.octets.extend_from_slice(&[header.kind as u8, marks, length]);
        if let Some(SlotId(slot)) = header.steered {
            self.octets.extend_from_slice(&slot.to_ne_bytes());
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
        let at = parent.0 as usize * ALIGNMENT + LINK;
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

    /// Every node, in the order in which they were opened.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let mut start = ALIGNMENT;
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
    /// As a number for the table of names.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// From such a number; 0 is nowhere.
    pub(super) fn from_number(number: u32) -> Option<At> {
        (number > 0).then_some(At(number))
    }
}

impl<'t> NodeRef<'t> {
    fn number(&self, at: usize) -> u32 {
        let o = &self.octets[at..at + 4];
        u32::from_ne_bytes([o[0], o[1], o[2], o[3]])
    }

    /// The zone that it belongs to.
    pub(super) fn zone(&self) -> ZoneId {
        ZoneId(self.number(0))
    }

    /// What it is.
    pub(super) fn kind(&self) -> Kind {
        [Kind::Inside, Kind::Cut, Kind::Renaming, Kind::Below][usize::from(self.octets[10] & 3)]
    }

    /// Whether a zone of ours further down is asked instead.
    pub(super) fn is_shadowed(&self) -> bool {
        self.octets[11] & SHADOWED > 0
    }

    /// Where its addresses come from when a decision gives them.
    pub(super) fn steered(&self) -> Option<SlotId> {
        (self.octets[11] & STEERED > 0).then(|| SlotId(self.number(NODE_HEADER)))
    }

    /// The cut or renaming that it lies below.
    pub(super) fn governor(&self) -> Option<At> {
        if self.kind() == Kind::Below { At::from_number(self.number(LINK)) } else { None }
    }

    /// The `*` directly below it, if the zone speaks for it.
    pub(super) fn wildcard(&self) -> Option<At> {
        if self.kind() == Kind::Inside { At::from_number(self.number(LINK)) } else { None }
    }

    fn name_at(&self) -> usize {
        NODE_HEADER + if self.octets[11] & STEERED > 0 { 4 } else { 0 }
    }

    fn name_octets(&self) -> usize {
        usize::from(self.octets[12])
    }

    /// Its name in lower case.
    pub(super) fn name(&self) -> &'t [u8] {
        &self.octets[self.name_at()..self.name_at() + self.name_octets()]
    }

    /// Its sets, without the steered addresses.
    pub(super) fn sets(&self) -> impl Iterator<Item = SetRef<'t>> {
        let owner_octets = self.name_octets();
        let mut rest = &self.octets[self.name_at() + owner_octets..];
        (0..u16::from_ne_bytes([self.octets[8], self.octets[9]])).map(move |_| {
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
