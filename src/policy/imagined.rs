//! What the names would get if a verdict were another one: what an answer depends on, and what would change it.

use std::sync::Arc;
use std::time::Duration;

use super::decide::{Facts, Verdicts, decide};
use super::{Decision, Failback, Standing, Steer};
use crate::health::{Doubt, State, Verdict};
use crate::model::{Family, Moment, RegionId};

/// A turn that a region could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is proven down.
    GoesDown,
    /// It is proven up, as of now.
    ComesUp,
    /// Nobody knows any more.
    GoesUnknown,
}

/// A turn that a region could take, and what would be decided then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imagined {
    /// The region.
    pub region: RegionId,
    /// What happens to it.
    pub turn: Turn,
    /// The decision that follows, all else being as it is.
    pub decision: Decision,
}

/// What would be decided if a region took a turn: each turn of each region that would be news.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn imagine(steer: &Steer, before: &Standing, facts: Facts<'_>, now: Moment) -> Vec<Imagined> {
    let mut imagined = Vec::new();
    for region in probed(steer, facts) {
        for turn in [Turn::GoesDown, Turn::ComesUp, Turn::GoesUnknown] {
            let verdict = &facts.verdicts[region];
            let turned = turn.of(verdict, now);
            if turned.state != verdict.state {
                let decision = decided_with(steer, before, facts, turned, now);
                imagined.push(Imagined { region: region.clone(), turn, decision });
            }
        }
    }
    imagined
}

/// The regions whose verdict the answer of this moment depends on: with another one it would be another answer. Whatever
/// is believed of the others, alone or all together, the region, the addresses and the TTL stay.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn decisive(steer: &Steer, before: &Standing, facts: Facts<'_>, now: Moment) -> Vec<RegionId> {
    let answer = |decision: &Decision| {
        let Standing { region, addresses, .. } = &decision.standing;
        (region.clone(), Arc::clone(addresses), decision.ttl)
    };
    let ours = answer(&decide(steer, Some(before), facts, now));
    let differs = |verdict| answer(&decided_with(steer, before, facts, verdict, now)) != ours;
    let is_decisive = |region: &&RegionId| {
        **region == before.region || every(&facts.verdicts[*region], steer, now).into_iter().any(differs)
    };
    probed(steer, facts).filter(is_decisive).cloned().collect()
}

/// The regions about which anything can be believed: what is not probed counts as up for ever. The one in service is
/// among them in any case.
fn probed<'s>(steer: &'s Steer, facts: Facts<'s>) -> impl Iterator<Item = &'s RegionId> {
    let is_probed = move |region: &&RegionId| !facts.verdicts[*region].is_unprobed();
    steer.regions.iter().filter(is_probed)
}

fn decided_with(
    steer: &Steer,
    before: &Standing,
    facts: Facts<'_>,
    verdict: Verdict,
    now: Moment,
) -> Decision {
    let mut verdicts: Verdicts = facts.verdicts.clone();
    verdicts.insert(verdict.region.clone(), Arc::new(verdict));
    let mut with = facts;
    with.verdicts = &verdicts;
    decide(steer, Some(before), with, now)
}

impl Turn {
    /// The verdict after it.
    fn of(self, verdict: &Verdict, now: Moment) -> Verdict {
        match self {
            Turn::GoesDown => turned(verdict, State::Down, now),
            Turn::GoesUnknown => turned(verdict, State::Unknown, now),
            Turn::ComesUp => {
                let was_down = verdict.proven == Some(State::Down);
                let recovered = if was_down { Some(now) } else { verdict.recovered };
                Verdict { recovered, ..turned(verdict, State::Up, now) }
            }
        }
    }
}

/// The verdict with all its addresses in this state since a moment.
fn turned(verdict: &Verdict, state: State, since: Moment) -> Verdict {
    let mut turned = verdict.clone();
    let doubt = (state == State::Unknown).then_some(Doubt::Stale);
    (turned.state, turned.doubt, turned.since) = (state, doubt, since);
    turned.steady = state == State::Up;
    turned.proven = if state == State::Unknown { verdict.proven } else { Some(state) };
    for endpoint in &mut turned.endpoints {
        (endpoint.state, endpoint.doubt, endpoint.suspect) = (state, doubt, false);
    }
    turned
}

/// A verdict of each kind that a decision tells apart.
fn every(verdict: &Verdict, steer: &Steer, now: Moment) -> Vec<Verdict> {
    let long_ago = Moment::default();
    let up = |since, recovered| Verdict { recovered, ..turned(verdict, State::Up, since) };
    let fit = up(long_ago, None);
    let soon = steer.ttl.as_duration().min(Duration::from_secs(1));
    let due_soon = match steer.failback {
        Failback::Delayed(after) => up(now.before(after.saturating_sub(soon)), None),
        Failback::Auto | Failback::Manual => fit.clone(),
    };
    let mut degraded = fit.clone();
    for endpoint in &mut degraded.endpoints {
        if !degraded.families.contains(&Family::of(endpoint.address)) {
            endpoint.state = State::Down;
        }
    }
    let unsteady = Verdict { steady: false, ..fit.clone() };
    let young = up(now, Some(now));
    let just_grown_up = up(now, Some(now.before(steer.dwell)));
    let down = turned(verdict, State::Down, long_ago);
    let stale = turned(verdict, State::Unknown, long_ago);
    let unproven = Verdict { doubt: Some(Doubt::Unproven), ..stale.clone() };
    vec![fit, due_soon, degraded, unsteady, young, just_grown_up, down, stale, unproven]
}
