//! What the other nodes have said, and how old that can be.

use std::collections::BTreeMap;

use super::record::{NodeRecord, VotesRecord};
use crate::model::{Moment, RegionId, VantageId};

/// Every node that was heard of, ourselves too.
#[derive(Debug, Default)]
pub(in crate::controller) struct Peers(BTreeMap<VantageId, Peer>);

/// A node.
#[derive(Debug, Default)]
pub(in crate::controller) struct Peer {
    /// What it said of itself last.
    pub(in crate::controller) record: Option<NodeRecord>,
    /// A moment after which it said that; none while nobody knows.
    pub(in crate::controller) said: Option<Moment>,
    /// Its last votes, by region, of whatever run.
    votes: BTreeMap<RegionId, VotesRecord>,
}

impl Peers {
    /// A node says that it is there; `said`, as far as anybody knows, after that moment.
    pub(in crate::controller) fn hear(&mut self, node: &VantageId, record: NodeRecord, said: Option<Moment>) {
        let peer = self.0.entry(node.clone()).or_default();
        let is_new = peer
            .record
            .as_ref()
            .is_none_or(|known| (known.incarnation, known.sequence) != (record.incarnation, record.sequence));
        if is_new {
            peer.said = peer.said.max(said);
            peer.record = Some(record);
        }
    }

    /// A node says what it sees of a region.
    pub(in crate::controller) fn hear_votes(
        &mut self,
        node: &VantageId,
        region: &RegionId,
        votes: VotesRecord,
    ) {
        self.0.entry(node.clone()).or_default().votes.insert(region.clone(), votes);
    }

    /// A node has taken back what it saw of a region.
    pub(in crate::controller) fn forget_votes(&mut self, node: &VantageId, region: &RegionId) {
        if let Some(peer) = self.0.get_mut(node) {
            peer.votes.remove(region);
        }
    }

    /// What there is as a whole is told anew: what is not told is not there.
    pub(in crate::controller) fn forget_all_votes(&mut self) {
        self.0.values_mut().for_each(|peer| peer.votes.clear());
    }

    /// What is known of a node.
    pub(in crate::controller) fn get(&self, node: &VantageId) -> Option<&Peer> {
        self.0.get(node)
    }
}

impl Peer {
    /// What the run that says it is there sees of each region.
    pub(in crate::controller) fn votes(&self) -> impl Iterator<Item = (&RegionId, &VotesRecord)> {
        let run = self.record.as_ref().map(|record| record.incarnation);
        self.votes.iter().filter(move |(_, votes)| Some(votes.incarnation) == run)
    }

    /// Whether it had read up to this revision when it last said anything.
    pub(in crate::controller) fn has_seen(&self, revision: u64) -> bool {
        self.record.as_ref().is_some_and(|record| record.seen >= revision)
    }
}
