//! Points in time as the core knows them.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in milliseconds since 1970 (UTC).
///
/// The daemon's clock starts at the wall clock and then follows the monotonic clock, so a moment never jumps
/// while we run and still means something after a restart. The core never asks for one: it is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// From milliseconds since 1970 (UTC).
    #[must_use]
    pub const fn from_millis(millis: u64) -> Moment {
        Moment(millis)
    }

    /// Milliseconds since 1970 (UTC).
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero when that lies in the future.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment less a span; 1970 at the earliest.
    #[must_use]
    pub fn before(self, span: Duration) -> Moment {
        Moment(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time left until this moment; zero when it has passed.
    #[must_use]
    pub fn after(self, now: Moment) -> Duration {
        self.since(now)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{millis} ms after 1970"),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        u64::try_from(time.as_millisecond()).map(Moment).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back_to_the_millisecond() {
        let moment = Moment::from_millis(1_795_363_451_007);
        let text = serde_json::to_string(&moment).expect("a moment is a string");
        assert_eq!(text, "\"2026-11-22T16:04:11.007Z\"");
        assert_eq!(serde_json::from_str::<Moment>(&text).expect("what was written"), moment);
    }

    #[test]
    fn a_clock_that_went_back_gives_no_time_at_all() {
        assert_eq!(Moment::from_millis(5).since(Moment::from_millis(9)), Duration::ZERO);
    }
}
