//! The isolation guard: when everything fails at once, the fault is ours until proven otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CheckState, Rules};
use crate::model::{CheckId, Family, Moment};

/// What the other addresses say about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Testimony {
    /// Another one answered meanwhile: the fault is not ours.
    Witnessed,
    /// Nobody has looked elsewhere meanwhile.
    Silent,
    /// Whatever else we looked at last failed as well: the fault may be ours.
    Shared,
}

/// Asks the other addresses that this vantage probes about a probe of `failing` that `lasted` until now.
///
/// They must be of the same family where another address of that family is probed, so that losing our IPv6 does not
/// condemn every IPv6 endpoint. With nothing else to look at there is nothing to compare with, and the failure
/// stands for itself.
#[must_use]
pub fn testimony(
    failing: &CheckId,
    lasted: Duration,
    rules: &Rules,
    states: &BTreeMap<CheckId, CheckState>,
    now: Moment,
) -> Testimony {
    let family = Family::of(failing.address);
    let others = || states.iter().filter(|(id, _)| id.address != failing.address);
    let relatives = || others().filter(|(id, _)| Family::of(id.address) == family).map(|(_, state)| state);
    let witnesses: Vec<&CheckState> = match relatives().next() {
        Some(_) => relatives().collect(),
        None => others().map(|(_, state)| state).collect(),
    };
    let began = states.get(failing).and_then(|state| state.failing_since).unwrap_or_default();
    let failing = Failing { began, lasted, recent: lasted.max(rules.recheck * 2), now };
    if witnesses.is_empty() || witnesses.iter().any(|state| failing.is_witnessed_by(state)) {
        Testimony::Witnessed
    } else if witnesses.iter().all(|state| state.last.as_ref().is_some_and(|seen| seen.failure.is_some())) {
        Testimony::Shared
    } else {
        Testimony::Silent
    }
}

/// A row of failures, as far as a witness is asked about it.
struct Failing {
    began: Moment,
    lasted: Duration,
    recent: Duration,
    now: Moment,
}

impl Failing {
    /// Its last probe must have passed: since the failures began, and no longer ago than the probe that has just
    /// failed lasted, or two rechecks. And it must have been passing when that probe started, or the probe was lost
    /// in a trouble of ours that is over by now.
    fn is_witnessed_by(&self, witness: &CheckState) -> bool {
        let passed = witness.last.as_ref().filter(|seen| seen.failure.is_none()).map(|seen| seen.at);
        let lately = passed.is_some_and(|at| at >= self.began && self.now.since(at) <= self.recent);
        lately && witness.passing_since.is_some_and(|since| since + self.lasted <= self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::Testimony::{Shared, Silent, Witnessed};
    use super::*;
    use crate::health::{Failure, Observation, ProbeOutcome, Timings};

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

    /// `others` are probed at these seconds, `-` in front of those that fail. The check itself fails at seconds 10
    /// and, now, 12, after a probe of a second.
    fn check(others: &[(&str, &str, &[i64])], expected: Testimony) {
        let ours = id("us", "192.0.2.1");
        let mut states = BTreeMap::new();
        let mut see = |check: &CheckId, at: u64, outcome: ProbeOutcome| {
            let now = Moment::from_millis(at * 1000);
            let (timings, vantage) = (Timings::default(), "v".into());
            let seen =
                Observation { check: check.clone(), vantage, outcome, timings, certificate_expires: None };
            states.entry(check.clone()).or_insert_with(|| CheckState::unseen(now)).observe(
                &seen,
                &RULES,
                Testimony::Witnessed,
                now,
            );
        };
        see(&ours, 10, ProbeOutcome::failed(Failure::Refused));
        for (region, address, probes) in others {
            for at in *probes {
                let outcome =
                    if *at < 0 { ProbeOutcome::failed(Failure::Refused) } else { ProbeOutcome::Pass };
                see(&id(region, address), at.unsigned_abs(), outcome);
            }
        }
        let now = Moment::from_millis(12_000);
        let found = testimony(&ours, Duration::from_secs(1), &RULES, &states, now);
        assert_eq!(found, expected, "{others:?}");
    }

    const EU: &str = "192.0.2.9";
    const EU6: &str = "2001:db8::1";

    #[test]
    fn a_witness_passed_since_the_failures_began_and_lately() {
        check(&[("eu", EU, &[11])], Witnessed);
        check(&[("us", EU, &[8, 12])], Witnessed);
        check(&[("eu", EU, &[9])], Silent);
        check(&[("eu", EU, &[8, -11])], Shared);
    }

    #[test]
    fn a_witness_that_has_just_recovered_knows_nothing_about_a_probe_of_before() {
        check(&[("eu", EU, &[-10, 12])], Silent);
        check(&[("eu", EU, &[-10, 11])], Witnessed);
    }

    #[test]
    fn one_witness_is_enough_and_one_that_was_not_asked_keeps_the_question_open() {
        check(&[("eu", EU, &[11]), ("eu", "192.0.2.8", &[-11])], Witnessed);
        check(&[("eu", EU, &[9]), ("eu", "192.0.2.8", &[-11])], Silent);
        check(&[("eu", EU, &[-11]), ("eu", "192.0.2.8", &[-11])], Shared);
    }

    #[test]
    fn the_same_address_is_no_witness() {
        check(&[("eu", "192.0.2.1", &[11]), ("eu", EU, &[-11])], Shared);
    }

    #[test]
    fn a_family_speaks_for_itself_where_it_can() {
        check(&[("eu", EU6, &[11])], Witnessed);
        check(&[("eu", EU6, &[11]), ("eu", EU, &[-11])], Shared);
    }

    #[test]
    fn with_nothing_to_compare_a_failure_stands_for_itself() {
        check(&[], Witnessed);
    }
}
