//! What can happen, and what is to be done about it.

use std::net::IpAddr;
use std::sync::Arc;

use super::adoption::{Commit, ProposalId};
use super::cluster::{RegisterNews, Transaction};
use super::command::{Command, CommandId, Reply};
use super::hook::{HookEnded, HookRun};
use super::reload::Reload;
use super::report::Report;
use super::saved::Change;
use crate::answer::AnswerTable;
use crate::health::{Observation, Pace};
use crate::model::{CheckId, GateId, Name};
use crate::policy::{OverrideId, Seen};

/// What can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A probe has ended.
    Observed(Observation),
    /// What the nodes of the cluster share has something to say.
    Register(RegisterNews),
    /// Something was seen at a gate.
    Gated(GateId, Seen),
    /// A run of a hook has ended.
    HookEnded(HookEnded),
    /// Somebody wants something.
    Command(Command),
    /// Another configuration is to hold.
    Reload(Box<Reload>),
    /// What was proposed is durable, or somebody else's change came first.
    Committed(ProposalId, Commit),
    /// What our own listeners answered after a switchover.
    Verified(OverrideId, Result<String, String>),
    /// Time went by: due at [`Controller::wake_at`](super::Controller::wake_at), and every second or so for the watchdog on
    /// stale evidence.
    TimePassed,
}

/// What is to be done, in this order.
pub enum Effect {
    /// From here on the configuration holds that came with this number: whatever works by the one before is replaced.
    Configure(CommandId),
    /// Make this durable, then tell by [`Event::Committed`]. An answer is changed after that, not before, for an answer
    /// that a client has seen must be the answer after a restart.
    Commit(ProposalId, Vec<Change>),
    /// Note this soon; nothing waits for it.
    Note(Vec<Change>),
    /// Write this into what the nodes of the cluster share, then tell by [`RegisterNews::Transacted`].
    Transact(Transaction),
    /// Answer from this table.
    Publish(Arc<AnswerTable>),
    /// Bring what [`Controller::saved`](super::Controller::saved) says to the disk.
    Persist,
    /// Probe this check at this pace.
    Pace(CheckId, Pace),
    /// Probe this check once, now.
    ProbeNow(CheckId),
    /// Run this hook, and tell by [`Event::HookEnded`] how it ended.
    RunHook(HookRun),
    /// Ask our own listeners over the network, then tell by [`Event::Verified`].
    Verify {
        /// Of which switchover.
        id: OverrideId,
        /// For which name.
        name: Name,
        /// What must be answered.
        addresses: Vec<IpAddr>,
    },
    /// Tell the operator.
    Report(Report),
    /// Tell who sent the command.
    Reply(Reply),
}
