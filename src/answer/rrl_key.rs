//! What a reply tells, whoever asks and however he puts it.

use crate::zone::RecordType;

use super::node::{At, ZoneId};
use super::reply::Code;

/// What a reply tells, as a number that nothing else has. Whoever makes up names or types is still told few things:
/// below a wildcard always the wildcard, at an alias always the alias, where nothing is the zone's SOA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RrlKey(u64);

/// The upper bits tell kinds of keys from each other; the lower ones are places, types and numbers.
const KIND: u32 = 48;

impl RrlKey {
    /// The records of a type at a node.
    pub(super) fn records(node: At, rtype: RecordType) -> RrlKey {
        RrlKey(1 << KIND | u64::from(rtype.0) << 32 | u64::from(node.number()))
    }

    /// That a zone has no such name, or no such records.
    pub(super) fn nothing_in(ZoneId(zone): ZoneId) -> RrlKey {
        RrlKey(2 << KIND | u64::from(zone))
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
