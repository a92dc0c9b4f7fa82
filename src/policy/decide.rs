//! Which region a name gets.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::choice::{Choice, stay};
use super::escape::{escape, first_to_end, is_candidate, leave};
use super::gate::{GateView, Gates};
use super::hold::{Flips, Hold, Wait, forbid_failback};
use super::overrides::{AtExpiry, Order, Override, Overrides};
use super::{CACHES_ROUND, Decision, Derivation, Rule, Standing, Steer, TtlRule, Verdicts};
use crate::health::{State, Verdict};
use crate::model::{Moment, RegionId, Ttl};

/// What a decision is made from, besides what is answered already: all of it as of one moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'f> {
    /// The verdict on each configured region.
    pub verdicts: &'f Verdicts,
    /// What operators have ordered.
    pub overrides: &'f Overrides,
    /// What must be proven before a region is moved to, and what was.
    pub gates: &'f Gates,
}

/// Decides for the names of one steer. `before` is what they are answered with; none at the very first start.
///
/// | in service  | a better one      | another one | becomes                                         |
/// |-------------|-------------------|-------------|-------------------------------------------------|
/// | (none)      |                   |             | the preferred one, unproven                     |
/// | up          | up, proven enough |             | failed back, unless dwell or limit forbid       |
/// | up          | otherwise         |             | stays                                           |
/// | unknown     |                   |             | frozen: stays                                   |
/// | down        |                   | up          | escapes, unless all others have just come up    |
/// | down        |                   | unknown     | none proven: stays, unless unproven is accepted |
/// | down        |                   | down        | fail open: stays                                |
/// | any         | any, behind a gate that bars    || held: stays                                     |
///
/// An operator's override comes before all of these: a name that is pinned has its region, one that is frozen its answer,
/// and a region that is drained is left as if it were down, though only for one that is up.
///
/// "A better one" is more preferred than the region in service. A region that was renamed is recognised by its
/// addresses. A region that the names may no longer have is left at once for the best by evidence: the configuration
/// says so.
///
/// # Panics
/// When a region of the steer has no verdict: the controller judges every configured region first.
#[must_use]
pub fn decide(steer: &Steer, before: Option<&Standing>, facts: Facts<'_>, now: Moment) -> Decision {
    let evidence = evidence(steer, facts);
    let before = before.map(|before| recognised(before, &evidence, facts));
    let before = before.as_deref();
    let served =
        before.and_then(|before| evidence.iter().position(|verdict| verdict.region == before.region));
    let by_evidence = match (before, served) {
        (None, _) => first_choice(&evidence),
        (Some(_), None) => stay(&evidence, best(&evidence)),
        (Some(before), Some(served)) => choose(steer, &evidence, served, before, facts, now),
    };
    let order = facts.overrides.deciding(steer, before.map(|before| &before.region));
    let choice = match order {
        Some(order) => obey(order, &evidence, served, by_evidence),
        None => by_evidence,
    };
    let choice = announced(choice, &evidence, facts.overrides.planned(steer));
    let ordered = |served: usize| order.is_some() || evidence[served].word.is_some();
    let automatic = served.is_some_and(|served| served != choice.index && !ordered(served));
    let flips = before.map(|before| before.flips.clone()).unwrap_or_default();
    let flips = if automatic { flips.and(now, steer) } else { flips };
    settle(steer, before, evidence, choice, flips, order, now).beside(steer, facts, now)
}

/// What an operator has planned is waited for like any other change, unless another comes first.
fn announced(choice: Choice, evidence: &[Arc<Verdict>], planned: Option<(&RegionId, Moment)>) -> Choice {
    let Some((to, at)) = planned.filter(|(to, _)| evidence[choice.index].region != **to) else {
        return choice;
    };
    let comes_first = |wait: &Wait| wait.until.is_some_and(|until| until < at);
    if choice.wait.as_ref().is_some_and(comes_first) {
        return choice;
    }
    Choice { wait: Some(Wait { to: to.clone(), hold: Hold::Switchover, until: Some(at) }), ..choice }
}

/// What an operator has ordered, instead of what the evidence asks for; that waits until the order ends, if it may come
/// then.
fn obey(order: &Override, evidence: &[Arc<Verdict>], served: Option<usize>, by_evidence: Choice) -> Choice {
    let pinned = match &order.order {
        Order::Pin { region, .. } => evidence.iter().position(|verdict| verdict.region == *region),
        Order::ForceUp(_)
        | Order::ForceDown(_)
        | Order::Drain(_)
        | Order::Freeze(_)
        | Order::Switch { .. }
        | Order::Suspend(_) => None,
    };
    let (index, rule, hold) = match (pinned, served) {
        (Some(index), _) => (index, Rule::Pinned, Hold::Pin),
        (None, Some(served)) => (served, Rule::Frozen, Hold::Freeze),
        (None, None) => return by_evidence,
    };
    let next = match by_evidence {
        Choice { index: wanted, .. } if wanted != index => {
            Some((evidence[wanted].region.clone(), order.expires))
        }
        Choice { wait: Some(Wait { to, until: Some(until), .. }), .. } => {
            Some((to, until.max(order.expires)))
        }
        Choice { .. } => None,
    };
    let next = next.filter(|_| order.at_expiry == AtExpiry::Automatic);
    let wait = next.map(|(to, until)| Wait { to, hold, until: Some(until) });
    Choice { index, rule, wait }
}

/// Gives the names to the most preferred region that is up, on an operator's word: no hold applies, and it counts as
/// no automatic change. None when no region that is up is more preferred than the one in service.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn fail_back_now(steer: &Steer, before: &Standing, facts: Facts<'_>, now: Moment) -> Option<Decision> {
    let evidence = evidence(steer, facts);
    let mut better = evidence.iter().take_while(|verdict| verdict.region != before.region);
    let index = better.position(|verdict| verdict.state == State::Up && !verdict.is_drained())?;
    Some(moved(steer, before, evidence, index, now).beside(steer, facts, now))
}

/// Gives the names to the region that they wait for, on an operator's word. None when they wait for none.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn release_now(steer: &Steer, before: &Standing, facts: Facts<'_>, now: Moment) -> Option<Decision> {
    let wait = decide(steer, Some(before), facts, now).derivation.wait?;
    let evidence = evidence(steer, facts);
    let index = evidence.iter().position(|verdict| verdict.region == wait.to)?;
    Some(moved(steer, before, evidence, index, now).beside(steer, facts, now))
}

fn moved(
    steer: &Steer,
    before: &Standing,
    evidence: Vec<Arc<Verdict>>,
    index: usize,
    now: Moment,
) -> Decision {
    let choice = stay(&evidence, index);
    settle(steer, Some(before), evidence, choice, before.flips.clone(), None, now)
}

/// The gates that forbid to move the names of a steer to a region now, whoever wants it.
#[must_use]
pub fn forbidding(
    steer: &Steer,
    before: &Standing,
    to: &RegionId,
    facts: Facts<'_>,
    now: Moment,
) -> Vec<GateView> {
    let from = facts.verdicts.get(&before.region).map(|verdict| facts.overrides.overrule(verdict));
    let mut views = facts.gates.views(steer, to, from.as_deref(), facts.verdicts, now);
    views.retain(|view| view.bars);
    views
}

/// A decision to move that waits for something outside of the evidence: the names stay where they are meanwhile, and
/// what else has changed holds.
#[must_use]
pub fn withheld(steer: &Steer, before: &Standing, wanted: Decision, wait: Wait, now: Moment) -> Decision {
    let Derivation { evidence, gates, .. } = &wanted.derivation;
    let Some(served) = evidence.iter().position(|verdict| verdict.region == before.region) else {
        return wanted; // the configuration took the region from the names
    };
    let rule = match evidence[served].state {
        State::Down => Rule::Held,
        State::Up | State::Unknown => stay(evidence, served).rule,
    };
    let choice = Choice { index: served, rule, wait: Some(wait) };
    let mut decision = settle(steer, Some(before), evidence.clone(), choice, before.flips.clone(), None, now);
    decision.derivation.gates.clone_from(gates);
    decision
}

/// What would become of the names if the region in service were proven down now: where they would go, or why they would
/// stay.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn if_dead(steer: &Steer, before: &Standing, facts: Facts<'_>, now: Moment) -> Decision {
    let of_steer = evidence(steer, facts).into_iter().map(|verdict| (verdict.region.clone(), verdict));
    let mut verdicts: Verdicts = of_steer.collect();
    if let Some(verdict) = verdicts.get_mut(&before.region) {
        let verdict = Arc::make_mut(verdict);
        (verdict.state, verdict.doubt, verdict.since) = (State::Down, None, now);
    }
    decide(steer, Some(before), Facts { verdicts: &verdicts, ..facts }, now)
}

fn evidence(steer: &Steer, facts: Facts<'_>) -> Vec<Arc<Verdict>> {
    let verdict_on = |region| facts.verdicts.get(region).expect("every region has a verdict");
    steer.regions.iter().map(verdict_on).map(|verdict| facts.overrides.overrule(verdict)).collect()
}

/// The same standing, in the region's new name if it was renamed: the one that has an address which is served.
fn recognised<'b>(before: &'b Standing, evidence: &[Arc<Verdict>], facts: Facts<'_>) -> Cow<'b, Standing> {
    if facts.verdicts.contains_key(&before.region) {
        return Cow::Borrowed(before);
    }
    let has_served = |verdict: &&Arc<Verdict>| {
        verdict.endpoints.iter().any(|endpoint| before.addresses.contains(&endpoint.address))
    };
    match evidence.iter().find(has_served) {
        Some(verdict) => Cow::Owned(Standing { region: verdict.region.clone(), ..before.clone() }),
        None => Cow::Borrowed(before),
    }
}

/// At the very first start: the most preferred region, unless it is proven down and another is not.
fn first_choice(evidence: &[Arc<Verdict>]) -> Choice {
    let is_left = evidence[0].state == State::Down || evidence[0].is_drained();
    stay(evidence, if is_left { best(evidence) } else { 0 })
}

/// The best by evidence: up and steady, up, not known, down; of equals one that is not degraded, then the more preferred.
fn best(evidence: &[Arc<Verdict>]) -> usize {
    let class = |index: &usize| match (evidence[*index].state, evidence[*index].steady) {
        (State::Up, true) if !evidence[*index].is_drained() => 0,
        (State::Up, false) if !evidence[*index].is_drained() => 1,
        (State::Unknown, _) if !evidence[*index].is_drained() => 2,
        (State::Up | State::Unknown, _) => 3,
        (State::Down, _) => 4,
    };
    let rank = |index: &usize| (class(index), evidence[*index].is_degraded());
    let candidates = (0..evidence.len()).filter(|index| is_candidate(evidence, *index));
    candidates.min_by_key(rank).unwrap_or(0)
}

/// With a region in service.
fn choose(
    steer: &Steer,
    evidence: &[Arc<Verdict>],
    served: usize,
    before: &Standing,
    facts: Facts<'_>,
    now: Moment,
) -> Choice {
    let barrier =
        |to: &RegionId| facts.gates.barrier(steer, to, Some(&evidence[served]), facts.verdicts, now);
    match evidence[served].state {
        State::Up | State::Unknown if evidence[served].is_drained() => {
            leave(steer, evidence, served, barrier, now)
        }
        State::Unknown => stay(evidence, served),
        State::Up => fail_back(steer, evidence, served, before, barrier, now),
        State::Down => escape(steer, evidence, served, barrier, now),
    }
}

/// To the most preferred region that is allowed to come back, though not onto one that is failing just now. Of those
/// that are not allowed yet, the one that is first to be is waited for.
fn fail_back(
    steer: &Steer,
    evidence: &[Arc<Verdict>],
    served: usize,
    before: &Standing,
    barrier: impl Fn(&RegionId) -> Option<Wait>,
    now: Moment,
) -> Choice {
    let (mut chosen, mut waits) = (served, Vec::new());
    for (index, better) in evidence.iter().enumerate().take(served) {
        if better.state != State::Up || better.is_drained() || !is_candidate(evidence, index) {
            continue;
        }
        let kept = before.kept.then(|| Wait { to: better.region.clone(), hold: Hold::Kept, until: None });
        let forbidden = kept
            .or_else(|| forbid_failback(&better.region, better.since, steer, now))
            .or_else(|| before.flips.forbid(&better.region, steer, now))
            .or_else(|| barrier(&better.region));
        match forbidden {
            Some(wait) => waits.push(wait),
            None if better.steady => {
                chosen = index;
                break;
            }
            None => {} // its next probe says more
        }
    }
    Choice { wait: first_to_end(waits), ..stay(evidence, chosen) }
}

/// Puts the decision together; the epoch grows if and only if the answer is another one.
fn settle(
    steer: &Steer,
    before: Option<&Standing>,
    evidence: Vec<Arc<Verdict>>,
    choice: Choice,
    flips: Flips,
    order: Option<&Arc<Override>>,
    now: Moment,
) -> Decision {
    let verdict = &evidence[choice.index];
    let region = verdict.region.clone();
    let served = before.filter(|before| before.region == region).map(|before| &*before.addresses);
    let addresses: Arc<[IpAddr]> = match served.filter(|_| choice.rule == Rule::Frozen) {
        Some(served) => served.into(),
        None => verdict.serving(served).into(),
    };
    assert!(!addresses.is_empty(), "{} would be answered with nothing", steer.name());
    let ttl_rule = ttl_rule(steer, verdict, choice.wait.as_ref(), now);
    let ttl = match ttl_rule {
        TtlRule::Steady => steer.ttl,
        TtlRule::Suspect | TtlRule::ChangeDue => steer.ttl_suspect,
        TtlRule::Imminent => steer.ttl_suspect.min(Ttl::SECOND),
    };
    let (epoch, since, addresses) = match before {
        None => (1, now, addresses),
        Some(before) if before.region != region => (before.epoch + 1, now, addresses),
        Some(before) if before.addresses != addresses => (before.epoch + 1, before.since, addresses),
        Some(before) => (before.epoch, before.since, Arc::clone(&before.addresses)),
    };
    let (rule, wait, order) = (choice.rule, choice.wait, order.cloned());
    let derivation = Derivation { rule, evidence, wait, order, gates: Vec::new(), ttl_rule };
    let kept = before.is_some_and(|before| before.kept && before.region == region);
    let standing = Standing { region, addresses, epoch, since, flips, kept };
    Decision { names: Arc::clone(&steer.names), standing, ttl, derivation }
}

impl Decision {
    /// With what the gates show before the other regions.
    fn beside(mut self, steer: &Steer, facts: Facts<'_>, now: Moment) -> Decision {
        let served = self.derivation.verdict_on(&self.standing.region).cloned();
        let others = steer.regions.iter().filter(|region| **region != self.standing.region);
        let views = |region| facts.gates.views(steer, region, served.as_deref(), facts.verdicts, now);
        self.derivation.gates = others.flat_map(views).collect();
        self
    }
}

/// Short as long as the answer may change soon, so that caches have let go of it when it does.
fn ttl_rule(steer: &Steer, verdict: &Verdict, wait: Option<&Wait>, now: Moment) -> TtlRule {
    let within = |ttl: Ttl| {
        let until = wait.and_then(|wait| wait.until);
        let early = if is_planned(wait) { CACHES_ROUND } else { Duration::ZERO };
        until.is_some_and(|until| until.after(now) <= ttl.as_duration() + early)
    };
    let due = within(steer.ttl);
    if is_planned(wait) && within(steer.ttl_suspect) {
        TtlRule::Imminent
    } else if verdict.state != State::Up || verdict.is_suspect() {
        TtlRule::Suspect
    } else if due {
        TtlRule::ChangeDue
    } else {
        TtlRule::Steady
    }
}

fn is_planned(wait: Option<&Wait>) -> bool {
    wait.is_some_and(|wait| wait.hold == Hold::Switchover)
}
