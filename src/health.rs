//! Observations become the health of checks, and the verdict of a region.
//!
//! ```text
//! Observation ─▶ state: one check from one vantage ─▶ view: what the vantages agree on ─▶ region: Verdict
//!                   ▲
//!                 guard: did anything else answer us meanwhile?
//! ```
//!
//! Nothing here knows that DNS exists, or what time it is: time is an argument.

mod check_state;
pub mod guard;
mod observation;
mod region;
mod view;

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{CheckId, RegionId};

pub use check_state::{CheckState, Health, LastProbe};
pub use observation::{Failure, Observation, Phase, ProbeOutcome, Timings, TlsFailure};
pub use region::{EndpointVerdict, State, Verdict, judge};
pub use view::{Ballot, Doubt, View, Vote};

/// A region as the core knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name.
    pub id: RegionId,
    /// The addresses that may be served, as configured; at least one, none twice.
    pub addresses: Vec<IpAddr>,
    /// How many of them must be up for the region to be up; from 1 to their number.
    pub min_up: usize,
    /// What is probed; empty when nobody looks, and then the region counts as up.
    pub checks: Vec<Check>,
}

/// One check as the core knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which one.
    pub id: CheckId,
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
}

/// So many failures within a window make a check down, in a row or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brownout {
    /// How many; at least 2.
    pub failures: u8,
    /// Within how long.
    pub window: Duration,
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
}
