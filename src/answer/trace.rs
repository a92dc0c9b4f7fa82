//! How a question is answered, step by step: for people who ask why. No query is answered from it.

use std::net::IpAddr;

use crate::model::{Moment, Name, RecordType, Ttl};

use super::lookup::{Content, Found, View};
use super::node::NodeRef;
use super::records::{RECORD_HEADER, SetRef};
use super::respond::{ALIASES_MAX, RENAMED_MAX};
use super::table::AnswerTable;
use super::wire::{HEADER_OCTETS, Key, Spelled, u16_at, u32_at};
use super::zones::ZoneEntry;
use super::{QueryContext, ResponsePolicy, Transport};

/// One step from the question to the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// The name that is looked at.
    pub name: Name,
    /// The zone that speaks for it; none outside of all zones.
    pub zone: Option<Name>,
    /// The wildcard that stands for it.
    pub wildcard: Option<Name>,
    /// What it turned out to be.
    pub found: TraceFound,
}

/// What a name turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceFound {
    /// In no zone of ours: REFUSED.
    NotOurs,
    /// Records of the zone file.
    Records {
        /// Their type.
        rtype: RecordType,
        /// How many.
        count: u16,
        /// Their TTL.
        ttl: Ttl,
    },
    /// Addresses that a decision gives.
    Steered {
        /// Their type.
        rtype: RecordType,
        /// How many.
        count: u16,
        /// Their TTL.
        ttl: Ttl,
    },
    /// Another name that speaks for it.
    Alias(Name),
    /// Below a DNAME of this owner: the name that it becomes, unless that is too long (YXDOMAIN).
    Renamed(Name, Option<Name>),
    /// At or below this cut: a referral.
    Delegated(Name),
    /// It has no records of the type. `steered` when a decision gives its addresses, all of another type.
    NoData {
        /// Its other addresses are steered.
        steered: bool,
    },
    /// It does not exist; this is the longest existing name above it: NXDOMAIN.
    Absent(Name),
    /// Outside of the zone that the alias before it is in, or one alias too many: who asks must ask for it anew.
    AskedAnew,
}

impl TraceFound {
    /// The code of a reply that ends with this.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TraceFound::NotOurs => "REFUSED",
            TraceFound::Absent(_) => "NXDOMAIN",
            TraceFound::Renamed(_, None) => "YXDOMAIN",
            TraceFound::Records { .. }
            | TraceFound::Steered { .. }
            | TraceFound::Alias(_)
            | TraceFound::Renamed(_, Some(_))
            | TraceFound::Delegated(_)
            | TraceFound::NoData { .. }
            | TraceFound::AskedAnew => "NOERROR",
        }
    }
}

impl TraceFound {
    /// The name that it goes on at.
    fn next(&self) -> Option<&Name> {
        if let TraceFound::Alias(next) | TraceFound::Renamed(_, Some(next)) = self {
            Some(next)
        } else {
            None
        }
    }
}

impl AnswerTable {
    /// The steps from a question to its answer, as a client gets it; at least one.
    #[must_use]
    pub fn trace(&self, name: &Name, rtype: RecordType, client: IpAddr) -> Vec<TraceStep> {
        let policy = ResponsePolicy::default();
        let (transport, now) = (Transport::Tcp, Moment::default());
        let context = QueryContext { transport, address: client, now, idle: None, policy: &policy };
        let Some((entry, found)) = self.find(&Key::of(name.wire()), rtype) else {
            return vec![TraceStep {
                name: name.clone(),
                zone: None,
                wildcard: None,
                found: TraceFound::NotOurs,
            }];
        };
        let view =
            View { zone: &entry.table, serial: entry.serial, steered: &self.steered, context: &context };
        follow(entry, view, rtype, name.clone(), found)
    }
}

/// From alias to alias, as far as [`super::respond()`] goes.
fn follow<'t>(
    entry: &ZoneEntry,
    view: View<'t>,
    rtype: RecordType,
    mut name: Name,
    mut found: Found<'t>,
) -> Vec<TraceStep> {
    let zone = entry.table.origin();
    let mut steps: Vec<TraceStep> = Vec::new();
    loop {
        let wildcard = found.wildcard().and_then(|node| Name::from_wire(node.name()));
        let what = step(view, rtype, &name, found);
        let next = what.next().filter(|_| rtype != RecordType::CNAME).cloned();
        steps.push(TraceStep { name, zone: Some(zone.clone()), wildcard, found: what });
        let Some(next) = next else { return steps };
        let is_renamed = steps.iter().any(|step| matches!(step.found, TraceFound::Renamed(..)));
        let most = if is_renamed { RENAMED_MAX } else { ALIASES_MAX };
        let is_known = steps.iter().any(|step| step.name == next);
        match view.zone.find(&Key::of(next.wire()), rtype) {
            Some(further) if steps.len() < most && !is_known => (name, found) = (next, further),
            Some(_) | None => {
                steps.push(TraceStep {
                    name: next,
                    zone: None,
                    wildcard: None,
                    found: TraceFound::AskedAnew,
                });
                return steps;
            }
        }
    }
}

fn step(view: View<'_>, rtype: RecordType, name: &Name, found: Found<'_>) -> TraceFound {
    let named = |node: NodeRef<'_>| Name::from_wire(node.name()).unwrap_or_else(Name::root);
    match found {
        Found::Exists(node) | Found::Wildcard(node) => content(view, rtype, node),
        Found::Renamed(node) => TraceFound::Renamed(named(node), renamed(name, node)),
        Found::Delegated(node) => TraceFound::Delegated(named(node)),
        Found::Absent(node) => TraceFound::Absent(named(node)),
    }
}

fn content(view: View<'_>, rtype: RecordType, node: NodeRef<'_>) -> TraceFound {
    match view.content(node, rtype) {
        Content::Records(set) => {
            let SetRef { rtype, count, .. } = set;
            let ttl = ttl_of(set);
            if node.steered().is_some() && rtype.is_address() {
                TraceFound::Steered { rtype, count, ttl }
            } else {
                TraceFound::Records { rtype, count, ttl }
            }
        }
        Content::Alias(set) => match target(node, set) {
            Some(target) => TraceFound::Alias(target),
            None => TraceFound::NoData { steered: false },
        },
        Content::NoData => TraceFound::NoData { steered: node.steered().is_some() },
    }
}

fn ttl_of(set: SetRef<'_>) -> Ttl {
    let seconds = u32_at(set.body, RECORD_HEADER - 6).unwrap_or_default();
    Ttl::from_secs(seconds.into()).unwrap_or(Ttl::MAX)
}

/// The name in the first record: its pointers lead into a message whose question is the owner.
fn target(node: NodeRef<'_>, set: SetRef<'_>) -> Option<Name> {
    let mut message = vec![0; HEADER_OCTETS];
    message.extend_from_slice(node.name());
    message.extend_from_slice(&[0; 4]);
    let at = message.len() + RECORD_HEADER;
    message.extend_from_slice(set.body);
    Name::from_wire(Spelled::read(&message, at)?.octets())
}

/// What a name below a DNAME becomes.
fn renamed(name: &Name, node: NodeRef<'_>) -> Option<Name> {
    let set = node.set(RecordType::DNAME)?;
    let octets = usize::from(u16_at(set.body, RECORD_HEADER - 2)?);
    let target = set.body.get(RECORD_HEADER..RECORD_HEADER + octets)?;
    let kept = name.wire().len().checked_sub(node.name().len())?;
    Name::from_wire(&[&name.wire()[..kept], target].concat())
}
