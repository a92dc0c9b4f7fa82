//! What `cadence-dns simulate` prints for programs. Times are RFC 3339 in UTC, spans are seconds.

use serde::{Deserialize, Serialize};

use crate::model::{Moment, Name, RegionId};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const SIMULATION_SCHEMA: &str = "cadence-dns/simulation/v1";

/// What was played; of the three, those that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// [`SIMULATION_SCHEMA`].
    pub schema: String,
    /// Each scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<ScenarioPlayed>,
    /// The recorded past, by some settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<PastReplayed>,
    /// Settings that keep the recovery time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<SettingsAdvised>,
}

/// A scenario that was played, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioPlayed {
    /// Its file.
    pub file: String,
    /// What it says that it is about.
    pub about: String,
    /// It brings regions of its own.
    pub own_regions: bool,
    /// Whether it went as it says.
    pub as_expected: bool,
    /// What happened, line by line.
    pub timeline: Vec<String>,
    /// Mistakes in it, or the line that is not as expected.
    pub problems: Vec<String>,
}

/// The recorded past, played by each of some settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastReplayed {
    /// The first probe.
    pub from: Moment,
    /// The last probe.
    pub until: Moment,
    /// How many there are.
    pub probes: u64,
    /// For how long nothing is known.
    pub unknown: f64,
    /// Octets of the recording that are damaged.
    pub damaged: u64,
    /// What was dead, by hindsight.
    pub outages: Vec<OutageSeen>,
    /// The settings in force, and those of `--with`.
    pub settings: Vec<SettingsReplayed>,
}

/// A region was dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageSeen {
    /// Which one.
    pub region: RegionId,
    /// From when on.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
}

/// What some settings would have brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsReplayed {
    /// As `--with` takes them, or `present`.
    pub settings: String,
    /// Each name.
    pub names: Vec<NameReplayed>,
}

/// What that means for the clients of a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameReplayed {
    /// The name, or the first of a group.
    pub name: Name,
    /// Changes of region.
    pub flips: usize,
    /// Those that left a region which was not dead.
    pub false_flips: usize,
    /// For how long a dead region was answered.
    pub answered_dead: f64,
    /// For how long a client behind a cache may have been sent to a dead region.
    pub downtime: f64,
    /// Of that, while no other region was alive.
    pub hopeless: f64,
    /// The failover budget of these settings; none without a failover.
    pub budget: Option<f64>,
    /// Each change of region.
    pub moves: Vec<MoveReplayed>,
}

/// A change of region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveReplayed {
    /// When.
    pub at: Moment,
    /// The region that was left.
    pub from: RegionId,
    /// Where to.
    pub to: RegionId,
    /// Why, in a line.
    pub why: String,
}

/// Settings that were tried, for a recovery time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsAdvised {
    /// The recovery time to keep.
    pub rto: f64,
    /// How many settings were tried that keep it.
    pub tried: usize,
    /// Those that no other beats in every respect, and those in force.
    pub settings: Vec<CandidateSettings>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateSettings {
    /// As `--with` takes them, or `present`.
    pub settings: String,
    /// The worst budget of all names.
    pub budget: f64,
    /// Whether that is within the recovery time.
    pub keeps_rto: bool,
    /// The fewest false flips of those that keep it, and among them the least downtime.
    pub advised: bool,
    /// Of all names together.
    pub false_flips: usize,
    /// Of all names together.
    pub flips: usize,
    /// Of the last clients of all names together.
    pub downtime: f64,
}
