//! A region's verdict: what the vantages agree on about each address and about the region as a whole.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::family::region_vote;
use super::vote::{Ballot, Doubt, Vote, agree};
use super::{Degradation, Failure, MinUp, Region, Says, State, Word};
use crate::model::{Family, Moment, RegionId, VantageId};

/// The agreed view of an endpoint, and who said what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointVerdict {
    /// Its address.
    pub address: IpAddr,
    /// What is agreed.
    pub state: State,
    /// Why nothing is agreed, when nothing is.
    pub doubt: Option<Doubt>,
    /// A voter sees it fail just now, though it is not down.
    pub suspect: bool,
    /// Why it is worse than another, though it is up: most voters that see it up say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degradation>,
    /// One ballot a voter; empty for a region that is not probed.
    pub ballots: Vec<Ballot>,
    /// What an operator says of it.
    #[serde(default)]
    pub word: Option<Arc<Word>>,
}

impl EndpointVerdict {
    /// Whether an operator wants it left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.word.as_ref().is_some_and(|word| word.says == Says::Drained)
    }

    /// Whether an operator has taken it out of the answer.
    fn is_withdrawn(&self) -> bool {
        self.word.as_ref().is_some_and(|word| word.says != Says::Up)
    }
}

/// What one voter says about a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionVote {
    /// Whose.
    pub vantage: VantageId,
    /// What it says.
    pub vote: Vote,
}

/// The agreed view of a region, with the evidence that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose.
    pub region: RegionId,
    /// What is agreed.
    pub state: State,
    /// Why nothing is agreed, when nothing is.
    pub doubt: Option<Doubt>,
    /// Since when it has been this.
    pub since: Moment,
    /// The last state that was proven: up or down.
    pub proven: Option<State>,
    /// When it last came up after it had been proven down.
    pub recovered: Option<Moment>,
    /// It would be up without the endpoints that fail just now.
    pub steady: bool,
    /// The families that it needs.
    pub families: Vec<Family>,
    /// How many addresses of its needed families must be up: of the first of them.
    pub needed: usize,
    /// The same for each family, as configured.
    pub min_up: MinUp,
    /// One vote a voter; empty for a region that is not probed.
    pub votes: Vec<RegionVote>,
    /// All its endpoints, as configured.
    pub endpoints: Vec<EndpointVerdict>,
    /// What an operator says of it.
    #[serde(default)]
    pub word: Option<Arc<Word>>,
}

impl Verdict {
    /// How many endpoints are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.endpoints.iter().filter(|endpoint| endpoint.state == state).count()
    }

    /// Whether an endpoint that counts as working is failing just now: a change may be near.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.suspect && endpoint.state != State::Down)
    }

    /// Whether nothing probes it: then it counts as up, as a place of last resort.
    #[must_use]
    pub fn is_unprobed(&self) -> bool {
        self.votes.is_empty()
    }

    /// The families that it does not need and that are all down though the region is up.
    #[must_use]
    pub fn degraded(&self) -> Vec<Family> {
        let all_down = |family: &Family| {
            let mut of_family = self.endpoints_of(*family).peekable();
            of_family.peek().is_some() && of_family.all(|endpoint| endpoint.state == State::Down)
        };
        let unneeded = Family::ALL.into_iter().filter(|family| !self.families.contains(family));
        unneeded.filter(|family| self.state == State::Up && all_down(family)).collect()
    }

    /// Its addresses that are up and worse than they should be, each with the reason.
    pub fn degraded_endpoints(&self) -> impl Iterator<Item = (IpAddr, Degradation)> {
        self.endpoints.iter().filter_map(|endpoint| Some((endpoint.address, endpoint.degraded?)))
    }

    /// Whether a region that is fully healthy is to be preferred to it.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        !self.degraded().is_empty() || self.degraded_endpoints().next().is_some()
    }

    /// Whether it came up again so lately, after it was down, that it may go down once more.
    #[must_use]
    pub fn is_young(&self, dwell: Duration, now: Moment) -> bool {
        self.recovered.is_some_and(|recovered| recovered + dwell > now)
    }

    pub(super) fn endpoints_of(&self, family: Family) -> impl Iterator<Item = &EndpointVerdict> {
        self.endpoints.iter().filter(move |endpoint| Family::of(endpoint.address) == family)
    }

    /// Why an endpoint that is down or suspect failed last; one of a family that is needed, if there is any.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.first_of_ballots(|ballot| ballot.failure.as_ref())
    }

    /// What keeps us from probing an endpoint; likewise.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.first_of_ballots(|ballot| ballot.trouble.as_deref())
    }

    fn first_of_ballots<'v, T: ?Sized>(&'v self, of: impl Fn(&'v Ballot) -> Option<&'v T>) -> Option<&'v T> {
        let is_needed = |endpoint: &&EndpointVerdict| self.families.contains(&Family::of(endpoint.address));
        let needed = self.endpoints.iter().filter(is_needed);
        let all = needed.chain(&self.endpoints).flat_map(|endpoint| &endpoint.ballots);
        all.filter_map(of).next()
    }

    /// The addresses to serve from this region, `before` being those that are served from it already; never empty
    /// for a family that it has.
    ///
    /// A region that is not down serves what is up, and what is not known as far as it was served. A region that is
    /// down serves everything, for then it is held for want of a better one, and half of its capacity would be less. A
    /// family of which nothing is known to be up stays as it was: an empty answer would be cached. An address that an
    /// operator has drained or forced down is served only where its family has no other.
    #[must_use]
    pub fn serving(&self, before: Option<&[IpAddr]>) -> Vec<IpAddr> {
        let mut serving = Vec::with_capacity(self.endpoints.len());
        for family in Family::ALL {
            let members: Vec<&EndpointVerdict> = self.endpoints_of(family).collect();
            let offered: Vec<_> =
                members.iter().filter(|endpoint| !endpoint.is_withdrawn()).copied().collect();
            serving.extend(self.serving_of(if offered.is_empty() { &members } else { &offered }, before));
        }
        serving
    }

    fn serving_of(&self, members: &[&EndpointVerdict], before: Option<&[IpAddr]>) -> Vec<IpAddr> {
        let with = |wanted: &dyn Fn(&EndpointVerdict) -> bool| -> Vec<IpAddr> {
            members.iter().filter(|endpoint| wanted(endpoint)).map(|endpoint| endpoint.address).collect()
        };
        let served = |endpoint: &EndpointVerdict| before.is_none_or(|b| b.contains(&endpoint.address));
        let some_up = members.iter().any(|endpoint| endpoint.state == State::Up);
        let chosen = if self.state == State::Down {
            Vec::new()
        } else if some_up {
            with(&|endpoint| match endpoint.state {
                State::Up => true,
                State::Unknown => served(endpoint),
                State::Down => false,
            })
        } else {
            with(&served)
        };
        if chosen.is_empty() { with(&|_| true) } else { chosen }
    }
}

/// As an operator reads it after the region's name.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(word) = &self.word {
            return write!(f, "{word}");
        }
        let (up, total) = (self.count(State::Up), self.endpoints.len());
        if self.is_unprobed() {
            return f.write_str("up: not probed");
        }
        write!(f, "{}: {up}/{total} up", self.state)?;
        if self.state == State::Down {
            write!(f, ", {} needed", self.needed)?;
        }
        match self.doubt {
            Some(Doubt::Unproven) => f.write_str(", too few probes yet")?,
            Some(Doubt::Stale) => f.write_str(", no fresh probe")?,
            Some(Doubt::Isolated) => f.write_str(", nothing answers us: our own network?")?,
            Some(Doubt::NotProbed) => {
                write!(f, ", not probed, because {}", self.trouble().unwrap_or("it cannot be"))?;
            }
            Some(Doubt::Divided) => f.write_str(", the vantages disagree")?,
            None => {}
        }
        for family in self.degraded() {
            write!(f, ", degraded: {family} all down")?;
        }
        if let Some((address, why)) = self.degraded_endpoints().next() {
            write!(f, ", degraded: {address}: {why}")?;
        }
        match self.failure() {
            Some(failure) if self.state == State::Up => write!(f, ", failing: {failure}"),
            Some(failure) => write!(f, ", {failure}"),
            None => Ok(()),
        }
    }
}

/// Judges a region from what its voters say: for each of them one ballot on each address, in the order of the
/// configuration. `before` is the last verdict, which tells since when.
#[must_use]
pub fn judge(region: &Region, voters: &[Vec<Ballot>], before: Option<&Verdict>, now: Moment) -> Verdict {
    let voters = if region.checks.is_empty() { &[] } else { voters };
    let votes: Vec<RegionVote> = voters.iter().filter_map(|ballots| vote_on(region, ballots)).collect();
    let (state, doubt) = agreed(votes.iter().map(|vote| vote.vote));
    let without_suspects = voters.iter().map(|ballots| region_vote(region, &without_suspects(ballots)));
    let steady = agreed(without_suspects).0 == State::Up;
    let endpoints = (0..).zip(&region.addresses).map(|(index, address)| endpoint(*address, index, voters));
    let proven = Some(state).filter(|state| *state != State::Unknown);
    let was_proven = before.and_then(|before| before.proven);
    let recovered = match (was_proven, state) {
        (Some(State::Down), State::Up) => Some(now),
        _ => before.and_then(|before| before.recovered),
    };
    let first = region.families.first().map_or(0, |family| region.addresses_of(*family).count());
    Verdict {
        region: region.id.clone(),
        state,
        doubt,
        since: before.filter(|before| before.state == state).map_or(now, |before| before.since),
        proven: proven.or(was_proven),
        recovered,
        steady,
        families: region.families.clone(),
        needed: region.min_up.of(first),
        min_up: region.min_up,
        votes,
        endpoints: endpoints.collect(),
        word: None,
    }
}

/// What the voters agree on; a region that has none is not probed, and counts as up.
fn agreed(votes: impl Iterator<Item = Vote>) -> (State, Option<Doubt>) {
    let votes: Vec<Vote> = votes.collect();
    if votes.is_empty() { (State::Up, None) } else { agree(&votes) }
}

/// The same ballots, as if every endpoint that fails just now were down.
fn without_suspects(ballots: &[Ballot]) -> Vec<Ballot> {
    let ballot = |ballot: &Ballot| match ballot.vote {
        Vote::Up if ballot.suspect => Ballot { vote: Vote::Down, ..ballot.clone() },
        Vote::Up | Vote::Down | Vote::Unknown(_) => ballot.clone(),
    };
    ballots.iter().map(ballot).collect()
}

fn vote_on(region: &Region, ballots: &[Ballot]) -> Option<RegionVote> {
    let vantage = ballots.first()?.vantage.clone();
    Some(RegionVote { vantage, vote: region_vote(region, ballots) })
}

fn endpoint(address: IpAddr, index: usize, voters: &[Vec<Ballot>]) -> EndpointVerdict {
    let ballots: Vec<Ballot> = voters.iter().filter_map(|ballots| ballots.get(index)).cloned().collect();
    let (state, doubt) = agreed(ballots.iter().map(|ballot| ballot.vote));
    let suspect = ballots.iter().any(|ballot| ballot.suspect);
    let degraded = if state == State::Up { agreed_grade(&ballots) } else { None };
    EndpointVerdict { address, state, doubt, suspect, degraded, ballots, word: None }
}

/// The first reason, if more than half of those that say that it is up say that it is worse than it should be.
fn agreed_grade(ballots: &[Ballot]) -> Option<Degradation> {
    let up = || ballots.iter().filter(|ballot| ballot.vote == Vote::Up);
    let degraded: Vec<Degradation> = up().filter_map(|ballot| ballot.degraded).collect();
    degraded.first().copied().filter(|_| degraded.len() * 2 > up().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Check, Grades, Passes, Rules};
    use crate::model::CheckId;

    /// A word for a region's endpoints, in order: `U` up, `s` up and failing just now, `D` down, `?` not known.
    /// Those before a `/` have IPv4 addresses, those after it IPv6.
    fn verdict(letters: &str, min_up: usize) -> Verdict {
        verdict_after(None, letters, min_up, Moment::default())
    }

    fn verdict_after(before: Option<&Verdict>, letters: &str, min_up: usize, now: Moment) -> Verdict {
        let (ipv4, ipv6) = letters.split_once('/').unwrap_or((letters, ""));
        let ipv4_addresses = (1..).take(ipv4.len()).map(|host| IpAddr::from([192, 0, 2, host]));
        let ipv6_addresses =
            (1..).take(ipv6.len()).map(|host| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]));
        let addresses: Vec<IpAddr> = ipv4_addresses.chain(ipv6_addresses).collect();
        let check = |address: &IpAddr| Check {
            id: CheckId { region: "r".into(), probe: 0, address: *address },
            label: None,
            endpoint: Some(*address),
            rules: Rules {
                fall: 3,
                rise: 3,
                brownout: None,
                interval: Duration::ZERO,
                recheck: Duration::ZERO,
                timeout: Duration::ZERO,
                hears: true,
                grades: Grades::default(),
            },
        };
        let region = Region {
            id: "r".into(),
            min_up: MinUp::Count(min_up),
            passes: Passes::All,
            families: Region::default_families(&addresses),
            checks: addresses.iter().map(check).collect(),
            addresses,
        };
        let ballots = ipv4.chars().chain(ipv6.chars()).map(ballot).collect();
        judge(&region, &[ballots], before, now)
    }

    fn ballot(letter: char) -> Ballot {
        let vote = match letter {
            'U' | 's' => Vote::Up,
            'D' => Vote::Down,
            _ => Vote::Unknown(Doubt::Unproven),
        };
        Ballot { vote, suspect: letter == 's', ..Ballot::absent(&"v".into()) }
    }

    /// One letter a voter: `U` up, `g` up and degraded, `D` down and degraded.
    #[test]
    fn an_address_is_degraded_when_most_who_see_it_up_say_so() {
        let check = |voters: &str, expected: bool| {
            let slow = Degradation::Slow(Duration::from_secs(1));
            let ballot = |letter: char| Ballot {
                vote: if letter == 'D' { Vote::Down } else { Vote::Up },
                degraded: (letter != 'U').then_some(slow),
                ..Ballot::absent(&"v".into())
            };
            let ballots: Vec<Vec<Ballot>> = voters.chars().map(|letter| vec![ballot(letter)]).collect();
            let judged = endpoint([192, 0, 2, 1].into(), 0, &ballots);
            assert_eq!(judged.degraded, expected.then_some(slow), "{voters}");
        };
        check("U", false);
        check("g", true);
        check("D", false);
        check("gU", false);
        check("ggU", true);
        check("ggD", true);
    }

    /// What is served after `before`, one digit an address in the order of the letters; `-` when nothing was.
    fn serves(letters: &str, min_up: usize, before: &str, expected: &str) {
        let verdict = verdict(letters, min_up);
        let all: Vec<IpAddr> = verdict.endpoints.iter().map(|endpoint| endpoint.address).collect();
        let address = |digit: char| all[digit.to_digit(10).expect("a digit") as usize - 1];
        let served: Vec<IpAddr> = before.chars().filter(|digit| *digit != '-').map(address).collect();
        let serving = verdict.serving((before != "-").then_some(&served));
        assert_eq!(serving, expected.chars().map(address).collect::<Vec<_>>(), "{letters} after {before}");
    }

    #[test]
    fn what_is_down_is_not_served() {
        serves("UUU", 1, "-", "123");
        serves("UDU", 1, "123", "13");
        serves("UUU", 1, "13", "123");
        serves("sUU", 1, "123", "123");
    }

    #[test]
    fn what_nobody_knows_about_stays_where_it_is() {
        serves("U?U", 1, "-", "123");
        serves("U?U", 1, "13", "13");
        serves("U?U", 1, "123", "123");
        serves("???", 1, "13", "13");
        serves("DU?", 1, "13", "23");
        serves("DU?", 1, "12", "2");
    }

    #[test]
    fn what_is_down_is_not_left_for_what_nobody_knows_about() {
        serves("D??", 1, "-", "123");
        serves("D??", 1, "13", "13");
        serves("DD?", 1, "123", "123");
        serves("?/D?", 1, "12", "12");
    }

    #[test]
    fn a_region_that_is_down_is_served_whole() {
        serves("UDD", 2, "12", "123");
        serves("DDD", 1, "3", "123");
    }

    #[test]
    fn a_family_is_never_left_empty() {
        serves("UU/D", 1, "123", "123");
        serves("DD/U", 1, "123", "123");
        serves("UD/UD", 1, "1234", "13");
        serves("U/D?", 1, "12", "12");
        serves("U/D?", 1, "1", "123");
        serves("U/DD", 1, "13", "13");
    }

    #[test]
    fn steady_is_what_would_be_up_without_those_that_fail_just_now() {
        let steady = |letters: &str, min_up| verdict(letters, min_up).steady;
        assert!(steady("UUs", 2));
        assert!(!steady("Uss", 2));
        assert!(!steady("U??", 2));
        assert!(steady("U/s", 1));
        assert!(!steady("s/U", 1));
    }

    #[test]
    fn a_family_that_is_not_needed_and_all_down_degrades_the_region() {
        assert_eq!(verdict("UU/DD", 1).degraded(), [Family::Ipv6]);
        assert_eq!(verdict("UU/DU", 1).degraded(), []);
        assert_eq!(verdict("DD/DD", 1).degraded(), []);
        assert_eq!(verdict("UU/DD", 1).to_string(), "up: 2/4 up, degraded: IPv6 all down");
    }

    #[test]
    fn it_is_young_for_a_while_after_it_was_down() {
        let at = |seconds: u64| Moment::from_millis(seconds * 1000);
        let dwell = Duration::from_secs(60);
        let first = verdict_after(None, "U", 1, at(0));
        assert!(!first.is_young(dwell, at(0)), "it was never down");
        let down = verdict_after(Some(&first), "D", 1, at(10));
        let unknown = verdict_after(Some(&down), "?", 1, at(20));
        let back = verdict_after(Some(&unknown), "U", 1, at(30));
        assert!(back.is_young(dwell, at(89)));
        assert!(!back.is_young(dwell, at(90)));
        let doubted = verdict_after(Some(&back), "?", 1, at(95));
        let up = verdict_after(Some(&doubted), "U", 1, at(100));
        assert_eq!((up.since, up.is_young(dwell, at(100))), (at(100), false), "it was not down meanwhile");
    }
}
