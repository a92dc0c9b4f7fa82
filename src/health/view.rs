//! What several vantages say about one endpoint, and what they agree on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Check, CheckState, Failure, Health, Region, State};
use crate::model::{CheckId, Moment, VantageId};

/// All that one vantage has seen.
#[derive(Debug, Clone, Copy)]
pub struct View<'m> {
    /// Who looked.
    pub vantage: &'m VantageId,
    /// What it believes about each check, as of the moment in each of them.
    pub states: &'m BTreeMap<CheckId, CheckState>,
}

/// Why a vantage cannot say whether an endpoint is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Too few probes yet.
    Unproven,
    /// No fresh probe: the prober is late or stuck.
    Stale,
    /// It fails, but so does everything else: our own network is suspected.
    Isolated,
    /// Too few vantages say the same.
    Divided,
}

/// What one vantage says about one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// All its checks are up.
    Up,
    /// One of its checks is down.
    Down,
    /// It cannot say.
    Unknown(Doubt),
}

/// A vote and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Whose.
    pub vantage: VantageId,
    /// What it says.
    pub vote: Vote,
    /// A check that it rests on is failing just now, though not yet down.
    pub suspect: bool,
    /// Why the check that speaks against the endpoint failed last.
    pub failure: Option<Failure>,
    /// When the oldest of its checks was last seen.
    pub seen: Option<Moment>,
}

impl View<'_> {
    /// What this vantage says about an address of a region that has checks.
    #[must_use]
    pub fn vote(&self, region: &Region, address: IpAddr, now: Moment) -> Ballot {
        let mut ballot = Ballot {
            vantage: self.vantage.clone(),
            vote: Vote::Up,
            suspect: false,
            failure: None,
            seen: None,
        };
        for check in region.checks.iter().filter(|check| check.covers(address)) {
            let Some(state) = self.states.get(&check.id) else {
                ballot.vote = worse(ballot.vote, Vote::Unknown(Doubt::Unproven));
                continue;
            };
            ballot.vote = worse(ballot.vote, vote_of(state, check, now));
            if let Some(seen) = &state.last {
                ballot.suspect |= state.health.failures() > 0;
                ballot.failure = ballot.failure.take().or_else(|| seen.failure.clone());
                ballot.seen = Some(ballot.seen.map_or(seen.at, |at| at.min(seen.at)));
            }
        }
        ballot
    }
}

/// What a single check says.
fn vote_of(state: &CheckState, check: &Check, now: Moment) -> Vote {
    if state.last.is_none() {
        return Vote::Unknown(Doubt::Unproven);
    }
    if state.is_stale(&check.rules, now) {
        return Vote::Unknown(Doubt::Stale);
    }
    match state.health {
        Health::Unknown { failures, .. } | Health::Up { failures } if failures >= check.rules.fall => {
            // Nobody has looked elsewhere meanwhile, or everything else failed as well.
            Vote::Unknown(if state.is_doubtful() { Doubt::Isolated } else { Doubt::Unproven })
        }
        Health::Unknown { .. } => Vote::Unknown(Doubt::Unproven),
        Health::Up { .. } => Vote::Up,
        Health::Down { .. } => Vote::Down,
    }
}

/// One check that is down decides; one in doubt outweighs those that are up.
fn worse(a: Vote, b: Vote) -> Vote {
    match (a, b) {
        (Vote::Down, _) | (_, Vote::Down) => Vote::Down,
        (Vote::Unknown(a), Vote::Unknown(b)) => Vote::Unknown(a.max(b)),
        (Vote::Unknown(doubt), Vote::Up) | (Vote::Up, Vote::Unknown(doubt)) => Vote::Unknown(doubt),
        (Vote::Up, Vote::Up) => Vote::Up,
    }
}

/// What a majority of all vantages says; without one, nobody knows.
///
/// Vantages that cannot say count as members, not as votes: too few fresh ones freeze, they never flip.
pub(super) fn agree(ballots: &[Ballot]) -> (State, Option<Doubt>) {
    let quorum = ballots.len() / 2 + 1;
    let count = |vote: Vote| ballots.iter().filter(|ballot| ballot.vote == vote).count();
    if count(Vote::Down) >= quorum {
        return (State::Down, None);
    }
    if count(Vote::Up) >= quorum {
        return (State::Up, None);
    }
    let doubts = ballots.iter().filter_map(|ballot| match ballot.vote {
        Vote::Unknown(doubt) => Some(doubt),
        Vote::Up | Vote::Down => None,
    });
    (State::Unknown, Some(doubts.max().unwrap_or(Doubt::Divided)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `U` up, `D` down, `?` cannot say: one letter a vantage, and what they agree on.
    fn check(votes: &str, agreed: State) {
        let ballots: Vec<Ballot> = votes
            .chars()
            .map(|vote| Ballot {
                vantage: "v".into(),
                vote: match vote {
                    'U' => Vote::Up,
                    'D' => Vote::Down,
                    _ => Vote::Unknown(Doubt::Stale),
                },
                suspect: false,
                failure: None,
                seen: None,
            })
            .collect();
        assert_eq!(agree(&ballots).0, agreed, "{votes}");
    }

    #[test]
    fn a_majority_of_all_members_decides() {
        check("U", State::Up);
        check("D", State::Down);
        check("?", State::Unknown);
        check("DD", State::Down);
        check("UD", State::Unknown);
        check("D?", State::Unknown);
        check("DDU", State::Down);
        check("DD?", State::Down);
        check("UU?", State::Up);
        check("D??", State::Unknown);
        check("UD?", State::Unknown);
    }
}
