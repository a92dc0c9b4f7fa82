//! Times as operators write them.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::fmt::friendly::SpanParser;

use crate::model::Moment;

/// A time, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    At(Moment),
    Ago(std::time::Duration),
}

impl When {
    /// The moment, seen from now.
    pub(super) fn moment(self, now: Moment) -> Moment {
        match self {
            When::At(moment) => moment,
            When::Ago(span) => now.before(span),
        }
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Ok(time) = text.parse::<Timestamp>() {
            let millis = u64::try_from(time.as_millisecond()).map_err(|_| "a time before 1970".to_owned())?;
            return Ok(When::At(Moment::from_millis(millis)));
        }
        // A day here has 24 hours.
        let span = SpanParser::new().parse_span(text).ok();
        let span = span.and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok());
        let span = span.and_then(|span| std::time::Duration::try_from(span).ok());
        span.map(When::Ago).ok_or_else(|| {
            "write how long ago, such as `90m`, `2h` or `3d`, or a time, such as `2026-11-29T03:00:00Z`"
                .to_owned()
        })
    }
}

/// By the clock of this machine.
pub(super) fn now() -> Moment {
    Moment::default() + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_or_when() {
        let now = Moment::from_millis(1_795_921_200_000);
        let check = |text: &str, expected: &str| {
            let shown = text.parse::<When>().map_or_else(|error| error, |when| when.moment(now).to_string());
            assert!(shown.starts_with(expected), "{text}: {shown}");
        };
        check("2h", "2026-11-29T01:00:00.000Z");
        check("90m", "2026-11-29T01:30:00.000Z");
        check("1d", "2026-11-28T03:00:00.000Z");
        check("1h 30min", "2026-11-29T01:30:00.000Z");
        check("2026-11-29T03:00:00Z", "2026-11-29T03:00:00.000Z");
        check("2026-11-29T04:00:00+01:00", "2026-11-29T03:00:00.000Z");
        check("yesterday", "write how long ago");
        check("-2h", "write how long ago");
        check("", "write how long ago");
    }
}
