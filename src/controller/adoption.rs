//! Propose, then adopt: what changes an answer is made durable before it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reload::Reloading;
use super::saved::SavedName;
use super::{Change, Command, CommandId, Controller, Done, News, Reply};
use crate::model::Moment;
use crate::policy::{Decision, Override, OverrideId, Overrides};

/// The number of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u64);

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// It outlives a power cut.
    Durable,
    /// It could not be made durable in time. It is adopted nevertheless, for a disk that hangs must not keep clients on
    /// a dead region; who committed it raises the alarm.
    Volatile,
}

/// What has been proposed and is not adopted yet.
#[derive(Default)]
pub(super) struct Proposals {
    last: u64,
    pending: BTreeMap<ProposalId, Proposal>,
}

/// What is to be made durable, all of it together.
#[derive(Default)]
pub(super) struct Proposal {
    /// By steer. No steer is in two proposals at once.
    pub(super) moves: BTreeMap<usize, Decision>,
    /// The override that comes into force.
    pub(super) made: Option<Arc<Override>>,
    /// The overrides that end.
    pub(super) ended: Vec<Arc<Override>>,
    /// The switchover that begins with it, if one does.
    pub(super) begins: Option<OverrideId>,
    /// The configuration that takes over, if one does: nothing else is in the same proposal, and none beside it.
    pub(super) reload: Option<Reloading>,
    /// The command that it obeys, if any.
    pub(super) command: Option<Commanded>,
    /// Another node of the cluster has decided it.
    pub(super) follows: bool,
}

/// A command that is being carried out, and what it will be told.
pub(super) struct Commanded {
    pub(super) id: CommandId,
    pub(super) done: Done,
    /// The command itself, where it may lose a race with another node.
    pub(super) command: Option<Box<Command>>,
    /// How often it has.
    pub(super) tries: u8,
}

impl Proposal {
    /// Whether nobody has ordered it.
    pub(super) fn is_automatic(&self) -> bool {
        self.command.is_none() && self.made.is_none() && self.ended.is_empty() && self.reload.is_none()
    }
}

impl Proposals {
    /// Whether a change of this steer is being committed: that of the configuration is one of every steer.
    pub(super) fn is_pending(&self, steer: usize) -> bool {
        self.pending(steer).is_some() || self.reloading().is_some()
    }

    /// Whether nothing is being committed.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether an order is being made or ended.
    pub(super) fn touch_orders(&self) -> bool {
        self.pending.values().any(|proposal| proposal.made.is_some() || !proposal.ended.is_empty())
    }

    /// The configuration that is being committed, if one is.
    pub(super) fn reloading(&self) -> Option<&Reloading> {
        self.pending.values().find_map(|proposal| proposal.reload.as_ref())
    }

    /// What is being committed for a steer, if anything is.
    pub(super) fn pending(&self, steer: usize) -> Option<&Decision> {
        self.pending.values().find_map(|proposal| proposal.moves.get(&steer))
    }

    /// The names that a proposal is about stay where it puts them.
    pub(super) fn keep(&mut self, steer: usize) {
        for proposal in self.pending.values_mut() {
            if let Some(decision) = proposal.moves.get_mut(&steer) {
                decision.standing.kept = true;
            }
        }
    }

    /// These overrides, as they will be when all that is being committed holds.
    pub(super) fn overrides(&self, in_force: &Overrides) -> Overrides {
        self.pending.values().fold(in_force.clone(), |overrides, proposal| {
            let ended: Vec<OverrideId> = proposal.ended.iter().map(|ended| ended.id).collect();
            let left = overrides.without(&ended);
            proposal.made.iter().fold(left, |left, made| left.with(Arc::clone(made)))
        })
    }

    fn add(&mut self, proposal: Proposal) -> ProposalId {
        self.last += 1;
        let id = ProposalId(self.last);
        self.pending.insert(id, proposal);
        id
    }

    fn take(&mut self, id: ProposalId) -> Option<Proposal> {
        self.pending.remove(&id)
    }
}

impl Controller {
    /// Asks for this to be made durable; for what hooks must succeed before, when they have.
    pub(super) fn propose(&mut self, proposal: Proposal, now: Moment, news: &mut News) {
        if let Some(proposal) = self.after_hooks(proposal, now, news) {
            self.share(proposal, now, news);
        }
    }

    /// Asks for this to be made durable, now.
    pub(super) fn commit(&mut self, proposal: Proposal, news: &mut News) {
        let Proposal { moves, made, ended, reload, .. } = &proposal;
        if moves.is_empty() && made.is_none() && ended.is_empty() && reload.is_none() {
            return;
        }
        for index in moves.keys() {
            self.set_due(*index, None); // the commit wakes us
        }
        let mut changes = std::mem::take(&mut news.changes);
        changes.extend(ended.iter().map(|ended| Change::OverrideEnded(ended.id)));
        changes.extend(made.iter().map(|made| Change::Override(Arc::clone(made))));
        changes.extend(moves.values().flat_map(SavedName::all_of).map(Change::Name));
        changes.extend(reload.iter().flat_map(Reloading::changes));
        let id = self.proposals.add(proposal);
        news.commits.push((id, changes));
    }

    /// From here on what was proposed holds. Whatever happened meanwhile is decided on after that.
    pub(super) fn adopt(&mut self, id: ProposalId, commit: Commit, now: Moment, news: &mut News) {
        let Some(proposal) = self.proposals.take(id) else { return };
        let Proposal { moves, made, ended, begins, reload, command, follows } = proposal;
        self.put_overrides(made, &ended, now, news);
        for (index, decision) in moves {
            news.concerned.insert(index);
            let from = self.decisions[index].standing.region.clone();
            self.put_in_force(index, decision.clone(), now, news);
            if !follows {
                self.run_after_hooks(index, &from, &decision, news);
            }
        }
        news.changes.clear(); // committed already
        begins.into_iter().for_each(|id| self.has_begun(id, now, news));
        if let Some(reloading) = reload {
            let broken = command.as_ref().map(|command| command.done.broken.clone()).unwrap_or_default();
            self.adopt_reload(reloading, &broken, now, news);
        }
        news.replies.extend(command.map(|command| command.reply(commit)));
        self.want_push();
        self.leave_unsettled();
        self.try_again(now, news);
        if self.proposals.is_empty()
            && let Some(parked) = self.parked.take()
        {
            self.reload(parked, now, news);
        }
    }
}

impl Commanded {
    fn reply(self, commit: Commit) -> Reply {
        let Commanded { id, done, .. } = self;
        Reply { id, outcome: Ok(Done { durable: commit == Commit::Durable, ..done }) }
    }
}
