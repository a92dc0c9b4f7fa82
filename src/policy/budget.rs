//! How long a well-behaved client may be sent to a dead region, and how that number comes about.

use std::fmt;
use std::time::Duration;

use super::Steer;
use crate::health::{Region, Rules};
use crate::model::{CheckId, Ttl};

/// The failover budget of a name: from the death of its region to the last well-behaved client on the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The check that is slowest to notice.
    pub slowest: CheckId,
    /// Its rules.
    pub rules: Rules,
    /// The TTL before the first failed probe.
    pub ttl: Ttl,
    /// The TTL from the first failed probe on.
    pub ttl_suspect: Ttl,
    /// Until the first probe has failed; answers of before live for `ttl`.
    pub first_failed: Duration,
    /// Until the region is down; answers of before live for `ttl_suspect`.
    pub detect: Duration,
    /// Until nobody holds an answer with the dead region's addresses.
    pub total: Duration,
}

/// The failover budget of a name: the worst over the checks of the regions that it can be in.
///
/// None when a failover can never happen: the steer has a single region, or nobody looks at any of its regions.
#[must_use]
pub fn budget(steer: &Steer, regions: &[Region]) -> Option<Budget> {
    if steer.regions.len() < 2 {
        return None;
    }
    let own = regions.iter().filter(|region| steer.regions.contains(&region.id));
    own.flat_map(|region| &region.checks)
        .map(|check| Budget::of(steer, check.id.clone(), check.rules))
        .reduce(|worst, next| if next.rank() > worst.rank() { next } else { worst })
}

impl Budget {
    /// A region dies right after a probe and swallows every packet: anything else is noticed sooner.
    fn of(steer: &Steer, slowest: CheckId, rules: Rules) -> Budget {
        let Rules { fall, interval, recheck, timeout, .. } = rules;
        let Steer { ttl, ttl_suspect, .. } = *steer;
        let first_failed = interval + timeout;
        let detect = first_failed + recheck.max(timeout) * u32::from(fall.saturating_sub(1));
        let total = (first_failed + ttl.as_duration()).max(detect + ttl_suspect.as_duration());
        Budget { slowest, rules, ttl, ttl_suspect, first_failed, detect, total }
    }

    /// What makes one budget worse than another.
    fn rank(&self) -> (Duration, Duration) {
        (self.total, self.detect)
    }
}

/// The derivation, such as
/// `5s + 2s + 2 × 2s = 11s to detect; max(7s + ttl 30s, 11s + ttl_suspect 10s) = 37s`.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { rules, ttl, ttl_suspect, first_failed, detect, total, .. } = self;
        let Rules { fall, interval, recheck, timeout, .. } = rules;
        let (again, step) = (fall.saturating_sub(1), recheck.max(timeout));
        // `Duration` shows itself as an operator writes it: 5s, 1.5s, 100ms.
        write!(f, "{interval:?} + {timeout:?} + {again} × {step:?} = {detect:?} to detect; ")?;
        write!(f, "max({first_failed:?} + ttl {ttl}, {detect:?} + ttl_suspect {ttl_suspect}) = {total:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Check, MinUp};
    use crate::model::Family;
    use crate::policy::Failback;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(interval: Duration, recheck: Duration, timeout: Duration, fall: u8) -> Rules {
        Rules { fall, rise: 3, brownout: None, interval, recheck, timeout }
    }

    fn region(name: &str, rules: &[Rules]) -> Region {
        let address = "192.0.2.1".parse().expect("an address");
        let check = |(probe, rules): (usize, &Rules)| Check {
            id: CheckId { region: name.into(), probe: u16::try_from(probe).expect("few"), address },
            endpoint: Some(address),
            rules: *rules,
        };
        let checks = rules.iter().enumerate().map(check).collect();
        Region {
            id: name.into(),
            addresses: vec![address],
            min_up: MinUp::Count(1),
            families: vec![Family::Ipv4],
            checks,
        }
    }

    fn steer(regions: &[&str], ttl: u64, ttl_suspect: u64) -> Steer {
        let seconds = |n| Ttl::from_secs(n).expect("a small TTL");
        Steer {
            names: ["cadence.example.com".parse().expect("a name")].into(),
            regions: regions.iter().map(|name| (*name).into()).collect(),
            ttl: seconds(ttl),
            ttl_suspect: seconds(ttl_suspect),
            failback: Failback::Manual,
            dwell: Duration::ZERO,
            max_flips_per_hour: 3,
            accepts_unproven: false,
            rto: None,
        }
    }

    fn check(steer: &Steer, regions: &[Region], derivation: &str) {
        let shown = budget(steer, regions).map(|budget| budget.to_string());
        assert_eq!(shown.as_deref().unwrap_or("none"), derivation);
    }

    #[test]
    fn the_derivation_is_the_formula_with_its_numbers() {
        let (normal, ms) = (rules(5 * SECOND, SECOND, 2 * SECOND, 3), Duration::from_millis(100));
        let both = |rules: Rules| [region("a", &[rules]), region("b", &[rules])];
        check(
            &steer(&["a", "b"], 30, 10),
            &both(normal),
            "5s + 2s + 2 × 2s = 11s to detect; max(7s + ttl 30s, 11s + ttl_suspect 10s) = 37s",
        );
        check(
            &steer(&["a", "b"], 12, 10),
            &both(normal),
            "5s + 2s + 2 × 2s = 11s to detect; max(7s + ttl 12s, 11s + ttl_suspect 10s) = 21s",
        );
        check(
            &steer(&["a", "b"], 1, 1),
            &both(rules(ms, ms, ms, 2)),
            "100ms + 100ms + 1 × 100ms = 300ms to detect; max(200ms + ttl 1s, 300ms + ttl_suspect 1s) = 1.3s",
        );
    }

    #[test]
    fn the_slowest_check_of_the_regions_it_can_be_in_counts() {
        let (fast, slow) = (rules(SECOND, SECOND, SECOND, 2), rules(9 * SECOND, SECOND, SECOND, 2));
        let regions = [region("a", &[fast]), region("b", &[fast, slow]), region("c", &[slow])];
        let slowest = |names: &[&str]| budget(&steer(names, 30, 10), &regions).map(|b| b.slowest.to_string());
        assert_eq!(slowest(&["a", "b"]).as_deref(), Some("b/192.0.2.1#1"));
        assert_eq!(slowest(&["c", "a"]).as_deref(), Some("c/192.0.2.1#0"));
    }

    #[test]
    fn without_a_failover_there_is_no_budget() {
        let fast = rules(SECOND, SECOND, SECOND, 2);
        let regions = [region("a", &[fast]), region("b", &[]), region("c", &[])];
        check(&steer(&["a"], 30, 10), &regions, "none");
        check(&steer(&["b", "c"], 30, 10), &regions, "none");
        assert!(budget(&steer(&["a", "b"], 30, 10), &regions).is_some());
    }
}
