//! What is counted of queries: one list for those who count and those who show.

/// What became of a message. [`Queries`](Counter::Queries) counts each message once; of the others up to
/// [`LimitedBadcookie`](Counter::LimitedBadcookie) exactly one counts it. [`Truncated`](Counter::Truncated), [`Unsent`](Counter::Unsent)
/// and [`Xdp`](Counter::Xdp) count it once more; what [`Overflowed`](Counter::Overflowed) counts is in none of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Messages that came in, answered or not.
    Queries,
    /// Replies with NOERROR, truncated ones included.
    Noerror,
    /// Replies with NXDOMAIN.
    Nxdomain,
    /// Replies with REFUSED.
    Refused,
    /// Replies with FORMERR, NOTIMP, BADVERS and any other code.
    Other,
    /// Messages that got no reply: too short, a response, no query at all, or from where no
    /// client is or is allowed.
    Dropped,
    /// Queries beyond the rate limit that got no reply.
    LimitedDropped,
    /// Queries beyond the rate limit that got TC: the client may come back by a stream.
    LimitedSlipped,
    /// Queries beyond the rate limit that got BADCOOKIE, no longer than themselves: the client may come back with the cookie.
    LimitedBadcookie,
    /// Replies with TC, because the answer was too long.
    Truncated,
    /// Replies that the system did not send.
    Unsent,
    /// Messages that came in by AF_XDP.
    Xdp,
    /// Messages that the system dropped before they came in: faster than they were taken, or with a wrong checksum.
    Overflowed,
}

impl Counter {
    /// How many there are.
    pub const COUNT: usize = Counter::ALL.len();

    /// All of them, each at its [`index`](Counter::index).
    pub const ALL: [Counter; 13] = [
        Counter::Queries,
        Counter::Noerror,
        Counter::Nxdomain,
        Counter::Refused,
        Counter::Other,
        Counter::Dropped,
        Counter::LimitedDropped,
        Counter::LimitedSlipped,
        Counter::LimitedBadcookie,
        Counter::Truncated,
        Counter::Unsent,
        Counter::Xdp,
        Counter::Overflowed,
    ];

    /// Its place in [`Counter::ALL`], below [`Counter::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_its_index() {
        let indices: Vec<usize> = Counter::ALL.into_iter().map(Counter::index).collect();
        assert_eq!(indices, (0..Counter::COUNT).collect::<Vec<_>>());
    }
}
