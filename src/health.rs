//! Observations become the health of checks, and the verdict of a region.

mod observation;

pub use observation::{Failure, Observation, Outcome, Phase, Timings, TlsFailure};

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{CheckId, RegionId};

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
    /// At its interval: all is well, or long known to be bad.
    Steady,
    /// At its recheck interval: its health may be about to change.
    Recheck,
}
