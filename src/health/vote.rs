//! What a vantage says about one address, and what several vantages agree on.

use serde::{Deserialize, Serialize};

use super::{Degradation, Failure, State};
use crate::model::VantageId;

/// Why a vantage cannot say whether an endpoint is up; the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// It fails in silence, and nothing else was heard meanwhile: our own network is suspected.
    Isolated,
    /// We cannot probe it: no route, no such address family here, no descriptor.
    NotProbed,
    /// Too few probes yet.
    Unproven,
    /// No fresh probe: the prober is late or stands still, or the vantage is not heard of.
    Stale,
    /// Too few vantages say the same.
    Divided,
}

impl Doubt {
    /// Whether it is our own trouble with one address: it has no say where another address of the region is proven.
    /// Otherwise the question stays open, for a prober that stands still must not condemn.
    #[must_use]
    pub fn abstains(self) -> bool {
        matches!(self, Doubt::Isolated | Doubt::NotProbed)
    }
}

/// What one vantage says about one endpoint, or about a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// All its checks are up, or as many as it takes.
    Up,
    /// One of its checks is down, or as many as it takes.
    Down,
    /// It cannot say.
    Unknown(Doubt),
}

impl Vote {
    /// Whether it rests on evidence.
    #[must_use]
    pub fn is_proven(self) -> bool {
        matches!(self, Vote::Up | Vote::Down)
    }
}

/// A vote on an endpoint, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Whose.
    pub vantage: VantageId,
    /// What it says.
    pub vote: Vote,
    /// A check that it rests on is failing just now, though not yet down.
    pub suspect: bool,
    /// The last probe of a check was silent, and nothing else was heard: whatever the vote says, it is no proof that our
    /// network works now.
    #[serde(default)]
    pub isolated: bool,
    /// It is isolated only until other places have been probed: they were not since that probe began. So it proves nothing
    /// new, and what the vote says stands.
    #[serde(default)]
    pub awaits_witness: bool,
    /// It was down before an address of the region came into doubt that we cannot judge for a reason of our own: it
    /// says nothing about that one.
    #[serde(default)]
    pub predates_doubt: bool,
    /// Why the check that speaks against the endpoint failed last.
    pub failure: Option<Failure>,
    /// Our own trouble with probing it.
    pub trouble: Option<String>,
    /// Why it is worse than another, though it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degradation>,
}

impl Ballot {
    /// Of a vantage that has not been heard of lately.
    #[must_use]
    pub fn absent(vantage: &VantageId) -> Ballot {
        let vote = Vote::Unknown(Doubt::Stale);
        let vantage = vantage.clone();
        let (suspect, isolated, awaits_witness, predates_doubt) = (false, false, false, false);
        Ballot {
            vantage,
            vote,
            suspect,
            isolated,
            awaits_witness,
            predates_doubt,
            failure: None,
            trouble: None,
            degraded: None,
        }
    }

    /// Whether it says something that bears on addresses which we cannot judge, and the last probe that it rests on does
    /// not cast doubt on it.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.vote.is_proven() && (!self.isolated || self.awaits_witness) && !self.predates_doubt
    }
}

/// What is down decides; what is in doubt outweighs what is up.
pub(super) fn worse(a: Vote, b: Vote) -> Vote {
    match (a, b) {
        (Vote::Down, _) | (_, Vote::Down) => Vote::Down,
        (Vote::Unknown(a), Vote::Unknown(b)) => Vote::Unknown(a.max(b)),
        (Vote::Unknown(doubt), Vote::Up) | (Vote::Up, Vote::Unknown(doubt)) => Vote::Unknown(doubt),
        (Vote::Up, Vote::Up) => Vote::Up,
    }
}

/// What the voters agree on, each of them with one vote whether it was heard of or not.
///
/// To leave takes a majority of all voters, for an absent one has not said that anything is down. To enter takes more
/// than half of those that are fresh, and one at least. Otherwise nothing is agreed, and nothing changes.
pub(super) fn agree(votes: &[Vote]) -> (State, Option<Doubt>) {
    let count = |wanted: Vote| votes.iter().filter(|vote| **vote == wanted).count();
    let (up, down) = (count(Vote::Up), count(Vote::Down));
    let fresh = votes.len() - count(Vote::Unknown(Doubt::Stale));
    if down * 2 > votes.len() {
        return (State::Down, None);
    }
    if up * 2 > fresh {
        return (State::Up, None);
    }
    let doubts = votes.iter().filter_map(|vote| match vote {
        Vote::Unknown(doubt) => Some(*doubt),
        Vote::Up | Vote::Down => None,
    });
    let divided = up > 0 && down > 0;
    let doubt = if divided { Doubt::Divided } else { doubts.max().unwrap_or(Doubt::Divided) };
    (State::Unknown, Some(doubt))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `U` up, `D` down, `?` cannot say, `-` was not heard of: one letter a voter, and what they agree on.
    fn check(letters: &str, agreed: State) {
        let vote = |letter| match letter {
            'U' => Vote::Up,
            'D' => Vote::Down,
            '?' => Vote::Unknown(Doubt::Isolated),
            _ => Vote::Unknown(Doubt::Stale),
        };
        let votes: Vec<Vote> = letters.chars().map(vote).collect();
        assert_eq!(agree(&votes).0, agreed, "{letters}");
    }

    #[test]
    fn one_voter_decides_alone() {
        check("U", State::Up);
        check("D", State::Down);
        check("?", State::Unknown);
        check("-", State::Unknown);
    }

    #[test]
    fn to_leave_takes_a_majority_of_all_voters() {
        check("DD", State::Down);
        check("D-", State::Unknown);
        check("DDU", State::Down);
        check("DD-", State::Down);
        check("D--", State::Unknown);
        check("D?-", State::Unknown);
    }

    #[test]
    fn to_enter_takes_more_than_half_of_the_fresh_ones() {
        check("UU-", State::Up);
        check("U--", State::Up);
        check("UU?", State::Up);
        check("U?-", State::Unknown);
        check("U??", State::Unknown);
    }

    #[test]
    fn otherwise_nothing_is_agreed() {
        check("UD", State::Unknown);
        check("UD-", State::Unknown);
        check("UD?", State::Unknown);
    }
}
