//! What has been answered so far, counted without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::answer::Outcome;

/// Sums over all workers and transports since the start. Each message is counted once, and once more in `truncated`,
/// `unsent` and `xdp`.
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
    /// Messages that were met with silence: runts, responses, or from a port that nobody has.
    pub dropped: u64,
    /// Queries of which a network had too many: met with silence.
    pub limited_dropped: u64,
    /// Queries of which a network had too many: told by TC to come by a stream.
    pub limited_slipped: u64,
    /// Queries of which a network had too many: told by BADCOOKIE to come back with the cookie.
    pub limited_badcookie: u64,
    /// Replies with TC, because the answer was too long.
    pub truncated: u64,
    /// Replies that the system would not send.
    pub unsent: u64,
    /// Those of the messages that came in past the kernel's network stack.
    pub xdp: u64,
}

/// What is counted.
const COLUMNS: usize = 12;

/// Reads what is counted, from wherever.
#[derive(Clone)]
pub struct Meter(pub(super) Arc<[Arc<Tally>]>);

impl Meter {
    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(&self.0)
    }
}

/// What one worker has counted; it alone writes here, everybody may read.
#[derive(Default)]
#[repr(align(128))] // two cache lines, which processors fetch together: workers do not slow each other down
pub(super) struct Tally([AtomicU64; COLUMNS]);

impl Counters {
    /// Counts a message by what became of it; `reply` is where its reply was written.
    pub(super) fn count(&mut self, outcome: Outcome, reply: &[u8]) {
        self.queries += 1;
        match outcome {
            Outcome::Reply(_) => self.count_reply(reply),
            Outcome::Silence => self.dropped += 1,
            Outcome::Dropped => self.limited_dropped += 1,
            Outcome::Slipped(_) => self.limited_slipped += 1,
            Outcome::Challenged(_) => self.limited_badcookie += 1,
        }
    }

    fn count_reply(&mut self, reply: &[u8]) {
        let [_, _, flags, codes, ..] = reply else { return };
        match codes & 0xf {
            0 => self.noerror += 1,
            3 => self.nxdomain += 1,
            5 => self.refused += 1,
            _ => self.other += 1,
        }
        self.truncated += u64::from(flags >> 1 & 1);
    }

    /// In the order of their declaration.
    fn columns(&mut self) -> [&mut u64; COLUMNS] {
        #[rustfmt::skip]
        let Counters {
            queries, noerror, nxdomain, refused, other, dropped,
            limited_dropped, limited_slipped, limited_badcookie, truncated, unsent, xdp,
        } = self;
        [
            queries,
            noerror,
            nxdomain,
            refused,
            other,
            dropped,
            limited_dropped,
            limited_slipped,
            limited_badcookie,
            truncated,
            unsent,
            xdp,
        ]
    }

    /// The sum over some workers.
    pub(super) fn sum(tallies: &[Arc<Tally>]) -> Counters {
        let mut sum = Counters::default();
        for (index, column) in sum.columns().into_iter().enumerate() {
            *column = tallies.iter().map(|tally| tally.0[index].load(Ordering::Relaxed)).sum();
        }
        sum
    }
}

impl Tally {
    /// Adds what was counted, once for each batch. There is one writer, so no locked addition is needed.
    pub(super) fn add(&self, mut counted: Counters) {
        for (sum, amount) in self.0.iter().zip(counted.columns()) {
            if *amount > 0 {
                sum.store(sum.load(Ordering::Relaxed) + *amount, Ordering::Relaxed);
            }
        }
    }
}
