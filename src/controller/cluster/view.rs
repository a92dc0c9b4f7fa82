//! The cluster as operators see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{NodeRecord, Participant};
use crate::health::{Role, Vote};
use crate::model::{Moment, RegionId, VantageId};
use crate::policy::{OverrideId, Verdicts};

/// How a node stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Togetherness {
    /// It is heard, and hears most nodes: they decide together.
    Together,
    /// It is cut off: its answers stay.
    CutOff,
    /// It has been for long, and leaves dead regions on its own.
    Alone,
}

/// The cluster, as one of its nodes sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// How this node stands to the others.
    pub state: Togetherness,
    /// Since when it is cut off, if it is.
    pub since: Option<Moment>,
    /// Why it is cut off, or why it moves nothing though it is not.
    pub why: Option<String>,
    /// How many nodes are heard, this one included.
    pub heard: usize,
    /// How many count.
    pub active: usize,
    /// What it has read of what they share, counted by etcd.
    pub revision: u64,
    /// Every node, in the order of the configuration.
    pub nodes: Vec<NodeView>,
    /// Orders that the other nodes have not been told of yet.
    pub unshared: Vec<OverrideId>,
    /// Keys that this node cannot read, and why.
    pub unreadable: BTreeMap<String, String>,
    /// Another process says that it is this node.
    pub namesake: bool,
}

/// A node, as another one sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its name.
    pub node: VantageId,
    /// The region that it stands in, if it does.
    pub region: Option<RegionId>,
    /// What it is there for.
    pub role: Role,
    /// It is the one that says all this.
    pub us: bool,
    /// An operator has taken it out for a while.
    pub suspended: bool,
    /// It was heard lately.
    pub heard: bool,
    /// How long ago it said what is known of it, at most, in seconds.
    pub age: Option<f64>,
    /// What it runs.
    pub version: Option<String>,
    /// Whether it decides by our configuration.
    pub same_configuration: Option<bool>,
    /// The epoch by which it answers each name; of the first of them, if there are many.
    pub epochs: BTreeMap<String, u64>,
    /// The serial that each zone tells there, and a checksum of what stands in it; of the first of them.
    pub zones: BTreeMap<String, (u32, String)>,
    /// It is cut off itself, as it says.
    pub cut_off: bool,
    /// What it says of each region that it has a vote on.
    pub votes: BTreeMap<RegionId, Vote>,
}

impl Participant {
    /// The cluster as we see it. `own` is what we say of ourselves.
    pub(in crate::controller) fn view(
        &self,
        own: &NodeRecord,
        unshared: Vec<OverrideId>,
        verdicts: &Verdicts,
        now: Moment,
    ) -> ClusterView {
        let state = match (&self.cut_off, self.alone) {
            (_, true) => Togetherness::Alone,
            (Some(_), false) => Togetherness::CutOff,
            (None, false) => Togetherness::Together,
        };
        let why = self.cut_off.as_ref().map(|cut_off| cut_off.why.clone());
        ClusterView {
            state,
            since: self.cut_off.as_ref().map(|cut_off| cut_off.since),
            why: why.or_else(|| match self.mandate(0, now) {
                super::Mandate::Not(why) => Some(why),
                super::Mandate::Together | super::Mandate::Alone => None,
            }),
            heard: self.heard(now).count(),
            active: self.active().count(),
            revision: self.seen,
            nodes: self.nodes.iter().map(|node| self.node_view(node, own, verdicts, now)).collect(),
            unshared,
            unreadable: self.held.unreadable().map(|(key, why)| (key.clone(), why.clone())).collect(),
            namesake: self.namesake.is_some(),
        }
    }

    fn node_view(
        &self,
        node: &crate::health::Member,
        own: &NodeRecord,
        verdicts: &Verdicts,
        now: Moment,
    ) -> NodeView {
        let us = node.vantage == self.us;
        let peer = self.peers.get(&node.vantage);
        let record = if us { Some(own) } else { peer.and_then(|peer| peer.record.as_ref()) };
        let said = if us { self.contact.last() } else { peer.and_then(|peer| peer.said) };
        let votes = verdicts.values().filter_map(|verdict| {
            let vote = verdict.votes.iter().find(|vote| vote.vantage == node.vantage)?;
            Some((verdict.region.clone(), vote.vote))
        });
        NodeView {
            node: node.vantage.clone(),
            region: node.region.clone(),
            role: node.role,
            us,
            suspended: self.suspended.contains(&node.vantage),
            heard: self.is_heard(&node.vantage, now),
            age: said.map(|said| now.since(said).as_secs_f64()),
            version: record.map(|record| record.version.clone()),
            same_configuration: record.map(|record| record.configuration == own.configuration),
            epochs: record.map(|record| record.epochs.clone()).unwrap_or_default(),
            zones: record.map(|record| record.zones.clone()).unwrap_or_default(),
            cut_off: record.is_some_and(|record| record.cut_off_for_ms.is_some()),
            votes: votes.collect(),
        }
    }
}
