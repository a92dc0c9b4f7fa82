//! Observations become evidence, and evidence the verdict of a region.
//!
//! ```text
//! Observation ─▶ check_state: one check from one vantage ─▶ ballot: what a vantage says of an address, by which
//!                   ▲                                          │     of its probes must pass
//!                witness: was anything else heard meanwhile?   ▼
//!                                         family ─▶ region: the Verdict that the vantages agree on
//!                                                     overruled: an operator's word beats it
//! ```
//!
//! What `check_state` remembers of a check is its `belief`, its `hearing`, its `grade` and what is `recent`.
//!
//! Nothing here knows that DNS exists, or what time it is: time is an argument.

mod ballot;
mod belief;
mod check_state;
mod failure;
mod family;
mod grade;
mod hearing;
mod observation;
mod overruled;
mod passes;
mod recent;
mod region;
mod tripwire;
mod vote;
pub mod witness;
mod word;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{CheckId, Family, RegionId, VantageId};

pub use ballot::ballots_of;
pub use belief::Health;
pub use check_state::{CheckState, LastProbe};
pub use failure::{Failure, Phase, TlsFailure};
pub use grade::{CertificateGrades, Degradation, Grades, SlowRule};
pub use hearing::Hearing;
pub use observation::{Observation, ProbeOutcome, Timings};
pub use passes::{Calculation, Passes};
pub use region::{EndpointVerdict, RegionVote, Verdict, judge};
pub use tripwire::Tripwire;
pub use vote::{Ballot, Doubt, Vote};
pub use word::{Says, Word};

/// A region as the core knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name.
    pub id: RegionId,
    /// The addresses that may be served, as configured; at least one, none twice.
    pub addresses: Vec<IpAddr>,
    /// How many addresses of a family must be up for the family to be up.
    pub min_up: MinUp,
    /// The families that it needs: it is down when one of them is. At least one, each of which has an address.
    pub families: Vec<Family>,
    /// Which of its probes make an address up.
    pub passes: Passes,
    /// What is probed; empty when nothing is, and then the region counts as up.
    pub checks: Vec<Check>,
}

impl Region {
    /// The families that a region needs unless its configuration says otherwise: IPv4 if it has any, else IPv6.
    #[must_use]
    pub fn default_families(addresses: &[IpAddr]) -> Vec<Family> {
        let has_ipv4 = addresses.iter().any(IpAddr::is_ipv4);
        vec![if has_ipv4 { Family::Ipv4 } else { Family::Ipv6 }]
    }

    /// Its addresses of one family.
    pub fn addresses_of(&self, family: Family) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().copied().filter(move |address| Family::of(*address) == family)
    }
}

/// How many of a number of addresses must be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MinUp {
    /// This many, or all where there are fewer.
    Count(usize),
    /// This share in percent, rounded up: half of three is two.
    Percent(u8),
}

impl MinUp {
    /// How many of `addresses` must be up; at least one.
    #[must_use]
    pub fn of(self, addresses: usize) -> usize {
        let needed = match self {
            MinUp::Count(count) => count.min(addresses),
            MinUp::Percent(percent) => (addresses * usize::from(percent)).div_ceil(100),
        };
        needed.max(1)
    }
}

/// One check as the core knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which one.
    pub id: CheckId,
    /// How its probe is called, if it has a label.
    pub label: Option<Arc<str>>,
    /// The endpoint that it speaks for; none when it speaks for all of the region.
    pub endpoint: Option<IpAddr>,
    /// When its health changes.
    pub rules: Rules,
}

impl Check {
    /// Whether it speaks for this address.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == address)
    }
}

/// When the health of a check changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Failures in a row that make it down; at least 2, for one probe never flips.
    pub fall: u8,
    /// Passes in a row that make it up again.
    pub rise: u8,
    /// Scattered failures that make it down as well.
    pub brownout: Option<Brownout>,
    /// From one probe to the next while all is well.
    pub interval: Duration,
    /// The same while it is suspect.
    pub recheck: Duration,
    /// The longest that a probe takes.
    pub timeout: Duration,
    /// Whether a probe that ends in any way but silence proves that packets of the far end reach us. What a program has
    /// heard we cannot know: it is no witness of anything.
    pub hears: bool,
    /// What makes it worse than another though it passes.
    pub grades: Grades,
}

/// When scattered failures make a check down though they are not in a row.
///
/// It is up again after `rise` passes in a row, and when less than a tenth of the probes within the window failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brownout {
    /// How many failures; at least 2. None: half of the probes, of which there must be ten.
    pub failures: Option<u8>,
    /// Within how long.
    pub window: Duration,
}

impl Brownout {
    /// The window unless the configuration says otherwise: twelve intervals, in which ten probes end for certain, and at
    /// least a minute.
    #[must_use]
    pub fn by_default(interval: Duration) -> Brownout {
        Brownout { failures: None, window: (interval * 12).max(Duration::from_secs(60)) }
    }
}

/// What a failure proves when there is no second place of its family to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alone {
    /// Nothing: the endpoint cannot be told from our own network.
    #[default]
    Freeze,
    /// That the endpoint is dead: an operator trusts this node's network more than the endpoint.
    Trust,
}

/// A node that probes, and has a vote on the regions that it is not in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub vantage: VantageId,
    /// The region that it runs in, on which it has no vote while a member outside of that region has.
    pub region: Option<RegionId>,
    /// What it is there for.
    pub role: Role,
}

/// What a member is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It probes, votes and answers.
    #[default]
    Server,
    /// It probes and votes; no DNS is asked of it.
    Witness,
}

impl Member {
    /// A name server of no region.
    #[must_use]
    pub fn server(vantage: VantageId) -> Member {
        Member { vantage, region: None, role: Role::Server }
    }
}

/// How often a check is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Once per `interval`.
    Steady,
    /// Once per `recheck`: a change may be near.
    Recheck,
}

impl Rules {
    /// The least age at which evidence counts as stale, so that a pause of the machine at millisecond intervals
    /// does not blind us.
    const STALE_FLOOR: Duration = Duration::from_secs(3);

    /// Evidence older than this is none: three probes are missing.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        (self.interval * 3 + self.timeout).max(Self::STALE_FLOOR)
    }

    /// How long ago a witness may have been heard: two rechecks, or as long as the probe took that it speaks about.
    #[must_use]
    pub fn witnessed_within(&self, lasted: Duration) -> Duration {
        lasted.max(self.recheck * 2)
    }
}

/// What is agreed about an endpoint or a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Up,
    /// It is broken.
    Down,
    /// It is not known: not the same as down.
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

/// Whether a failure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Testimony {
    /// It is the endpoint's.
    Counts,
    /// It may be our own network's: it neither counts nor resets what has counted.
    Isolated,
}
