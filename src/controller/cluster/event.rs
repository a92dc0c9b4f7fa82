//! What operators are told about the nodes of a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Name, VantageId, shown};
use crate::policy::Override;

/// Something has changed between the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ClusterEvent {
    /// We are not heard, or do not hear most nodes: nothing moves here.
    CutOff {
        /// Why.
        why: String,
    },
    /// We are heard, and hear most nodes, again.
    Together {
        /// For how long we were not.
        after: Duration,
    },
    /// We have been cut off for so long that we act by our own view, while the world is there.
    Alone,
    /// No longer.
    NotAlone,
    /// A node was not heard for a while.
    Silent {
        /// Which.
        node: VantageId,
    },
    /// It is heard.
    Heard {
        /// Which.
        node: VantageId,
    },
    /// A node decides by another configuration.
    Differs {
        /// Which.
        node: VantageId,
    },
    /// It decides by the same.
    Agrees {
        /// Which.
        node: VantageId,
    },
    /// Another node has moved a name.
    Followed {
        /// The name.
        name: Name,
        /// Which node has decided it.
        node: VantageId,
        /// Under which epoch.
        epoch: u64,
        /// Why, in its words.
        why: String,
    },
    /// An order that another node was given is in force here, too.
    OrderTaken {
        /// Which.
        order: Arc<Override>,
    },
    /// Of two orders about the same thing, given on two sides, the earlier has lost.
    OrderLost {
        /// The earlier.
        lost: Arc<Override>,
        /// The later.
        won: Arc<Override>,
    },
}

impl ClusterEvent {
    /// Whether an operator should look.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            ClusterEvent::CutOff { .. }
            | ClusterEvent::Alone
            | ClusterEvent::Silent { .. }
            | ClusterEvent::Differs { .. }
            | ClusterEvent::OrderLost { .. } => true,
            ClusterEvent::Together { .. }
            | ClusterEvent::NotAlone
            | ClusterEvent::Heard { .. }
            | ClusterEvent::Agrees { .. }
            | ClusterEvent::Followed { .. }
            | ClusterEvent::OrderTaken { .. } => false,
        }
    }

    /// The stable name of the event in the log.
    #[must_use]
    pub fn event(&self) -> &'static str {
        match self {
            ClusterEvent::CutOff { .. } => "cluster.cut_off",
            ClusterEvent::Together { .. } => "cluster.together",
            ClusterEvent::Alone => "cluster.alone",
            ClusterEvent::NotAlone => "cluster.not_alone",
            ClusterEvent::Silent { .. } => "cluster.node_silent",
            ClusterEvent::Heard { .. } => "cluster.node_heard",
            ClusterEvent::Differs { .. } => "cluster.node_differs",
            ClusterEvent::Agrees { .. } => "cluster.node_agrees",
            ClusterEvent::Followed { .. } => "cluster.followed",
            ClusterEvent::OrderTaken { .. } => "cluster.order_taken",
            ClusterEvent::OrderLost { .. } => "cluster.order_lost",
        }
    }
}

impl fmt::Display for ClusterEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterEvent::CutOff { why } => write!(f, "cut off from the cluster: {why}; the answers stay"),
            ClusterEvent::Together { after } => write!(f, "together with the cluster again, after {}", shown(*after)),
            ClusterEvent::Alone => f.write_str(
                "ALONE: cut off for long while most witnesses are heard; a region that is down from here is left",
            ),
            ClusterEvent::NotAlone => f.write_str("not alone any more"),
            ClusterEvent::Silent { node } => write!(f, "{node} is not heard"),
            ClusterEvent::Heard { node } => write!(f, "{node} is heard"),
            ClusterEvent::Differs { node } => {
                write!(f, "{node} decides by another configuration; deploy the same one on every node")
            }
            ClusterEvent::Agrees { node } => write!(f, "{node} decides by the same configuration"),
            ClusterEvent::Followed { name, node, epoch, why } => {
                write!(f, "{name}: decided by {node} (epoch {epoch}): {why}")
            }
            ClusterEvent::OrderTaken { order } => write!(
                f,
                "override {} of another node is in force: {} by {}: {:?}",
                order.id, order.order, order.author, order.reason
            ),
            ClusterEvent::OrderLost { lost, won } => write!(
                f,
                "override {} ({} by {}) has lost against {} ({} by {}), which was given later",
                lost.id, lost.order, lost.author, won.id, won.order, won.author
            ),
        }
    }
}
