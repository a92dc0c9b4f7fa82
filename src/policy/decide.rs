//! Which region a name gets.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::hold::{Flips, Wait, forbid_failback};
use super::{Decision, Derivation, Rule, Standing, Steer, TtlRule};
use crate::health::{Doubt, State, Verdict};
use crate::model::{Moment, RegionId};

/// The verdict on each region.
pub type Verdicts = BTreeMap<RegionId, Arc<Verdict>>;

/// Decides for one name. `before` is what it is answered with; none at the very first start.
///
/// | in service  | a better one      | another one | becomes                                      |
/// |-------------|-------------------|-------------|----------------------------------------------|
/// | (none)      |                   |             | the preferred one, unproven                  |
/// | up          | up, proven enough |             | failed back, unless dwell or limit forbid    |
/// | up          | otherwise         |             | stays                                        |
/// | unknown     |                   |             | frozen: stays                                |
/// | down        |                   | up          | failed over, unless dwell or limit forbid    |
/// | down        |                   | unknown     | none proven: stays                           |
/// | down        |                   | down        | fail open: stays                             |
///
/// "A better one" is more preferred than the region in service. A region that the name may no longer have is
/// left at once: an operator has said so.
///
/// # Panics
/// When a region of the steer has no verdict: the controller judges every configured region first.
#[must_use]
pub fn decide(steer: &Steer, before: Option<&Standing>, verdicts: &Verdicts, now: Moment) -> Decision {
    let evidence = evidence(steer, verdicts);
    let served =
        before.and_then(|before| evidence.iter().position(|verdict| verdict.region == before.region));
    let flips = before.map(|before| before.flips.clone()).unwrap_or_default();
    let choice = match served {
        None => first_choice(&evidence),
        Some(served) => choose(steer, &evidence, served, &flips, now),
    };
    let automatic = served.is_some_and(|served| served != choice.index);
    let flips = if automatic { flips.and(now, steer) } else { flips };
    settle(steer, before, evidence, choice, flips, now)
}

/// Gives a name to the most preferred region that is up, on an operator's word: no hold applies, and it counts as
/// no automatic change. None when no region that is up is more preferred than the one in service.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn fail_back_now(steer: &Steer, before: &Standing, verdicts: &Verdicts, now: Moment) -> Option<Decision> {
    let evidence = evidence(steer, verdicts);
    let mut better = evidence.iter().take_while(|verdict| verdict.region != before.region);
    let index = better.position(|verdict| verdict.state == State::Up)?;
    let choice = stay(&evidence, index);
    Some(settle(steer, Some(before), evidence, choice, before.flips.clone(), now))
}

fn evidence(steer: &Steer, verdicts: &Verdicts) -> Vec<Arc<Verdict>> {
    let verdict_on = |region| Arc::clone(verdicts.get(region).expect("every region has a verdict"));
    steer.regions.iter().map(verdict_on).collect()
}

/// What a name gets, and by which rule.
struct Choice {
    index: usize,
    rule: Rule,
    wait: Option<Wait>,
}

/// Without a region in service: the most preferred one, unless it is proven down and another is proven up.
fn first_choice(evidence: &[Arc<Verdict>]) -> Choice {
    let proven_up = evidence.iter().position(|verdict| verdict.state == State::Up);
    stay(evidence, proven_up.filter(|_| evidence[0].state == State::Down).unwrap_or(0))
}

/// With a region in service.
fn choose(steer: &Steer, evidence: &[Arc<Verdict>], served: usize, flips: &Flips, now: Moment) -> Choice {
    match evidence[served].state {
        State::Unknown => stay(evidence, served),
        State::Up => fail_back(steer, evidence, served, flips, now),
        State::Down => fail_over(steer, evidence, served, flips, now),
    }
}

/// To the most preferred region that is allowed to come back, though not onto one that is failing just now. Of those
/// that are not allowed yet, the one that is first to be is waited for.
fn fail_back(steer: &Steer, evidence: &[Arc<Verdict>], served: usize, flips: &Flips, now: Moment) -> Choice {
    let (mut chosen, mut waits) = (served, Vec::new());
    for (index, better) in evidence.iter().enumerate().take(served) {
        if better.state != State::Up {
            continue;
        }
        let forbidden = forbid_failback(&better.region, better.since, steer, now)
            .or_else(|| flips.forbid(&better.region, steer, now));
        match forbidden {
            Some(wait) => waits.push(wait),
            None if better.is_steady() => {
                chosen = index;
                break;
            }
            None => {} // its next probe says more
        }
    }
    let first = waits.into_iter().min_by_key(|wait| (wait.until.is_none(), wait.until));
    Choice { wait: first, ..stay(evidence, chosen) }
}

/// To the most preferred region that is up.
fn fail_over(steer: &Steer, evidence: &[Arc<Verdict>], served: usize, flips: &Flips, now: Moment) -> Choice {
    let Some(index) = evidence.iter().position(|verdict| verdict.state == State::Up) else {
        return stay(evidence, served);
    };
    match flips.forbid(&evidence[index].region, steer, now) {
        None => stay(evidence, index),
        Some(wait) => Choice { index: served, rule: Rule::Held, wait: Some(wait) },
    }
}

/// The rule under which a region is served for as long as nothing changes.
fn stay(evidence: &[Arc<Verdict>], index: usize) -> Choice {
    let others = || evidence.iter().enumerate().filter(move |(other, _)| *other != index).map(|(_, v)| v);
    let unproven = evidence[index].doubt() == Some(Doubt::Unproven);
    let rule = match evidence[index].state {
        State::Up if index == 0 => Rule::Preferred,
        State::Up => Rule::FailedOver { from: evidence[0].region.clone() },
        State::Unknown if unproven => Rule::Unproven,
        State::Unknown => Rule::Freeze,
        State::Down if others().any(|other| other.state == State::Unknown) => Rule::NoneProven,
        State::Down => Rule::FailOpen,
    };
    Choice { index, rule, wait: None }
}

/// Puts the decision together; the epoch grows if and only if the answer is another one.
fn settle(
    steer: &Steer,
    before: Option<&Standing>,
    evidence: Vec<Arc<Verdict>>,
    choice: Choice,
    flips: Flips,
    now: Moment,
) -> Decision {
    let verdict = &evidence[choice.index];
    let region = verdict.region.clone();
    let served = before.filter(|before| before.region == region).map(|before| &*before.addresses);
    let addresses: Arc<[IpAddr]> = verdict.serving(served).into();
    assert!(!addresses.is_empty(), "{} would be answered with nothing", steer.name);
    let ttl_rule = ttl_rule(steer, verdict, choice.wait.as_ref(), now);
    let ttl = if ttl_rule == TtlRule::Steady { steer.ttl } else { steer.ttl_suspect };
    let (epoch, since, addresses) = match before {
        None => (1, now, addresses),
        Some(before) if before.region != region => (before.epoch + 1, now, addresses),
        Some(before) if before.addresses != addresses => (before.epoch + 1, before.since, addresses),
        Some(before) => (before.epoch, before.since, Arc::clone(&before.addresses)),
    };
    let derivation = Derivation { rule: choice.rule, evidence, wait: choice.wait, ttl_rule };
    let standing = Standing { region, addresses, epoch, since, flips };
    Decision { name: steer.name.clone(), standing, ttl, derivation }
}

/// Short as long as the answer may change soon, so that caches have let go of it when it does.
fn ttl_rule(steer: &Steer, verdict: &Verdict, wait: Option<&Wait>, now: Moment) -> TtlRule {
    let due =
        wait.and_then(|wait| wait.until).is_some_and(|until| until.after(now) <= steer.ttl.as_duration());
    if verdict.state != State::Up || verdict.is_suspect() {
        TtlRule::Suspect
    } else if due {
        TtlRule::ChangeDue
    } else {
        TtlRule::Steady
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{Ballot, EndpointVerdict, Vote};
    use crate::model::Ttl;
    use crate::policy::{Failback, Hold};

    const NOW: Moment = Moment::from_millis(1_000_000);

    /// Every way a region can be: up, up and failing just now, down, unknown for want of probes or of fresh ones.
    const LETTERS: [char; 5] = ['U', 's', 'D', 'n', '?'];

    fn steer(failback: Failback) -> Steer {
        Steer {
            name: "cadence.example.com".parse().expect("a name"),
            regions: ["a".into(), "b".into(), "c".into()].into(),
            ttl: Ttl::from_secs(30).expect("a small TTL"),
            ttl_suspect: Ttl::from_secs(10).expect("a small TTL"),
            failback,
            dwell: Duration::ZERO,
            max_flips_per_hour: 3,
            rto: None,
        }
    }

    /// One of [`LETTERS`] for each of the regions a, b and c, which have two addresses each, all of them alike.
    fn verdicts(letters: &str) -> Verdicts {
        ["a", "b", "c"]
            .into_iter()
            .zip(letters.chars())
            .map(|(id, letter)| (id.into(), verdict(id, letter)))
            .collect()
    }

    fn verdict(id: &str, letter: char) -> Arc<Verdict> {
        let (state, doubt) = match letter {
            'U' | 's' => (State::Up, None),
            'D' => (State::Down, None),
            'n' => (State::Unknown, Some(Doubt::Unproven)),
            _ => (State::Unknown, Some(Doubt::Stale)),
        };
        let suspect = letter == 's';
        let ballot = Ballot { vantage: "v".into(), vote: Vote::Up, suspect, failure: None, seen: None };
        let endpoint =
            |address| EndpointVerdict { address, state, doubt, suspect, ballots: vec![ballot.clone()] };
        let endpoints = addresses(id).map(endpoint).into();
        Arc::new(Verdict { region: id.into(), state, since: Moment::default(), min_up: 1, endpoints })
    }

    fn addresses(id: &str) -> [IpAddr; 2] {
        let network = id.as_bytes()[0];
        [[192, 0, network, 1].into(), [192, 0, network, 2].into()]
    }

    fn standing(region: &str) -> Standing {
        let addresses = addresses(region).into();
        Standing {
            region: region.into(),
            addresses,
            epoch: 7,
            since: Moment::default(),
            flips: Flips::default(),
        }
    }

    fn decided(served: &str, letters: &str, steer: &Steer) -> Decision {
        let before = (served != "-").then(|| standing(served));
        decide(steer, before.as_ref(), &verdicts(letters), NOW)
    }

    /// With `served` in service and the regions in this state, automatic failback gives this region by this rule.
    fn check(served: &str, letters: &str, expected: &str) {
        let decision = decided(served, letters, &steer(Failback::Auto));
        let found = format!("{} {}", decision.standing.region, decision.derivation.rule.label());
        assert_eq!(found, expected, "{served} in service, {letters}");
    }

    #[test]
    fn the_very_first_start_serves_the_preferred_region() {
        check("-", "nnn", "a unproven");
        check("-", "nUU", "a unproven");
        check("-", "UUU", "a preferred");
        check("-", "DUU", "b failed-over");
        check("-", "DnU", "c failed-over");
        check("-", "Dnn", "a none-proven");
    }

    #[test]
    fn a_region_that_is_up_is_served() {
        check("a", "UUU", "a preferred");
        check("a", "UDD", "a preferred");
        check("a", "s?D", "a preferred");
        check("b", "DUU", "b failed-over");
        check("b", "?UU", "b failed-over");
    }

    #[test]
    fn a_region_that_is_down_is_left_for_the_first_that_is_up() {
        check("a", "DUU", "b failed-over");
        check("a", "DDU", "c failed-over");
        check("a", "D?U", "c failed-over");
        check("a", "DsD", "b failed-over");
        check("c", "UUD", "a preferred");
        check("c", "?UD", "b failed-over");
    }

    #[test]
    fn without_a_region_that_is_up_the_last_answer_stays() {
        check("a", "DDD", "a fail-open");
        check("b", "DDD", "b fail-open");
        check("a", "D?D", "a none-proven");
        check("b", "nDD", "b none-proven");
    }

    #[test]
    fn what_nobody_knows_about_is_not_left() {
        check("a", "?UU", "a freeze");
        check("b", "U?U", "b freeze");
        check("a", "nUU", "a unproven");
    }

    #[test]
    fn a_better_region_that_passes_gets_the_name_back() {
        check("c", "UUU", "a preferred");
        check("c", "DUU", "b failed-over");
        check("c", "sUU", "b failed-over");
        check("b", "sUU", "b failed-over");
    }

    #[test]
    fn a_region_that_was_taken_from_the_name_is_left_at_once() {
        let mut steer = steer(Failback::Manual);
        steer.regions.remove(0);
        let decision = decide(&steer, Some(&standing("a")), &verdicts("U??"), NOW);
        assert_eq!((decision.standing.region.as_str(), decision.standing.epoch), ("b", 8));
        assert_eq!(decision.standing.flips.within_hour(NOW), 0, "an operator did it");
    }

    /// The table above `decide`, over every evidence and every region in service.
    #[test]
    fn every_row_of_the_table() {
        let words = LETTERS
            .iter()
            .flat_map(|a| LETTERS.iter().flat_map(move |b| LETTERS.iter().map(move |c| [*a, *b, *c])));
        for word in words {
            for (index, served) in ["a", "b", "c"].into_iter().enumerate() {
                let decision = decided(served, &word.iter().collect::<String>(), &steer(Failback::Auto));
                let up = |letter: &char| matches!(letter, 'U' | 's');
                let expected = match word[index] {
                    'D' => word.iter().position(up).unwrap_or(index),
                    'U' | 's' => word[..index].iter().position(|letter| *letter == 'U').unwrap_or(index),
                    _ => index,
                };
                let region = ["a", "b", "c"][expected];
                assert_eq!(decision.standing.region.as_str(), region, "{served} in service, {word:?}");
                let flipped = expected != index;
                assert_eq!(decision.standing.epoch, 7 + u64::from(flipped));
                assert_eq!(decision.standing.flips.within_hour(NOW), usize::from(flipped));
                assert_eq!(&*decision.standing.addresses, addresses(region));
                let again = decide(&steer(Failback::Auto), Some(&decision.standing), &verdicts_of(word), NOW);
                assert_eq!(again.standing, decision.standing, "equal evidence, {word:?}");
            }
        }
    }

    fn verdicts_of(word: [char; 3]) -> Verdicts {
        verdicts(&word.iter().collect::<String>())
    }

    #[test]
    fn of_several_holds_the_first_to_end_is_waited_for() {
        let delayed = |seconds| steer(Failback::Delayed(Duration::from_secs(seconds)));
        let wait =
            |decision: Decision| decision.derivation.wait.map(|wait| (wait.to.to_string(), wait.until));
        let mut evidence = verdicts("UUU");
        let since = |id: &str, seconds: u64| {
            let up_since = Moment::from_millis(seconds * 1000);
            Arc::new(Verdict { since: up_since, ..Verdict::clone(&verdict(id, 'U')) })
        };
        evidence.insert("a".into(), since("a", 900));
        evidence.insert("b".into(), since("b", 800));
        let held = decide(&delayed(300), Some(&standing("c")), &evidence, NOW);
        assert_eq!(wait(held), Some(("b".into(), Some(Moment::from_millis(1_100_000)))));
        let on_the_way = decide(&delayed(200), Some(&standing("c")), &evidence, NOW);
        assert_eq!(on_the_way.standing.region.as_str(), "b");
        assert_eq!(wait(on_the_way), Some(("a".into(), Some(Moment::from_millis(1_100_000)))));
    }

    #[test]
    fn the_ttl_is_short_while_a_change_may_be_near() {
        let ttl =
            |served: &str, letters: &str, failback| decided(served, letters, &steer(failback)).ttl.as_secs();
        assert_eq!(ttl("a", "UUU", Failback::Auto), 30);
        assert_eq!(ttl("a", "UDD", Failback::Auto), 30);
        for letters in ["sUU", "?UU", "nUU", "DDD"] {
            assert_eq!(ttl("a", letters, Failback::Auto), 10, "{letters}");
        }
        // Up since 0 s, and it is 1000 s: the change comes within 30 s, within 31 s, never.
        assert_eq!(ttl("b", "UUU", Failback::Delayed(Duration::from_secs(1030))), 10);
        assert_eq!(ttl("b", "UUU", Failback::Delayed(Duration::from_secs(1031))), 30);
        assert_eq!(ttl("b", "UUU", Failback::Manual), 30);
    }

    #[test]
    fn a_hold_wakes_when_it_ends_and_a_steady_ttl_before_that() {
        let steer = steer(Failback::Delayed(Duration::from_secs(1100)));
        let decision = decided("b", "UUU", &steer);
        assert_eq!(decision.derivation.wait.as_ref().map(|wait| wait.hold), Some(Hold::Failback));
        assert_eq!(decision.due(&steer, NOW), Some(Moment::from_millis(1_070_000)));
        assert_eq!(
            decision.due(&steer, Moment::from_millis(1_070_000)),
            Some(Moment::from_millis(1_100_000))
        );
    }
}
