//! What has been answered so far, counted without a lock.

/// Sums over all workers and transports since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that came in, answered or not.
    pub queries: u64,
    /// Replies with NOERROR, truncated ones included.
    pub noerror: u64,
    /// Replies with NXDOMAIN.
    pub nxdomain: u64,
    /// Replies with REFUSED.
    pub refused: u64,
    /// Replies with FORMERR, NOTIMP, BADVERS and any other code.
    pub other: u64,
    /// Replies with TC.
    pub truncated: u64,
    /// Messages that were met with silence: runts, responses, or from a port that nobody has.
    pub dropped: u64,
    /// Replies that the system would not send.
    pub unsent: u64,
}
