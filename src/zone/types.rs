//! What the data of each record type is made of, in text and on the wire.

use crate::model::RecordType;

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

/// What the data of a type is made of; `None` when only the generic form of RFC 3597 is understood.
pub(super) fn fields(rtype: RecordType) -> Option<&'static [Field]> {
    FIELDS.iter().find(|(known, _)| *known == rtype).map(|(_, fields)| *fields)
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

/// The frequent ones first: the search is linear.
static FIELDS: &[(RecordType, &[Field])] = {
    use Field::*;
    &[
        (RecordType::A, &[Ipv4]),
        (RecordType::AAAA, &[Ipv6]),
        (RecordType::NS, &[Name]),
        (RecordType::CNAME, &[Name]),
        (RecordType::MX, &[U16, Name]),
        (RecordType::TXT, &[Texts]),
        (RecordType::DS, &[U16, Algorithm, U8, Hex]),
        (RecordType::PTR, &[Name]),
        (RecordType::SRV, &[U16, U16, U16, Name]),
        (RecordType::SOA, &[Name, Name, U32, Seconds, Seconds, Seconds, Seconds]),
        (RecordType::DNAME, &[Name]),
        (RecordType(257), &[U8, Tag, LongText]), // CAA
        (RecordType::SVCB, &[U16, Name, ServiceParameters]),
        (RecordType::HTTPS, &[U16, Name, ServiceParameters]),
        (RecordType(52), &[U8, U8, U8, Hex]),                  // TLSA
        (RecordType(44), &[U8, U8, Hex]),                      // SSHFP
        (RecordType(35), &[U16, U16, Text, Text, Text, Name]), // NAPTR
        (RecordType(13), &[Text, Text]),                       // HINFO
        (RecordType(17), &[Name, Name]),                       // RP
        (RecordType(18), &[U16, Name]),                        // AFSDB
        (RecordType(99), &[Texts]),                            // SPF
        (RecordType(256), &[U16, U16, LongText]),              // URI
        (RecordType(37), &[U16, U16, Algorithm, Base64]),      // CERT
        (RecordType(62), &[U32, U16, TypeSet]),                // CSYNC
        (RecordType(61), &[Base64]),                           // OPENPGPKEY
        (RecordType(53), &[U8, U8, U8, Hex]),                  // SMIMEA
        (RecordType(48), &[U16, U8, Algorithm, Base64]),       // DNSKEY
        (RecordType(59), &[U16, Algorithm, U8, Hex]),          // CDS
        (RecordType(60), &[U16, U8, Algorithm, Base64]),       // CDNSKEY
        (RecordType(25), &[U16, U8, Algorithm, Base64]),       // KEY
        (RecordType(47), &[Name, TypeSet]),                    // NSEC
        (RecordType(63), &[U32, U8, U8, Hex]),                 // ZONEMD
        (RecordType(49), &[Base64]),                           // DHCID
        (RecordType(36), &[U16, Name]),                        // KX
        (RecordType(7), &[Name]),                              // MB
        (RecordType(8), &[Name]),                              // MG
        (RecordType(9), &[Name]),                              // MR
        (RecordType(14), &[Name, Name]),                       // MINFO
        (RecordType(19), &[Text]),                             // X25
        (RecordType(21), &[U16, Name]),                        // RT
        (RecordType(26), &[U16, Name, Name]),                  // PX
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_stands_once_and_has_a_mnemonic() {
        for (index, (rtype, _)) in FIELDS.iter().enumerate() {
            assert!(FIELDS[index + 1..].iter().all(|(other, _)| other != rtype), "{rtype}");
            assert!(!rtype.to_string().starts_with("TYPE"), "{rtype}");
        }
    }

    #[test]
    fn the_registry_agrees_with_our_numbers() {
        for number in 0..=u16::MAX {
            let (ours, theirs) = (RecordType(number), hickory_proto::rr::RecordType::from(number));
            let ours_only = matches!(theirs, hickory_proto::rr::RecordType::Unknown(_));
            let theirs_only = ours.to_string().starts_with("TYPE");
            assert!(ours_only || theirs_only || theirs.to_string() == ours.to_string(), "{ours} is {theirs}");
        }
    }
}
