//! From the question to the sections of the reply.

use crate::model::wire_name::is_within;
use crate::model::{Class, Name, RecordType};

use super::QueryContext;
use super::additional::{Glue, Targets};
use super::edns::ExtendedError;
use super::lookup::{Content, Found, View};
use super::node::{At, NodeRef};
use super::records::{RECORD_HEADER, SetRef, target_offset};
use super::reply::{Code, NoSpace, Reply, Section, Written};
use super::request::{Question, Request, Unanswerable};
use super::rrl_key::RrlKey;
use super::table::AnswerTable;
use super::wire::{Key, QUESTION_AT};
use super::zone_reply::ZoneReply;
use super::zones::ZoneEntry;

/// Aliases that are followed in one reply; a resolver asks for the rest.
pub(super) const ALIASES_MAX: usize = 16;

/// The same once a DNAME was among them: renaming may go on without end, in names that are always new.
pub(super) const RENAMED_MAX: usize = 5;

/// Everything that a query can turn out to be.
enum Asked<'q, 't> {
    /// Not a query that is answered from the table.
    Unanswerable(Unanswerable),
    /// Another class than IN, or a zone transfer: not from us.
    Forbidden,
    /// What this server says about itself, in class CH.
    Ourselves(&'q Question<'q>, SetRef<'t>),
    /// A name outside of all zones.
    NotOurs,
    /// A name in one of our zones.
    Ours(&'q Question<'q>, &'t ZoneEntry, Found<'t>),
}

/// Fills the sections of a reply; returns its code, and what it tells.
pub(super) fn fill(
    table: &AnswerTable,
    request: &Request<'_>,
    context: &QueryContext<'_>,
    reply: &mut Reply<'_>,
) -> (Code, RrlKey) {
    let code = match asked(table, request) {
        Asked::Unanswerable(Unanswerable::Format) => Code::FormErr,
        Asked::Unanswerable(Unanswerable::Opcode) => {
            not_from_us(reply, Code::NotImp, ExtendedError::NotSupported)
        }
        Asked::Unanswerable(Unanswerable::Version) => Code::BadVers,
        Asked::Unanswerable(Unanswerable::CookieOnly) => Code::NoError,
        Asked::Unanswerable(Unanswerable::CookieWrong) => Code::BadCookie,
        Asked::Forbidden => not_from_us(reply, Code::Refused, ExtendedError::NotSupported),
        Asked::NotOurs => not_from_us(reply, Code::Refused, ExtendedError::NotAuthoritative),
        Asked::Ourselves(question, set) => {
            let name = Written { at: QUESTION_AT, octets: question.name_octets };
            if reply.put(Section::Answer, name, set).is_err() {
                reply.truncate();
            }
            Code::NoError
        }
        Asked::Ours(question, zone, found) => {
            reply.authoritative = true;
            let name = Written { at: QUESTION_AT, octets: question.name_octets };
            let view = View { zone: &zone.table, serial: zone.serial, steered: &table.steered, context };
            let rrl_key = RrlKey::nothing_in(view.zone.apex_hash());
            let out = ZoneReply { view, reply, name };
            let mut resolution = Resolution { out, rtype: question.rtype, chain: Chain::default(), rrl_key };
            return (resolution.answer(found), resolution.rrl_key);
        }
    };
    (code, RrlKey::code(code))
}

/// For clients of networks that are not answered: REFUSED, whatever they ask.
pub(super) fn prohibit(reply: &mut Reply<'_>) -> (Code, RrlKey) {
    let code = not_from_us(reply, Code::Refused, ExtendedError::Prohibited);
    (code, RrlKey::code(code))
}

/// A code that could mean many things, and what it means.
fn not_from_us(reply: &mut Reply<'_>, code: Code, error: ExtendedError) -> Code {
    reply.error = Some(error);
    code
}

fn asked<'q, 't>(table: &'t AnswerTable, request: &'q Request<'q>) -> Asked<'q, 't> {
    let question = match (request.fault, &request.question) {
        (Some(fault), _) => return Asked::Unanswerable(fault),
        (None, None) => return Asked::Unanswerable(Unanswerable::Format),
        (None, Some(question)) => question,
    };
    if question.class != Class::IN || question.rtype == RecordType::AXFR || question.rtype == RecordType::IXFR
    {
        return asked_elsewhere(table, question);
    }
    match table.find(&Key::of(question.name()), question.rtype) {
        Some((zone, found)) => Asked::Ours(question, zone, found),
        None => Asked::NotOurs,
    }
}

/// Not in a zone: in another class, or for a whole zone.
fn asked_elsewhere<'q, 't>(table: &'t AnswerTable, question: &'q Question<'q>) -> Asked<'q, 't> {
    let of_ourselves = if question.class == Class::CH {
        table.ourselves.chaos.find(question.name(), question.rtype)
    } else {
        None
    };
    of_ourselves.map_or(Asked::Forbidden, |set| Asked::Ourselves(question, set))
}

/// A question on its way through a zone, from alias to alias.
struct Resolution<'a, 'b> {
    out: ZoneReply<'a, 'b>,
    rtype: RecordType,
    chain: Chain,
    rrl_key: RrlKey,
}

/// The aliases that were followed.
#[derive(Default)]
struct Chain {
    seen: [u64; ALIASES_MAX],
    steps: usize,
    renamings: [Option<(At, Written)>; RENAMED_MAX],
}

/// What follows a step along a chain.
enum Step<'t> {
    /// The next name, and what it is.
    On(Found<'t>),
    /// The reply is complete.
    End(Code),
}

impl<'a> Resolution<'a, '_> {
    /// From name to name until the reply is complete.
    fn answer(&mut self, mut found: Found<'a>) -> Code {
        loop {
            let step = match found {
                // In one arm, so that it is inlined: measured, a step through memory costs 7 ns.
                Found::Exists(node) | Found::Wildcard(node) => {
                    self.existing(node, matches!(found, Found::Wildcard(_)))
                }
                Found::Renamed(renaming) => self.renamed(renaming),
                Found::Delegated(cut) => Step::End(self.refer(cut)),
                Found::Absent(_) => Step::End(self.negative(Code::NxDomain)),
            };
            match step {
                Step::On(next) => found = next,
                Step::End(code) => return code,
            }
        }
    }

    /// A name that exists, or one that a wildcard stands for.
    fn existing(&mut self, node: NodeRef<'a>, by_wildcard: bool) -> Step<'a> {
        match self.out.view.content(node, self.rtype) {
            Content::NoData => Step::End(self.negative(Code::NoError)),
            // By a wildcard a DNAME gets the name that was asked for, so what stands there has another owner.
            Content::Records(set) if !by_wildcard && self.stands_there(node, set) => Step::End(Code::NoError),
            Content::Records(set) => {
                self.tell(node, set.rtype);
                Step::End(self.records(set))
            }
            Content::Alias(set) => {
                self.tell(node, set.rtype);
                match self.out.put(Section::Answer, self.out.name, set) {
                    Ok(start) => self.follow_alias(start),
                    Err(NoSpace) => Step::End(self.no_space()),
                }
            }
        }
    }

    /// Notes what the reply tells: the first step of a chain says it all.
    fn tell(&mut self, node: NodeRef<'a>, rtype: RecordType) {
        if self.chain.steps == 0 {
            self.rrl_key = RrlKey::records(self.out.view.zone.apex_hash(), node.at, rtype);
        }
    }

    /// The DNAME that led to its own owner is in the answer already.
    fn stands_there(&self, node: NodeRef<'a>, set: SetRef<'a>) -> bool {
        set.rtype == RecordType::DNAME && self.chain.renamings.iter().flatten().any(|(at, _)| *at == node.at)
    }

    fn records(&mut self, set: SetRef<'a>) -> Code {
        match self.out.put(Section::Answer, self.out.name, set) {
            Ok(start) if self.rtype != RecordType::ANY => self.beside(start, set),
            Ok(_) => {}
            Err(NoSpace) => self.out.reply.truncate(),
        }
        Code::NoError
    }

    /// NODATA or NXDOMAIN: the SOA says for how long (RFC 2308).
    fn negative(&mut self, code: Code) -> Code {
        let soa = self.out.view.zone.negative_soa();
        let apex = self.out.reply.suffix(self.out.name, soa.owner_octets);
        if apex.is_none_or(|apex| self.out.put(Section::Authority, apex, soa).is_err()) {
            self.out.reply.truncate();
        }
        code
    }

    /// The CNAME that was put at `start` leads to the next name.
    fn follow_alias(&mut self, start: usize) -> Step<'a> {
        let target = self.out.reply.data_at(start).and_then(|(data, _)| self.out.written(data));
        target.map_or(Step::End(Code::NoError), |(name, key)| self.go_on(name, &key))
    }

    /// Looks at the next name, unless it is outside of the zone, was seen before, or is one too many.
    fn go_on(&mut self, name: Written, key: &Key) -> Step<'a> {
        let enough = if self.chain.renamings[0].is_some() { RENAMED_MAX } else { ALIASES_MAX };
        let this = self.out.reply.key_at(self.out.name.at);
        self.chain.seen[self.chain.steps] = this.map_or(0, |key| key.hash());
        self.chain.steps += 1;
        let seen = self.chain.seen[..self.chain.steps].contains(&key.hash());
        if self.chain.steps >= enough || seen {
            return Step::End(Code::NoError);
        }
        match self.out.view.zone.find(key, self.rtype) {
            Some(found) => {
                self.out.name = name;
                Step::On(found)
            }
            None => Step::End(Code::NoError),
        }
    }

    /// A chain with a DNAME in it may end anywhere, for it may have no end; anything else is complete or TC.
    fn no_space(&mut self) -> Code {
        if self.chain.steps == 0 || self.chain.renamings[0].is_none() {
            self.out.reply.truncate();
        }
        Code::NoError
    }

    /// Below a DNAME: the DNAME, and the CNAME that it means for this name (RFC 6672 section 3.1).
    fn renamed(&mut self, renaming: NodeRef<'a>) -> Step<'a> {
        self.tell(renaming, RecordType::DNAME);
        let Ok((start, target)) = self.put_dname(renaming) else {
            return Step::End(self.no_space());
        };
        let kept = self.out.name.octets - renaming.name().len();
        if kept + target.octets > Name::MAX_OCTETS {
            return Step::End(Code::YxDomain);
        }
        let ttl = self.out.reply.ttl_at(start);
        let Ok(next) = self.out.reply.put_synthesised_cname(self.out.name, kept, target, ttl) else {
            return Step::End(self.no_space());
        };
        match self.out.reply.key_at(next.at) {
            // It answers a question for CNAME; ANY goes on, as NSD, Knot and BIND do.
            Some(key) if self.rtype != RecordType::CNAME => self.go_on(next, &key),
            Some(_) | None => Step::End(Code::NoError),
        }
    }

    /// Adds a DNAME, once; returns where it and its target stand.
    fn put_dname(&mut self, renaming: NodeRef<'a>) -> Result<(usize, Written), NoSpace> {
        let known = self.chain.renamings.iter().flatten().find(|(at, _)| *at == renaming.at);
        if let Some((_, target)) = known {
            return Ok((target.at - RECORD_HEADER, *target));
        }
        let set = renaming.set(RecordType::DNAME).ok_or(NoSpace)?;
        let owner = self.out.reply.suffix(self.out.name, renaming.name().len()).ok_or(NoSpace)?;
        let start = self.out.put(Section::Answer, owner, set)?;
        let (at, _) = self.out.reply.data_at(start).ok_or(NoSpace)?;
        let (target, _) = self.out.written(at).ok_or(NoSpace)?;
        if let Some(free) = self.chain.renamings.iter_mut().find(|known| known.is_none()) {
            *free = Some((renaming.at, target));
        }
        Ok((start, target))
    }

    /// A referral: the servers of the delegated zone and their addresses (RFC 1034 section 4.3.2, RFC 9471). No DS: a
    /// validator ignores it without a signature (RFC 4035 section 3.1.4 speaks of signed zones), and we sign none.
    fn refer(&mut self, cut: NodeRef<'a>) -> Code {
        self.tell(cut, RecordType::NS);
        self.out.reply.authoritative = self.chain.steps > 0;
        if self.put_referral(cut).is_err() {
            self.out.reply.truncate();
        }
        Code::NoError
    }

    fn put_referral(&mut self, cut: NodeRef<'a>) -> Result<(), NoSpace> {
        let servers = cut.set(RecordType::NS).ok_or(NoSpace)?;
        let owner = self.out.reply.suffix(self.out.name, cut.name().len()).ok_or(NoSpace)?;
        let start = self.out.put(Section::Authority, owner, servers)?;
        let mut targets = Targets::new(start, servers, Glue::Allowed);
        targets.add(&mut self.out, |key| is_within(key.octets(), cut.name()))?;
        // Without the addresses below the cut its servers cannot be reached; any others can be asked for.
        let mut targets = Targets::new(start, servers, Glue::Allowed);
        let _ = targets.add(&mut self.out, |key| !is_within(key.octets(), cut.name()));
        Ok(())
    }

    /// The addresses of the names that an answer leads to, as far as there is space.
    fn beside(&mut self, start: usize, set: SetRef<'a>) {
        let glue = if set.rtype == RecordType::NS { Glue::Allowed } else { Glue::Left };
        if target_offset(set.rtype).is_some() {
            let _ = Targets::new(start, set, glue).add(&mut self.out, |_| true);
        }
    }
}
