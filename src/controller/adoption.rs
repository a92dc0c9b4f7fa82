//! Propose, then adopt: what changes an answer is made durable before it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reload::Reloading;
use super::saved::SavedName;
use super::{Change, CommandId, Controller, Done, News, Refusal, Reply};
use crate::model::{Moment, Name};
use crate::policy::{Decision, Override, OverrideId, Overrides, Standing};

/// The number of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u64);

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// It outlives a power cut.
    Durable,
    /// It could not be made durable in time. It is adopted nevertheless, for a disk that hangs must not keep clients on
    /// a dead region; who committed it raises the alarm.
    Volatile,
    /// Other changes of these names came first: they are adopted instead. A cluster says so, a single node never does.
    Superseded(Vec<(Name, Standing)>),
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
}

/// A command that is being carried out, and what it will be told.
pub(super) struct Commanded {
    pub(super) id: CommandId,
    pub(super) done: Done,
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
            self.commit(proposal, news);
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
    pub(super) fn adopt(&mut self, id: ProposalId, commit: &Commit, now: Moment, news: &mut News) {
        let Some(proposal) = self.proposals.take(id) else { return };
        let Proposal { moves, made, ended, begins, reload, command } = proposal;
        let superseding: &[(Name, Standing)] = match commit {
            Commit::Durable | Commit::Volatile => &[],
            Commit::Superseded(standings) => standings,
        };
        if superseding.is_empty() {
            self.put_overrides(made, &ended, now, news);
        }
        for (index, decision) in moves {
            news.concerned.insert(index);
            let others = superseding.iter().filter(|(name, _)| decision.names.contains(name));
            match others.map(|(_, standing)| standing).max_by_key(|standing| standing.epoch) {
                Some(standing) => self.follow(index, standing, news, now),
                None => {
                    let from = self.decisions[index].standing.region.clone();
                    self.put_in_force(index, decision.clone(), now, news);
                    self.run_after_hooks(index, &from, &decision, news);
                }
            }
        }
        if superseding.is_empty() {
            news.changes.clear(); // committed already
            begins.into_iter().for_each(|id| self.has_begun(id, now, news));
        }
        if let Some(reloading) = reload {
            let broken = command.as_ref().map(|command| command.done.broken.clone()).unwrap_or_default();
            self.adopt_reload(reloading, &broken, now, news);
        }
        let overtaken = superseding.first().map(|(name, _)| name);
        news.replies.extend(command.map(|command| command.reply(commit, overtaken)));
        if self.proposals.is_empty()
            && let Some(parked) = self.parked.take()
        {
            self.reload(parked, now, news);
        }
    }

    /// Takes over what another node has committed, unless it is older than what is in force.
    fn follow(&mut self, index: usize, standing: &Standing, news: &mut News, now: Moment) {
        let before = &self.decisions[index];
        if standing.epoch > before.standing.epoch {
            let decision = Decision { standing: standing.clone(), ..before.clone() };
            self.put_in_force(index, decision, now, news);
        }
    }
}

impl Commanded {
    fn reply(self, commit: &Commit, overtaken: Option<&Name>) -> Reply {
        let Commanded { id, done } = self;
        let outcome = match overtaken {
            Some(name) => Err(Refusal::Superseded(name.clone())),
            None => Ok(Done { durable: *commit == Commit::Durable, ..done }),
        };
        Reply { id, outcome }
    }
}
