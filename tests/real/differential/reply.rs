//! A reply as it is compared: every name whole and in lower case, every section a set.
//!
//! A reader of its own, for it must not share a mistake with those who wrote the replies.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use cadence_dns::model::Name;
use cadence_dns::zone::RecordType;

/// TC
pub(crate) const TRUNCATED: u16 = 0x0200;
/// QR
pub(crate) const RESPONSE: u16 = 0x8000;
/// RA, which says nothing about an authoritative server.
const RECURSION_AVAILABLE: u16 = 0x0080;

const OPT: u16 = 41;

/// The option of extended errors (RFC 8914): advice for people, and each server's own.
const EXTENDED_ERROR: u16 = 15;

/// The parts of a reply that are compared.
#[derive(Clone)]
pub(crate) struct Reply {
    /// All flags and the opcode, without the code and RA.
    pub(crate) flags: u16,
    /// With its upper bits from the OPT.
    pub(crate) code: u16,
    /// Octet by octet.
    pub(crate) question: Vec<u8>,
    pub(crate) answer: BTreeSet<String>,
    pub(crate) authority: BTreeSet<String>,
    pub(crate) additional: BTreeSet<String>,
    /// Its length.
    pub(crate) octets: usize,
    /// Records in all, the OPT among them.
    pub(crate) records: usize,
    pub(crate) opt: Option<Opt>,
}

/// What an OPT says, its size apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Reply {
    /// `None` when it is no whole message.
    pub(crate) fn read(octets: &[u8]) -> Option<Reply> {
        let mut cursor = Cursor { message: octets, at: 2 };
        let word = cursor.number()?;
        let counts = [cursor.number()?, cursor.number()?, cursor.number()?, cursor.number()?];
        let start = cursor.at;
        for _ in 0..counts[0] {
            cursor.name()?;
            cursor.take(4)?;
        }
        let question = octets[start..cursor.at].to_vec();
        let mut opt = None;
        let mut section = |count| cursor.section(count, &mut opt);
        let (answer, authority, additional) = (section(counts[1])?, section(counts[2])?, section(counts[3])?);
        let upper = opt.as_ref().map_or(0, |(code, _)| u16::from(*code));
        (cursor.at == octets.len()).then(|| Reply {
            flags: word & !0xf & !RECURSION_AVAILABLE,
            code: word & 0xf | upper << 4,
            question,
            answer,
            authority,
            additional,
            octets: octets.len(),
            records: counts[1..].iter().map(|count| usize::from(*count)).sum(),
            opt: opt.map(|(_, opt)| opt),
        })
    }

    /// Whether a record stands in a section more than once, which its set does not show.
    pub(crate) fn repeats_itself(&self) -> bool {
        let different = self.answer.len() + self.authority.len() + self.additional.len();
        different + usize::from(self.opt.is_some()) < self.records
    }

    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag > 0
    }
}

struct Cursor<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Cursor<'m> {
    fn take(&mut self, octets: usize) -> Option<&'m [u8]> {
        let taken = self.message.get(self.at..self.at + octets)?;
        self.at += octets;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A name, wherever its pointers lead; they must lead back.
    fn name(&mut self) -> Option<Name> {
        let mut wire = Vec::new();
        let (mut at, mut after) = (self.at, None);
        loop {
            let length = *self.message.get(at)?;
            if length >= 0xc0 {
                let low = *self.message.get(at + 1)?;
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                after = after.or(Some(at + 2));
                at = (target < at).then_some(target)?;
                continue;
            }
            let end = at + 1 + usize::from(length);
            wire.extend(self.message.get(at..end)?.to_ascii_lowercase());
            at = end;
            if length == 0 {
                break;
            }
        }
        self.at = after.unwrap_or(at);
        Name::from_wire(&wire)
    }

    fn section(&mut self, count: u16, opt: &mut Option<(u8, Opt)>) -> Option<BTreeSet<String>> {
        let mut records = BTreeSet::new();
        for _ in 0..count {
            let owner = self.name()?;
            let (rtype, class) = (self.number()?, self.number()?);
            let ttl = self.take(4)?;
            let length = usize::from(self.number()?);
            if rtype == OPT {
                let options = options(self.take(length)?)?;
                let flags = u16::from_be_bytes([ttl[2], ttl[3]]);
                *opt = Some((ttl[0], Opt { version: ttl[1], flags, options }));
                continue;
            }
            let ttl = u32::from_be_bytes(ttl.try_into().ok()?);
            let data = self.data(rtype, length)?;
            records.insert(format!("{owner}. {ttl} CLASS{class} {} {data}", RecordType(rtype)));
        }
        Some(records)
    }

    /// The data in words, names whole: some compress them, others do not.
    fn data(&mut self, rtype: u16, length: usize) -> Option<String> {
        let end = self.at + length;
        let (before, names) = match RecordType(rtype) {
            RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => (0, 1),
            RecordType::SOA => (0, 2),
            RecordType::MX => (2, 1),
            RecordType::SRV => (6, 1),
            _ => (0, 0),
        };
        let mut words = hex(self.take(before)?);
        for _ in 0..names {
            write!(words, " {}.", self.name()?).ok()?;
        }
        words += &hex(self.message.get(self.at..end)?);
        self.at = end;
        Some(words)
    }
}

fn options(mut octets: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let mut options = Vec::new();
    while let Some((&[code_high, code_low, high, low], rest)) = octets.split_first_chunk() {
        let (data, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        let code = u16::from_be_bytes([code_high, code_low]);
        if code != EXTENDED_ERROR {
            options.push((code, data.to_vec()));
        }
        octets = rest;
    }
    octets.is_empty().then_some(options)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {} flags {:04x} {:?}", self.code, self.flags, self.opt)?;
        for (name, section) in [("an", &self.answer), ("au", &self.authority), ("ad", &self.additional)] {
            section.iter().try_for_each(|record| write!(f, "\n      {name} {record}"))?;
        }
        Ok(())
    }
}
