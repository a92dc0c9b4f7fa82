//! A region's verdict: its endpoints counted against the capacity that it needs.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::view::{Ballot, Doubt, View, agree};
use super::{Failure, Region};
use crate::model::{Family, Moment, RegionId};

/// What is agreed about an endpoint or a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Up,
    /// It is broken.
    Down,
    /// Nobody knows: not the same as down.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Up => "up",
            State::Down => "down",
            State::Unknown => "unknown",
        })
    }
}

/// The agreed view of an endpoint, and who said what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointVerdict {
    /// Its address.
    pub address: IpAddr,
    /// What is agreed.
    pub state: State,
    /// Why nobody knows, when nobody does.
    pub doubt: Option<Doubt>,
    /// Somebody sees it fail just now, though it is not down.
    pub suspect: bool,
    /// One ballot a vantage; empty for a region that nobody probes.
    pub ballots: Vec<Ballot>,
}

/// The agreed view of a region, with the evidence that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose.
    pub region: RegionId,
    /// What is agreed.
    pub state: State,
    /// Since when it has been this.
    pub since: Moment,
    /// The least number of endpoints that must be up.
    pub min_up: usize,
    /// All its endpoints, as configured.
    pub endpoints: Vec<EndpointVerdict>,
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

    /// Whether enough endpoints to be up are working and not even suspect.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        let steady = |endpoint: &&EndpointVerdict| endpoint.state == State::Up && !endpoint.suspect;
        self.endpoints.iter().filter(steady).count() >= self.min_up
    }

    /// The gravest reason why nobody knows about some of the endpoints.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        self.endpoints.iter().filter_map(|endpoint| endpoint.doubt).max()
    }

    /// Why an endpoint that is down or suspect failed last.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        let ballots = self.endpoints.iter().flat_map(|endpoint| &endpoint.ballots);
        ballots.filter_map(|ballot| ballot.failure.as_ref()).next()
    }

    /// The addresses to serve from this region, `before` being those that are served from it already; never empty
    /// for a family that it has.
    ///
    /// A region that is not down serves what is up, and what nobody knows about as far as it was served. A region
    /// that is down serves everything, for then it is held for want of a better one, and half of its capacity would
    /// be less. The same goes for a family that is all down: its clients would otherwise cache that there is nothing.
    /// A family of which nothing is known to be up stays as it was, for nothing better is known.
    #[must_use]
    pub fn serving(&self, before: Option<&[IpAddr]>) -> Vec<IpAddr> {
        let mut serving = Vec::with_capacity(self.endpoints.len());
        for family in Family::ALL {
            let of_family = |endpoint: &&EndpointVerdict| Family::of(endpoint.address) == family;
            let members: Vec<&EndpointVerdict> = self.endpoints.iter().filter(of_family).collect();
            serving.extend(self.serving_of(&members, before));
        }
        serving
    }

    fn serving_of(&self, members: &[&EndpointVerdict], before: Option<&[IpAddr]>) -> Vec<IpAddr> {
        let with = |wanted: &dyn Fn(&EndpointVerdict) -> bool| -> Vec<IpAddr> {
            members.iter().filter(|endpoint| wanted(endpoint)).map(|endpoint| endpoint.address).collect()
        };
        let served = |endpoint: &EndpointVerdict| before.is_none_or(|b| b.contains(&endpoint.address));
        let all_down = members.iter().all(|endpoint| endpoint.state == State::Down);
        let some_up = members.iter().any(|endpoint| endpoint.state == State::Up);
        let chosen = if self.state == State::Down || all_down {
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
        let (up, total) = (self.count(State::Up), self.endpoints.len());
        if self.endpoints.iter().all(|endpoint| endpoint.ballots.is_empty()) {
            return f.write_str("up: not probed");
        }
        write!(f, "{}: {up}/{total} up", self.state)?;
        if self.state == State::Down {
            write!(f, ", {} needed", self.min_up)?;
        }
        match (self.state, self.doubt()) {
            (State::Unknown, Some(Doubt::Unproven)) => f.write_str(", too few probes yet")?,
            (State::Unknown, Some(Doubt::Stale)) => f.write_str(", no fresh probe")?,
            (State::Unknown, Some(Doubt::Isolated)) => {
                f.write_str(", nothing answers us: our own network?")?
            }
            (State::Unknown, Some(Doubt::Divided)) => f.write_str(", the vantages disagree")?,
            (State::Unknown, None) | (State::Up | State::Down, _) => {}
        }
        match self.failure() {
            Some(failure) if self.state == State::Up => write!(f, ", failing: {failure}"),
            Some(failure) => write!(f, ", {failure}"),
            None => Ok(()),
        }
    }
}

/// Judges a region from what every vantage sees. `before` is the last verdict, which tells since when.
///
/// With `up` endpoints up and `down` down of `n`, the region is up when `up >= min_up`, down when even the unknown
/// ones could not save it (`n - down < min_up`), and otherwise unknown.
#[must_use]
pub fn judge(region: &Region, views: &[View<'_>], before: Option<&Verdict>, now: Moment) -> Verdict {
    let endpoints: Vec<EndpointVerdict> =
        region.addresses.iter().map(|address| judge_endpoint(region, *address, views, now)).collect();
    let state = tally(&endpoints, region.min_up);
    let since = before.filter(|before| before.state == state).map_or(now, |before| before.since);
    Verdict { region: region.id.clone(), state, since, min_up: region.min_up, endpoints }
}

fn tally(endpoints: &[EndpointVerdict], min_up: usize) -> State {
    let count = |state| endpoints.iter().filter(|endpoint| endpoint.state == state).count();
    if count(State::Up) >= min_up {
        State::Up
    } else if endpoints.len() - count(State::Down) < min_up {
        State::Down
    } else {
        State::Unknown
    }
}

fn judge_endpoint(region: &Region, address: IpAddr, views: &[View<'_>], now: Moment) -> EndpointVerdict {
    if !region.checks.iter().any(|check| check.covers(address)) {
        return EndpointVerdict {
            address,
            state: State::Up,
            doubt: None,
            suspect: false,
            ballots: Vec::new(),
        };
    }
    let ballots: Vec<Ballot> = views.iter().map(|view| view.vote(region, address, now)).collect();
    let (state, doubt) = agree(&ballots);
    let suspect = ballots.iter().any(|ballot| ballot.suspect);
    EndpointVerdict { address, state, doubt, suspect, ballots }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word for a region's endpoints, in order: `U` up, `s` up and failing just now, `D` down, `?` nobody knows.
    /// Those before a `/` have IPv4 addresses, those after it IPv6.
    fn verdict(letters: &str, min_up: usize) -> Verdict {
        let (ipv4, ipv6) = letters.split_once('/').unwrap_or((letters, ""));
        let ipv4 = ipv4.chars().zip(1..).map(|(letter, host)| (letter, IpAddr::from([192, 0, 2, host])));
        let ipv6 = ipv6
            .chars()
            .zip(1..)
            .map(|(letter, host)| (letter, IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host])));
        let endpoints: Vec<EndpointVerdict> = ipv4.chain(ipv6).map(endpoint).collect();
        let state = tally(&endpoints, min_up);
        Verdict { region: "r".into(), state, since: Moment::default(), min_up, endpoints }
    }

    fn endpoint((letter, address): (char, IpAddr)) -> EndpointVerdict {
        let (state, doubt) = match letter {
            'U' | 's' => (State::Up, None),
            'D' => (State::Down, None),
            _ => (State::Unknown, Some(Doubt::Stale)),
        };
        EndpointVerdict { address, state, doubt, suspect: letter == 's', ballots: Vec::new() }
    }

    fn check(letters: &str, min_up: usize, expected: State) {
        assert_eq!(verdict(letters, min_up).state, expected, "{letters}, {min_up} needed");
    }

    #[test]
    fn a_region_is_up_when_enough_of_it_is() {
        check("UUU", 3, State::Up);
        check("UUD", 2, State::Up);
        check("U??", 1, State::Up);
        check("sss", 3, State::Up);
    }

    #[test]
    fn a_region_is_down_when_not_even_the_unknown_could_save_it() {
        check("UDD", 2, State::Down);
        check("DDD", 1, State::Down);
        check("D?U", 3, State::Down);
    }

    #[test]
    fn otherwise_nobody_knows() {
        check("U?D", 2, State::Unknown);
        check("???", 1, State::Unknown);
        check("D??", 1, State::Unknown);
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
        serves("U/DD", 1, "13", "123");
    }

    #[test]
    fn steady_is_what_would_be_up_without_those_that_fail_just_now() {
        let steady = |letters: &str, min_up| verdict(letters, min_up).is_steady();
        assert!(steady("UUs", 2));
        assert!(!steady("Uss", 2));
        assert!(!steady("U??", 2));
    }
}
