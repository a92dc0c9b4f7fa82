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
