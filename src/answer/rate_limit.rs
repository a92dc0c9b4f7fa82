//! What the answers ask of a rate limiter. The limiter itself counts in shared memory, so it lives in `dns`.

use std::fmt;
use std::net::IpAddr;

use super::rrl_key::RrlKey;
use crate::model::Moment;

/// Response rate limiting: decides how much of a reply by UDP goes out.
///
/// It is asked once for each reply to a client that has not proven its address by a cookie. It must not block.
pub trait ResponseRateLimit: fmt::Debug + Send + Sync {
    /// The ruling on one reply to `client`. `rrl_key` says what the reply tells, `now` is the wall clock's time, and
    /// `id` is the query's identifier, which varies from query to query.
    fn rule(&self, client: IpAddr, rrl_key: RrlKey, now: Moment, id: u16) -> Ruling;
}

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It goes out as it is.
    Whole,
    /// It goes out without its records, with TC.
    Slip,
    /// Instead of that, BADCOOKIE goes out to who speaks cookies: a limiter says [`Slip`](Ruling::Slip).
    Challenge,
    /// It does not go out.
    Drop,
}
