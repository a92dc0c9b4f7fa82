//! The table of names: a flat hash, found with one cache miss.

use super::node::{Arena, At, NodeRef, ZoneId};
use super::wire::{Key, hash, label_count, suffixes};

/// Every node of every zone by its name.
///
/// A slot holds a place and half of the hash, so that a name that is not there is seldom looked at.
#[derive(Default)]
pub(super) struct Names {
    slots: Box<[Slot]>,
    /// No node has more labels: longer names need not be looked for.
    most_labels: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// 0 when it is free.
    place: u32,
    tag: u32,
}

impl Names {
    /// From every node of the arena.
    pub(super) fn of(arena: &Arena, nodes: usize) -> Names {
        let slots = nodes + nodes / 2 + 1; // two thirds full: short searches, 12 octets a name
        let mut names = Names { slots: vec![Slot::default(); slots].into(), most_labels: 0 };
        for node in arena.nodes() {
            names.most_labels = names.most_labels.max(label_count(node.name()));
            names.insert(node);
        }
        names
    }

    fn insert(&mut self, node: NodeRef<'_>) {
        let hash = hash(node.name());
        let mut index = self.index(hash);
        while self.slots[index].place > 0 {
            index = self.after(index);
        }
        self.slots[index] = Slot { place: node.at.number(), tag: tag(hash) };
    }

    /// The upper bits, scaled to the number of slots.
    fn index(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, index: usize) -> usize {
        if index + 1 < self.slots.len() { index + 1 } else { 0 }
    }

    /// The node of a lower-case name, whose hash is given, that `fits`.
    #[inline(always)] // measured: a node that is returned through memory stalls whoever reads it
    fn find<'t>(
        &self,
        arena: &'t Arena,
        name: &[u8],
        hash: u64,
        fits: impl Fn(&NodeRef<'t>) -> bool,
    ) -> Option<NodeRef<'t>> {
        let mut index = self.index(hash);
        while let Some(at) = At::from_number(self.slots.get(index)?.place) {
            if self.slots[index].tag == tag(hash) {
                let node = arena.node(at);
                if node.name() == name && fits(&node) {
                    return Some(node);
                }
            }
            index = self.after(index);
        }
        None
    }

    /// The longest of the name and the names above it that `fits`, and whether it is the name itself.
    fn enclosing<'t>(
        &self,
        arena: &'t Arena,
        key: &Key,
        fits: impl Fn(&NodeRef<'t>) -> bool + Copy,
    ) -> Option<(NodeRef<'t>, bool)> {
        let name = key.octets();
        if let Some(node) = self.find(arena, name, key.hash(), fits) {
            return Some((node, true));
        }
        Some((self.above(arena, name, fits)?, false))
    }

    /// The longest of the names above one that `fits`.
    fn above<'t>(
        &self,
        arena: &'t Arena,
        name: &[u8],
        fits: impl Fn(&NodeRef<'t>) -> bool + Copy,
    ) -> Option<NodeRef<'t>> {
        let in_vain = label_count(name).saturating_sub(self.most_labels).max(1);
        suffixes(name).skip(in_vain).find_map(|suffix| self.find(arena, suffix, hash(suffix), fits))
    }

    /// The closest encloser in the zone that speaks for the name: the lowest of ours.
    pub(super) fn enclosing_anywhere<'t>(&self, arena: &'t Arena, key: &Key) -> Option<(NodeRef<'t>, bool)> {
        self.enclosing(arena, key, |node| !node.is_shadowed())
    }

    /// The closest encloser in one zone, whatever other zones there are.
    pub(super) fn enclosing_in<'t>(
        &self,
        arena: &'t Arena,
        zone: ZoneId,
        key: &Key,
    ) -> Option<(NodeRef<'t>, bool)> {
        self.enclosing(arena, key, |node| node.zone() == zone)
    }

    /// The node of a name in the zone that speaks for it.
    pub(super) fn node<'t>(&self, arena: &'t Arena, name: &[u8]) -> Option<NodeRef<'t>> {
        self.find(arena, name, hash(name), |node| !node.is_shadowed())
    }

    /// Octets in all.
    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

/// The lower bits: the upper ones choose the slot.
fn tag(hash: u64) -> u32 {
    hash as u32
}
