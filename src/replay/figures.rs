//! What a course is worth, by hindsight.

use std::time::Duration;

use super::course::{Course, Stay};
use super::hindsight::Hindsight;
use super::spans::Spans;
use crate::controller::Parameters;
use crate::model::{Moment, Name};
use crate::policy::{Steer, budget, kept};

/// What a course meant for the clients of one steer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The name, or the first of a group.
    pub name: Name,
    /// Changes of region.
    pub flips: usize,
    /// Those that left a region which was not dead, for a less preferred one.
    pub false_flips: Vec<Stay>,
    /// For how long a dead region was answered.
    pub answered_dead: Duration,
    /// For how long a client whose cache keeps to the TTL may have been sent to a dead region: the last client.
    pub downtime: Duration,
    /// Of that, for how long no region was alive.
    pub hopeless: Duration,
    /// The failover budget of these settings; none without a failover.
    pub budget: Option<Duration>,
}

/// The figures of each steer.
#[must_use]
pub fn figures(course: &Course, hindsight: &Hindsight, parameters: &Parameters) -> Vec<Figures> {
    let each = course.stays.iter().zip(&parameters.steers);
    each.map(|(stays, steer)| of_steer(course, stays, hindsight, steer, parameters)).collect()
}

fn of_steer(
    course: &Course,
    stays: &[Stay],
    hindsight: &Hindsight,
    steer: &Steer,
    parameters: &Parameters,
) -> Figures {
    let ends = stays.iter().skip(1).map(|stay| stay.from).chain([course.until]);
    let (mut answered, mut cached) = (Spans::default(), Vec::new());
    for (stay, until) in stays.iter().zip(ends) {
        let dead = hindsight.dead(&stay.region);
        if dead == Spans::default() {
            continue;
        }
        let let_go = (until + kept(stay.ttl)).min(course.until);
        answered = answered.or(&dead.and(&Spans::of([(stay.from, until)])));
        cached.extend(dead.and(&Spans::of([(stay.from, let_go)])).iter());
    }
    let cached = Spans::of(cached);
    let mut regions = steer.regions.iter().map(|region| hindsight.dead(region));
    let first = regions.next().unwrap_or_default();
    let hopeless = regions.fold(first, |dead, other| dead.and(&other));
    let moves = || stays.windows(2).filter(|pair| pair[0].region != pair[1].region);
    let rank = |stay: &Stay| steer.regions.iter().position(|region| *region == stay.region);
    let is_false = |pair: &&[Stay]| {
        let is_escape = rank(&pair[1]) > rank(&pair[0]);
        is_escape && !was_dead(hindsight, &pair[0], pair[1].from)
    };
    Figures {
        name: steer.name().clone(),
        flips: moves().count(),
        false_flips: moves().filter(is_false).map(|pair| pair[1].clone()).collect(),
        answered_dead: answered.total(),
        downtime: cached.total(),
        hopeless: cached.and(&hopeless).total(),
        budget: budget(steer, &parameters.regions).map(|budget| budget.total),
    }
}

fn was_dead(hindsight: &Hindsight, left: &Stay, at: Moment) -> bool {
    hindsight.dead(&left.region).contains(at)
}
