//! Datagrams that came faster than they were taken: the kernel drops them, so nobody notices who does not look.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::counters::Tally;
use crate::answer::Counter;

/// While more are lost, the log says so no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(600);

/// Counts them for all workers, and tells them. It is looked at between batches, a few times a second.
#[derive(Default)]
pub(super) struct OverflowWatch {
    told: Mutex<Option<Instant>>,
}

impl OverflowWatch {
    /// Adds what a worker has lost since the last look to its tally. `drops` is what the kernel counts, modulo 2³²; `at`
    /// says where.
    pub(super) fn look(&self, drops: io::Result<u32>, tally: &Tally, at: impl FnOnce() -> String) {
        let Ok(drops) = drops else { return };
        // The kernel counts in 32 bits; the lower ones of our count are what it said last.
        let lost = drops.wrapping_sub(tally.get(Counter::Overflowed) as u32);
        if lost > 0 {
            tally.add_to(Counter::Overflowed, lost.into());
            if self.is_due(Instant::now()) {
                tell(lost, &at());
            }
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if due {
            *told = Some(now);
        }
        due
    }
}

fn tell(lost: u32, at: &str) {
    warn!(
        event = "dns.overflowed",
        lost,
        "datagrams come faster than they are taken: {lost} were lost at {at}, and `status` counts on; more `[dns] workers` \
         take more, a larger `receive_buffer` bridges a longer peak"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_flood_is_told_now_and_then() {
        let (watch, begin) = (OverflowWatch::default(), Instant::now());
        let told = (0..3600).filter(|second| watch.is_due(begin + Duration::from_secs(*second))).count();
        assert_eq!(told, 6);
    }
}
