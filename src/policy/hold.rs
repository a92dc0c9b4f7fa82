//! What keeps a wanted change waiting: failback, dwell, the flip limit.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failback, Steer};
use crate::model::{Moment, RegionId};

/// The window of the flip limit.
const HOUR: Duration = Duration::from_secs(3600);

/// What keeps a change waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The region must stay up for a while first.
    Failback,
    /// Only an operator brings it back.
    ManualFailback,
    /// The last change of region is too recent.
    Dwell,
    /// Too many changes of region within an hour: frozen.
    FlipLimit,
}

/// A change that is wanted and not yet allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Where the name would go.
    pub to: RegionId,
    /// What it waits for.
    pub hold: Hold,
    /// When that ends by itself; never, if none.
    pub until: Option<Moment>,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hold::Failback => "failback",
            Hold::ManualFailback => "manual failback",
            Hold::Dwell => "dwell",
            Hold::FlipLimit => "flip limit",
        })
    }
}

/// When a name changed its region by itself, oldest first; as far back as anybody may ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flips(Vec<Moment>);

impl Flips {
    /// With one more, and without those that no longer count.
    #[must_use]
    pub fn and(&self, now: Moment, steer: &Steer) -> Flips {
        let memory = HOUR.max(steer.dwell);
        let still_count = self.0.iter().copied().filter(|at| now.since(*at) <= memory);
        let mut flips: Vec<Moment> = still_count.chain([now]).collect();
        // The limit asks for its own number of flips and no more, so a clock that stands still cannot grow this.
        let limit = usize::try_from(steer.max_flips_per_hour).unwrap_or(usize::MAX).max(1);
        flips.drain(..flips.len().saturating_sub(limit));
        Flips(flips)
    }

    /// Within the hour before now.
    #[must_use]
    pub fn within_hour(&self, now: Moment) -> usize {
        self.0.iter().filter(|at| now.since(**at) < HOUR).count()
    }

    /// Moments in the future become now: the clock was set back while we were away.
    pub fn forget_future(&mut self, now: Moment) {
        for at in &mut self.0 {
            *at = (*at).min(now);
        }
    }

    /// What forbids another change just now, whatever region it is to.
    pub(super) fn forbid(&self, to: &RegionId, steer: &Steer, now: Moment) -> Option<Wait> {
        let wait = |hold, until| Some(Wait { to: to.clone(), hold, until: Some(until) });
        let limit = usize::try_from(steer.max_flips_per_hour).unwrap_or(usize::MAX);
        let first_of_limit = self.0.len().checked_sub(limit).and_then(|index| self.0.get(index));
        if let Some(first) = first_of_limit.filter(|first| **first + HOUR > now) {
            return wait(Hold::FlipLimit, *first + HOUR);
        }
        match self.0.last() {
            Some(last) if *last + steer.dwell > now => wait(Hold::Dwell, *last + steer.dwell),
            Some(_) | None => None,
        }
    }
}

/// What forbids to fail back to a region that has been up since `up_since`.
pub(super) fn forbid_failback(to: &RegionId, up_since: Moment, steer: &Steer, now: Moment) -> Option<Wait> {
    match steer.failback {
        Failback::Auto => None,
        Failback::Delayed(after) if up_since + after <= now => None,
        Failback::Delayed(after) => {
            Some(Wait { to: to.clone(), hold: Hold::Failback, until: Some(up_since + after) })
        }
        Failback::Manual => Some(Wait { to: to.clone(), hold: Hold::ManualFailback, until: None }),
    }
}
