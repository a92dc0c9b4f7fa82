//! What is asked: names × types × EDNS × flags × letter case × class.

use std::collections::BTreeSet;
use std::fmt;

use cadence_dns::model::Name;
use cadence_dns::zone::{RecordType, Zone};

use super::dice::Dice;

/// A query without its identifier.
#[derive(Clone)]
pub(crate) struct Query {
    flags: u16,
    /// In the letter case that it is asked in.
    name: Name,
    pub(crate) rtype: RecordType,
    pub(crate) class: u16,
    pub(crate) edns: Option<Edns>,
}

/// What stands in the OPT of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edns {
    pub(crate) octets: u16,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    /// An option without data; NSID or one that nobody knows.
    pub(crate) option: Option<u16>,
}

const RECURSION_DESIRED: u16 = 0x0100;
const AUTHENTIC_DATA: u16 = 0x0020;
const CHECKING_DISABLED: u16 = 0x0010;

pub(crate) const CLASS_IN: u16 = 1;
const NSID: u16 = 3;

/// Asked everywhere, whether or not there is any.
const TYPES: [u16; 15] = [1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 43, 64, 65, 99, 65280];

/// Those that mean something else, or nothing: OPT, TKEY, TSIG, transfers, MAILB, MAILA, ANY.
const META_TYPES: [u16; 9] = [41, 249, 250, 251, 252, 253, 254, 255, 65535];

impl Query {
    /// Of class IN, without EDNS.
    fn plain(name: Name, rtype: RecordType) -> Query {
        Query { flags: 0, name, rtype, class: CLASS_IN, edns: None }
    }

    pub(crate) fn soa_of(zone: &Name) -> Query {
        Query::plain(zone.clone(), RecordType::SOA)
    }

    /// The octets that are sent.
    pub(crate) fn with_id(&self, id: u16) -> Vec<u8> {
        let header = [id, self.flags, 1, 0, 0, u16::from(self.edns.is_some())];
        let mut octets: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
        octets.extend(self.question());
        octets.extend(self.edns.iter().flat_map(Edns::octets));
        octets
    }

    /// As it must come back.
    pub(crate) fn question(&self) -> Vec<u8> {
        let tail = [self.rtype.0, self.class].into_iter().flat_map(u16::to_be_bytes);
        self.name.wire().iter().copied().chain(tail).collect()
    }

    /// RD, the one flag that comes back.
    pub(crate) fn recursion_desired(&self) -> u16 {
        self.flags & RECURSION_DESIRED
    }

    /// The same question with another outside: EDNS, flags, letter case and seldom another class.
    fn dressed(mut self, dice: &mut Dice) -> Query {
        self.edns = dice.below(3).checked_sub(1).map(|_| Edns::thrown(dice));
        for flag in [RECURSION_DESIRED, AUTHENTIC_DATA, CHECKING_DISABLED] {
            self.flags |= if dice.once_in(3) { flag } else { 0 };
        }
        if dice.once_in(2) {
            self.name = other_case(&self.name, dice);
        }
        if dice.once_in(40) {
            self.class = *dice.one_of(&[0, 2, 3, 4, 254, 255, 65535]);
        }
        self
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {} class {} flags {:04x}", self.name, self.rtype, self.class, self.flags)?;
        self.edns.iter().try_for_each(|edns| write!(f, " {edns:?}"))
    }
}

impl Edns {
    fn thrown(dice: &mut Dice) -> Edns {
        Edns {
            octets: *dice.one_of(&[0, 100, 512, 700, 1232, 4096, 65535]),
            version: u8::from(dice.once_in(12)),
            dnssec_ok: dice.once_in(3),
            option: *dice.one_of(&[None, None, Some(NSID), Some(65001)]),
        }
    }

    fn octets(&self) -> Vec<u8> {
        let [size_high, size_low] = self.octets.to_be_bytes();
        let flags = u8::from(self.dnssec_ok) << 7;
        let mut octets = vec![0, 0, 41, size_high, size_low, 0, self.version, flags, 0, 0];
        match self.option.map(u16::to_be_bytes) {
            None => octets.push(0),
            Some([high, low]) => octets.extend([4, high, low, 0, 0]),
        }
        octets
    }
}

/// Every question about a zone in some dress, in an order that brings different ones together.
pub(crate) fn queries(zone: &Zone, dice: &mut Dice) -> Vec<Query> {
    let mut queries = Vec::new();
    for name in names(zone) {
        for rtype in TYPES.iter().chain(&META_TYPES) {
            queries.push(Query::plain(name.clone(), RecordType(*rtype)).dressed(dice));
        }
    }
    queries
}

/// Every owner, what its records lead to, and names above, beside and below all of them.
fn names(zone: &Zone) -> BTreeSet<Name> {
    let mut known = BTreeSet::from([Name::root()]);
    for set in zone.sets() {
        let mut next = Name::from_wire(set.owner);
        known.extend(set.rdata().filter_map(|data| target(set.rtype, data)));
        while let Some(name) = next {
            next = name.parent();
            known.insert(name);
        }
    }
    let beside: Vec<Name> = known.iter().flat_map(neighbours).collect();
    known.extend(beside);
    known
}

fn target(rtype: RecordType, data: &[u8]) -> Option<Name> {
    let before = match rtype {
        RecordType::NS | RecordType::CNAME | RecordType::DNAME => 0,
        RecordType::MX => 2,
        RecordType::SRV => 6,
        _ => return None,
    };
    Name::from_wire(&data[before..])
}

/// Names that are not written down, most of them: below, below an asterisk, in its place, and too long to be renamed.
fn neighbours(name: &Name) -> Vec<Name> {
    let below = |labels: &[&[u8]]| {
        let labels = labels.iter().flat_map(|label| [&[label.len() as u8], *label].concat());
        labels.chain(name.wire().iter().copied()).collect::<Vec<u8>>()
    };
    let long = [b'l'; 63];
    let room = 255 - name.wire().len();
    let filling: Vec<&[u8]> = std::iter::repeat_n(&long[..], room / 64).collect();
    let mut wires = vec![
        below(&[b"a"]),
        below(&[b"zz", b"www"]),
        below(&[b"*"]),
        below(&[b"x", b"*"]),
        below(&[b"\0\xff.\\ \"@"]),
        below(&filling),
    ];
    if name.is_wildcard() {
        wires.push([b"\x05other", &name.wire()[2..]].concat());
        wires.push([b"\x01a\x01b", &name.wire()[2..]].concat());
    }
    wires.iter().filter_map(|wire| Name::from_wire(wire)).collect()
}

fn other_case(name: &Name, dice: &mut Dice) -> Name {
    let flipped = |octet: &u8| {
        let other =
            if octet.is_ascii_uppercase() { octet.to_ascii_lowercase() } else { octet.to_ascii_uppercase() };
        if dice.once_in(2) { other } else { *octet }
    };
    // Length octets are below 64, so they are no letters.
    Name::from_wire(&name.wire().iter().map(flipped).collect::<Vec<u8>>()).expect("still a name")
}
