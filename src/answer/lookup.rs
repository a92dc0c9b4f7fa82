//! What a name turns out to be in a zone.

use crate::model::{RecordType, Serial};

use super::QueryContext;
use super::node::{Kind, NodeRef};
use super::records::SetRef;
use super::steered::Steered;
use super::wire::Key;
use super::zone_table::ZoneTable;

/// Everything that a name can turn out to be in the zone that is asked.
#[derive(Clone, Copy)]
pub(super) enum Found<'t> {
    /// It exists.
    Exists(NodeRef<'t>),
    /// It does not exist, and this wildcard stands for it (RFC 4592).
    Wildcard(NodeRef<'t>),
    /// It is at or below this cut.
    Delegated(NodeRef<'t>),
    /// It is below this renaming (RFC 6672).
    Renamed(NodeRef<'t>),
    /// It does not exist; this is its closest encloser.
    Absent(NodeRef<'t>),
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

impl<'t> Found<'t> {
    /// The wildcard that stands for the name.
    pub(super) fn wildcard(&self) -> Option<NodeRef<'t>> {
        match self {
            Found::Wildcard(wildcard) => Some(*wildcard),
            Found::Exists(_) | Found::Delegated(_) | Found::Renamed(_) | Found::Absent(_) => None,
        }
    }

    /// The lower-case name of the closest encloser (RFC 4592 section 3.3.1): the longest existing name at or above the
    /// name. Below a cut or a renaming it is the cut or the renaming, for what is below is not this zone's to tell.
    pub(super) fn closest_encloser(&self) -> &'t [u8] {
        match self {
            Found::Wildcard(wildcard) => &wildcard.name()[2..],
            Found::Exists(node) | Found::Delegated(node) | Found::Renamed(node) | Found::Absent(node) => {
                node.name()
            }
        }
    }
}

impl ZoneTable {
    /// What a name is in the zone; `None` when it lies outside.
    pub(super) fn find(&self, key: &Key, rtype: RecordType) -> Option<Found<'_>> {
        let (encloser, exact) = self.enclosing(key)?;
        Some(self.classify(encloser, exact, rtype))
    }

    /// A name by its closest encloser, which is the name itself if `exact`.
    #[inline(always)] // measured: a node that is returned through memory stalls its reader
    pub(super) fn classify<'t>(&'t self, encloser: NodeRef<'t>, exact: bool, rtype: RecordType) -> Found<'t> {
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
        let governor = node.governor().map(|at| self.node(at));
        governor.map_or(Found::Absent(node), |governor| match governor.kind() {
            Kind::Renaming => Found::Renamed(governor),
            Kind::Cut | Kind::Inside | Kind::Below => Found::Delegated(governor),
        })
    }

    /// NS at a wildcard delegate nothing but the wildcard itself (RFC 4592 section 4.2 leaves it open).
    fn by_wildcard<'t>(&'t self, encloser: NodeRef<'t>) -> Found<'t> {
        encloser.wildcard().map_or(Found::Absent(encloser), |at| Found::Wildcard(self.node(at)))
    }
}

/// What one query is answered from: a zone, its serial, and the steered addresses as the client gets them.
#[derive(Clone, Copy)]
pub(super) struct View<'t> {
    /// The zone.
    pub(super) zone: &'t ZoneTable,
    /// What its SOA tells.
    pub(super) serial: Serial,
    /// The addresses of steered names.
    pub(super) steered: &'t Steered,
    /// Who asks.
    pub(super) context: &'t QueryContext<'t>,
}

impl<'t> View<'t> {
    /// What an existing name has to say about a type.
    pub(super) fn content(&self, node: NodeRef<'t>, rtype: RecordType) -> Content<'t> {
        if rtype == RecordType::ANY {
            return self.any(node).map_or(Content::NoData, Content::Records);
        }
        if let Some(set) = self.set(node, rtype) {
            return Content::Records(set);
        }
        node.set(RecordType::CNAME).map_or(Content::NoData, Content::Alias)
    }

    /// One set stands for all (RFC 8482 section 4.1): a short answer is of no use to an attacker.
    fn any(&self, node: NodeRef<'t>) -> Option<SetRef<'t>> {
        let first = [RecordType::CNAME, RecordType::A, RecordType::AAAA];
        first.into_iter().find_map(|rtype| self.set(node, rtype)).or_else(|| node.sets().next())
    }

    /// The records of a type at a node: from the decision if it is steered, from the zone otherwise.
    pub(super) fn set(&self, node: NodeRef<'t>, rtype: RecordType) -> Option<SetRef<'t>> {
        match node.steered() {
            Some(steer) if rtype.is_address() => {
                let (addresses, _) = self.steered.lookup(steer, self.context)?;
                addresses.set(rtype)
            }
            Some(_) | None => node.set(rtype),
        }
    }

    /// The node whose addresses may stand beside a referral or an answer: a name of the zone, or with `glue` one that
    /// is known below a cut.
    pub(super) fn address_node(&self, key: &Key, glue: bool) -> Option<NodeRef<'t>> {
        let (encloser, exact) = self.zone.enclosing(key)?;
        match self.zone.classify(encloser, exact, RecordType::A) {
            Found::Exists(node) | Found::Wildcard(node) => Some(node),
            Found::Delegated(_) if exact && glue => Some(encloser),
            Found::Delegated(_) | Found::Renamed(_) | Found::Absent(_) => None,
        }
    }
}
