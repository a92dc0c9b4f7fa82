//! The names of one zone: from a name to its node, or to the node of the closest name above it.

use crate::model::wire_name::{label_count, suffixes};

use super::node::{Arena, At, NodeRef};
use super::slots::Slots;
use super::wire::{Key, hash};

/// Every node of a zone by its name.
#[derive(Default)]
pub(super) struct Names {
    slots: Slots,
    /// No node has more labels: longer names need not be looked for.
    most_labels: usize,
}

impl Names {
    /// From every node of the arena.
    pub(super) fn of(arena: &Arena, nodes: usize) -> Names {
        let mut names = Names { slots: Slots::with_room_for(nodes), most_labels: 0 };
        for node in arena.nodes() {
            names.most_labels = names.most_labels.max(label_count(node.name()));
            names.slots.insert(hash(node.name()), node.at.number());
        }
        names
    }

    /// The node of a lower-case name, whose hash is given.
    #[inline(always)] // measured: a node that is returned through memory stalls its reader
    fn find<'t>(&self, arena: &'t Arena, name: &[u8], hash: u64) -> Option<NodeRef<'t>> {
        self.slots.find(hash, |number| {
            let node = arena.node(At::from_number(number)?);
            (node.name() == name).then_some(node)
        })
    }

    /// The closest encloser of a name (RFC 4592 section 3.3.1), and whether it is the name itself. `None` outside of
    /// the zone.
    #[inline(always)] // as above
    pub(super) fn enclosing<'t>(&self, arena: &'t Arena, key: &Key) -> Option<(NodeRef<'t>, bool)> {
        let name = key.octets();
        if let Some(node) = self.find(arena, name, key.hash()) {
            return Some((node, true));
        }
        Some((self.above(arena, name)?, false))
    }

    /// The longest of the names above one.
    #[inline(never)]
    fn above<'t>(&self, arena: &'t Arena, name: &[u8]) -> Option<NodeRef<'t>> {
        let in_vain = label_count(name).saturating_sub(self.most_labels).max(1);
        suffixes(name).skip(in_vain).find_map(|suffix| self.find(arena, suffix, hash(suffix)))
    }

    /// Octets in all.
    pub(super) fn octets(&self) -> usize {
        self.slots.octets()
    }
}
