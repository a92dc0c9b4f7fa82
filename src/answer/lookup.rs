//! What a name turns out to be in a zone.

use crate::zone::RecordType;

use super::AnswerTable;
use super::node::{Kind, NodeRef, ZoneId};
use super::records::SetRef;
use super::wire::Key;
use super::zones::ZoneInfo;

/// Everything that a name can turn out to be in the zone that is asked.
#[derive(Clone, Copy)]
pub(super) enum Found<'t> {
    /// It exists, or the `*` that stands for it does (RFC 4592).
    Exists(NodeRef<'t>),
    /// It is at or below this cut.
    Delegated(NodeRef<'t>),
    /// It is below this renaming (RFC 6672).
    Renamed(NodeRef<'t>),
    /// It does not exist.
    Absent,
}

/// Everything that an existing name can have to say about a type.
pub(super) enum Content<'t> {
    /// Such records.
    Records(SetRef<'t>),
    /// Another name that speaks for it.
    Alias(SetRef<'t>),
    /// Nothing.
    NoData,
}

/// ANY (RFC 8482).
pub(super) const ANY: RecordType = RecordType(255);

impl AnswerTable {
    /// The zone that is asked about a name, and what the name is in it; `None` outside of all zones.
    pub(super) fn find(&self, key: &Key, rtype: RecordType) -> Option<(ZoneId, Found<'_>)> {
        let (encloser, exact) = self.fixed.names.enclosing_anywhere(&self.fixed.arena, key)?;
        let zone = encloser.zone();
        let is_apex = exact && encloser.at == self.zone(zone).apex;
        match self.zone(zone).parent {
            // The DS of a zone is its parent's to tell (RFC 4035 section 3.1.4.1).
            Some(parent) if is_apex && rtype == RecordType::DS => {
                Some((parent, self.find_in(parent, key, rtype)))
            }
            Some(_) | None => Some((zone, self.classify(encloser, exact, rtype))),
        }
    }

    /// What a name is in a zone that it lies in.
    pub(super) fn find_in(&self, zone: ZoneId, key: &Key, rtype: RecordType) -> Found<'_> {
        match self.fixed.names.enclosing_in(&self.fixed.arena, zone, key) {
            Some((encloser, exact)) => self.classify(encloser, exact, rtype),
            None => Found::Absent,
        }
    }

    /// A name by what encloses it most closely: itself if `exact`.
    #[inline]
    fn classify<'t>(&'t self, encloser: NodeRef<'t>, exact: bool, rtype: RecordType) -> Found<'t> {
        match encloser.kind() {
            Kind::Cut if exact && rtype == RecordType::DS => Found::Exists(encloser),
            Kind::Cut => Found::Delegated(encloser),
            Kind::Below => self.governed(encloser),
            Kind::Inside | Kind::Renaming if exact => Found::Exists(encloser),
            Kind::Renaming => Found::Renamed(encloser),
            Kind::Inside => self.by_wildcard(encloser),
        }
    }

    fn governed<'t>(&'t self, node: NodeRef<'t>) -> Found<'t> {
        let governor = node.governor().map(|at| self.fixed.arena.node(at));
        governor.map_or(Found::Absent, |governor| match governor.kind() {
            Kind::Renaming => Found::Renamed(governor),
            Kind::Cut | Kind::Inside | Kind::Below => Found::Delegated(governor),
        })
    }

    /// NS at a wildcard delegate nothing but the wildcard itself (RFC 4592 section 4.2 leaves it open).
    fn by_wildcard<'t>(&'t self, encloser: NodeRef<'t>) -> Found<'t> {
        encloser.wildcard().map_or(Found::Absent, |at| Found::Exists(self.fixed.arena.node(at)))
    }

    /// What an existing name has to say about a type.
    pub(super) fn content<'t>(&'t self, node: NodeRef<'t>, rtype: RecordType) -> Content<'t> {
        if rtype == ANY {
            return self.any(node).map_or(Content::NoData, Content::Records);
        }
        if let Some(set) = self.set(node, rtype) {
            return Content::Records(set);
        }
        node.set(RecordType::CNAME).map_or(Content::NoData, Content::Alias)
    }

    /// One set stands for all: enough to know that there are some, too little to hurt somebody with.
    fn any<'t>(&'t self, node: NodeRef<'t>) -> Option<SetRef<'t>> {
        let first = [RecordType::CNAME, RecordType::A, RecordType::AAAA];
        first.into_iter().find_map(|rtype| self.set(node, rtype)).or_else(|| node.sets().next())
    }

    /// The records of a type at a node: from the decision if it is steered, from the zone otherwise.
    pub(super) fn set<'t>(&'t self, node: NodeRef<'t>, rtype: RecordType) -> Option<SetRef<'t>> {
        match node.steered() {
            Some(slot) if rtype == RecordType::A || rtype == RecordType::AAAA => {
                self.steered.addresses(slot)?.set(rtype)
            }
            Some(_) | None => node.set(rtype),
        }
    }

    /// The addresses that may stand beside a referral or an answer: those of the zone, or known below a cut.
    pub(super) fn address_node(&self, zone: ZoneId, key: &Key, glue: bool) -> Option<NodeRef<'_>> {
        let (encloser, exact) = self.fixed.names.enclosing_in(&self.fixed.arena, zone, key)?;
        match self.classify(encloser, exact, RecordType::A) {
            Found::Exists(node) => Some(node),
            Found::Delegated(_) if exact && glue => Some(encloser),
            Found::Delegated(_) | Found::Renamed(_) | Found::Absent => None,
        }
    }

    /// A zone by its number.
    pub(super) fn zone(&self, ZoneId(number): ZoneId) -> &ZoneInfo {
        &self.fixed.zones[number as usize]
    }

    /// The name of a zone in lower case.
    pub(super) fn apex_name(&self, zone: ZoneId) -> &[u8] {
        self.fixed.arena.node(self.zone(zone).apex).name()
    }
}
