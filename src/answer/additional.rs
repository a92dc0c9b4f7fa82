//! The additional section: the addresses of the names that an answer leads to, and the services at the targets of
//! services.

use crate::model::RecordType;
use crate::model::wire_name::is_within;

use super::records::{SetRef, target_offset};
use super::reply::{NoSpace, Section, Written};
use super::wire::Key;
use super::zone_reply::ZoneReply;

/// Names whose addresses are added to one reply, duplicates left out; the largest delegations have 13.
const TARGETS_MAX: usize = 64;

/// Whether addresses below a cut may be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Glue {
    /// Beside NS records: without these addresses the servers below the cut cannot be reached.
    Allowed,
    /// Beside all others: this zone does not speak for them.
    Left,
}

/// The names that the records of one set lead to.
pub(super) struct Targets {
    next: usize,
    left: u16,
    offset: usize,
    /// SVCB or HTTPS, which may lead to others of their type (RFC 9460 section 4.1).
    service: Option<RecordType>,
    glue: Glue,
    seen: [u64; TARGETS_MAX],
    added: usize,
}

impl Targets {
    /// Of a set that was put at `start`.
    pub(super) fn new(start: usize, set: SetRef<'_>, glue: Glue) -> Targets {
        let offset = target_offset(set.rtype).unwrap_or(0);
        let is_service = set.rtype == RecordType::SVCB || set.rtype == RecordType::HTTPS;
        let service = is_service.then_some(set.rtype);
        Targets { next: start, left: set.count, offset, service, glue, seen: [0; TARGETS_MAX], added: 0 }
    }

    /// Adds the addresses of those that are `wanted` and in the zone; stops at the first that does not fit.
    pub(super) fn add(
        &mut self,
        reply: &mut ZoneReply<'_, '_>,
        wanted: impl Fn(&Key) -> bool,
    ) -> Result<(), NoSpace> {
        let view = reply.view;
        let apex = view.zone.apex_name();
        while let Some((name, key)) = self.next_name(reply) {
            if is_within(key.octets(), apex) && wanted(&key) && self.is_new(&key) {
                let node = view.address_node(&key, self.glue == Glue::Allowed);
                // What stands at the owner itself is the answer already.
                let service = self.service.filter(|_| !reply.is_at(&key));
                for rtype in [RecordType::A, RecordType::AAAA].into_iter().chain(service) {
                    if let Some(set) = node.and_then(|node| view.set(node, rtype)) {
                        reply.put(Section::Additional, name, set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn next_name(&mut self, reply: &ZoneReply<'_, '_>) -> Option<(Written, Key)> {
        self.left = self.left.checked_sub(1)?;
        let (data, end) = reply.reply.data_at(self.next)?;
        self.next = end;
        let (name, key) = reply.written(data + self.offset)?;
        // A service at the root is one at its owner (RFC 9460 section 2.5.2).
        if name.octets == 1 && self.service.is_some() {
            reply.written(reply.name.at)
        } else {
            Some((name, key))
        }
    }

    /// Two records may lead to one name, such as MX of different preference.
    fn is_new(&mut self, key: &Key) -> bool {
        let hash = key.hash();
        let new = self.added < TARGETS_MAX && !self.seen[..self.added].contains(&hash);
        if new {
            self.seen[self.added] = hash;
            self.added += 1;
        }
        new
    }
}
