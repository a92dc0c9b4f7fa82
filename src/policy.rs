//! Verdicts become decisions.

mod budget;

use std::time::Duration;

use crate::model::{Name, RegionId, Ttl};

pub use budget::{Budget, budget};

/// How one name is steered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steer {
    /// The name whose A and AAAA are decided.
    pub name: Name,
    /// In order of preference; at least one, none twice.
    pub regions: Vec<RegionId>,
    /// The TTL of its addresses while all is quiet.
    pub ttl: Ttl,
    /// The same while a change may be near; never above `ttl`.
    pub ttl_suspect: Ttl,
    /// When a more preferred region that has come back gets the name again.
    pub failback: Failback,
    /// The least time between two automatic changes of region.
    pub dwell: Duration,
    /// Automatic changes of region within any hour; after that the answer freezes.
    pub max_flips_per_hour: u32,
    /// The longest that a well-behaved client may be sent to a dead region; `check` enforces it.
    pub rto: Option<Duration>,
}

/// When a more preferred region that has come back gets the name again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failback {
    /// As soon as it is up.
    Auto,
    /// After it has been up without a break for this long.
    Delayed(Duration),
    /// Never by itself.
    Manual,
}
