//! The isolation guard: when everything fails at once, the fault is ours until proven otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Machine, Rules};
use crate::model::{CheckId, Family, Moment};

/// Whether another address answered this vantage while `failing` was failing.
///
/// The witness's own last probe must have passed: since the failures began, and no longer ago than the probe that
/// has just failed lasted, or two rechecks. It must be of the same family where another address of that family is
/// probed, so that losing our IPv6 does not condemn every IPv6 endpoint. With nothing else to look at there is
/// nothing to compare with, and the failure stands for itself.
#[must_use]
pub fn witnessed(
    failing: &CheckId,
    lasted: Duration,
    rules: &Rules,
    machines: &BTreeMap<CheckId, Machine>,
    now: Moment,
) -> bool {
    let began = machines.get(failing).and_then(|machine| machine.failing_since).unwrap_or_default();
    let recent = lasted.max(rules.recheck * 2);
    let testifies = |machine: &Machine| {
        let passed = machine.last.as_ref().filter(|seen| seen.failure.is_none()).map(|seen| seen.at);
        passed.is_some_and(|at| at >= began && now.since(at) <= recent)
    };
    let others = || machines.iter().filter(|(id, _)| id.address != failing.address);
    let family = Family::of(failing.address);
    let mut relatives = others().filter(|(id, _)| Family::of(id.address) == family).peekable();
    if relatives.peek().is_some() {
        return relatives.any(|(_, machine)| testifies(machine));
    }
    let mut strangers = others().peekable();
    strangers.peek().is_none() || strangers.any(|(_, machine)| testifies(machine))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Failure, Observation, Outcome, Timings};

    const RULES: Rules = Rules {
        fall: 3,
        rise: 3,
        brownout: None,
        interval: Duration::from_secs(5),
        recheck: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
    };

    fn id(region: &str, address: &str) -> CheckId {
        CheckId { region: region.into(), probe: 0, address: address.parse().expect("an address") }
    }

    /// `others` have their last probes at seconds, `-` in front of those that failed. The check itself fails at
    /// seconds 10 and, now, 12.
    fn check(others: &[(&str, &str, i64)], expected: bool) {
        let ours = id("us", "192.0.2.1");
        let mut machines = BTreeMap::new();
        let mut see = |check: &CheckId, at: u64, outcome: Outcome| {
            let now = Moment::from_millis(at * 1000);
            let (timings, vantage) = (Timings::default(), "v".into());
            let seen =
                Observation { check: check.clone(), vantage, outcome, timings, certificate_expires: None };
            machines
                .entry(check.clone())
                .or_insert_with(|| Machine::unseen(now))
                .observe(&seen, &RULES, true, now);
        };
        see(&ours, 10, Outcome::Fail(Failure::Refused));
        for (region, address, at) in others {
            let outcome = if *at < 0 { Outcome::Fail(Failure::Refused) } else { Outcome::Pass };
            see(&id(region, address), at.unsigned_abs(), outcome);
        }
        let now = Moment::from_millis(12_000);
        assert_eq!(witnessed(&ours, Duration::ZERO, &RULES, &machines, now), expected, "{others:?}");
    }

    #[test]
    fn a_witness_passed_since_the_failures_began_and_lately() {
        check(&[("eu", "192.0.2.9", 11)], true);
        check(&[("us", "192.0.2.2", 11)], true);
        check(&[("eu", "192.0.2.9", 9)], false);
        check(&[("eu", "192.0.2.9", -11)], false);
    }

    #[test]
    fn the_same_address_is_no_witness() {
        check(&[("eu", "192.0.2.1", 11), ("eu", "192.0.2.9", -11)], false);
    }

    #[test]
    fn a_family_speaks_for_itself_where_it_can() {
        check(&[("eu", "2001:db8::1", 11)], true);
        check(&[("eu", "2001:db8::1", 11), ("eu", "192.0.2.9", -11)], false);
    }

    #[test]
    fn with_nothing_to_compare_a_failure_stands_for_itself() {
        check(&[], true);
    }
}
