//! When a failure counts: whether it is the endpoint's, or our own network's.
//!
//! A failure that the far end itself told us of counts at once. One that came with silence counts when another place of
//! the same family was heard meanwhile. A place is any other address that is probed: of the same region, of another one,
//! or of a `[[witness]]`. What a place says does not matter, only that packets of it reached us.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Alone, CheckState, Failure, ProbeOutcome, Rules, Testimony};
use crate::model::{CheckId, Moment, RegionId};

/// A failed probe that has just ended.
#[derive(Debug, Clone, Copy)]
pub struct FailedProbe<'a> {
    /// Of which check.
    pub check: &'a CheckId,
    /// What it saw.
    pub outcome: &'a ProbeOutcome,
    /// How long it took.
    pub lasted: Duration,
    /// The rules of the check.
    pub rules: &'a Rules,
}

/// What all checks of one vantage, those of witnesses included, say about a failed probe of one of them. A pass, and a
/// failure of our own making, need no testimony.
#[must_use]
pub fn testimony(
    failed: FailedProbe<'_>,
    states: &BTreeMap<CheckId, CheckState>,
    alone: Alone,
    now: Moment,
) -> Testimony {
    match failed.outcome {
        ProbeOutcome::Pass | ProbeOutcome::Ours(_) => Testimony::Counts,
        ProbeOutcome::Silent(_) => of_silence(failed, states, alone, now),
        ProbeOutcome::Heard(Failure::Refused) if is_refused_everywhere(failed.check, states, now) => {
            Testimony::Isolated
        }
        ProbeOutcome::Heard(_) => Testimony::Counts,
    }
}

/// Silence counts when a place of the family was heard: since the failures began, no longer ago than
/// [`Rules::witnessed_within`], and without a break since before this probe began, or the probe may have been lost in a
/// trouble of ours that is over by now.
fn of_silence(
    FailedProbe { check, lasted, rules, .. }: FailedProbe<'_>,
    states: &BTreeMap<CheckId, CheckState>,
    alone: Alone,
    now: Moment,
) -> Testimony {
    let start = now.before(lasted);
    let began = states.get(check).and_then(|state| state.failing_since).unwrap_or(start);
    let oldest = began.max(now.before(rules.witnessed_within(lasted)));
    let mut is_alone = true;
    for (_, place) in places_beside(check, states) {
        is_alone = false;
        let lately = place.hearing.last.is_some_and(|last| last >= oldest);
        if lately && place.hearing.since.is_some_and(|since| since <= start) {
            return Testimony::Counts;
        }
    }
    if is_alone && alone == Alone::Trust { Testimony::Counts } else { Testimony::Isolated }
}

/// A middlebox near us that forges a RST for everything: every place of the family that was probed since the first
/// refusal is refused, none of them was before, and they belong to two regions or witnesses at least. What a single
/// region says of itself is believed.
fn is_refused_everywhere(check: &CheckId, states: &BTreeMap<CheckId, CheckState>, now: Moment) -> bool {
    let Some(ours) = states.get(check) else { return false };
    if ours.hearing.answered.is_none() {
        return false; // it was never well: nothing has changed at once
    }
    let refused_since = |state: &CheckState| state.hearing.refused_since;
    let others = || places_beside(check, states);
    let onset = others().filter_map(|(_, state)| refused_since(state)).min();
    let ours_since = refused_since(ours).unwrap_or(now);
    let onset = onset.map_or(ours_since, |onset| onset.min(ours_since));
    if ours.hearing.answered >= Some(onset) {
        return false;
    }
    let mut refused: BTreeSet<&RegionId> = BTreeSet::from([&check.region]);
    for (id, state) in others() {
        let probed_since = state.last.as_ref().is_some_and(|last| last.at >= onset);
        match refused_since(state) {
            Some(_) if state.hearing.answered.is_none() => return false,
            Some(_) if state.hearing.answered >= Some(onset) => return false,
            Some(_) => _ = refused.insert(&id.region),
            None if probed_since => return false,
            None => {}
        }
    }
    refused.len() >= 2
}

/// The checks of all other addresses of the family that can be heard.
fn places_beside<'s>(
    check: &CheckId,
    states: &'s BTreeMap<CheckId, CheckState>,
) -> impl Iterator<Item = (&'s CheckId, &'s CheckState)> {
    let (address, family) = (check.address, check.family());
    let is_other = move |id: &CheckId| id.address != address && id.family() == family;
    states.iter().filter(move |(id, state)| is_other(id) && !state.is_deaf())
}

#[cfg(test)]
mod tests {
    use super::Testimony::{Counts, Isolated};
    use super::*;
    use crate::health::{Grades, Observation, Timings};

    const RULES: Rules = Rules {
        fall: 3,
        rise: 3,
        brownout: None,
        interval: Duration::from_secs(5),
        recheck: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        hears: true,
        grades: Grades::NONE,
    };

    const OURS: &str = "us 192.0.2.1";

    fn id(text: &str) -> CheckId {
        let (region, address) = text.split_once(' ').expect("a region and an address");
        CheckId { region: region.into(), probe: 0, address: address.parse().expect("an address") }
    }

    fn outcome(letter: char) -> ProbeOutcome {
        match letter {
            '.' => ProbeOutcome::Pass,
            'r' => ProbeOutcome::Heard(Failure::Refused),
            '5' => ProbeOutcome::Heard(Failure::Status(503)),
            's' => ProbeOutcome::Silent(Failure::Unreachable),
            _ => ProbeOutcome::Ours("no descriptor".into()),
        }
    }

    /// Probes in the order of time, such as `10.` or `11s`, of each place; the last one of `OURS` is asked about, and
    /// lasted a second.
    fn asked(ours: &str, others: &[(&str, &str)], alone: Alone) -> Testimony {
        let mut probes: Vec<(Moment, CheckId, ProbeOutcome)> = Vec::new();
        for (place, seen) in others.iter().copied().chain([(OURS, ours)]) {
            probes.extend(seen.split_whitespace().map(|probe| {
                let (second, letter) = probe.split_at(probe.len() - 1);
                let at = Moment::from_millis(second.parse::<u64>().expect("a second") * 1000);
                (at, id(place), outcome(letter.chars().next().expect("a letter")))
            }));
        }
        probes.sort_by_key(|(at, ..)| *at);
        let last = probes.iter().rposition(|(_, check, _)| *check == id(OURS)).expect("there is one");
        let (now, check, outcome) = probes[last].clone();
        let mut states = BTreeMap::from([(id(OURS), CheckState::unseen(now))]);
        states.extend(others.iter().map(|(place, _)| (id(place), CheckState::unseen(now))));
        for (at, check, outcome) in &probes[..last] {
            let timings = Timings { total: Duration::from_secs(1), ..Timings::default() };
            let seen = Observation {
                check: check.clone(),
                vantage: "v".into(),
                outcome: outcome.clone(),
                timings,
                certificate_expires: None,
            };
            states.get_mut(check).expect("there").observe(&seen, &RULES, Isolated, *at);
        }
        let failed =
            FailedProbe { check: &check, outcome: &outcome, lasted: Duration::from_secs(1), rules: &RULES };
        testimony(failed, &states, alone, now)
    }

    fn check(ours: &str, others: &[(&str, &str)], expected: Testimony) {
        assert_eq!(asked(ours, others, Alone::Freeze), expected, "{ours} beside {others:?}");
    }

    const EU: &str = "eu 192.0.2.9";
    const EU_2: &str = "eu 192.0.2.8";
    const EU_V6: &str = "eu 2001:db8::1";

    #[test]
    fn what_the_far_end_said_counts_at_once() {
        check("10. 20r", &[], Counts);
        check("10. 205", &[(EU, "20s")], Counts);
        check("10. 20r", &[(EU, "10s 20s")], Counts);
    }

    #[test]
    fn silence_counts_when_another_place_was_heard_lately() {
        check("10. 20s", &[(EU, "10. 19.")], Counts);
        check("10. 20s", &[(EU, "10. 195")], Counts);
        check("10. 20s", &[(EU, "10r 19r")], Counts);
        check("10. 20s", &[(EU, "10. 17.")], Isolated);
        check("10. 20s", &[(EU, "10. 19s")], Isolated);
        check("10. 20s", &[(EU, "10. 19?")], Isolated);
        check("10. 20s", &[(EU, "10. 19s"), (EU_2, "10. 19.")], Counts);
    }

    #[test]
    fn a_place_heard_before_the_failures_began_proves_nothing() {
        check("10. 18s 20s", &[(EU, "10. 18.")], Counts);
        check("10. 20s 21s 22s", &[(EU, "10. 19.")], Isolated);
    }

    #[test]
    fn a_place_that_has_just_come_back_knows_nothing_about_a_probe_of_before() {
        check("10. 20s", &[(EU, "10. 18s 20.")], Isolated);
        check("10. 20s", &[(EU, "10. 18s 19.")], Counts);
    }

    #[test]
    fn the_same_address_and_the_other_family_are_no_witnesses() {
        check("10. 20s", &[("eu 192.0.2.1", "10. 19.")], Isolated);
        check("10. 20s", &[(EU_V6, "10. 19.")], Isolated);
    }

    #[test]
    fn alone_it_depends_on_what_the_operator_trusts() {
        assert_eq!(asked("10. 20s", &[], Alone::Freeze), Isolated);
        assert_eq!(asked("10. 20s", &[], Alone::Trust), Counts);
        assert_eq!(asked("10. 20s", &[(EU, "10. 20s")], Alone::Trust), Isolated);
    }

    #[test]
    fn refused_by_everything_at_once_is_a_middlebox() {
        check("10. 20r", &[(EU, "10. 20r")], Isolated);
        check("10. 20r 21r", &[(EU, "10. 20r"), (EU_2, "10. 15.")], Isolated);
        check("10. 20r", &[("us 192.0.2.2", "10. 20r")], Counts);
        check("10. 20r", &[(EU, "10. 20r"), (EU_2, "10. 20.")], Counts);
        check("10. 20r", &[(EU, "10. 20r"), (EU_2, "10. 20s")], Counts);
        check("10. 20r", &[(EU, "10. 15r"), ("us 192.0.2.2", "10. 18.")], Counts);
        check("20r", &[(EU, "20r")], Counts);
    }

    #[test]
    fn refused_one_after_the_other_is_a_death_of_each() {
        check("10. 15. 20r", &[(EU, "10. 12r 15r 20r")], Counts);
    }
}
