//! The one clock of the program.

use std::time::SystemTime;

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

    pub(super) fn now(&self) -> Moment {
        self.wall + self.origin.elapsed()
    }

    /// The runtime's instant for a moment, for timers.
    pub(super) fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since(self.wall)
    }
}
