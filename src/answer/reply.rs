//! A reply as it is put together: sections in order, space for the OPT kept free, flags built from zero.

use crate::model::Serial;

use super::edns::{ExtendedError, OptRecord, explain};
use super::records::{INNER_POINTER_MAX, PointerTarget, QUESTION_TAIL, RECORD_HEADER, SetRef};
use super::request::Request;
use super::wire::{HEADER_OCTETS, Key, POINTER_MARK, POINTER_MAX, QUESTION_AT, Spelled, inside_name, u16_at};

/// Response codes (RFC 1035, RFC 6672, RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    NoError = 0,
    FormErr = 1,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    YxDomain = 6,
    BadVers = 16,
    BadCookie = 23,
}

/// Where a record goes. The order is the wire's: a section is closed by writing to a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer = 0,
    Authority = 1,
    Additional = 2,
}

/// A name that stands in the reply already, to be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Its place, a pointer perhaps.
    pub(super) at: usize,
    /// Its length without compression.
    pub(super) octets: usize,
}

/// Serial, refresh, retry, expire and minimum at the end of an SOA's data (RFC 1035 section 3.3.13).
const SOA_NUMBERS_OCTETS: usize = 20;

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSpace;

/// A reply on its way.
pub(super) struct Reply<'b> {
    octets: &'b mut [u8],
    /// What has been written ends here.
    end: usize,
    /// No record may end after this.
    limit: usize,
    question_end: usize,
    /// Which of a set of addresses comes first.
    turn: u16,
    counts: [u16; 3],
    /// AA
    pub(super) authoritative: bool,
    /// Why there is no record in it.
    pub(super) error: Option<ExtendedError>,
    truncated: bool,
}

impl<'b> Reply<'b> {
    /// Begins with the question, if there is one. Records end at `limit`; the OPT comes after them.
    pub(super) fn begin(octets: &'b mut [u8], request: &Request<'_>, limit: usize, turn: u16) -> Reply<'b> {
        let question = request.question.as_ref().map_or(&[][..], |question| question.octets);
        let question_end = QUESTION_AT + question.len();
        octets[QUESTION_AT..question_end].copy_from_slice(question);
        let counts = [0; 3];
        Reply {
            octets,
            end: question_end,
            limit,
            question_end,
            turn,
            counts,
            authoritative: false,
            error: None,
            truncated: false,
        }
    }

    /// Writes header and OPT, and returns the length of the whole.
    pub(super) fn finish(&mut self, request: &Request<'_>, code: Code, opt: Option<&OptRecord<'_>>) -> usize {
        let (end, [answer, authority, additional]) = (self.end, self.counts);
        let code = code as u16;
        let flags = 0x8000
            | u16::from(request.opcode) << 11
            | u16::from(self.authoritative) << 10
            | u16::from(self.truncated) << 9
            | u16::from(request.recursion_desired) << 8
            | (code & 0xf);
        let questions = u16::from(request.question.is_some());
        let header = [request.id, flags, questions, answer, authority, additional + u16::from(opt.is_some())];
        for (place, word) in self.octets[..HEADER_OCTETS].chunks_exact_mut(2).zip(header) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        let Some(opt) = opt else {
            return end;
        };
        let opt_end = end + opt.octets();
        opt.write(&mut self.octets[end..opt_end], (code >> 4) as u8);
        self.error.map_or(opt_end, |error| explain(self.octets, end, opt_end, error))
    }

    /// Takes back all records and says so by TC: the client asks again over TCP.
    pub(super) fn truncate(&mut self) {
        self.end = self.question_end;
        self.counts = [0; 3];
        self.truncated = true;
    }

    /// The length of header and question.
    pub(super) fn octets_without_records(&self) -> usize {
        self.question_end
    }

    /// Truncates what has records; what has none is as short already, but for its reason.
    pub(super) fn cut(&mut self) {
        self.error = None;
        if self.counts != [0; 3] {
            self.truncate();
        }
    }

    /// Takes back everything that was to be said.
    pub(super) fn take_back(&mut self) {
        self.cut();
        self.truncated = false;
        self.authoritative = false;
    }

    /// Adds a set whose owner stands in the reply already; all of it or nothing. Returns where it begins.
    pub(super) fn put(
        &mut self,
        section: Section,
        owner: Written,
        set: SetRef<'_>,
    ) -> Result<usize, NoSpace> {
        let start = self.end;
        let end = start + set.body.len();
        let in_place = owner.at == QUESTION_AT
            && (set.points_at_owner_only()
                || (owner.octets == set.owner_octets && start == QUESTION_AT + owner.octets + QUESTION_TAIL));
        let reachable = in_place || owner.at <= POINTER_MAX && start + INNER_POINTER_MAX <= POINTER_MAX;
        if end > self.limit || !(reachable || set.points_at_owner_only()) {
            return Err(NoSpace);
        }
        let (later, first) = set.body.split_at(set.first_in(self.turn));
        let (begin, rest) = self.octets[start..end].split_at_mut(first.len());
        begin.copy_from_slice(first);
        rest.copy_from_slice(later);
        if !in_place {
            self.lead_pointers(start, owner, set).ok_or(NoSpace)?;
        }
        self.end = end;
        self.counts[section as usize] += set.count;
        Ok(start)
    }

    /// Leads the pointers of a body that was built for another place.
    fn lead_pointers(&mut self, start: usize, owner: Written, set: SetRef<'_>) -> Option<()> {
        for at in set.pointers() {
            let place = match set.pointer_target(at)? {
                PointerTarget::Body(inner) => start + inner,
                PointerTarget::Owner(0) => owner.at,
                PointerTarget::Owner(skip) => self.suffix(owner, set.owner_octets - skip)?.at,
            };
            self.octets[start + at..start + at + 2].copy_from_slice(&pointer(place)?);
        }
        Some(())
    }

    /// Writes the serial into the SOA that was put last: its data ends in five numbers, the serial first.
    pub(super) fn set_serial(&mut self, serial: Serial) {
        let at = self.end - SOA_NUMBERS_OCTETS;
        self.octets[at..at + 4].copy_from_slice(&serial.0.to_be_bytes());
    }

    /// The last `octets` of a name that stands in the reply: a name above it.
    pub(super) fn suffix(&self, name: Written, octets: usize) -> Option<Written> {
        let at = inside_name(&self.octets[..self.end], name.at, name.octets.checked_sub(octets)?)?;
        Some(Written { at, octets })
    }

    /// Adds a CNAME to the name whose first `kept` octets are those of `owner` and whose rest stands at `rest`.
    pub(super) fn put_synthesised_cname(
        &mut self,
        owner: Written,
        kept: usize,
        rest: Written,
        ttl: [u8; 4],
    ) -> Result<Written, NoSpace> {
        let name = Spelled::read(&self.octets[..self.end], owner.at).ok_or(NoSpace)?;
        let target = self.end + RECORD_HEADER;
        let tail = pointer(rest.at).ok_or(NoSpace)?;
        let tail = if rest.octets == 1 { &[0][..] } else { &tail[..] };
        let end = target + kept + tail.len();
        if end > self.limit {
            return Err(NoSpace);
        }
        let record = &mut self.octets[self.end..end];
        record[..2].copy_from_slice(&pointer(owner.at).ok_or(NoSpace)?);
        record[2..6].copy_from_slice(&[0, 5, 0, 1]); // CNAME IN
        record[6..10].copy_from_slice(&ttl);
        record[10..12].copy_from_slice(&((kept + tail.len()) as u16).to_be_bytes());
        record[12..12 + kept].copy_from_slice(&name.octets()[..kept]);
        record[12 + kept..].copy_from_slice(tail);
        self.end = end;
        self.counts[Section::Answer as usize] += 1;
        Ok(Written { at: target, octets: kept + rest.octets })
    }

    /// The TTL of the record at `start`.
    pub(super) fn ttl_at(&self, start: usize) -> [u8; 4] {
        let at = start + 6;
        [self.octets[at], self.octets[at + 1], self.octets[at + 2], self.octets[at + 3]]
    }

    /// The name at a place in the reply, for a lookup; `None` where there is none.
    pub(super) fn key_at(&self, at: usize) -> Option<Key> {
        Some(Key::of(Spelled::read(&self.octets[..self.end], at)?.octets()))
    }

    /// Where the data of the record at `start` begins, and where the record ends.
    pub(super) fn data_at(&self, start: usize) -> Option<(usize, usize)> {
        let data = start + RECORD_HEADER;
        Some((data, data + usize::from(u16_at(self.octets, data - 2)?)))
    }
}

fn pointer(place: usize) -> Option<[u8; 2]> {
    let place = u16::try_from(place).ok().filter(|place| usize::from(*place) <= POINTER_MAX)?;
    Some((POINTER_MARK | place).to_be_bytes())
}
