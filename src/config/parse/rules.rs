//! How often a check is made, and when its health changes.

use std::time::Duration;

use super::limit::Limit;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::config::spec::BrownoutSpec;
use crate::health::{Brownout, Grades, Rules};
use crate::model::shown;

const INTERVAL: Limit<Duration> = Limit {
    key: "interval",
    least: Duration::from_millis(50),
    most: HOUR,
    why: "a shorter one loads the endpoint, a longer one detects no failure in time",
};
const RECHECK: Limit<Duration> = Limit { key: "recheck", ..INTERVAL };
const TIMEOUT: Limit<Duration> = Limit {
    key: "timeout",
    least: Duration::from_millis(10),
    most: HOUR,
    why: "a shorter one fails distant endpoints, a longer one detects no failure in time",
};
const FALL: Limit<i64> = Limit {
    key: "fall",
    least: 2,
    most: 100,
    why: "a single failed probe must not change an answer; more than 100 only delay it",
};
const RISE: Limit<i64> = Limit {
    key: "rise",
    least: 1,
    most: 100,
    why: "at least one pass proves that an endpoint is up; more than 100 only delay it",
};
const FAILURES: Limit<i64> = Limit { key: "failures", ..FALL };
const WINDOW: Limit<Duration> = Limit {
    key: "window",
    least: Duration::from_millis(100),
    most: Duration::from_secs(24 * 60 * 60),
    why: "older failures say nothing about the present",
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_RECHECK: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_FALL: u8 = 3;
const DEFAULT_RISE: u8 = 3;

/// The keys of a probe about time and counts.
pub(super) struct Timing {
    pub(super) interval: Option<At<Duration>>,
    pub(super) recheck: Option<At<Duration>>,
    pub(super) timeout: Option<At<Duration>>,
    pub(super) fall: Option<At<i64>>,
    pub(super) rise: Option<At<i64>>,
    pub(super) brownout: Option<At<BrownoutSpec>>,
}

/// The rules of a check, but for those that depend on its kind.
pub(super) fn rules(timing: Timing, diagnostics: &Diagnostics<'_>) -> Option<Rules> {
    let Timing { interval, recheck, timeout, fall, rise, brownout } = timing;
    let fall = FALL.or(fall.as_ref(), DEFAULT_FALL, diagnostics);
    let rise = RISE.or(rise.as_ref(), DEFAULT_RISE, diagnostics);
    let interval = INTERVAL.or(interval.as_ref(), DEFAULT_INTERVAL, diagnostics);
    let recheck = within(&RECHECK, recheck.as_ref(), DEFAULT_RECHECK, interval, FASTER, diagnostics);
    let timeout = within(&TIMEOUT, timeout.as_ref(), DEFAULT_TIMEOUT, interval, NO_OVERLAP, diagnostics);
    let brownout = brownout_of(brownout, fall, recheck, interval, diagnostics);
    Some(Rules {
        fall: fall?,
        rise: rise?,
        brownout: brownout?,
        interval: interval?,
        recheck: recheck?,
        timeout: timeout?,
        hears: true,
        grades: Grades::NONE,
    })
}

const FASTER: &str = "a suspect check is probed more often, not less";
const NO_OVERLAP: &str = "a probe must end before the next one is due";

/// A span that is at most the interval. A default is reduced to a shorter interval.
fn within(
    limit: &Limit<Duration>,
    span: Option<&At<Duration>>,
    default: Duration,
    interval: Option<Duration>,
    why: &str,
    diagnostics: &Diagnostics<'_>,
) -> Option<Duration> {
    let Some(at) = span else { return interval.map(|interval| default.min(interval)) };
    let span = limit.check(at, diagnostics)?;
    let Some(interval) = interval.filter(|interval| span > *interval) else { return Some(span) };
    let found =
        format!("`{}` is {}, longer than the `interval` of {}", limit.key, shown(span), shown(interval));
    diagnostics.error(&at.place, found, format!("at most {}: {why}", shown(interval)));
    None
}

/// Scattered failures that make the check down: none where that is switched off.
fn brownout_of(
    spec: Option<At<BrownoutSpec>>,
    fall: Option<u8>,
    recheck: Option<Duration>,
    interval: Option<Duration>,
    diagnostics: &Diagnostics<'_>,
) -> Option<Option<Brownout>> {
    let default = Brownout::by_default(interval?);
    let Some(At { value: BrownoutSpec { enabled, failures, window }, .. }) = spec else {
        return Some(Some(default));
    };
    let count = match &failures {
        Some(failures) => Some(FAILURES.check(failures, diagnostics)?),
        None => None,
    };
    let span = WINDOW.or(window.as_ref(), default.window, diagnostics)?;
    if enabled.is_some_and(|enabled| !enabled.value) {
        return Some(None);
    }
    if let (Some(at), Some(count), Some(fall)) = (&failures, count, fall)
        && count < fall
    {
        let found = format!("`failures` is {count}, less than the `fall` of {fall}");
        diagnostics.error(&at.place, found, format!("at least {fall}, or `fall` would have no effect"));
        return None;
    }
    // Without `failures` it takes ten probes, of which those that pass come at the interval.
    let least = match count {
        Some(count) => recheck? * u32::from(count - 1),
        None => interval? * 10,
    };
    if let Some(at) = window.filter(|_| span < least) {
        let found = match count {
            Some(count) => format!("{count} failures never fit into a `window` of {}", shown(span)),
            None => format!("ten probes never fit into a `window` of {}", shown(span)),
        };
        let pace = if count.is_some() { "recheck" } else { "interval" };
        let help = format!(
            "at least {}, because probes are `{pace}` apart; ten times that is a good value",
            shown(least)
        );
        diagnostics.error(&at.place, found, help);
        return None;
    }
    Some(Some(Brownout { failures: count, window: span }))
}
