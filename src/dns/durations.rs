//! How long queries took, by one worker: counted in its own cache lines, with two looks at the clock for a batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is counted together takes no longer than this, in nanoseconds; what takes longer than the last is counted by itself.
const BOUNDS: [u64; 15] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// Counts by how long. There is one writer, so no locked addition is needed.
#[derive(Default)]
pub(super) struct Durations {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// What several workers have counted together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DurationCounts {
    counts: [u64; BOUNDS.len() + 1],
    nanos: u64,
}

impl Durations {
    /// So many queries took so long, each.
    pub(super) fn add(&self, took: Duration, queries: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanos <= *bound).unwrap_or(BOUNDS.len());
        add(&self.counts[bucket], queries);
        add(&self.nanos, nanos.saturating_mul(queries));
    }

    /// Adds what was counted to a sum.
    pub(super) fn add_to(&self, sum: &mut DurationCounts) {
        for (sum, count) in sum.counts.iter_mut().zip(&self.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        sum.nanos = sum.nanos.wrapping_add(self.nanos.load(Ordering::Relaxed));
    }
}

fn add(sum: &AtomicU64, amount: u64) {
    sum.store(sum.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

impl DurationCounts {
    /// Each bound in seconds, with how many took no longer; without those that took longer than the last.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS.iter().map(|nanos| *nanos as f64 / 1e9).zip(counts)
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all took together, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.nanos as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_at_the_first_bound_that_it_keeps() {
        let durations = Durations::default();
        for (nanos, queries) in [(1, 1), (1_000, 2), (1_001, 4), (2_000_000_000, 8)] {
            durations.add(Duration::from_nanos(nanos), queries);
        }
        let mut sum = DurationCounts::default();
        durations.add_to(&mut sum);
        durations.add_to(&mut sum);
        let cumulative: Vec<(f64, u64)> = sum.cumulative().collect();
        assert_eq!(cumulative[..2], [(0.000_001, 6), (0.000_002, 14)]);
        assert_eq!((cumulative[14], sum.count()), ((1.0, 14), 30));
        assert!((sum.seconds() - 32.000_012_010).abs() < 1e-9, "{}", sum.seconds());
    }
}
