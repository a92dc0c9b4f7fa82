//! The cluster as a matrix, nodes by regions: what the terminal and the pages both show.

use std::time::Duration;

use super::status::{RegionStatus, Status};
use crate::controller::{ClusterView, NodeView, Togetherness};
use crate::health::{Role, Vote};
use crate::model::RegionId;

/// Nodes by regions, as one of the nodes sees them.
#[derive(Debug)]
pub struct ClusterMatrix<'s> {
    /// What it is made from.
    pub view: &'s ClusterView,
    /// The columns, in the order of the status.
    pub regions: Vec<&'s RegionStatus>,
    /// The rows, in the order of the configuration.
    pub rows: Vec<NodeRow<'s>>,
}

/// What is known of a node.
#[derive(Debug)]
pub struct NodeRow<'s> {
    /// The node.
    pub node: &'s NodeView,
    /// How long ago it was heard.
    pub heard: Heard,
    /// The epochs by which it answers: those that differ from ours first.
    pub epochs: Vec<NodeEpoch<'s>>,
    /// The serials that its zones tell: those that differ from ours first.
    pub zones: Vec<NodeZone<'s>>,
}

/// How long ago a node said what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Not since this node started.
    Never,
    /// Too long ago: it does not count.
    Stale(Duration),
    /// Lately.
    Lately(Duration),
}

/// What a node says of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Its vote.
    Vote(Vote),
    /// It stands inside, and has no vote.
    Inside,
    /// Nothing.
    Nothing,
}

/// The epoch by which a node answers a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeEpoch<'s> {
    /// The name.
    pub name: &'s str,
    /// The epoch there.
    pub epoch: u64,
    /// The epoch here, if it is another one.
    pub ours: Option<u64>,
}

/// The serial that a zone tells on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeZone<'s> {
    /// The zone.
    pub zone: &'s str,
    /// The serial there.
    pub serial: u32,
    /// The serial here, if something else stands in the zone: the same serial then is the worst that can be.
    pub ours: Option<u32>,
}

impl ClusterMatrix<'_> {
    /// The matrix; none where the node decides alone.
    #[must_use]
    pub fn of(status: &Status) -> Option<ClusterMatrix<'_>> {
        let view = status.cluster.as_ref()?;
        let us = view.nodes.iter().find(|node| node.us);
        let rows = view.nodes.iter().map(|node| NodeRow::of(node, us)).collect();
        Some(ClusterMatrix { view, regions: status.regions.iter().collect(), rows })
    }

    /// How this node stands to the others, in one line.
    #[must_use]
    pub fn standing(&self) -> String {
        let ClusterView { heard, active, why, .. } = self.view;
        let heard = format!("{heard} of {active} nodes are heard");
        match (self.view.state, why) {
            (Togetherness::Together, None) => format!("together, {heard}"),
            (Togetherness::Together, Some(why)) => format!("together, {heard}; moves nothing: {why}"),
            (Togetherness::CutOff, why) => {
                format!("CUT OFF: {}; the answers stay", why.as_deref().unwrap_or("nobody is heard"))
            }
            (Togetherness::Alone, why) => {
                format!("ALONE: {}; a dead region is left", why.as_deref().unwrap_or("nobody is heard"))
            }
        }
    }
}

impl<'s> NodeRow<'s> {
    fn of(node: &'s NodeView, us: Option<&'s NodeView>) -> NodeRow<'s> {
        let mut epochs: Vec<NodeEpoch<'_>> = Vec::new();
        for (name, epoch) in &node.epochs {
            let ours = us.and_then(|us| us.epochs.get(name)).copied().filter(|ours| ours != epoch);
            epochs.push(NodeEpoch { name, epoch: *epoch, ours });
        }
        epochs.sort_by_key(|epoch| epoch.ours.is_none()); // stable: else by name
        let mut zones: Vec<NodeZone<'_>> = Vec::new();
        for (zone, told) in &node.zones {
            let ours = us.and_then(|us| us.zones.get(zone)).filter(|ours| *ours != told);
            zones.push(NodeZone { zone, serial: told.0, ours: ours.map(|(serial, _)| *serial) });
        }
        zones.sort_by_key(|zone| zone.ours.is_none());
        NodeRow { node, heard: Heard::of(node), epochs, zones }
    }

    /// What it says of a region.
    #[must_use]
    pub fn said(&self, region: &RegionId) -> Said {
        match self.node.votes.get(region) {
            Some(vote) => Said::Vote(*vote),
            None if self.node.region.as_ref() == Some(region) => Said::Inside,
            None => Said::Nothing,
        }
    }

    /// What else is to be known of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let NodeView { role, suspended, cut_off, same_configuration, version, .. } = self.node;
        let mut notes = Vec::new();
        notes.extend((*role == Role::Witness).then(|| "witness".to_owned()));
        notes.extend(suspended.then(|| "suspended".to_owned()));
        notes.extend(cut_off.then(|| "says it is cut off".to_owned()));
        notes.extend((*same_configuration == Some(false)).then(|| "ANOTHER CONFIGURATION".to_owned()));
        let other = version.as_deref().filter(|version| *version != env!("CARGO_PKG_VERSION"));
        notes.extend(other.map(|version| format!("version {version}")));
        notes
    }
}

impl Heard {
    fn of(node: &NodeView) -> Heard {
        match node.age {
            None => Heard::Never,
            Some(seconds) => {
                let age = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                if node.heard { Heard::Lately(age) } else { Heard::Stale(age) }
            }
        }
    }
}
