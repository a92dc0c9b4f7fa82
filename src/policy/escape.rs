//! Away from a region that is proven down: where to, and from when on.

use std::sync::Arc;

use super::choice::{Choice, stay};
use super::hold::{Hold, Wait, forbid_failback};
use super::{Failback, Rule, Steer};
use crate::health::{State, Verdict};
use crate::model::{Moment, RegionId};

/// What a region offers to a name that must leave its own; the best first.
///
/// | class      | steady | allowed by its failback rule | up for `dwell` since it was down |
/// |------------|--------|------------------------------|----------------------------------|
/// | fit        | yes    | yes                          | yes                              |
/// | unapproved | yes    | no                           | yes                              |
/// | suspect    | no     |                              | yes                              |
/// | young      |        |                              | no                               |
/// | drained    |        |                              |                                  |
///
/// A fully healthy region comes before a degraded one of its class, a more preferred one before a less preferred one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Fit,
    Unapproved,
    Suspect,
    Young,
    Drained,
}

/// Escapes from the region in service, which is down. No flip limit and no dwell of the name applies. A region that has
/// itself come up only now is taken when it has been up for `dwell`, if there is no other. No gate is passed that bars:
/// that is the operator's own word against the move.
pub(super) fn escape(
    steer: &Steer,
    evidence: &[Arc<Verdict>],
    served: usize,
    barrier: impl Fn(&RegionId) -> Option<Wait>,
    now: Moment,
) -> Choice {
    match target(steer, evidence, served, &barrier, now) {
        Target::Open(Class::Young, index) => held(steer, &evidence[index], served),
        Target::Open(_, index) => stay(evidence, index),
        Target::Barred(wait) => Choice { index: served, rule: Rule::Held, wait: Some(wait) },
        Target::None => unproven(steer, evidence, served, barrier),
    }
}

/// Leaves the region in service, which is drained, for one that is up and not drained itself.
pub(super) fn leave(
    steer: &Steer,
    evidence: &[Arc<Verdict>],
    served: usize,
    barrier: impl Fn(&RegionId) -> Option<Wait>,
    now: Moment,
) -> Choice {
    match target(steer, evidence, served, barrier, now) {
        Target::Open(Class::Fit | Class::Unapproved | Class::Suspect, index) => stay(evidence, index),
        Target::Open(Class::Young, index) => {
            Choice { rule: Rule::Draining, ..held(steer, &evidence[index], served) }
        }
        Target::Barred(wait) => Choice { index: served, rule: Rule::Draining, wait: Some(wait) },
        Target::Open(Class::Drained, _) | Target::None => {
            Choice { index: served, rule: Rule::Draining, wait: None }
        }
    }
}

/// Of several holds the first to end; one that never ends by itself comes last.
pub(super) fn first_to_end(waits: impl IntoIterator<Item = Wait>) -> Option<Wait> {
    waits.into_iter().min_by_key(|wait| (wait.until.is_none(), wait.until))
}

/// Where names could go.
enum Target {
    Open(Class, usize),
    /// A gate stands before each region that is up.
    Barred(Wait),
    None,
}

/// The best region that is up, other than the one in service.
fn target(
    steer: &Steer,
    evidence: &[Arc<Verdict>],
    served: usize,
    barrier: impl Fn(&RegionId) -> Option<Wait>,
    now: Moment,
) -> Target {
    let others = (0..evidence.len()).filter(|index| *index != served);
    let up = others.filter(|index| evidence[*index].state == State::Up && is_candidate(evidence, *index));
    let (open, barred): (Vec<_>, Vec<_>) =
        up.map(|index| (index, barrier(&evidence[index].region))).partition(|(_, wait)| wait.is_none());
    let ranked = open.into_iter().map(|(index, _)| (class(steer, evidence, index, served, now), index));
    let best = ranked.min_by_key(|(class, index)| {
        let young_until = evidence[*index].recovered.filter(|_| *class == Class::Young);
        (*class, young_until, evidence[*index].is_degraded(), *index)
    });
    // Of those behind a gate, one that is drained would not be taken either.
    let free = |(index, wait): (usize, Option<Wait>)| wait.filter(|_| !evidence[index].is_drained());
    match (best, first_to_end(barred.into_iter().filter_map(free))) {
        (Some((Class::Drained, _)), Some(wait)) | (None, Some(wait)) => Target::Barred(wait),
        (Some((class, index)), _) => Target::Open(class, index),
        (None, None) => Target::None,
    }
}

/// Onto the first region that nothing is known about, if the operator accepts that and no gate bars.
fn unproven(
    steer: &Steer,
    evidence: &[Arc<Verdict>],
    served: usize,
    barrier: impl Fn(&RegionId) -> Option<Wait>,
) -> Choice {
    let Some(index) = accepted(steer, evidence) else { return stay(evidence, served) };
    match barrier(&evidence[index].region) {
        Some(wait) => Choice { index: served, rule: Rule::Held, wait: Some(wait) },
        None => stay(evidence, index),
    }
}

/// Whether a region may be considered at all: one that is not probed is a last resort, for when all that are preferred
/// to it are proven down.
pub(super) fn is_candidate(evidence: &[Arc<Verdict>], index: usize) -> bool {
    let proven_down = |verdict: &Arc<Verdict>| verdict.state == State::Down;
    !evidence[index].is_unprobed() || evidence[..index].iter().all(proven_down)
}

fn class(steer: &Steer, evidence: &[Arc<Verdict>], index: usize, served: usize, now: Moment) -> Class {
    let region = &evidence[index];
    if region.is_drained() {
        Class::Drained
    } else if region.is_young(steer.dwell, now) {
        Class::Young
    } else if !region.steady {
        Class::Suspect
    } else if is_allowed(steer, region, index < served, now) {
        Class::Fit
    } else {
        Class::Unapproved
    }
}

/// Whether the failback rule lets the region take over: one that is preferred to the region in service by the rule
/// itself, any other unless it was down too recently.
fn is_allowed(steer: &Steer, region: &Verdict, is_better: bool, now: Moment) -> bool {
    if is_better {
        return forbid_failback(&region.region, region.since, steer, now).is_none();
    }
    match steer.failback {
        Failback::Delayed(after) => !region.is_young(after, now),
        Failback::Auto | Failback::Manual => true,
    }
}

fn held(steer: &Steer, target: &Verdict, served: usize) -> Choice {
    let until = target.recovered.map(|recovered| recovered + steer.dwell);
    let wait = Wait { to: target.region.clone(), hold: Hold::Dwell, until };
    Choice { index: served, rule: Rule::Held, wait: Some(wait) }
}

/// The first region that nothing is known about, if the operator prefers that to one that is down.
fn accepted(steer: &Steer, evidence: &[Arc<Verdict>]) -> Option<usize> {
    let unknown = evidence.iter().position(|verdict| verdict.state == State::Unknown);
    unknown.filter(|_| steer.accepts_unproven)
}
