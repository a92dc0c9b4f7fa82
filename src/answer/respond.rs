//! From the question to the sections of the reply.

use crate::model::Name;
use crate::zone::RecordType;

use super::AnswerTable;
use super::additional::{Glue, Targets};
use super::edns::ExtendedError;
use super::lookup::{ANY, Content, Found};
use super::node::{At, NodeRef, ZoneId};
use super::records::{CLASS_CH, RECORD_HEADER, SetRef, target_offset};
use super::reply::{Code, NoSpace, Reply, Section, Written};
use super::request::{Question, Request, Unanswerable};
use super::rrl_key::RrlKey;
use super::wire::{Key, QUESTION_AT};

/// Aliases that are followed in one reply; a resolver asks on where we stop.
pub(super) const ALIASES_MAX: usize = 16;

/// The same once a DNAME was among them: renaming may go on for ever, in names that are ever new.
pub(super) const RENAMED_MAX: usize = 5;

const CLASS_IN: u16 = 1;
const IXFR: RecordType = RecordType(251);
const AXFR: RecordType = RecordType(252);

/// Everything that a query can turn out to be.
enum Asked<'q, 't> {
    /// Not a query that is answered from the table.
    Unanswerable(Unanswerable),
    /// Another class than IN, or a zone transfer: not from us.
    Forbidden,
    /// Who we are, in class CH.
    Ourselves(&'q Question<'q>, SetRef<'t>),
    /// A name outside of all zones.
    NotOurs,
    /// A name in one of our zones.
    Ours(&'q Question<'q>, ZoneId, Found<'t>),
}

/// Fills the sections of a reply; returns its code, and what it tells.
pub(super) fn fill(table: &AnswerTable, request: &Request<'_>, reply: &mut Reply<'_>) -> (Code, RrlKey) {
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
            let (chain, rrl_key) = (Chain::default(), RrlKey::nothing_in(zone));
            let mut answering =
                Resolution { table, zone, rtype: question.rtype, reply, name, chain, rrl_key };
            return (answering.answer(found), answering.rrl_key);
        }
    };
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
    if question.class != CLASS_IN || question.rtype == AXFR || question.rtype == IXFR {
        return asked_elsewhere(table, question);
    }
    match table.find(&Key::of(question.name()), question.rtype) {
        Some((zone, found)) => Asked::Ours(question, zone, found),
        None => Asked::NotOurs,
    }
}

/// Not in a zone: in another class, or for a whole zone.
fn asked_elsewhere<'q, 't>(table: &'t AnswerTable, question: &'q Question<'q>) -> Asked<'q, 't> {
    let of_ourselves = if question.class == CLASS_CH {
        table.fixed.chaos.find(question.name(), question.rtype)
    } else {
        None
    };
    of_ourselves.map_or(Asked::Forbidden, |set| Asked::Ourselves(question, set))
}

/// A question on its way through a zone, from alias to alias.
pub(super) struct Resolution<'a, 'b> {
    pub(super) table: &'a AnswerTable,
    pub(super) zone: ZoneId,
    rtype: RecordType,
    pub(super) reply: &'a mut Reply<'b>,
    /// The name that is looked at, where it stands in the reply.
    pub(super) name: Written,
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
                Found::Exists(node) => self.existing(node),
                Found::Renamed(renaming) => self.renamed(renaming),
                Found::Delegated(cut) => Step::End(self.refer(cut)),
                Found::Absent => Step::End(self.negative(Code::NxDomain)),
            };
            match step {
                Step::On(next) => found = next,
                Step::End(code) => return code,
            }
        }
    }

    fn existing(&mut self, node: NodeRef<'a>) -> Step<'a> {
        match self.table.content(node, self.rtype) {
            Content::NoData => Step::End(self.negative(Code::NoError)),
            Content::Records(set) if self.stands_there(node, set) => Step::End(Code::NoError),
            Content::Records(set) => {
                self.tell(node, set.rtype);
                Step::End(self.records(set))
            }
            Content::Alias(set) => {
                self.tell(node, set.rtype);
                match self.reply.put(Section::Answer, self.name, set) {
                    Ok(start) => self.follow_alias(start),
                    Err(NoSpace) => Step::End(self.no_space()),
                }
            }
        }
    }

    /// Notes what the reply tells: the first step of a chain says it all.
    fn tell(&mut self, node: NodeRef<'a>, rtype: RecordType) {
        if self.chain.steps == 0 {
            self.rrl_key = RrlKey::records(node.at, rtype);
        }
    }

    /// The DNAME that led to its own owner is in the answer already.
    fn stands_there(&self, node: NodeRef<'a>, set: SetRef<'a>) -> bool {
        set.rtype == RecordType::DNAME && self.chain.renamings.iter().flatten().any(|(at, _)| *at == node.at)
    }

    fn records(&mut self, set: SetRef<'a>) -> Code {
        match self.reply.put(Section::Answer, self.name, set) {
            Ok(start) if self.rtype != ANY => self.beside(start, set),
            Ok(_) => {}
            Err(NoSpace) => self.reply.truncate(),
        }
        Code::NoError
    }

    /// NODATA or NXDOMAIN: the SOA says for how long (RFC 2308).
    fn negative(&mut self, code: Code) -> Code {
        let zone = self.table.zone(self.zone);
        let soa = zone.negative_soa();
        let apex = self.reply.suffix(self.name, soa.owner_octets);
        if apex.is_none_or(|apex| self.reply.put(Section::Authority, apex, soa).is_err()) {
            self.reply.truncate();
        }
        code
    }

    /// The CNAME that was put at `start` leads to the next name.
    fn follow_alias(&mut self, start: usize) -> Step<'a> {
        let target = self.reply.data_at(start).and_then(|(data, _)| self.written(data));
        target.map_or(Step::End(Code::NoError), |(name, key)| self.go_on(name, &key))
    }

    /// The name at a place in the reply, to be pointed at and to be looked up.
    pub(super) fn written(&self, at: usize) -> Option<(Written, Key)> {
        let key = self.reply.key_at(at)?;
        Some((Written { at, octets: key.octets().len() }, key))
    }

    /// Whether it is this name that is looked at.
    pub(super) fn is_at(&self, key: &Key) -> bool {
        self.reply.key_at(self.name.at).is_some_and(|this| this.octets() == key.octets())
    }

    /// Looks at the next name, unless it is not this zone's to tell, was seen before, or is one too many.
    fn go_on(&mut self, name: Written, key: &Key) -> Step<'a> {
        let enough = if self.chain.renamings[0].is_some() { RENAMED_MAX } else { ALIASES_MAX };
        let this = self.reply.key_at(self.name.at);
        self.chain.seen[self.chain.steps] = this.map_or(0, |key| key.hash());
        self.chain.steps += 1;
        let seen = self.chain.seen[..self.chain.steps].contains(&key.hash());
        if self.chain.steps >= enough || seen || !key.is_within(self.table.apex_name(self.zone)) {
            return Step::End(Code::NoError);
        }
        let found = self.table.find_in(self.zone, key, self.rtype);
        self.name = name;
        Step::On(found)
    }

    /// A chain that was renamed may end anywhere, for it may be endless; anything else is complete or TC.
    fn no_space(&mut self) -> Code {
        if self.chain.steps == 0 || self.chain.renamings[0].is_none() {
            self.reply.truncate();
        }
        Code::NoError
    }

    /// Below a DNAME: the DNAME, and the CNAME that it means for this name (RFC 6672 section 3.1).
    fn renamed(&mut self, renaming: NodeRef<'a>) -> Step<'a> {
        self.tell(renaming, RecordType::DNAME);
        let Ok((start, target)) = self.put_dname(renaming) else {
            return Step::End(self.no_space());
        };
        let kept = self.name.octets - renaming.name().len();
        if kept + target.octets > Name::MAX_OCTETS {
            return Step::End(Code::YxDomain);
        }
        let ttl = self.reply.ttl_at(start);
        let Ok(next) = self.reply.put_synthesised_cname(self.name, kept, target, ttl) else {
            return Step::End(self.no_space());
        };
        match self.reply.key_at(next.at) {
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
        let owner = self.reply.suffix(self.name, renaming.name().len()).ok_or(NoSpace)?;
        let start = self.reply.put(Section::Answer, owner, set)?;
        let (at, _) = self.reply.data_at(start).ok_or(NoSpace)?;
        let (target, _) = self.written(at).ok_or(NoSpace)?;
        if let Some(free) = self.chain.renamings.iter_mut().find(|known| known.is_none()) {
            *free = Some((renaming.at, target));
        }
        Ok((start, target))
    }

    /// The zone speaks no further: those who do, and their addresses (RFC 1034 section 4.3.2, RFC 9471). No DS: without
    /// a signature beside it nobody may believe it (RFC 4035 section 3.1.4 speaks of signed zones), and we sign none.
    fn refer(&mut self, cut: NodeRef<'a>) -> Code {
        self.tell(cut, RecordType::NS);
        self.reply.authoritative = self.chain.steps > 0;
        if self.put_referral(cut).is_err() {
            self.reply.truncate();
        }
        Code::NoError
    }

    fn put_referral(&mut self, cut: NodeRef<'a>) -> Result<(), NoSpace> {
        let servers = cut.set(RecordType::NS).ok_or(NoSpace)?;
        let owner = self.reply.suffix(self.name, cut.name().len()).ok_or(NoSpace)?;
        let start = self.reply.put(Section::Authority, owner, servers)?;
        let mut targets = Targets::new(start, servers, Glue::Allowed);
        targets.add(self, |key| key.is_within(cut.name()))?;
        // Without the addresses below the cut nobody gets there; any others can be asked for.
        let mut targets = Targets::new(start, servers, Glue::Allowed);
        let _ = targets.add(self, |key| !key.is_within(cut.name()));
        Ok(())
    }

    /// The addresses of the names that an answer leads to, as far as there is space.
    fn beside(&mut self, start: usize, set: SetRef<'a>) {
        let glue = if set.rtype == RecordType::NS { Glue::Allowed } else { Glue::Left };
        if target_offset(set.rtype).is_some() {
            let _ = Targets::new(start, set, glue).add(self, |_| true);
        }
    }
}
