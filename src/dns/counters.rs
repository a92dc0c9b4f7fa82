//! What has been answered so far, counted without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// What one worker has counted; it alone writes here, everybody may read.
#[derive(Default)]
#[repr(align(128))] // two cache lines, which processors fetch together: workers do not slow each other down
pub(super) struct Tally([AtomicU64; 8]);

impl Counters {
    /// Counts a message by the reply that it got.
    pub(super) fn count(&mut self, reply: Option<&[u8]>) {
        self.queries += 1;
        let Some([_, _, flags, codes, ..]) = reply else {
            self.dropped += 1;
            return;
        };
        match codes & 0xf {
            0 => self.noerror += 1,
            3 => self.nxdomain += 1,
            5 => self.refused += 1,
            _ => self.other += 1,
        }
        self.truncated += u64::from(flags >> 1 & 1);
    }

    /// The sum over some workers.
    pub(super) fn sum(tallies: &[Arc<Tally>]) -> Counters {
        let column = |index: usize| tallies.iter().map(|tally| tally.0[index].load(Ordering::Relaxed)).sum();
        let [queries, noerror, nxdomain, refused, other, truncated, dropped, unsent] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(column);
        Counters { queries, noerror, nxdomain, refused, other, truncated, dropped, unsent }
    }
}

impl Tally {
    /// Adds what was counted, once for each batch. There is one writer, so no locked addition is needed.
    pub(super) fn add(&self, counted: &Counters) {
        let Counters { queries, noerror, nxdomain, refused, other, truncated, dropped, unsent } = *counted;
        let amounts = [queries, noerror, nxdomain, refused, other, truncated, dropped, unsent];
        for (sum, amount) in self.0.iter().zip(amounts) {
            if amount > 0 {
                sum.store(sum.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
            }
        }
    }
}
