//! What a reply tells, for the rate limit: the same for every query that gets the same records.

use crate::model::RecordType;

use super::node::At;
use super::reply::Code;

/// What a reply tells. Queries for invented names or types share few keys: all names below a wildcard have the key of
/// the wildcard, all types at an alias the key of the alias, and all negative replies of a zone one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RrlKey(u64);

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

    /// A number that no other key of the same table has.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}
