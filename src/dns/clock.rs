//! The time by the wall clock.

use std::time::SystemTime;

use crate::model::Moment;

/// The wall clock's time: cookies are judged by other servers and after restarts, so no other clock would do.
pub(super) fn wall_clock() -> Moment {
    Moment::default() + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
