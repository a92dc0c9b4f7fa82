//! What has been answered so far, counted without a lock.

use std::ops::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::answer::{Counter, Outcome};

/// A number for each [`Counter`]: of one batch, or the sum over all workers and transports since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters([u64; Counter::COUNT]);

/// What one worker has counted. It alone writes here, any thread may read.
#[derive(Default)]
#[repr(align(128))] // two cache lines, which processors fetch together: workers do not slow each other down
pub(super) struct Tally([AtomicU64; Counter::COUNT]);

impl Tally {
    /// One that has what several workers have counted, all of which have ended.
    pub(super) fn sum_of(tallies: &[Arc<Tally>]) -> Arc<Tally> {
        let Counters(sums) = Counters::sum(tallies);
        Arc::new(Tally(sums.map(AtomicU64::new)))
    }
}

impl Counters {
    /// Adds to one counter.
    pub(super) fn add(&mut self, counter: Counter, amount: u64) {
        self.0[counter.index()] += amount;
    }

    /// Counts a message by what became of it; `reply` is where its reply was written.
    pub(super) fn count(&mut self, outcome: Outcome, reply: &[u8]) {
        self.add(Counter::Queries, 1);
        match outcome {
            Outcome::Reply(_) => self.count_reply(reply),
            Outcome::Silence => self.add(Counter::Dropped, 1),
            Outcome::Dropped => self.add(Counter::LimitedDropped, 1),
            Outcome::Slipped(_) => self.add(Counter::LimitedSlipped, 1),
            Outcome::Challenged(_) => self.add(Counter::LimitedBadcookie, 1),
        }
    }

    fn count_reply(&mut self, reply: &[u8]) {
        let [_, _, flags, codes, ..] = reply else { return };
        let code = match codes & 0xf {
            0 => Counter::Noerror,
            3 => Counter::Nxdomain,
            5 => Counter::Refused,
            _ => Counter::Other,
        };
        self.add(code, 1);
        self.add(Counter::Truncated, u64::from(flags >> 1 & 1));
    }

    /// The sum over some workers.
    pub(super) fn sum(tallies: &[Arc<Tally>]) -> Counters {
        let of = |counter: Counter| {
            tallies.iter().map(|tally| tally.0[counter.index()].load(Ordering::Relaxed)).sum()
        };
        Counters(Counter::ALL.map(of))
    }
}

impl Index<Counter> for Counters {
    type Output = u64;

    fn index(&self, counter: Counter) -> &u64 {
        &self.0[counter.index()]
    }
}

impl IntoIterator for Counters {
    type Item = (Counter, u64);
    type IntoIter = std::iter::Zip<
        std::array::IntoIter<Counter, { Counter::COUNT }>,
        std::array::IntoIter<u64, { Counter::COUNT }>,
    >;

    /// Every counter once, in the order of [`Counter::ALL`].
    fn into_iter(self) -> Self::IntoIter {
        Counter::ALL.into_iter().zip(self.0)
    }
}

impl Tally {
    /// Adds what was counted, once for each batch. There is one writer, so no locked addition is needed.
    pub(super) fn add(&self, counted: Counters) {
        for (sum, amount) in self.0.iter().zip(counted.0) {
            if amount > 0 {
                sum.store(sum.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
            }
        }
    }

    /// What one counter stands at.
    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.0[counter.index()].load(Ordering::Relaxed)
    }

    /// Adds to one counter alone.
    pub(super) fn add_to(&self, counter: Counter, amount: u64) {
        if amount > 0 {
            let sum = &self.0[counter.index()];
            sum.store(sum.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DnsStatus;

    /// Programs read these names: each counter under its own, and none twice.
    #[test]
    fn status_shows_every_counter_under_its_name() {
        let tally = Arc::new(Tally::default());
        for (counter, count) in Counter::ALL.into_iter().zip(1..) {
            tally.add_to(counter, count);
        }
        let status: DnsStatus = Counters::sum(&[Arc::clone(&tally), Arc::default()]).into_iter().collect();
        insta::assert_snapshot!(serde_json::to_string(&status).expect("numbers"), @r#"{"queries":1,"noerror":2,"nxdomain":3,"refused":4,"other":5,"dropped":6,"limited":{"dropped":7,"slipped":8,"badcookie":9},"truncated":10,"unsent":11,"xdp":12,"overflowed":13}"#);
    }
}
