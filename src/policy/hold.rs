//! What keeps a wanted change waiting: failback, dwell, the flip limit, a gate, a hook.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failback, Steer};
use crate::model::{GateId, HookId, Moment, RegionId};

/// The window of the flip limit.
const HOUR: Duration = Duration::from_secs(3600);

/// What keeps a change waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The region must stay up for a while first.
    Failback,
    /// Only an operator brings it back.
    ManualFailback,
    /// The last change of region, or the return of the region to escape to, is too recent.
    Dwell,
    /// Too many changes of region within an hour: only escapes happen.
    FlipLimit,
    /// A gate before the region is not green.
    Gate(GateId),
    /// A hook that must succeed before the move has failed; it is tried again.
    Hook(HookId),
    /// Most name servers of the cluster have not been heard, or another of them makes this move.
    Cluster,
    /// An operator has pinned the name to another region.
    Pin,
    /// An operator has frozen the answer.
    Freeze,
    /// An operator has planned it for later.
    Switchover,
    /// An operator's order has ended, and said that the name stays until he says more.
    Kept,
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
        match self {
            Hold::Failback => f.write_str("failback"),
            Hold::ManualFailback => f.write_str("manual failback"),
            Hold::Dwell => f.write_str("dwell"),
            Hold::FlipLimit => f.write_str("flip limit"),
            Hold::Cluster => f.write_str("the cluster"),
            Hold::Pin => f.write_str("pin"),
            Hold::Freeze => f.write_str("freeze"),
            Hold::Switchover => f.write_str("switchover"),
            Hold::Kept => f.write_str("an operator"),
            Hold::Gate(gate) => write!(f, "gate {gate}"),
            Hold::Hook(hook) => write!(f, "hook {hook}"),
        }
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

    /// The last one, if any still counts.
    #[must_use]
    pub fn last(&self) -> Option<Moment> {
        self.0.last().copied()
    }

    /// Within the hour before now.
    #[must_use]
    pub fn within_hour(&self, now: Moment) -> usize {
        self.0.iter().filter(|at| now.since(**at) < HOUR).count()
    }

    /// How long ago each of them was, the oldest first.
    pub fn ages(&self, now: Moment) -> impl DoubleEndedIterator<Item = Duration> {
        self.0.iter().map(move |at| now.since(*at))
    }

    /// Those that were so long ago, the oldest first.
    #[must_use]
    pub fn of_ages(ages: impl Iterator<Item = Duration>, now: Moment) -> Flips {
        Flips(ages.map(|age| now.before(age)).collect())
    }

    /// Moves each of them: the clock was set back while we were away.
    pub fn shift(&mut self, shift: impl FnMut(&mut Moment)) {
        self.0.iter_mut().for_each(shift);
    }

    /// What forbids another voluntary change just now, whatever region it is to.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ttl;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    fn steer(failback: Failback, dwell: u64, max_flips_per_hour: u32) -> Steer {
        Steer {
            names: ["cadence.example.com".parse().expect("a name")].into(),
            regions: vec!["us".into(), "eu".into()],
            ttl: Ttl::from_secs(30).expect("a small TTL"),
            ttl_suspect: Ttl::from_secs(10).expect("a small TTL"),
            failback,
            dwell: Duration::from_secs(dwell),
            max_flips_per_hour,
            accepts_unproven: false,
            rto: None,
        }
    }

    fn shown(wait: Option<Wait>) -> String {
        match wait {
            None => "free".into(),
            Some(Wait { hold, until: None, .. }) => hold.to_string(),
            Some(Wait { hold, until: Some(until), .. }) => {
                format!("{hold} until {}", until.as_millis() / 1000)
            }
        }
    }

    /// After flips at these seconds, with a dwell of 60 seconds and 3 flips an hour.
    fn check(flips: &[u64], now: u64, expected: &str) {
        let steer = steer(Failback::Auto, 60, 3);
        let flips = flips.iter().fold(Flips::default(), |flips, second| flips.and(at(*second), &steer));
        assert_eq!(shown(flips.forbid(&"us".into(), &steer, at(now))), expected, "{flips:?} at {now}");
    }

    #[test]
    fn the_dwell_counts_from_the_last_flip() {
        check(&[], 0, "free");
        check(&[100], 159, "dwell until 160");
        check(&[100], 160, "free");
        check(&[100, 200], 210, "dwell until 260");
    }

    #[test]
    fn the_flip_limit_ends_when_the_first_of_its_flips_is_an_hour_old() {
        check(&[100, 200, 300], 3699, "flip limit until 3700");
        check(&[100, 200, 300], 3700, "free");
        check(&[100, 200, 300], 310, "flip limit until 3700");
        check(&[100, 200, 300, 3700], 3790, "flip limit until 3800");
        check(&[100, 200], 3000, "free");
    }

    #[test]
    fn flips_of_more_than_an_hour_ago_are_forgotten() {
        let steer = steer(Failback::Auto, 60, 3);
        let flips =
            [100, 200, 4000].iter().fold(Flips::default(), |flips, second| flips.and(at(*second), &steer));
        assert_eq!(flips.within_hour(at(4000)), 1);
        assert_eq!(flips, Flips(vec![at(4000)]));
    }

    #[test]
    fn no_more_flips_are_kept_than_anybody_asks_for() {
        let steer = steer(Failback::Auto, 0, 2);
        let flips = (0..100).fold(Flips::default(), |flips, _| flips.and(at(5), &steer));
        assert_eq!(flips, Flips(vec![at(5), at(5)]));
    }

    #[test]
    fn a_clock_that_was_set_back_stretches_no_hold() {
        let steer = steer(Failback::Auto, 60, 3);
        let mut flips = Flips::default().and(at(9000), &steer);
        flips.shift(|moment| *moment = moment.before(Duration::from_secs(8000)));
        assert_eq!(shown(flips.forbid(&"us".into(), &steer, at(1000))), "dwell until 1060");
    }

    #[test]
    fn a_failback_waits_as_its_mode_says() {
        let check = |failback, now, expected: &str| {
            let wait = forbid_failback(&"us".into(), at(100), &steer(failback, 60, 3), at(now));
            assert_eq!(shown(wait), expected, "{failback:?} at {now}");
        };
        let delayed = Failback::Delayed(Duration::from_secs(300));
        check(Failback::Auto, 100, "free");
        check(delayed, 399, "failback until 400");
        check(delayed, 400, "free");
        check(Failback::Manual, 1_000_000, "manual failback");
    }
}
