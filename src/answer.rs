//! A zone and the decisions become a table of prebuilt answers; query bytes become reply bytes.
//!
//! ```text
//!                        AnswerTable
//! zone ── compile ─▶ ZoneTable ─┤ zones    which zone speaks for a name, and the serial that its SOA tells
//! decisions ─▶ SteeredAddresses ┘ steered  the addresses that decisions give, by SteerId
//!
//! ZoneTable:  names  a flat hash: lower-case name → place in the arena
//!             arena  all that is known of a name, its record sets ready to be copied; in canonical order
//!
//! query ─ request ─▶ lookup ─▶ respond ─▶ reply ─▶ rate limit   which lets it out, cuts it, or keeps it back
//! ```
//!
//! A table never changes: [`AnswerTable::with`] and [`AnswerTable::with_zone`] make another one that shares all that
//! stays, so a flip costs the names that change, and an edited zone costs that zone. [`respond()`] allocates nothing,
//! and no query makes it panic or loop.

mod additional;
mod chaos;
mod chunked;
mod compile;
mod cookies;
mod counter;
mod edns;
mod freshness;
mod lookup;
mod names;
mod node;
mod rate_limit;
mod records;
mod reply;
mod reply_kind;
mod request;
mod respond;
mod rrl_key;
mod secrets;
mod slots;
mod steered;
mod table;
mod trace;
mod wire;
mod zone_reply;
mod zone_table;
mod zones;

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::Moment;

use cookies::Proof;
use edns::{OptRecord, UDP_OCTETS_WITHOUT};
use reply::{Code, Reply};
use request::Request;

pub use counter::Counter;
pub use freshness::freshness;
pub use rate_limit::{ResponseRateLimit, Ruling};
pub use reply_kind::{QueryType, ReplyCode, ReplyKind};
pub use rrl_key::RrlKey;
pub use secrets::{CookieSecrets, Secret};
pub use steered::{Scope, Served};
pub use table::{AnswerTable, Identity, Located};
pub use trace::{TraceFound, TraceStep};
pub use zone_table::ZoneTable;

/// How this server answers everybody; `[dns]` of the configuration says it.
#[derive(Debug, Default)]
pub struct ResponsePolicy {
    /// The networks that are answered at all; `None` for every one. Others get silence by datagrams, REFUSED by streams.
    pub allow: Option<Box<[IpNet]>>,
    /// Round robin: a set of addresses begins with another one for each query, by the query's identifier.
    pub rotate: bool,
    /// What DNS cookies are made with; `None` when we do not speak of them.
    pub cookies: Option<CookieSecrets>,
    /// The limit of replies by UDP; `None` for no limit.
    pub limiter: Option<Box<dyn ResponseRateLimit>>,
}

/// Who asks, and what else a reply depends on besides the table and the query.
#[derive(Debug, Clone, Copy)]
pub struct QueryContext<'m> {
    /// How the query came in.
    pub transport: Transport,
    /// Where it says it came from.
    pub address: IpAddr,
    /// The time by the wall clock: cookies grow old.
    pub now: Moment,
    /// How long its connection may be idle: told to those who ask (RFC 7828); zero asks for an end to it. `None` when
    /// there is no connection, or it is not DNS's to keep.
    pub idle: Option<Duration>,
    /// How everybody is answered.
    pub policy: &'m ResponsePolicy,
}

impl QueryContext<'_> {
    /// Whether a client there is answered at all.
    fn is_allowed(&self) -> bool {
        let allow = self.policy.allow.as_deref();
        allow.is_none_or(|networks| networks.iter().any(|network| network.contains(&self.address)))
    }

    /// What the cookie of a query says about who sent it.
    fn prove(&self, cookie: &[u8]) -> Proof {
        let secrets = self.policy.cookies.as_ref();
        secrets.map_or(Proof::None, |secrets| secrets.verify(cookie, self.address, self.now))
    }

    /// Whether a reply goes out: by a stream always, and to whoever has shown that he is where he says he is. Who speaks
    /// cookies has no more luck than others; where others are told to come by a stream, he may get a cookie instead.
    fn rule(&self, request: &Request<'_>, rrl_key: RrlKey) -> Ruling {
        match (&self.policy.limiter, self.transport) {
            (Some(limiter), Transport::Udp) if !request.proof.is_good() => {
                match limiter.rule(self.address, rrl_key, self.now, request.id) {
                    Ruling::Slip if request.proof.cookie().is_some() => Ruling::Challenge,
                    ruling @ (Ruling::Whole | Ruling::Slip | Ruling::Challenge | Ruling::Drop) => ruling,
                }
            }
            (None | Some(_), Transport::Udp | Transport::Tcp) => Ruling::Whole,
        }
    }
}

/// How a query came in, which bounds the size of its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram: 512 octets, or what EDNS says, 1232 at most.
    Udp,
    /// A stream: 65535 octets.
    Tcp,
}

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: it is a response, too short to be anything, or a datagram that is no query at all or comes from a network
    /// that is not answered.
    Silence,
    /// A reply of so many octets.
    Reply(usize),
    /// Nothing: its sender's network is told this too often.
    Dropped,
    /// For the same reason a reply without records, of so many octets: TC says that a stream would get them.
    Slipped(usize),
    /// For the same reason BADCOOKIE, in so many octets, no more than came: whoever comes back with the cookie is answered.
    Challenged(usize),
}

impl Outcome {
    /// The length of the reply, if there is one.
    #[must_use]
    pub fn octets(self) -> Option<usize> {
        match self {
            Outcome::Silence | Outcome::Dropped => None,
            Outcome::Reply(octets) | Outcome::Slipped(octets) | Outcome::Challenged(octets) => Some(octets),
        }
    }
}

/// Answers one query: writes the reply and returns its length, or why there is none.
///
/// `reply` holds at least [`AnswerTable::UDP_REPLY_MAX_OCTETS`] for UDP and
/// [`AnswerTable::REPLY_MAX_OCTETS`] for TCP.
#[must_use]
pub fn respond(table: &AnswerTable, query: &[u8], context: &QueryContext<'_>, reply: &mut [u8]) -> Outcome {
    respond_counted(table, query, context, reply).0
}

/// The same, and what the query is counted by if there is a reply.
#[must_use]
pub fn respond_counted(
    table: &AnswerTable,
    query: &[u8],
    context: &QueryContext<'_>,
    reply: &mut [u8],
) -> (Outcome, Option<ReplyKind>) {
    let is_allowed = context.is_allowed();
    let request = request::read(query, context);
    let Some(request) = request.as_ref().filter(|_| is_allowed || context.transport == Transport::Tcp) else {
        return (Outcome::Silence, None);
    };
    let cookie = request.proof.cookie();
    let opt =
        request.edns.as_ref().map(|edns| OptRecord::to(edns, &table.ourselves.nsid, cookie, context.idle));
    let most = match (context.transport, &request.edns) {
        (Transport::Tcp, _) => AnswerTable::REPLY_MAX_OCTETS,
        (Transport::Udp, Some(edns)) => edns.udp_limit(),
        (Transport::Udp, None) => usize::from(UDP_OCTETS_WITHOUT),
    };
    let reserved = opt.as_ref().map_or(0, OptRecord::octets);
    let limit = most.min(reply.len()).saturating_sub(reserved);
    let turn = if context.policy.rotate { request.id } else { 0 };
    let mut reply = Reply::begin(reply, request, limit, turn);
    let (code, rrl_key) = match is_allowed {
        true => respond::fill(table, request, context, &mut reply),
        false => respond::prohibit(&mut reply),
    };
    let outcome = match context.rule(request, rrl_key) {
        Ruling::Whole => Outcome::Reply(reply.finish(request, code, opt.as_ref())),
        Ruling::Drop => Outcome::Dropped,
        Ruling::Slip => slipped(request, reply, code, opt),
        Ruling::Challenge => challenged(query.len(), request, reply, code, opt),
    };
    let qtype = request.question.as_ref().map_or(QueryType::None, |question| QueryType::of(question.rtype));
    let code = if let Outcome::Challenged(_) = outcome { ReplyCode::BadCookie } else { code.into() };
    (outcome, outcome.octets().map(|_| ReplyKind { qtype, code }))
}

/// Instead of a reply that somebody had too often: the same without records and options, which is never longer than
/// the query.
#[cold]
fn slipped(request: &Request<'_>, mut reply: Reply<'_>, code: Code, opt: Option<OptRecord<'_>>) -> Outcome {
    let bare = opt.map(|opt| OptRecord { nsid: None, cookie: None, ..opt });
    reply.cut();
    Outcome::Slipped(reply.finish(request, code, bare.as_ref()))
}

/// Instead of a reply that somebody had too often who speaks cookies: BADCOOKIE, if that is no longer than the query.
/// It is not where the query has the client's part alone; the stream that he comes by then brings him a cookie.
#[cold]
fn challenged(
    query_octets: usize,
    request: &Request<'_>,
    mut reply: Reply<'_>,
    code: Code,
    opt: Option<OptRecord<'_>>,
) -> Outcome {
    let with_cookie = opt.map(|opt| OptRecord { nsid: None, ..opt });
    let octets = reply.octets_without_records() + with_cookie.as_ref().map_or(0, OptRecord::octets);
    if octets > query_octets {
        return slipped(request, reply, code, with_cookie);
    }
    reply.take_back();
    Outcome::Challenged(reply.finish(request, Code::BadCookie, with_cookie.as_ref()))
}

#[cfg(test)]
mod tests;
