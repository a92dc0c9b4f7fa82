//! When an idle connection that was lost is opened again.
//!
//! The loss of an idle connection proves nothing: a far end that is well closes it when it has been idle for too long for
//! its taste. It is a reason to look, once; and because each loss costs a probe, a connection that never lasts is opened
//! ever more seldom.

use std::time::Duration;

use crate::model::Moment;

/// The least time without a connection.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest: a far end that lets no connection be is asked once a minute.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A connection that has lasted for so long is worth opening again soon.
const LASTING: Duration = Duration::from_secs(30);

/// An idle connection to an address that is held open, so that its loss is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tripwire {
    pause: Duration,
    opens: Moment,
}

impl Tripwire {
    /// It is to be opened now.
    #[must_use]
    pub fn new(now: Moment) -> Tripwire {
        Tripwire { pause: PAUSE_MIN, opens: now }
    }

    /// When it is to be opened.
    #[must_use]
    pub fn opens(&self) -> Moment {
        self.opens
    }

    /// It could not be opened.
    pub fn failed(&mut self, now: Moment) {
        self.lost(now, now);
    }

    /// It was lost, having been open since `opened`.
    pub fn lost(&mut self, opened: Moment, now: Moment) {
        if now.since(opened) >= LASTING {
            self.pause = PAUSE_MIN;
        }
        self.opens = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections that last so long, in seconds; the pauses after them.
    fn check(lasted: &[u64], pauses: &[u64]) {
        let mut now = Moment::from_millis(1_000_000);
        let mut wire = Tripwire::new(now);
        let mut seen = Vec::new();
        for seconds in lasted {
            let opened = wire.opens();
            now = opened + Duration::from_secs(*seconds);
            wire.lost(opened, now);
            seen.push(wire.opens().since(now).as_secs());
        }
        assert_eq!(seen, pauses, "{lasted:?}");
    }

    #[test]
    fn what_never_lasts_is_opened_ever_more_seldom() {
        check(&[0, 0, 0, 0, 0, 0, 0, 0], &[1, 2, 4, 8, 16, 32, 60, 60]);
        check(&[0, 0, 29, 30, 0], &[1, 2, 4, 1, 2]);
        check(&[100, 100, 100], &[1, 1, 1]);
    }

    /// Whatever the far end does, an hour costs no more than a probe every thirty seconds, and a few to begin with.
    #[test]
    fn losses_are_bounded() {
        for lasts in 0..200 {
            let mut wire = Tripwire::new(Moment::default());
            let (mut losses, end) = (0, Moment::default() + Duration::from_secs(3600));
            while wire.opens() < end {
                let opened = wire.opens();
                wire.lost(opened, opened + Duration::from_secs(lasts));
                losses += 1;
            }
            assert!(losses <= 120, "{losses} losses in an hour of connections that last {lasts} s");
        }
    }
}
