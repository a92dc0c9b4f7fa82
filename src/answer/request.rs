//! The octets of a query: its header, its question and its OPT, and what forbids to answer it from the table.

use crate::model::wire_name::name_length;
use crate::model::{Class, RecordType};

use super::cookies::Proof;
use super::edns::Edns;
use super::wire::{HEADER_OCTETS, QUESTION_AT, skip_name, u16_at, u32_at};
use super::{QueryContext, Transport};

/// QR: it is a response.
const RESPONSE: u16 = 0x8000;
/// RD: copied into the reply.
const RECURSION_DESIRED: u16 = 0x0100;
const OPCODE_SHIFT: u32 = 11;

/// A query, as far as it could be read.
pub(super) struct Request<'q> {
    /// To be sent back.
    pub(super) id: u16,
    /// To be sent back; 0 is QUERY.
    pub(super) opcode: u8,
    /// To be sent back.
    pub(super) recursion_desired: bool,
    /// The question, if there is exactly one.
    pub(super) question: Option<Question<'q>>,
    /// What its OPT says, if it has one.
    pub(super) edns: Option<Edns<'q>>,
    /// What its cookie says about who sent it.
    pub(super) proof: Proof,
    /// Why it is not answered from the table.
    pub(super) fault: Option<Unanswerable>,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    /// Name, type and class as they came, to be sent back octet by octet.
    pub(super) octets: &'q [u8],
    /// The length of the name.
    pub(super) name_octets: usize,
    /// The type.
    pub(super) rtype: RecordType,
    /// The class.
    pub(super) class: Class,
}

impl<'q> Question<'q> {
    /// The name, in the letter case that it came in.
    pub(super) fn name(&self) -> &'q [u8] {
        &self.octets[..self.name_octets]
    }
}

/// Why a query is not answered from the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswerable {
    /// An EDNS version that we do not speak: BADVERS, before anything else is judged.
    Version,
    /// Not QUERY: NOTIMP.
    Opcode,
    /// Not a message, or not one question: FORMERR.
    Format,
    /// No question, for it is only about cookies (RFC 7873 section 5.4): NOERROR.
    CookieOnly,
    /// The same, with one that is not ours: BADCOOKIE.
    CookieWrong,
}

/// The most that the beginning of a query says it has: two questions, and the records that any query needs.
const QUESTIONS_MAX: u16 = 2;
const RECORDS_MAX: u16 = 4;

/// Reads a query; `None` when silence is right: a response, too short to have an identifier and flags, or a datagram that
/// is no query at all. Who answers those by datagrams can be set to talk for ever with another service that does.
pub(super) fn read<'q>(query: &'q [u8], context: &QueryContext<'_>) -> Option<Request<'q>> {
    let (id, word) = (u16_at(query, 0)?, u16_at(query, 2)?);
    if query.len() < HEADER_OCTETS || word & RESPONSE > 0 {
        return None;
    }
    let opcode = (word >> OPCODE_SHIFT & 0xf) as u8;
    let mut request = Request {
        id,
        opcode,
        recursion_desired: word & RECURSION_DESIRED > 0,
        question: None,
        edns: None,
        proof: Proof::None,
        fault: None,
    };
    let broken = read_body(query, &mut request).is_none();
    if broken && context.transport == Transport::Udp && (opcode > 0 || !begins_like_a_query(query)) {
        return None;
    }
    if let Some(cookie) = request.edns.as_ref().and_then(|edns| edns.cookie) {
        request.proof = context.prove(cookie);
    }
    request.fault = if request.edns.as_ref().is_some_and(|edns| edns.version > 0) {
        Some(Unanswerable::Version)
    } else if opcode > 0 {
        Some(Unanswerable::Opcode)
    } else if broken || request.proof == Proof::Malformed || demands_timeout(&request, context) {
        Some(Unanswerable::Format)
    } else {
        request.question.is_none().then(|| fault_without_question(request.proof))
    };
    Some(request)
}

/// Whether a message that cannot be read to its end may have been meant as a query: its first question can be read, and
/// its counts are those that queries have. Text and the messages of other protocols have neither.
#[cold]
fn begins_like_a_query(query: &[u8]) -> bool {
    let counts = [4, 6, 8, 10].map(|at| u16_at(query, at).unwrap_or(u16::MAX));
    let [questions, records @ ..] = counts;
    let few = (1..=QUESTIONS_MAX).contains(&questions) && records.iter().all(|count| *count <= RECORDS_MAX);
    few && read_question(query).is_some()
}

/// Where no connection can be kept, the option means nothing (RFC 7828 section 3.3).
fn demands_timeout(request: &Request<'_>, context: &QueryContext<'_>) -> bool {
    context.idle.is_some() && request.edns.as_ref().is_some_and(Edns::demands_timeout)
}

fn fault_without_question(proof: Proof) -> Unanswerable {
    match proof {
        Proof::None | Proof::Malformed => Unanswerable::Format,
        Proof::Wanted(_) | Proof::Good(_) => Unanswerable::CookieOnly,
        Proof::Wrong(_) => Unanswerable::CookieWrong,
    }
}

/// Everything after the header; `None` at the first thing that is wrong. What was read before it stays.
fn read_body<'q>(query: &'q [u8], request: &mut Request<'q>) -> Option<()> {
    let count = |at| u16_at(query, at).map(u32::from);
    let mut at = QUESTION_AT;
    match count(4)? {
        0 => {}
        1 => {
            let question = read_question(query)?;
            at += question.octets.len();
            request.question = Some(question);
        }
        _ => return None, // RFC 9619: more than one question is FORMERR
    }
    for _ in 0..count(6)? + count(8)? {
        at = skip_record(query, at)?;
    }
    for _ in 0..count(10)? {
        let start = at;
        at = skip_record(query, at)?;
        let record = &query[start..at];
        if u16_at(record, skip_name(record, 0)?)? == RecordType::OPT.0 {
            read_opt(record, request)?;
        }
    }
    (at == query.len()).then_some(())
}

fn read_question(query: &[u8]) -> Option<Question<'_>> {
    let rest = query.get(QUESTION_AT..)?;
    let name_octets = name_length(rest)?;
    let octets = rest.get(..name_octets + 4)?;
    let (rtype, class) = (u16_at(octets, name_octets)?, u16_at(octets, name_octets + 2)?);
    let (rtype, class) = (RecordType(rtype), Class(class));
    Some(Question { octets, name_octets, rtype, class })
}

/// Where the record at `at` ends.
fn skip_record(query: &[u8], at: usize) -> Option<usize> {
    let fixed = skip_name(query, at)?;
    let end = fixed + 10 + usize::from(u16_at(query, fixed + 8)?);
    (end <= query.len()).then_some(end)
}

/// The root owns it, and there is one at most (RFC 6891 section 6.1.1).
fn read_opt<'q>(record: &'q [u8], request: &mut Request<'q>) -> Option<()> {
    if record[0] != 0 || request.edns.is_some() {
        return None;
    }
    let edns = request.edns.insert(Edns::read(u16_at(record, 3)?, u32_at(record, 5)?));
    edns.read_options(&record[11..])
}
