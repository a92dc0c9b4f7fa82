//! What a reply tells, whatever question led to it: what the rate limit counts.

use crate::model::RecordType;

use super::node::At;
use super::reply::Code;

/// What a reply tells, as a number that no other reply should have. A client that makes up names or types is still told
/// few things: below a wildcard always the wildcard, at an alias always the alias, where nothing is the zone's SOA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RrlKey(u64);

/// The upper bits tell kinds of keys from each other; the lower ones are places and types. All of them are mixed with
/// the hash of the zone's name.
const KIND: u32 = 48;

impl RrlKey {
    /// The records of a type at a node of a zone; `zone` is the hash of its apex.
    pub(super) fn records(zone: u64, node: At, rtype: RecordType) -> RrlKey {
        RrlKey((1 << KIND | u64::from(rtype.0) << 32 | u64::from(node.number())) ^ zone)
    }

    /// That a zone has no such name, or no such records.
    pub(super) fn nothing_in(zone: u64) -> RrlKey {
        RrlKey(2 << KIND ^ zone)
    }

    /// A response code without any records.
    pub(super) fn code(code: Code) -> RrlKey {
        RrlKey(3 << KIND | code as u64)
    }

    /// As a number.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}
