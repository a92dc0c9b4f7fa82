//! How long a well-behaved client may be sent to a dead region, and how that number comes about.

use std::fmt;
use std::time::Duration;

use super::Steer;
use crate::health::{Region, Rules};
use crate::model::{CheckId, Ttl};

/// How far the start of a probe may stray from its `interval`, each way, in percent: many name servers must not probe in
/// step.
pub const INTERVAL_JITTER_PERCENT: u32 = 10;

/// The failover budget of a name: from the death of its region to the last well-behaved client on the next one.
///
/// It is a bound for a region that dies at once and swallows every packet (a refused connection and a 5xx are noticed
/// sooner, a partial failure is another matter: see `brownout`), on a machine that is not overloaded:
///
/// ```text
/// first_failed = interval + 10 % + timeout
/// detect       = first_failed + (fall - 1) × max(recheck, timeout) + witness
/// total        = max(first_failed + kept(ttl), detect + kept(ttl_suspect))
/// ```
///
/// *witness*: silence counts only when another place is heard. Where none was heard lately, one is probed first: it
/// starts within a `recheck`, and its reply comes within a `timeout`; but a place that is heard later than the longer of
/// `timeout` and two rechecks after the silent probe is no witness of it. Places are expected to be probed by the same
/// rules, or by faster ones.
///
/// *kept*: a cache that counts whole seconds keeps an answer of TTL n for less than n + 1 seconds; one of TTL 0 is not
/// kept at all (RFC 1035 section 3.2.1).
///
/// `dwell` is no part of the sum. It delays an escape only if the next region has itself been up for less than `dwell`
/// after a failure, so it matters only where two regions fail shortly after one another, and then it is usually longer
/// than the whole rest: in the sum it would hide what a single failure costs. It is shown beside it.
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
    /// Until the first probe has failed; answers of before are kept for `ttl`.
    pub first_failed: Duration,
    /// Until the region is down and the name server answers with the next one; answers of before are kept for
    /// `ttl_suspect`.
    pub detect: Duration,
    /// Until no cache that keeps to the TTL holds an answer with the dead region's addresses.
    pub total: Duration,
    /// How much longer it may take if the next region has itself come up only now.
    pub dwell: Duration,
}

/// The failover budget of a name: the worst over the checks of the regions that it can be in.
///
/// None when a failover can never happen: the steer has a single region, or none of its regions is probed.
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
        let Steer { ttl, ttl_suspect, dwell, .. } = *steer;
        let first_failed = latest_start(&rules) + rules.timeout;
        let detect = first_failed + step(&rules) * u32::from(rules.fall.saturating_sub(1)) + witness(&rules);
        let total = (first_failed + kept(ttl)).max(detect + kept(ttl_suspect));
        Budget { slowest, rules, ttl, ttl_suspect, first_failed, detect, total, dwell }
    }

    /// What makes one budget worse than another.
    fn rank(&self) -> (Duration, Duration) {
        (self.total, self.detect)
    }

    /// The longest TTL in whole seconds whose answers no cache keeps beyond `within`.
    #[must_use]
    pub fn longest_ttl(within: Duration) -> Duration {
        Duration::from_secs(within.saturating_sub(ROUNDING).as_secs())
    }
}

/// What a cache that counts whole seconds may add to a TTL: its clock stands still for just under a second.
const ROUNDING: Duration = Duration::from_secs(1);

/// From the start of a probe to that of the next, at most.
fn latest_start(rules: &Rules) -> Duration {
    rules.interval + rules.interval * INTERVAL_JITTER_PERCENT / 100
}

/// From one silent probe to the next while the check is suspect: probes never overlap.
fn step(rules: &Rules) -> Duration {
    rules.recheck.max(rules.timeout)
}

/// Until another place has been heard, where none was.
fn witness(Rules { recheck, timeout, .. }: &Rules) -> Duration {
    (*recheck + *timeout).min((*timeout).max(*recheck * 2))
}

/// How long caches that keep to the TTL hold an answer, at most.
#[must_use]
pub fn kept(ttl: Ttl) -> Duration {
    if ttl == Ttl::ZERO { Duration::ZERO } else { ttl.as_duration() + ROUNDING }
}

/// The derivation, in one line.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { rules, ttl, ttl_suspect, first_failed, detect, total, dwell, .. } = self;
        let Rules { fall, interval, timeout, .. } = rules;
        let (again, step, witness) = (fall.saturating_sub(1), step(rules), witness(rules));
        let rounding = |ttl: Ttl| if ttl == Ttl::ZERO { "" } else { " + 1s" };
        // `Duration` shows itself as an operator writes it: 5s, 1.5s, 100ms.
        write!(f, "interval {interval:?} + 10% + timeout {timeout:?} + {again} × {step:?}")?;
        write!(f, " + witness {witness:?} = {detect:?} to detect; ")?;
        write!(f, "max({first_failed:?} + ttl {ttl}{}, ", rounding(*ttl))?;
        write!(f, "{detect:?} + ttl_suspect {ttl_suspect}{}) = {total:?}", rounding(*ttl_suspect))?;
        if !dwell.is_zero() {
            write!(f, "; up to dwell {dwell:?} more if the next region has itself just come up")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Check, Grades, MinUp, Passes};
    use crate::model::Family;
    use crate::policy::Failback;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(interval: Duration, recheck: Duration, timeout: Duration, fall: u8) -> Rules {
        Rules {
            fall,
            rise: 3,
            brownout: None,
            interval,
            recheck,
            timeout,
            hears: true,
            grades: Grades::default(),
        }
    }

    fn region(name: &str, rules: &[Rules]) -> Region {
        let address = "192.0.2.1".parse().expect("an address");
        let check = |(probe, rules): (usize, &Rules)| Check {
            id: CheckId { region: name.into(), probe: u16::try_from(probe).expect("few"), address },
            label: None,
            endpoint: Some(address),
            rules: *rules,
        };
        let checks = rules.iter().enumerate().map(check).collect();
        Region {
            id: name.into(),
            addresses: vec![address],
            min_up: MinUp::Count(1),
            passes: Passes::All,
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

    fn both(rules: Rules) -> [Region; 2] {
        [region("a", &[rules]), region("b", &[rules])]
    }

    /// Interval 5 s, recheck 1 s, timeout 2 s, fall 3.
    fn defaults() -> Rules {
        rules(5 * SECOND, SECOND, 2 * SECOND, 3)
    }

    #[test]
    fn the_derivation_is_the_formula_with_its_numbers() {
        let ms = Duration::from_millis(100);
        check(
            &steer(&["a", "b"], 30, 10),
            &both(defaults()),
            "interval 5s + 10% + timeout 2s + 2 × 2s + witness 2s = 13.5s to detect; \
             max(7.5s + ttl 30s + 1s, 13.5s + ttl_suspect 10s + 1s) = 38.5s",
        );
        check(
            &steer(&["a", "b"], 12, 10),
            &both(defaults()),
            "interval 5s + 10% + timeout 2s + 2 × 2s + witness 2s = 13.5s to detect; \
             max(7.5s + ttl 12s + 1s, 13.5s + ttl_suspect 10s + 1s) = 24.5s",
        );
        check(
            &steer(&["a", "b"], 1, 1),
            &both(rules(ms, ms, ms, 2)),
            "interval 100ms + 10% + timeout 100ms + 1 × 100ms + witness 200ms = 510ms to detect; \
             max(210ms + ttl 1s + 1s, 510ms + ttl_suspect 1s + 1s) = 2.51s",
        );
    }

    #[test]
    fn no_cache_keeps_an_answer_of_ttl_0() {
        check(
            &steer(&["a", "b"], 0, 0),
            &both(defaults()),
            "interval 5s + 10% + timeout 2s + 2 × 2s + witness 2s = 13.5s to detect; \
             max(7.5s + ttl 0s, 13.5s + ttl_suspect 0s) = 13.5s",
        );
        check(
            &steer(&["a", "b"], 30, 0),
            &both(defaults()),
            "interval 5s + 10% + timeout 2s + 2 × 2s + witness 2s = 13.5s to detect; \
             max(7.5s + ttl 30s + 1s, 13.5s + ttl_suspect 0s) = 38.5s",
        );
    }

    #[test]
    fn the_hold_of_a_young_region_is_shown_beside_the_sum() {
        let held = Steer { dwell: 60 * SECOND, ..steer(&["a", "b"], 30, 10) };
        let (held, free) =
            (budget(&held, &both(defaults())), budget(&steer(&["a", "b"], 30, 10), &both(defaults())));
        let (held, free) = (held.expect("a budget"), free.expect("a budget"));
        assert_eq!((held.total, held.detect), (free.total, free.detect));
        let (held, free) = (held.to_string(), free.to_string());
        assert_eq!(held, free + "; up to dwell 60s more if the next region has itself just come up");
    }

    #[test]
    fn a_witness_counts_only_soon_after_the_silence() {
        let witness =
            |recheck, timeout| super::witness(&rules(SECOND, recheck * SECOND, timeout * SECOND, 3));
        assert_eq!(witness(1, 2), 2 * SECOND);
        assert_eq!(witness(1, 5), 5 * SECOND);
        assert_eq!(witness(2, 2), 4 * SECOND);
        assert_eq!(witness(5, 1), 6 * SECOND);
    }

    /// A cache whose clock counts whole seconds from midnight: an answer of TTL n that comes at .0 is shown as n for the
    /// whole first second, and leaves with the tick after the one that makes it 0.
    #[test]
    fn a_cache_of_whole_seconds_keeps_no_longer_than_the_budget_says() {
        for (ttl, arrives_ms) in (0..5).flat_map(|ttl| (0..1000).step_by(37).map(move |ms| (ttl, ms))) {
            let is_kept = |age_ms: u64| ttl > 0 && (arrives_ms + age_ms) / 1000 <= arrives_ms / 1000 + ttl;
            let age = (0..).step_by(10).find(|age| !is_kept(*age)).expect("it goes some day");
            let bound = kept(Ttl::from_secs(ttl).expect("a small TTL"));
            assert!(Duration::from_millis(age) <= bound + Duration::from_millis(10), "TTL {ttl}: {age} ms");
        }
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
