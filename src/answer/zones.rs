//! What the table knows of each zone as a whole.

use super::node::{At, ZoneId};
use super::records::SetRef;

/// One zone.
pub(super) struct ZoneInfo {
    /// Its apex.
    pub(super) apex: At,
    /// The zone of ours that its apex lies in: the one that is asked for its DS.
    pub(super) parent: Option<ZoneId>,
    /// Its SOA as negative answers show it, the TTL cut to the MINIMUM (RFC 2308 section 5).
    negative: Box<[u8]>,
    apex_octets: usize,
}

impl ZoneInfo {
    /// `negative` is an encoded set.
    pub(super) fn new(apex: At, parent: Option<ZoneId>, negative: Box<[u8]>, apex_octets: usize) -> ZoneInfo {
        ZoneInfo { apex, parent, negative, apex_octets }
    }

    /// The SOA of negative answers.
    pub(super) fn negative_soa(&self) -> SetRef<'_> {
        SetRef::split(&self.negative, self.apex_octets).0
    }
}
