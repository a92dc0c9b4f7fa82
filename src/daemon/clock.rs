//! The one clock of the program.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::model::Moment;

/// Starts at the wall clock and follows the monotonic clock from there, so that setting the wall clock cannot end
/// or stretch a hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    wall: Moment,
    origin: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock { wall: Moment::default() + since_1970, origin: Instant::now() }
    }

    /// Goes on from a clock of another process of this machine, which said this at that time of the monotonic clock: what
    /// was so old there is so old here.
    pub(super) fn continued(at: Moment, monotonic_ns: u64) -> Clock {
        Clock { wall: at + since(monotonic_ns), origin: Instant::now() }
    }

    /// For another process to go on from.
    pub(super) fn to_be_continued(self) -> (Moment, u64) {
        (self.now(), monotonic_now_ns())
    }

    pub(super) fn now(&self) -> Moment {
        self.wall + self.origin.elapsed()
    }

    /// The runtime's instant for a moment, for timers.
    pub(super) fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since(self.wall)
    }
}

/// How long ago the monotonic clock of this machine said this.
pub(super) fn since(monotonic_ns: u64) -> Duration {
    Duration::from_nanos(monotonic_now_ns().saturating_sub(monotonic_ns))
}

/// The clock that [`Instant`] reads as well.
fn monotonic_now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_go_on_whatever_the_wall_clock_says() {
        let long_ago = Clock { wall: Moment::from_millis(1_000), origin: Instant::now() };
        let (at, monotonic) = long_ago.to_be_continued();
        let minute_before = monotonic.checked_sub(60_000_000_000).expect("this machine is up for a minute");
        let later = Clock::continued(at, minute_before);
        let since = later.now().since(Moment::from_millis(1_000));
        assert!((Duration::from_secs(60)..Duration::from_secs(120)).contains(&since), "{since:?}");
    }
}
