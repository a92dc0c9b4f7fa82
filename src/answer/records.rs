//! Record sets as they will stand in a reply: built once, copied for every answer.
//!
//! A body is written as if its owner were the question and the body the first thing after it, which is what most
//! answers are: then it is copied as it stands. Anywhere else the pointers in it, whose places are stored beside
//! it, are led elsewhere ([`super::reply`]).
//!
//! ```text
//! set:  type 2 | count 2 | pointers 2 | octets 2 | place of each pointer 2 … | body …
//! body: c0 0c | type | class | ttl | length | rdata      once for each record
//! ```

use std::net::IpAddr;

use crate::model::wire_name::{name_length, suffixes};
use crate::model::{Class, Family, RecordType, Ttl};

use super::wire::{POINTER_MARK, QUESTION_AT, u16_at};

/// Octets before the places of the pointers.
const SET_HEADER: usize = 8;

/// Octets of a question without its name: type and class.
pub(super) const QUESTION_TAIL: usize = 4;

/// Octets of a record before its data, its owner being a pointer.
pub(super) const RECORD_HEADER: usize = 12;

/// Pointers into the body itself lead to its first octets only, so that they reach wherever it is put.
pub(super) const INNER_POINTER_MAX: usize = 4096;

/// More of a text in class CH would not fit into its record.
const CHAOS_MAX_OCTETS: usize = u8::MAX as usize;

/// Names in the data of one set that later ones are compared with: the cost of compiling stays linear.
const COMPARED_NAMES: usize = 64;

/// One set, read where it lies.
#[derive(Clone, Copy)]
pub(super) struct SetRef<'t> {
    /// The type of its records.
    pub(super) rtype: RecordType,
    /// The number of its records.
    pub(super) count: u16,
    /// The length of the owner's name that the body was built for.
    pub(super) owner_octets: usize,
    /// The records.
    pub(super) body: &'t [u8],
    pointers: &'t [u8],
}

impl<'t> SetRef<'t> {
    /// Reads the set at the start, and returns what follows it.
    pub(super) fn split(octets: &'t [u8], owner_octets: usize) -> (SetRef<'t>, &'t [u8]) {
        let number = |at: usize| u16::from_ne_bytes([octets[at], octets[at + 1]]);
        let (pointers, rest) = octets[SET_HEADER..].split_at(2 * usize::from(number(4)));
        let (body, rest) = rest.split_at(usize::from(number(6)));
        let (rtype, count) = (RecordType(number(0)), number(2));
        (SetRef { rtype, count, owner_octets, body, pointers }, rest)
    }

    /// The octets that it takes where it lies.
    pub(super) fn stored_octets(&self) -> usize {
        SET_HEADER + self.pointers.len() + self.body.len()
    }

    /// The places in the body where pointers stand.
    pub(super) fn pointers(&self) -> impl Iterator<Item = usize> + 't {
        self.pointers.chunks_exact(2).map(|place| usize::from(u16::from_ne_bytes([place[0], place[1]])))
    }

    /// Where the record stands that comes first in a turn: addresses, which are all of one length, go round.
    pub(super) fn first_in(&self, turn: u16) -> usize {
        let octets = match self.rtype {
            RecordType::A if self.count > 1 => RECORD_HEADER + 4,
            RecordType::AAAA if self.count > 1 => RECORD_HEADER + 16,
            _ => return 0,
        };
        usize::from(turn % self.count) * octets
    }

    /// Whether the only pointers are those of the owners.
    pub(super) fn points_at_owner_only(&self) -> bool {
        self.pointers.len() == 2 * usize::from(self.count)
    }
}

/// Where the name stands whose addresses are added to an answer with such records (RFC 1034 section 3.6, RFC 2782,
/// RFC 9460 section 4.1), in octets from the start of their data.
pub(super) fn target_offset(rtype: RecordType) -> Option<usize> {
    match rtype {
        RecordType::NS => Some(0),
        RecordType::MX | RecordType::SVCB | RecordType::HTTPS => Some(2),
        RecordType::SRV => Some(6),
        _ => None,
    }
}

/// Appends a set. `owner` is in wire form; each of `rdata` is uncompressed.
pub(super) fn encode<'r>(
    out: &mut Vec<u8>,
    owner: &'r [u8],
    rtype: RecordType,
    ttl: Ttl,
    rdata: impl Iterator<Item = &'r [u8]>,
) {
    let mut encoder = Encoder::new(owner, rtype, Class::IN, ttl);
    rdata.for_each(|data| encoder.record(data));
    encoder.finish(out);
}

/// Appends a text in class CH.
pub(super) fn encode_chaos(out: &mut Vec<u8>, owner: &[u8], text: &str) {
    let text = &text.as_bytes()[..text.len().min(CHAOS_MAX_OCTETS)];
    let data = [&[text.len() as u8], text].concat();
    let mut encoder = Encoder::new(owner, RecordType::TXT, Class::CH, Ttl::ZERO);
    encoder.record(&data);
    encoder.finish(out);
}

/// Appends the addresses of one family: such a body fits every owner.
pub(super) fn encode_addresses(out: &mut Vec<u8>, family: Family, addresses: &[IpAddr], ttl: Ttl) {
    let rtype = match family {
        Family::Ipv4 => RecordType::A,
        Family::Ipv6 => RecordType::AAAA,
    };
    let ours = addresses.iter().filter(|address| Family::of(**address) == family);
    let data: Vec<Vec<u8>> = ours.map(|address| address_octets(*address)).collect();
    encode(out, &[0], rtype, ttl, data.iter().map(Vec::as_slice));
}

fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().into(),
        IpAddr::V6(v6) => v6.octets().into(),
    }
}

/// The one place where records become octets.
struct Encoder<'r> {
    owner: &'r [u8],
    fixed: [u8; 8],
    rtype: RecordType,
    count: u16,
    pointers: Vec<usize>,
    body: Vec<u8>,
    /// Names that later ones may point at, each with its place in the body.
    known: Vec<(&'r [u8], usize)>,
}

impl<'r> Encoder<'r> {
    fn new(owner: &'r [u8], rtype: RecordType, class: Class, ttl: Ttl) -> Encoder<'r> {
        let mut fixed = [0; 8];
        fixed[..2].copy_from_slice(&rtype.0.to_be_bytes());
        fixed[2..4].copy_from_slice(&class.0.to_be_bytes());
        fixed[4..].copy_from_slice(&ttl.as_secs().to_be_bytes());
        Encoder { owner, fixed, rtype, count: 0, pointers: Vec::new(), body: Vec::new(), known: Vec::new() }
    }

    fn record(&mut self, data: &'r [u8]) {
        self.count += 1;
        self.pointer(QUESTION_AT);
        self.body.extend_from_slice(&self.fixed);
        let length_at = self.body.len();
        self.body.extend_from_slice(&[0, 0]);
        self.data(data);
        let length = u16::try_from(self.body.len() - length_at - 2).unwrap_or(u16::MAX);
        self.body[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// Only the names that every resolver has always understood are compressed (RFC 3597 section 4).
    fn data(&mut self, data: &'r [u8]) {
        let (fixed, names) = match self.rtype {
            RecordType::NS | RecordType::CNAME | RecordType::PTR => (0, 1),
            RecordType::MX => (2, 1),
            RecordType::SOA => (0, 2),
            _ => (data.len(), 0),
        };
        let (head, mut rest) = data.split_at(fixed.min(data.len()));
        self.body.extend_from_slice(head);
        for _ in 0..names {
            let (name, tail) = rest.split_at(name_length(rest).unwrap_or(0));
            self.name(name);
            rest = tail;
        }
        self.body.extend_from_slice(rest);
    }

    /// The labels up to the first that already stand elsewhere, then a pointer to them.
    fn name(&mut self, name: &'r [u8]) {
        for suffix in suffixes(name) {
            if suffix.len() == 1 {
                self.body.push(0);
            } else if let Some(place) = self.place_of(suffix) {
                return self.pointer(place);
            } else {
                self.remember(suffix);
                self.body.extend_from_slice(&suffix[..1 + usize::from(suffix[0])]);
            }
        }
    }

    fn place_of(&self, name: &[u8]) -> Option<usize> {
        let known =
            || self.known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, at)| *at);
        self.place_in_owner(name).or_else(|| Some(self.body_at() + known()?))
    }

    /// A wildcard's own name is no place to point at: in answers another name stands there.
    fn place_in_owner(&self, name: &[u8]) -> Option<usize> {
        let owner = suffixes(self.owner).skip(usize::from(self.owner.starts_with(b"\x01*")));
        let same =
            owner.filter(|suffix| suffix.len() == name.len()).find(|s| s.eq_ignore_ascii_case(name))?;
        Some(QUESTION_AT + self.owner.len() - same.len())
    }

    fn remember(&mut self, name: &'r [u8]) {
        if self.known.len() < COMPARED_NAMES && self.body.len() < INNER_POINTER_MAX {
            self.known.push((name, self.body.len()));
        }
    }

    /// Where the body begins when its owner is the question.
    fn body_at(&self) -> usize {
        QUESTION_AT + self.owner.len() + QUESTION_TAIL
    }

    fn pointer(&mut self, place: usize) {
        self.pointers.push(self.body.len());
        // Places are below 4096 + 255 + 16, so the mark's bits are free.
        self.body.extend_from_slice(&(POINTER_MARK | place as u16).to_be_bytes());
    }

    fn finish(self, out: &mut Vec<u8>) {
        let number = |n: usize| u16::try_from(n).expect("a zone holds no set that is longer than a message");
        let head = [self.rtype.0, self.count, number(self.pointers.len()), number(self.body.len())];
        let pointers = self.pointers.iter().map(|place| number(*place));
        head.into_iter().chain(pointers).for_each(|n| out.extend_from_slice(&n.to_ne_bytes()));
        out.extend_from_slice(&self.body);
    }
}

/// The place that a pointer in a body leads to.
pub(super) enum PointerTarget {
    /// To the owner's name without this many of its first octets.
    Owner(usize),
    /// To this place in the body.
    Body(usize),
}

impl SetRef<'_> {
    /// Where the pointer at `at` in the body leads.
    pub(super) fn pointer_target(&self, at: usize) -> Option<PointerTarget> {
        let place = usize::from(u16_at(self.body, at)? & !POINTER_MARK);
        let body_at = QUESTION_AT + self.owner_octets + QUESTION_TAIL;
        Some(match place.checked_sub(body_at) {
            Some(inner) => PointerTarget::Body(inner),
            None => PointerTarget::Owner(place.checked_sub(QUESTION_AT)?),
        })
    }
}
