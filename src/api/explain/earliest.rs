//! When a region could turn at the earliest, by the next probes of this node: found out with a copy of what is known.

use std::net::IpAddr;

use crate::controller::{Controller, Parameters};
use crate::health::{
    Check, CheckState, Failure, Observation, ProbeOutcome, Region, State, Testimony, Timings, Verdict,
};
use crate::model::{Family, Moment, RegionId, VantageId};

/// No check takes more probes than this to turn.
const PROBES_MAX: u32 = 1000;

/// When a region could be proven down, or up, at the earliest. None where other nodes vote as well, or nothing probes it.
pub(super) fn earliest(controller: &Controller, region: &RegionId, up: bool, now: Moment) -> Option<Moment> {
    let parameters = controller.parameters();
    let region = parameters.regions.iter().find(|known| known.id == *region)?;
    if parameters.members.len() > 1 || region.checks.is_empty() {
        return None;
    }
    let of_family = |family: &Family| of_family(controller, parameters, region, *family, up, now);
    let turns = region.families.iter().map(of_family);
    if up { turns.collect::<Option<Vec<Moment>>>()?.into_iter().max() } else { turns.flatten().min() }
}

/// When one of a region's addresses could be proven down, or up, at the earliest: one of those that are not. None as for
/// [`earliest`], and when there is no such address.
pub(super) fn earliest_of_one(
    controller: &Controller,
    verdict: &Verdict,
    up: bool,
    now: Moment,
) -> Option<Moment> {
    let parameters = controller.parameters();
    let region = parameters.regions.iter().find(|known| known.id == verdict.region)?;
    if parameters.members.len() > 1 {
        return None;
    }
    let opposite = if up { State::Down } else { State::Up };
    let addresses = verdict.endpoints.iter().filter(|endpoint| endpoint.state == opposite);
    let turns = addresses
        .map(|endpoint| of_address(controller, &parameters.vantage, region, endpoint.address, up, now));
    turns.flatten().min()
}

/// A family is up with the last address that it needs, and down with the last that it cannot do without.
fn of_family(
    controller: &Controller,
    parameters: &Parameters,
    region: &Region,
    family: Family,
    up: bool,
    now: Moment,
) -> Option<Moment> {
    let addresses: Vec<IpAddr> = region.addresses_of(family).collect();
    let needed = region.min_up.of(addresses.len());
    let turn = |address: &IpAddr| of_address(controller, &parameters.vantage, region, *address, up, now);
    let mut turns: Vec<Moment> = addresses.iter().filter_map(turn).collect();
    turns.sort_unstable();
    let decisive = if up { needed } else { addresses.len() - needed + 1 };
    turns.get(decisive.checked_sub(1)?).copied()
}

/// An address is down with its first check, and up with its last.
fn of_address(
    controller: &Controller,
    vantage: &VantageId,
    region: &Region,
    address: IpAddr,
    up: bool,
    now: Moment,
) -> Option<Moment> {
    let checks = region.checks.iter().filter(|check| check.covers(address));
    let turn = |check: &Check| of_check(controller.states().get(&check.id)?, vantage, check, up, now);
    let turns = checks.map(turn);
    if up { turns.collect::<Option<Vec<Moment>>>()?.into_iter().max() } else { turns.flatten().min() }
}

/// After how many probes a check turns, the first of which may end just now.
fn of_check(state: &CheckState, vantage: &VantageId, check: &Check, up: bool, now: Moment) -> Option<Moment> {
    let (wanted, outcome) = match up {
        true => (State::Up, ProbeOutcome::Pass),
        false => (State::Down, ProbeOutcome::Heard(Failure::Refused)),
    };
    let (check_id, vantage, timings) = (check.id.clone(), vantage.clone(), Timings::default());
    let probe = Observation { check: check_id, vantage, outcome, timings, certificate_expires: None };
    let mut state = state.clone();
    let mut ends = (0..PROBES_MAX).map(|number| now + check.rules.recheck * number);
    if state.health.state() == wanted {
        return Some(now);
    }
    ends.find(|at| {
        state.observe(&probe, &check.rules, Testimony::Counts, *at);
        state.health.state() == wanted
    })
}
