//! Propose, then adopt: what changes an answer is made durable before it is published.

use std::collections::BTreeMap;

use super::saved::SavedName;
use super::{Change, CommandId, Controller, Done, News, Refusal, Reply};
use crate::model::{Moment, Name};
use crate::policy::{Decision, Standing};

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

struct Proposal {
    /// By steer. No steer is in two proposals at once.
    moves: BTreeMap<usize, Decision>,
    /// The command that it obeys, if any, and the name that it is about.
    command: Option<(CommandId, Name)>,
}

impl Proposals {
    /// Whether a change of this steer is being committed.
    pub(super) fn is_pending(&self, steer: usize) -> bool {
        self.pending(steer).is_some()
    }

    /// What is being committed for a steer, if anything is.
    pub(super) fn pending(&self, steer: usize) -> Option<&Decision> {
        self.pending.values().find_map(|proposal| proposal.moves.get(&steer))
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
    /// Asks for these decisions to be made durable, all of them together; those with hooks that must succeed when these
    /// have.
    pub(super) fn propose(
        &mut self,
        moves: BTreeMap<usize, Decision>,
        command: Option<(CommandId, Name)>,
        now: Moment,
        news: &mut News,
    ) {
        let moves = self.after_hooks(moves, command.as_ref(), now, news);
        if moves.is_empty() {
            return;
        }
        for index in moves.keys() {
            self.set_due(*index, None); // the commit wakes us
        }
        let mut changes = std::mem::take(&mut news.changes);
        changes.extend(moves.values().flat_map(SavedName::all_of).map(Change::Name));
        let id = self.proposals.add(Proposal { moves, command });
        news.commits.push((id, changes));
    }

    /// From here on what was proposed holds. Whatever happened meanwhile is decided on after that.
    pub(super) fn adopt(&mut self, id: ProposalId, commit: &Commit, now: Moment, news: &mut News) {
        let Some(Proposal { moves, command }) = self.proposals.take(id) else { return };
        let superseding: &[(Name, Standing)] = match commit {
            Commit::Durable | Commit::Volatile => &[],
            Commit::Superseded(standings) => standings,
        };
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
        }
        news.replies.extend(command.map(|command| self.reply(command, !superseding.is_empty())));
    }

    /// Takes over what another node has committed, unless it is older than what is in force.
    fn follow(&mut self, index: usize, standing: &Standing, news: &mut News, now: Moment) {
        let before = &self.decisions[index];
        if standing.epoch > before.standing.epoch {
            let decision = Decision { standing: standing.clone(), ..before.clone() };
            self.put_in_force(index, decision, now, news);
        }
    }

    fn reply(&self, (id, name): (CommandId, Name), superseded: bool) -> Reply {
        let decision = self.decisions.iter().find(|decision| decision.names.contains(&name));
        let region = decision.map(|decision| decision.standing.region.clone());
        let outcome = match region {
            Some(region) if !superseded => Ok(Done::FailedBack { name, region }),
            Some(_) => Err(Refusal::Superseded(name)),
            None => Err(Refusal::NotSteered(name)),
        };
        Reply { id, outcome }
    }
}
