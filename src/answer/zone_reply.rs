//! A reply that is filled from one zone: the name that is looked at, and records on their way into a section.

use crate::model::RecordType;

use super::lookup::View;
use super::records::SetRef;
use super::reply::{NoSpace, Reply, Section, Written};
use super::wire::Key;

/// A reply from one zone.
pub(super) struct ZoneReply<'a, 'b> {
    /// What it is answered from.
    pub(super) view: View<'a>,
    /// What is written.
    pub(super) reply: &'a mut Reply<'b>,
    /// The name that is looked at, where it stands in the reply.
    pub(super) name: Written,
}

impl ZoneReply<'_, '_> {
    /// Adds a set whose owner stands in the reply already; all of it or nothing. Returns where it begins. An SOA tells
    /// the zone's current serial.
    pub(super) fn put(
        &mut self,
        section: Section,
        owner: Written,
        set: SetRef<'_>,
    ) -> Result<usize, NoSpace> {
        let start = self.reply.put(section, owner, set)?;
        if set.rtype == RecordType::SOA {
            self.reply.set_serial(self.view.serial);
        }
        Ok(start)
    }

    /// The name at a place in the reply, to be pointed at and to be looked up.
    pub(super) fn written(&self, at: usize) -> Option<(Written, Key)> {
        let key = self.reply.key_at(at)?;
        Some((Written { at, octets: key.octets().len() }, key))
    }

    /// Whether it is this name that is looked at.
    pub(super) fn is_at(&self, key: &Key) -> bool {
        self.reply.key_at(self.name.at).is_some_and(|this| this.octets() == key.octets())
    }
}
