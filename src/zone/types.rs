//! The record types that may stand in a master file: their names, numbers and what their data is made of.

use super::RecordType;

/// One part of the data of a record, in text and on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A number of one octet.
    U8,
    /// A number of two octets.
    U16,
    /// A number of four octets.
    U32,
    /// A time in seconds; in text with units.
    Seconds,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A domain name, relative to the origin unless it ends in a dot.
    Name,
    /// A string of up to 255 octets.
    Text,
    /// One or more strings, to the end.
    Texts,
    /// A string that takes the rest of the data, without a length.
    LongText,
    /// The property of a CAA record: letters and digits, with a length.
    Tag,
    /// Hexadecimal digits to the end, in any number of words.
    Hex,
    /// Base64 to the end, in any number of words.
    Base64,
    /// A set of record types to the end (RFC 4034 section 4.1.2).
    TypeSet,
    /// A DNSSEC algorithm: a number of one octet, or its mnemonic.
    Algorithm,
    /// `key=value` parameters of SVCB and HTTPS, to the end.
    ServiceParameters,
}

/// A type that has a name.
pub(super) struct Kind {
    /// Its mnemonic.
    pub(super) name: &'static str,
    /// Its number.
    pub(super) rtype: RecordType,
    /// What its data is made of; none when only the generic form of RFC 3597 is understood.
    pub(super) fields: Option<&'static [Field]>,
}

/// The kind of a type by its number.
pub(super) fn by_number(rtype: RecordType) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.rtype == rtype)
}

/// The type that a word names: a mnemonic or `TYPE65280`, in any letter case.
pub(super) fn by_name(word: &[u8]) -> Option<RecordType> {
    let known = KINDS.iter().find(|kind| kind.name.as_bytes().eq_ignore_ascii_case(word));
    known.map(|kind| kind.rtype).or_else(|| numbered(word, b"TYPE").map(RecordType))
}

/// The number in `TYPE65280` or `CLASS1` (RFC 3597 section 5).
pub(super) fn numbered(word: &[u8], prefix: &[u8]) -> Option<u16> {
    let (head, digits) = word.split_at_checked(prefix.len())?;
    let plain = head.eq_ignore_ascii_case(prefix) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

/// Whether records of the type are data. Not so OPT, and the query types and meta types (RFC 6895 section 3.1).
pub(super) fn is_data(rtype: RecordType) -> bool {
    !matches!(rtype.0, 0 | 41 | 128..=255)
}

/// The number of a DNSSEC algorithm, from its mnemonic (the IANA registry).
pub(super) fn algorithm(word: &[u8]) -> Option<u8> {
    const ALGORITHMS: [(&str, u8); 14] = [
        ("DELETE", 0),
        ("RSAMD5", 1),
        ("DH", 2),
        ("DSA", 3),
        ("RSASHA1", 5),
        ("DSA-NSEC3-SHA1", 6),
        ("RSASHA1-NSEC3-SHA1", 7),
        ("RSASHA256", 8),
        ("RSASHA512", 10),
        ("ECC-GOST", 12),
        ("ECDSAP256SHA256", 13),
        ("ECDSAP384SHA384", 14),
        ("ED25519", 15),
        ("ED448", 16),
    ];
    let known = ALGORITHMS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    known.map(|(_, number)| *number)
}

const fn kind(name: &'static str, number: u16, fields: &'static [Field]) -> Kind {
    Kind { name, rtype: RecordType(number), fields: Some(fields) }
}

const fn generic(name: &'static str, number: u16) -> Kind {
    Kind { name, rtype: RecordType(number), fields: None }
}

/// The frequent ones first: the search is linear.
static KINDS: &[Kind] = {
    use Field::*;
    &[
        kind("A", 1, &[Ipv4]),
        kind("AAAA", 28, &[Ipv6]),
        kind("NS", 2, &[Name]),
        kind("CNAME", 5, &[Name]),
        kind("MX", 15, &[U16, Name]),
        kind("TXT", 16, &[Texts]),
        kind("DS", 43, &[U16, Algorithm, U8, Hex]),
        kind("PTR", 12, &[Name]),
        kind("SRV", 33, &[U16, U16, U16, Name]),
        kind("SOA", 6, &[Name, Name, U32, Seconds, Seconds, Seconds, Seconds]),
        kind("DNAME", 39, &[Name]),
        kind("CAA", 257, &[U8, Tag, LongText]),
        kind("SVCB", 64, &[U16, Name, ServiceParameters]),
        kind("HTTPS", 65, &[U16, Name, ServiceParameters]),
        kind("TLSA", 52, &[U8, U8, U8, Hex]),
        kind("SSHFP", 44, &[U8, U8, Hex]),
        kind("NAPTR", 35, &[U16, U16, Text, Text, Text, Name]),
        kind("HINFO", 13, &[Text, Text]),
        kind("RP", 17, &[Name, Name]),
        kind("AFSDB", 18, &[U16, Name]),
        kind("SPF", 99, &[Texts]),
        kind("URI", 256, &[U16, U16, LongText]),
        kind("CERT", 37, &[U16, U16, Algorithm, Base64]),
        kind("CSYNC", 62, &[U32, U16, TypeSet]),
        kind("OPENPGPKEY", 61, &[Base64]),
        kind("SMIMEA", 53, &[U8, U8, U8, Hex]),
        kind("DNSKEY", 48, &[U16, U8, Algorithm, Base64]),
        kind("CDS", 59, &[U16, Algorithm, U8, Hex]),
        kind("CDNSKEY", 60, &[U16, U8, Algorithm, Base64]),
        kind("KEY", 25, &[U16, U8, Algorithm, Base64]),
        kind("NSEC", 47, &[Name, TypeSet]),
        kind("ZONEMD", 63, &[U32, U8, U8, Hex]),
        kind("DHCID", 49, &[Base64]),
        kind("KX", 36, &[U16, Name]),
        kind("MB", 7, &[Name]),
        kind("MG", 8, &[Name]),
        kind("MR", 9, &[Name]),
        kind("MINFO", 14, &[Name, Name]),
        kind("X25", 19, &[Text]),
        kind("RT", 21, &[U16, Name]),
        kind("PX", 26, &[U16, Name, Name]),
        generic("NULL", 10),
        generic("WKS", 11),
        generic("ISDN", 20),
        generic("LOC", 29),
        generic("APL", 42),
        generic("IPSECKEY", 45),
        generic("RRSIG", 46),
        generic("NSEC3", 50),
        generic("NSEC3PARAM", 51),
        generic("HIP", 55),
        generic("NID", 104),
        generic("L32", 105),
        generic("L64", 106),
        generic("LP", 107),
        generic("EUI48", 108),
        generic("EUI64", 109),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_each_used_once() {
        for (index, kind) in KINDS.iter().enumerate() {
            for other in &KINDS[index + 1..] {
                assert!(kind.name != other.name && kind.rtype != other.rtype, "{}", kind.name);
            }
            assert_eq!(by_name(kind.name.to_lowercase().as_bytes()), Some(kind.rtype));
            assert!(is_data(kind.rtype));
        }
    }

    #[test]
    fn the_registry_agrees_with_our_numbers() {
        for kind in KINDS {
            let theirs = hickory_proto::rr::RecordType::from(kind.rtype.0);
            let unknown = matches!(theirs, hickory_proto::rr::RecordType::Unknown(_));
            assert!(unknown || theirs.to_string() == kind.name, "{} is {theirs}", kind.name);
        }
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
            assert_eq!(by_name(word.as_bytes()).map(|rtype| rtype.0), number, "{word}");
        }
        assert_eq!(numbered(b"CLASS1", b"CLASS"), Some(1));
    }
}
