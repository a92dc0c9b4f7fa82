//! What a zone is made of.

use std::fmt;

use crate::model::{Name, Ttl};

/// A resource record type by its number (RFC 1035 section 3.2.2 and the IANA registry).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// IPv4 address (RFC 1035).
    pub const A: RecordType = RecordType(1);
    /// Name server (RFC 1035).
    pub const NS: RecordType = RecordType(2);
    /// Alias (RFC 1035).
    pub const CNAME: RecordType = RecordType(5);
    /// Start of authority (RFC 1035).
    pub const SOA: RecordType = RecordType(6);
    /// Pointer (RFC 1035).
    pub const PTR: RecordType = RecordType(12);
    /// Mail exchange (RFC 1035).
    pub const MX: RecordType = RecordType(15);
    /// Text (RFC 1035).
    pub const TXT: RecordType = RecordType(16);
    /// IPv6 address (RFC 3596).
    pub const AAAA: RecordType = RecordType(28);
    /// Service (RFC 2782).
    pub const SRV: RecordType = RecordType(33);
    /// Alias of a subtree (RFC 6672).
    pub const DNAME: RecordType = RecordType(39);
    /// Delegation signer, the parent's at a cut (RFC 4034).
    pub const DS: RecordType = RecordType(43);
    /// Service binding (RFC 9460).
    pub const SVCB: RecordType = RecordType(64);
    /// Service binding for HTTP (RFC 9460).
    pub const HTTPS: RecordType = RecordType(65);
}

/// The mnemonic, or `TYPE65280` (RFC 3597 section 5).
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match hickory_proto::rr::RecordType::from(self.0) {
            hickory_proto::rr::RecordType::Unknown(number) => write!(f, "TYPE{number}"),
            known => f.pad(&known.to_string()),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A zone that keeps the rules: one SOA, nothing out of the zone, one TTL per set.
pub struct Zone {
    origin: Name,
}

/// The records of one name and type.
pub struct RecordSet<'z> {
    /// The owner in wire form, in the letter case that was written.
    pub owner: &'z [u8],
    /// The type.
    pub rtype: RecordType,
    /// The one TTL of the set (RFC 2181 section 5.2).
    pub ttl: Ttl,
    records: &'z [u8],
}

impl Zone {
    /// The name of its apex.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Every set, those of one owner together; the apex first, the owners in canonical order.
    pub fn sets(&self) -> impl Iterator<Item = RecordSet<'_>> {
        std::iter::empty()
    }
}

impl<'z> RecordSet<'z> {
    /// The data of each record: uncompressed wire form, no duplicates.
    pub fn rdata(&self) -> impl Iterator<Item = &'z [u8]> {
        std::iter::once(self.records)
    }
}
