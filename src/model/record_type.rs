//! Record types and classes by their numbers (the IANA registry of DNS parameters).

use std::fmt;

/// A resource record type, or a type that is only asked for (RFC 1035 section 3.2.2, RFC 6895 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// A class (RFC 1035 section 3.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(pub u16);

impl Class {
    /// The Internet: the class of every zone.
    pub const IN: Class = Class(1);
    /// CHAOS: name servers say their version and host name in it (RFC 4892).
    pub const CH: Class = Class(3);
}

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
    /// EDNS, in messages only (RFC 6891).
    pub const OPT: RecordType = RecordType(41);
    /// Delegation signer, the parent's at a cut (RFC 4034).
    pub const DS: RecordType = RecordType(43);
    /// Service binding (RFC 9460).
    pub const SVCB: RecordType = RecordType(64);
    /// Service binding for HTTP (RFC 9460).
    pub const HTTPS: RecordType = RecordType(65);
    /// A zone's changes, in questions only (RFC 1995).
    pub const IXFR: RecordType = RecordType(251);
    /// A whole zone, in questions only (RFC 5936).
    pub const AXFR: RecordType = RecordType(252);
    /// Any type, in questions only (RFC 8482).
    pub const ANY: RecordType = RecordType(255);

    /// The type of a mnemonic, in any letter case, or of `TYPE65280` (RFC 3597 section 5). Types that are never data
    /// have no mnemonic here.
    #[must_use]
    pub fn from_mnemonic(word: &[u8]) -> Option<RecordType> {
        let known = MNEMONICS.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(word));
        known.map(|(number, _)| RecordType(*number)).or_else(|| numbered(word, b"TYPE").map(RecordType))
    }

    /// Whether records of the type are data that a zone can hold: not OPT, and no query type or meta type (RFC 6895
    /// section 3.1).
    #[must_use]
    pub fn is_data(self) -> bool {
        !matches!(self.0, 0 | 41 | 128..=255)
    }

    /// Whether it is A or AAAA.
    #[must_use]
    pub fn is_address(self) -> bool {
        self == RecordType::A || self == RecordType::AAAA
    }
}

impl Class {
    /// The class of a mnemonic (RFC 1035 section 3.2.4), in any letter case, or of `CLASS1` (RFC 3597 section 5).
    #[must_use]
    pub fn from_mnemonic(word: &[u8]) -> Option<Class> {
        const CLASSES: [(&[u8], Class); 4] =
            [(b"IN", Class::IN), (b"CS", Class(2)), (b"CH", Class::CH), (b"HS", Class(4))];
        let known = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        known.map(|(_, class)| *class).or_else(|| numbered(word, b"CLASS").map(Class))
    }
}

/// The number behind a prefix, as in `TYPE65280`, `CLASS1` (RFC 3597 section 5) or `key65280` (RFC 9460 section 2.1).
pub(crate) fn numbered(word: &[u8], prefix: &[u8]) -> Option<u16> {
    let (head, digits) = word.split_at_checked(prefix.len())?;
    let plain = head.eq_ignore_ascii_case(prefix) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

/// The mnemonic, or `TYPE65280` (RFC 3597 section 5).
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MNEMONICS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Types of data that have a mnemonic; the frequent ones first, for the search is linear.
const MNEMONICS: &[(u16, &str)] = &[
    (1, "A"),
    (28, "AAAA"),
    (2, "NS"),
    (5, "CNAME"),
    (15, "MX"),
    (16, "TXT"),
    (43, "DS"),
    (12, "PTR"),
    (33, "SRV"),
    (6, "SOA"),
    (39, "DNAME"),
    (257, "CAA"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (52, "TLSA"),
    (44, "SSHFP"),
    (35, "NAPTR"),
    (13, "HINFO"),
    (17, "RP"),
    (18, "AFSDB"),
    (99, "SPF"),
    (256, "URI"),
    (37, "CERT"),
    (62, "CSYNC"),
    (61, "OPENPGPKEY"),
    (53, "SMIMEA"),
    (48, "DNSKEY"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (25, "KEY"),
    (47, "NSEC"),
    (63, "ZONEMD"),
    (49, "DHCID"),
    (36, "KX"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (14, "MINFO"),
    (19, "X25"),
    (21, "RT"),
    (26, "PX"),
    (10, "NULL"),
    (11, "WKS"),
    (20, "ISDN"),
    (29, "LOC"),
    (42, "APL"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (55, "HIP"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_and_numbers_are_each_used_once() {
        for (index, (number, name)) in MNEMONICS.iter().enumerate() {
            for (other, taken) in &MNEMONICS[index + 1..] {
                assert!(name != taken && number != other, "{name}");
            }
            assert_eq!(RecordType::from_mnemonic(name.to_lowercase().as_bytes()), Some(RecordType(*number)));
            assert!(RecordType(*number).is_data(), "{name}");
        }
    }

    #[test]
    fn what_is_only_asked_for_is_no_data() {
        for rtype in [RecordType::OPT, RecordType::IXFR, RecordType::AXFR, RecordType::ANY, RecordType(0)] {
            assert!(!rtype.is_data(), "{rtype}");
        }
        assert!(RecordType(256).is_data() && RecordType(65_280).is_data());
    }

    #[test]
    fn a_number_may_stand_for_a_type_or_class() {
        for (word, number) in [
            ("TYPE65280", Some(65280)),
            ("type1", Some(1)),
            ("TYPE", None),
            ("TYPE65536", None),
            ("TYPE+1", None),
        ] {
            assert_eq!(RecordType::from_mnemonic(word.as_bytes()).map(|rtype| rtype.0), number, "{word}");
        }
        for (word, class) in
            [("in", Some(Class::IN)), ("CLASS3", Some(Class::CH)), ("chaos", None), ("CLASS", None)]
        {
            assert_eq!(Class::from_mnemonic(word.as_bytes()), class, "{word}");
        }
        assert_eq!(RecordType(65_280).to_string(), "TYPE65280");
    }
}
