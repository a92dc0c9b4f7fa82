//! An operator's word: an event like any other, answered by an effect.

use std::fmt;

use crate::model::{HookId, Moment, Name, RegionId};
use crate::policy::GateView;

/// The number by which a command and its reply belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What somebody wants done, who, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// For the reply.
    pub id: CommandId,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// After this moment it is refused: whoever sent it no longer waits for it.
    pub expires: Moment,
    /// What is wanted.
    pub what: What,
}

/// What can be wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Give a name, and its group, back to the most preferred of its regions that is up.
    FailBack(Name),
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The command.
    pub id: CommandId,
    /// What was done, or why nothing was.
    pub outcome: Result<Done, Refusal>,
}

/// What was done, and is on the disk or in the cluster already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The name is answered with another region.
    FailedBack {
        /// The name.
        name: Name,
        /// The region.
        region: RegionId,
    },
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No `[[steer]]` has the name.
    NotSteered(Name),
    /// No region that is preferred to the one in service is up.
    NoBetterRegion {
        /// The name.
        name: Name,
        /// The region in service.
        region: RegionId,
    },
    /// Another change of the same name is being made durable.
    ChangePending(Name),
    /// Another node's change of the same name came first.
    Superseded(Name),
    /// A gate before the region lets nobody pass.
    Gate {
        /// The name.
        name: Name,
        /// What the gate shows.
        view: GateView,
    },
    /// A hook that must succeed before the move has failed.
    Hook {
        /// The name.
        name: Name,
        /// The hook.
        hook: HookId,
        /// Why.
        why: String,
    },
    /// It came too late.
    Expired,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Done::FailedBack { name, region } => write!(f, "{name} is answered with {region} now"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotSteered(name) => {
                write!(f, "{name} is not steered; `cadence-dns status` lists the names that are")
            }
            Refusal::NoBetterRegion { name, region } => {
                write!(f, "{name} stays with {region}: no region that it prefers is up")
            }
            Refusal::ChangePending(name) => {
                write!(f, "{name} is just being changed; look at `cadence-dns status`, then ask again")
            }
            Refusal::Superseded(name) => {
                write!(
                    f,
                    "another node has just changed {name}; look at `cadence-dns status`, then ask again"
                )
            }
            Refusal::Gate { name, view } => write!(
                f,
                "{name} stays, the way to {} is closed: {}; `cadence-dns status` shows the gates",
                view.region,
                view.headline()
            ),
            Refusal::Hook { name, hook, why } => {
                write!(f, "{name} stays: the hook {hook}, which must succeed before, has failed: {why}")
            }
            Refusal::Expired => f.write_str("the command came too late, nothing was done; ask again"),
        }
    }
}

impl std::error::Error for Refusal {}
