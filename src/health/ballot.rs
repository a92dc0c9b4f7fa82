//! A vantage's own checks become its ballot on each address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::passes::{Calculation, Passes, Said};
use super::vote::worse;
use super::{Ballot, Check, CheckState, Doubt, Health, Region, Vote};
use crate::model::{CheckId, Moment, VantageId};

/// What a vantage says, by its own checks, about each address of a region that has checks, in the order of the
/// configuration.
#[must_use]
pub fn ballots_of(
    vantage: &VantageId,
    region: &Region,
    states: &BTreeMap<CheckId, CheckState>,
    now: Moment,
) -> Vec<Ballot> {
    let of_region = region.checks.iter().filter_map(|check| states.get(&check.id));
    let doubted_since = of_region.filter_map(CheckState::doubted_since).max();
    let ballot = |address: &IpAddr| {
        let (ballot, down_since) = ballot_of(vantage, region, *address, states, now);
        let predates_doubt = down_since.is_some_and(|down| doubted_since.is_some_and(|doubt| down <= doubt));
        Ballot { predates_doubt, ..ballot }
    };
    region.addresses.iter().map(ballot).collect()
}

/// What is said about one address, and since when it is down, if it is.
fn ballot_of(
    vantage: &VantageId,
    region: &Region,
    address: IpAddr,
    states: &BTreeMap<CheckId, CheckState>,
    now: Moment,
) -> (Ballot, Option<Moment>) {
    let of_address: Vec<(&Check, Option<&CheckState>)> = region
        .checks
        .iter()
        .filter(|check| check.covers(address))
        .map(|check| (check, states.get(&check.id)))
        .collect();
    let mut ballot = Ballot { vote: Vote::Up, awaits_witness: true, ..Ballot::absent(vantage) };
    for state in of_address.iter().filter_map(|(_, state)| *state) {
        ballot.isolated |= state.is_without_witness();
        ballot.awaits_witness &= !state.is_without_witness() || state.awaits_witness();
        ballot.trouble = ballot.trouble.take().or_else(|| state.trouble.clone());
        ballot.degraded = ballot.degraded.or(state.degraded);
    }
    ballot.awaits_witness &= ballot.isolated;
    let against = match &region.passes {
        Passes::All => all(&of_address, &mut ballot, now),
        Passes::Calculated(calculation) => calculated(calculation, &of_address, &mut ballot, now),
    };
    let last = |check: &(&Check, Option<&CheckState>)| check.1?.last.as_ref()?.failure.clone();
    let may_fail = |check: &&(&Check, Option<&CheckState>)| match &region.passes {
        Passes::All => true,
        Passes::Calculated(calculation) => !calculation.is_denied(check.0.id.probe),
    };
    ballot.failure = of_address.iter().filter(may_fail).find_map(last);
    let since = |probe: &u16| {
        let of_probe = of_address.iter().filter(|(check, _)| check.id.probe == *probe);
        of_probe.filter_map(|(_, state)| Some(state.as_ref()?.since)).max()
    };
    (ballot, against.iter().filter_map(since).max())
}

/// Every check must be up. The probes that are down.
fn all(of_address: &[(&Check, Option<&CheckState>)], ballot: &mut Ballot, now: Moment) -> Vec<u16> {
    let mut down = Vec::new();
    for (check, state) in of_address {
        let vote = vote_of(*state, check, now);
        ballot.vote = worse(ballot.vote, vote);
        ballot.suspect |= state.is_some_and(CheckState::is_suspect);
        if vote == Vote::Down {
            down.push(check.id.probe);
        }
    }
    down
}

/// What the calculation comes to. The probes that speak against the address.
fn calculated(
    calculation: &Calculation,
    of_address: &[(&Check, Option<&CheckState>)],
    ballot: &mut Ballot,
    now: Moment,
) -> Vec<u16> {
    let unproven = Vote::Unknown(Doubt::Unproven);
    let unsaid = Said { vote: unproven, pessimist: unproven, optimist: unproven };
    let said: BTreeMap<u16, Said> =
        of_address.iter().map(|(check, state)| (check.id.probe, said_by(*state, check, now))).collect();
    let of_probe = |probe: u16| said.get(&probe).copied().unwrap_or(unsaid);
    ballot.vote = calculation.vote(&|probe| of_probe(probe).vote);
    ballot.suspect = calculation.pessimist(&of_probe) != ballot.vote;
    calculation.against(&|probe| of_probe(probe).vote)
}

fn said_by(state: Option<&CheckState>, check: &Check, now: Moment) -> Said {
    let vote = vote_of(state, check, now);
    let fails = state.is_some_and(CheckState::is_suspect);
    let passes = state.is_some_and(|state| matches!(state.health, Health::Down { passes: 1.. }));
    Said {
        vote,
        pessimist: if fails { Vote::Down } else { vote },
        optimist: if passes && vote == Vote::Down { Vote::Up } else { vote },
    }
}

/// What a single check says.
fn vote_of(state: Option<&CheckState>, check: &Check, now: Moment) -> Vote {
    let Some(state) = state else { return Vote::Unknown(Doubt::Unproven) };
    if state.last.is_none() || state.is_stale(&check.rules, now) {
        return Vote::Unknown(match (&state.trouble, &state.last) {
            (Some(_), _) => Doubt::NotProbed,
            (None, None) => Doubt::Unproven,
            (None, Some(_)) => Doubt::Stale,
        });
    }
    if state.is_isolated(&check.rules) {
        return Vote::Unknown(Doubt::Isolated);
    }
    match state.health {
        Health::Unknown { .. } => Vote::Unknown(Doubt::Unproven),
        Health::Up { .. } => Vote::Up,
        Health::Down { .. } => Vote::Down,
    }
}
