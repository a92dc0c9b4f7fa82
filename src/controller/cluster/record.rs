//! What nodes write into the register, word for word: JSON below a prefix that names the cluster.
//!
//! ```text
//! nodes/ns1                       that it is there, what it runs and what it answers; again and again
//! votes/ns1/us-east               what it sees of a region; when that changes
//! decisions/cadence.example.com   which region a name has, by which epoch
//! overrides/11                    what an operator has ordered
//! ```
//!
//! Spans travel, moments do not: clocks of different nodes need not agree. Fields that are not known are ignored; a
//! version that is not known is refused by name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::controller::judgement::EndpointVote;
use crate::health::Role;
use crate::model::{Moment, Name, RegionId, VantageId};
use crate::policy::{AtExpiry, Order, Override, OverrideId, Standing};

/// The only version there is.
const VERSION: u32 = 1;

/// As many names, and zones, tell in a node's record what they are answered with: it is written every second.
pub(in crate::controller) const ANSWERS_TOLD: usize = 16;

/// As many orders tell how old they are.
pub(in crate::controller) const ORDERS_TOLD: usize = 32;

/// As many of the last changes of region are told.
const FLIPS_TOLD: usize = 16;

/// A key, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum Key {
    /// What a node says of itself.
    Node(VantageId),
    /// What a node sees of a region.
    Votes(VantageId, RegionId),
    /// What the names of a steer have, under the first of them.
    Decision(String),
    /// An override.
    Override(OverrideId),
}

impl Key {
    /// None for a key that is none of ours, such as one of a later version.
    pub(in crate::controller) fn parse(key: &str) -> Option<Key> {
        let (kind, rest) = key.split_once('/')?;
        match kind {
            "nodes" => Some(Key::Node(rest.into())),
            "votes" => rest.split_once('/').map(|(node, region)| Key::Votes(node.into(), region.into())),
            "decisions" => Some(Key::Decision(rest.to_owned())),
            "overrides" => rest.parse().ok().map(|id| Key::Override(OverrideId(id))),
            _ => None,
        }
    }

    /// That of the steer whose first name this is.
    pub(in crate::controller) fn of_decision(name: &Name) -> Key {
        Key::Decision(name.to_string())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Node(node) => write!(f, "nodes/{node}"),
            Key::Votes(node, region) => write!(f, "votes/{node}/{region}"),
            Key::Decision(name) => write!(f, "decisions/{name}"),
            Key::Override(OverrideId(id)) => write!(f, "overrides/{id}"),
        }
    }
}

/// That a node is there. It counts only when a later one of it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Of this form.
    v: u32,
    /// Which run of the node: another one is another number.
    pub incarnation: u64,
    /// Which push of that run.
    pub sequence: u64,
    /// The revision that the node had read up to when it wrote this: its votes are no older than that one.
    pub seen: u64,
    /// What it runs.
    pub version: String,
    /// The hash of all that its decisions follow from.
    pub configuration: String,
    /// What it is there for.
    #[serde(default)]
    pub role: Role,
    /// The epoch by which it answers each name; of the first of them, if there are many.
    #[serde(default)]
    pub epochs: BTreeMap<String, u64>,
    /// The serial that each zone tells, and a hash of what stands in its file; of the first of them.
    #[serde(default)]
    pub zones: BTreeMap<String, (u32, String)>,
    /// How long ago each order was given, and how long it has left, in milliseconds; of the last ones, if there are many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<OverrideId, (u64, u64)>,
    /// Since how many milliseconds it has been cut off from most nodes, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off_for_ms: Option<u64>,
}

/// What a node is, as it goes into its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct NodeFacts {
    pub(in crate::controller) configuration: String,
    pub(in crate::controller) role: Role,
    pub(in crate::controller) epochs: BTreeMap<String, u64>,
    pub(in crate::controller) zones: BTreeMap<String, (u32, String)>,
    pub(in crate::controller) orders: BTreeMap<OverrideId, (u64, u64)>,
    pub(in crate::controller) cut_off_for: Option<Duration>,
}

impl NodeRecord {
    pub(in crate::controller) fn of(
        facts: NodeFacts,
        incarnation: u64,
        sequence: u64,
        seen: u64,
    ) -> NodeRecord {
        let NodeFacts { configuration, role, epochs, zones, orders, cut_off_for } = facts;
        NodeRecord {
            v: VERSION,
            incarnation,
            sequence,
            seen,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            configuration,
            role,
            epochs,
            zones,
            orders,
            cut_off_for_ms: cut_off_for.map(millis),
        }
    }
}

/// What a node sees of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::controller) struct VotesRecord {
    v: u32,
    /// By which run of the node.
    pub(in crate::controller) incarnation: u64,
    /// One for each of its addresses.
    pub(in crate::controller) endpoints: Vec<EndpointVote>,
}

impl VotesRecord {
    pub(in crate::controller) fn of(endpoints: Vec<EndpointVote>, incarnation: u64) -> VotesRecord {
        VotesRecord { v: VERSION, incarnation, endpoints }
    }
}

/// Which region the names of a steer have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::controller) struct DecisionRecord {
    v: u32,
    /// All names of the steer.
    pub(in crate::controller) names: Vec<Name>,
    /// Their region.
    pub(in crate::controller) region: RegionId,
    /// What is answered, as far as a node has these addresses in its configuration.
    pub(in crate::controller) addresses: Vec<IpAddr>,
    /// By which epoch.
    pub(in crate::controller) epoch: u64,
    /// How long the names had had this region when this was written.
    pub(in crate::controller) since_ms: u64,
    /// How long ago the automatic changes of region were that count, the last first.
    pub(in crate::controller) flips_ms: Vec<u64>,
    /// An operator's order has ended here and said that the names stay.
    #[serde(default)]
    pub(in crate::controller) kept: bool,
    /// Which node decided it.
    pub(in crate::controller) by: VantageId,
    /// Why, in words.
    pub(in crate::controller) why: String,
    /// The verdicts that it rests on, in a few words.
    #[serde(default)]
    pub(in crate::controller) evidence: String,
}

impl DecisionRecord {
    /// `grounds`: who decided it, why, and on which verdicts.
    pub(in crate::controller) fn of(
        names: &[Name],
        standing: &Standing,
        grounds: (&VantageId, String, String),
        now: Moment,
    ) -> DecisionRecord {
        let (by, why, evidence) = grounds;
        DecisionRecord {
            v: VERSION,
            names: names.to_vec(),
            region: standing.region.clone(),
            addresses: standing.addresses.to_vec(),
            epoch: standing.epoch,
            since_ms: millis(now.since(standing.since)),
            flips_ms: standing.flips.ages(now).map(millis).rev().take(FLIPS_TOLD).collect(),
            kept: standing.kept,
            by: by.clone(),
            why,
            evidence,
        }
    }
}

/// What an operator has ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::controller) struct OverrideRecord {
    v: u32,
    order: Order,
    author: String,
    reason: String,
    /// How long ago it was given when this was written.
    age_ms: u64,
    /// How long after that it begins, if it is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_in_ms: Option<u64>,
    /// How long after that it ends.
    ends_in_ms: u64,
    at_expiry: AtExpiry,
    /// The node that it was given to.
    pub(in crate::controller) by: VantageId,
}

impl OverrideRecord {
    pub(in crate::controller) fn of(known: &Override, by: &VantageId, now: Moment) -> OverrideRecord {
        let Override { id: _, order, author, reason, made, starts, expires, at_expiry, shared: _ } = known;
        OverrideRecord {
            v: VERSION,
            order: order.clone(),
            author: author.clone(),
            reason: reason.clone(),
            age_ms: millis(now.since(*made)),
            starts_in_ms: starts.map(|starts| millis(starts.after(now))),
            ends_in_ms: millis(expires.after(now)),
            at_expiry: *at_expiry,
            by: by.clone(),
        }
    }

    /// As it is for us, if it was written at this moment.
    pub(in crate::controller) fn as_of(&self, id: OverrideId, now: Moment) -> Override {
        let span = |millis: u64| Duration::from_millis(millis);
        Override {
            id,
            order: self.order.clone(),
            author: self.author.clone(),
            reason: self.reason.clone(),
            made: now.before(span(self.age_ms)),
            starts: self.starts_in_ms.map(|millis| now + span(millis)),
            expires: now + span(self.ends_in_ms),
            at_expiry: self.at_expiry,
            shared: true,
        }
    }

    /// As it is for us, if it was given so long ago at this moment, and has so long left.
    pub(in crate::controller) fn aged(
        &self,
        id: OverrideId,
        (age_ms, left_ms): (u64, u64),
        now: Moment,
    ) -> Override {
        let passed = age_ms.saturating_sub(self.age_ms);
        Override {
            expires: now + Duration::from_millis(left_ms),
            ..self.as_of(id, now.before(Duration::from_millis(passed)))
        }
    }
}

/// Writes a record.
pub(in crate::controller) fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("a record is JSON")
}

/// Whatever a node writes says in which form.
pub(in crate::controller) trait Record: DeserializeOwned {
    /// The version of the form.
    fn version(&self) -> u32;
}

impl Record for NodeRecord {
    fn version(&self) -> u32 {
        self.v
    }
}

impl Record for VotesRecord {
    fn version(&self) -> u32 {
        self.v
    }
}

impl Record for DecisionRecord {
    fn version(&self) -> u32 {
        self.v
    }
}

impl Record for OverrideRecord {
    fn version(&self) -> u32 {
        self.v
    }
}

/// Reads a record, or says why it cannot be read.
pub(in crate::controller) fn read<R: Record>(text: &str) -> Result<R, String> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let unknown = |v: u32| Err(format!("it has version {v}, and this node knows version {VERSION}"));
    let error = match serde_json::from_str::<R>(text) {
        Ok(record) if record.version() == VERSION => return Ok(record),
        Ok(record) => return unknown(record.version()),
        Err(error) => error,
    };
    match serde_json::from_str(text) {
        Ok(Versioned { v }) if v != VERSION => unknown(v),
        Ok(_) | Err(_) => Err(format!("it is no record: {error}")),
    }
}

/// Milliseconds, as spans are written.
pub(in crate::controller) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let keys = [
            Key::Node("ns1".into()),
            Key::Votes("ns1".into(), "us-east".into()),
            Key::Decision("cadence.example.com.".into()),
            Key::Override(OverrideId(11)),
        ];
        for key in keys {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        assert_eq!(Key::parse("claims/x"), None);
        assert_eq!(Key::parse("overrides/x"), None);
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_versions_refused_by_name() {
        let known = r#"{"v":1,"incarnation":7,"endpoints":[],"mood":"fine"}"#;
        assert_eq!(read::<VotesRecord>(known), Ok(VotesRecord::of(Vec::new(), 7)));
        let later = r#"{"v":2,"votes":[]}"#;
        let told = read::<VotesRecord>(later).expect_err("it is a later one");
        assert_eq!(told, "it has version 2, and this node knows version 1");
        assert!(read::<VotesRecord>("[").expect_err("no JSON").starts_with("it is no record"));
    }
}
