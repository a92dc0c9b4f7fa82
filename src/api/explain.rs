//! Why a name is answered as it is: the way through the zones, the decision with the rule that fired and those that did
//! not, the evidence, and what would change it.

mod client;
mod earliest;
mod live;
mod outline;
mod past;
mod path;
mod rules;

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::status::{BudgetStatus, CheckStatus, WaitStatus};
use crate::health::{Ballot, Degradation, Doubt, State, Word};
use crate::model::{Family, Moment, Name, RegionId, Ttl};
use crate::policy::{GateView, Override, Rule, TtlRule};

pub use outline::Outline;

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const EXPLANATION_SCHEMA: &str = "cadence-dns/explanation/v1";

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The record type; an address type if none is given.
    pub rtype: Option<crate::model::RecordType>,
    /// Who asks.
    pub client: Option<IpAddr>,
}

/// Why a name is answered as it is, or was. Times are RFC 3339 in UTC, spans are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// [`EXPLANATION_SCHEMA`].
    pub schema: String,
    /// The name server.
    pub node: String,
    /// When this was so.
    pub time: Moment,
    /// From the daemon, or from an entry of the history.
    pub source: ExplanationSource,
    /// The name that was asked for.
    pub name: Name,
    /// The record type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// What a client is told, by the name of the code: NOERROR, NXDOMAIN, REFUSED. None for a past answer.
    pub code: Option<String>,
    /// The way through the zones, step by step; empty for a past answer.
    #[serde(default)]
    pub path: Vec<PathStep>,
    /// Whether the client is answered, if one was named.
    #[serde(default)]
    pub client: Option<ClientExplanation>,
    /// The decision that gives the addresses; none where no steered name is on the way.
    pub decision: Option<Box<DecisionExplanation>>,
}

/// Where an explanation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplanationSource {
    /// The daemon, just now.
    Live,
    /// The entry of the history with this number.
    History(u64),
}

/// One step from a question to its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathStep {
    /// The name that is looked at.
    pub name: Name,
    /// What it turned out to be, such as `steered`, `records`, `alias`, `refused`.
    pub found: String,
    /// The same in words.
    pub text: String,
}

/// Whether a client is answered, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientExplanation {
    /// Its address.
    pub address: IpAddr,
    /// Whether it is answered at all.
    pub is_answered: bool,
    /// Why, and how, in words.
    pub text: Vec<String>,
}

/// A decision and what it was derived from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionExplanation {
    /// The names that it is about; the first of them, where they are very many.
    pub names: Vec<Name>,
    /// The region in service.
    pub region: RegionId,
    /// Its addresses that are served.
    pub addresses: Vec<IpAddr>,
    /// Grows with every change of the answer.
    pub epoch: u64,
    /// Since when this region is served.
    pub since: Moment,
    /// The rule that fired, with its data.
    pub rule: Rule,
    /// The decision in one line.
    pub why: String,
    /// Every rule: the one that fired and why, the others and why not.
    pub rules: Vec<RuleExplanation>,
    /// The change that is wanted and not yet allowed.
    pub wait: Option<WaitStatus>,
    /// What operators have ordered that bears on it.
    #[serde(default)]
    pub overrides: Vec<Arc<Override>>,
    /// Automatic moves within the last hour, and how many are allowed.
    pub moves: MovesExplanation,
    /// Where the TTL comes from.
    pub ttl: TtlExplanation,
    /// The regions that it may have, the most preferred first.
    pub regions: Vec<RegionExplanation>,
    /// Places that are heard and never served: what tells a dead region from a dead network of ours.
    #[serde(default)]
    pub witnesses: Vec<WitnessExplanation>,
    /// What would change it, and what to.
    #[serde(default)]
    pub next: Vec<NextExplanation>,
    /// How long a well-behaved client may be sent to a dead region.
    #[serde(default)]
    pub budget: Option<BudgetStatus>,
    /// A change that is being made durable just now.
    #[serde(default)]
    pub pending: Option<String>,
    /// What was told about it later, in a past epoch.
    #[serde(default)]
    pub later: Vec<LaterExplanation>,
}

/// A rule, and whether it fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// Its label, as in `status`.
    pub rule: String,
    /// Whether it fired: one does.
    pub fired: bool,
    /// Why, or why not.
    pub why: String,
}

/// The automatic moves of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovesExplanation {
    /// Within the last hour.
    pub within_hour: usize,
    /// How many are allowed before only escapes happen; none if it is not known any more.
    pub limit: Option<u32>,
}

/// Where the TTL comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TtlExplanation {
    /// In seconds.
    pub ttl: Ttl,
    /// Which rule.
    pub rule: TtlRule,
    /// In words.
    pub why: String,
    /// Until when a client that has asked just now keeps the answer, if it keeps to the TTL.
    pub kept_until: Moment,
}

/// A region that the name may have, and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionExplanation {
    /// The region.
    pub region: RegionId,
    /// Its place in the order of preference, from 1.
    pub preference: usize,
    /// It is in service.
    pub in_service: bool,
    /// The answer depends on it: with another verdict on it, region, addresses or TTL would be others. What is believed
    /// of the other regions changes nothing now. None in a past answer, where it is not known.
    pub decisive: Option<bool>,
    /// What is agreed.
    pub state: State,
    /// Since when.
    pub since: Moment,
    /// Why nothing is agreed, when nothing is.
    pub doubt: Option<Doubt>,
    /// It would be up without the addresses that fail just now.
    pub steady: bool,
    /// When it last came up after it had been proven down.
    pub recovered: Option<Moment>,
    /// The verdict in words.
    pub why: String,
    /// What the probes say, in words, where an operator's word beats them.
    #[serde(default)]
    pub overruled: Option<String>,
    /// The families that it needs.
    pub families: Vec<Family>,
    /// How many addresses of a needed family must be up.
    pub needed: usize,
    /// Families that it does not need, and that are all down.
    pub degraded: Vec<Family>,
    /// What the gates before it show; none before the region in service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateView>,
    /// Its addresses.
    pub endpoints: Vec<EndpointExplanation>,
}

/// An address, and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointExplanation {
    /// The address.
    pub address: IpAddr,
    /// Its family.
    pub family: Family,
    /// It is in the answer.
    pub served: bool,
    /// What is agreed.
    pub state: State,
    /// Why nothing is agreed, when nothing is.
    pub doubt: Option<Doubt>,
    /// It fails just now, though it is not down.
    pub suspect: bool,
    /// What makes it a worse choice than one that is fully healthy, though it is up.
    #[serde(default)]
    pub degraded: Option<Degradation>,
    /// An operator's word, which beats its probes.
    #[serde(default)]
    pub word: Option<Arc<Word>>,
    /// What each vantage says.
    pub votes: Vec<Ballot>,
    /// Each check of it by this node; empty in a past answer.
    #[serde(default)]
    pub checks: Vec<CheckStatus>,
}

/// A place that is heard and never served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WitnessExplanation {
    /// Its name.
    pub witness: String,
    /// Its address.
    pub address: IpAddr,
    /// Its family, for which it can speak.
    pub family: Family,
    /// When it was last heard.
    pub heard: Option<Moment>,
    /// How long ago that is, in seconds.
    pub age: Option<f64>,
}

/// Something that would change the answer, or might be thought to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextExplanation {
    /// What would have to happen.
    pub cause: String,
    /// What would follow.
    pub effect: String,
    /// Whether region or addresses would be others.
    pub changes_answer: bool,
    /// When, at the earliest, by this node's own probes; none if that is not known.
    pub earliest: Option<Moment>,
}

/// What was told about a decision while its epoch lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterExplanation {
    /// When.
    pub time: Moment,
    /// What.
    pub text: String,
}
