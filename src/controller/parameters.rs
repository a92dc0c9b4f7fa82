//! What the controller decides by.

use super::hook::Hook;
use crate::answer::Identity;
use crate::health::{Alone, Check, Member, Region};
use crate::model::VantageId;
use crate::policy::{Gate, Safety, Steer};

/// What the controller decides by.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Ourselves.
    pub vantage: VantageId,
    /// The cluster that we belong to, if we do.
    pub cluster: Option<Cluster>,
    /// Every node that votes, ourselves among them. The quorum counts these, whether they are heard of or not.
    pub members: Vec<Member>,
    /// What we say about ourselves.
    pub identity: Identity,
    /// What silence proves where there is no second place to be heard.
    pub alone: Alone,
    /// The checks of places that are heard and never served.
    pub witnesses: Vec<Check>,
    /// Every region.
    pub regions: Vec<Region>,
    /// Every steer, each of its names in one of the zones.
    pub steers: Vec<Steer>,
    /// What must be proven before a region is moved to.
    pub gates: Vec<Gate>,
    /// What is done outside when a name moves.
    pub hooks: Vec<Hook>,
    /// What no command may do by mistake.
    pub safety: Safety,
}

/// What the nodes of a cluster have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// A hash of all that decisions follow from: the same on every node, or they would decide differently.
    pub configuration: String,
}
