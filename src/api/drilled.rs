//! What `cadence-dns drill` prints for programs.

use serde::{Deserialize, Serialize};

use crate::model::{Name, RegionId};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const DRILL_SCHEMA: &str = "cadence-dns/drill/v1";

/// A rehearsal, or in shadow what one would show. Spans are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drilled {
    /// [`DRILL_SCHEMA`].
    pub schema: String,
    /// The region that is said to be down.
    pub region: RegionId,
    /// Nothing was ordered.
    pub shadow: bool,
    /// Whether every client followed in time; none in shadow.
    pub passed: Option<bool>,
    /// Each name that moves, in the order of the configuration.
    pub names: Vec<NameDrilled>,
    /// What the probes would take to notice each way to die, while all else is well; only in shadow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noticed: Vec<DeathNoticed>,
}

/// One name that moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameDrilled {
    /// The name.
    pub name: Name,
    /// The region that it leaves.
    pub from: RegionId,
    /// Where it goes.
    pub to: RegionId,
    /// The TTL of the answer that caches have.
    pub ttl: u64,
    /// From the order to the new answer of the name server; none if it never came, and in shadow.
    pub answered: Option<f64>,
    /// From the order to the new answer for a client behind a cache.
    pub followed: Option<f64>,
    /// The longest that a client may take to follow.
    pub followed_max: f64,
    /// What a real death would take until that client has followed, the noticing included.
    pub reached: Option<f64>,
    /// The failover budget, if the name has one.
    pub budget: Option<f64>,
    /// The recovery time that the configuration states.
    pub rto: Option<f64>,
    /// Whether it was in time; none in shadow.
    pub passed: Option<bool>,
}

/// How a region died in the simulator, and when a name left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeathNoticed {
    /// The name.
    pub name: Name,
    /// How: `refuses`, `answers 503`, `hangs`.
    pub way: String,
    /// From the death to the new answer; none if the answer stays.
    pub took: Option<f64>,
    /// Where the name goes.
    pub to: Option<RegionId>,
}
