//! The probes of the last while, counted: what a brown-out is found by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Brownout;
use crate::model::Moment;

/// The window is divided into this many parts, of which the oldest is dropped as time goes on: enough to slide, and a
/// check takes the same room however often it is probed.
const PARTS: usize = 12;

/// Fewer probes than this say nothing about a share.
const PROBES_MIN: u32 = 10;

/// How many probes counted and failed within the brown-out window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Recent {
    /// The number of the newest part: time since 1970 in parts of the window.
    newest: u64,
    /// Probes and failed ones, the newest part first.
    parts: [(u16, u16); PARTS],
}

impl Recent {
    /// Counts one probe.
    pub(super) fn note(&mut self, failed: bool, brownout: &Brownout, now: Moment) {
        self.slide(brownout.window, now);
        let (probes, failures) = &mut self.parts[0];
        *probes = probes.saturating_add(1);
        *failures = failures.saturating_add(u16::from(failed));
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        *self = Recent::default();
    }

    /// Whether so much failed that the check is down.
    pub(super) fn is_worn(&self, brownout: &Brownout) -> bool {
        let (probes, failures) = self.sums();
        match brownout.failures {
            Some(limit) => failures >= u32::from(limit),
            None => probes >= PROBES_MIN && failures * 2 >= probes,
        }
    }

    /// Whether so little failed that a check that was down by a brown-out may be up again.
    pub(super) fn is_calm(&self) -> bool {
        let (probes, failures) = self.sums();
        failures * 10 < probes
    }

    fn sums(&self) -> (u32, u32) {
        self.parts
            .iter()
            .fold((0, 0), |(probes, failures), (p, f)| (probes + u32::from(*p), failures + u32::from(*f)))
    }

    /// Drops what lies further back than the window.
    fn slide(&mut self, window: Duration, now: Moment) {
        let part = u64::try_from(window.as_millis()).unwrap_or(u64::MAX) / PARTS as u64;
        let newest = now.as_millis() / part.max(1);
        let passed = usize::try_from(newest.saturating_sub(self.newest)).unwrap_or(PARTS).min(PARTS);
        self.parts.rotate_right(passed);
        self.parts[..passed].fill((0, 0));
        self.newest = newest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Brownout = Brownout { failures: None, window: Duration::from_secs(60) };
    const FOUR: Brownout = Brownout { failures: Some(4), window: Duration::from_secs(60) };

    /// Probes five seconds apart: `.` passes, `x` fails.
    fn play(probes: &str, brownout: &Brownout) -> Recent {
        let mut recent = Recent::default();
        for (probe, number) in probes.chars().zip(1_000_u64..) {
            recent.note(probe == 'x', brownout, Moment::from_millis(number * 5_000));
        }
        recent
    }

    #[test]
    fn half_of_ten_probes_are_a_brownout() {
        assert!(play(".x.x.x.x.x", &HALF).is_worn(&HALF));
        assert!(!play("x.x.x.x.x", &HALF).is_worn(&HALF), "only nine probes");
        assert!(!play("..x.x.x.x.", &HALF).is_worn(&HALF), "four of ten");
    }

    #[test]
    fn or_as_many_failures_as_an_operator_says() {
        assert!(play("x...x...x..x", &FOUR).is_worn(&FOUR));
        assert!(!play("x...x...x...", &FOUR).is_worn(&FOUR));
    }

    #[test]
    fn what_lies_before_the_window_is_forgotten() {
        assert!(!play("xxx.............x", &FOUR).is_worn(&FOUR));
        assert!(play("xxxxxxxxxx............", &HALF).is_calm());
    }

    #[test]
    fn calm_is_less_than_a_tenth() {
        assert!(!play("x.........", &HALF).is_calm());
        assert!(play("x..........", &HALF).is_calm());
        assert!(!Recent::default().is_calm(), "no probe at all proves no calm");
    }

    #[test]
    fn a_clock_that_goes_back_or_far_ahead_breaks_nothing() {
        let mut recent = play("xxxx", &FOUR);
        recent.note(true, &FOUR, Moment::default());
        recent.note(false, &FOUR, Moment::from_millis(u64::MAX));
        assert!(!recent.is_worn(&FOUR));
    }
}
