//! A move of a cluster: under which number it may be made, and the transaction that makes it everybody's.

use std::net::IpAddr;
use std::sync::Arc;

use super::adoption::{Commanded, Proposal};
use super::cluster::{
    DecisionRecord, Key, Mandate, Numbers, OUTCOME_MAX, OverrideRecord, Transacted, Transaction,
    TransactionId, text,
};
use super::command::{Refusal, Reply};
use super::{Controller, News, Parameters};
use crate::health::State;
use crate::model::{Moment, Name};
use crate::policy::{Decision, Hold, OverrideId, Standing, Steer, Wait, withheld};

/// As many names as one transaction moves: etcd takes 128 conditions, and as many writes.
const MOVES_MAX: usize = 100;

/// A command that loses a race with another move is tried so often.
const TRIES_MAX: u8 = 3;

/// What a transaction is about.
pub(super) enum Matter {
    /// That we are there, and what we see.
    Push,
    /// A move, or an order.
    Proposal(Box<Proposal>),
    /// What this name has here is newer than what the register says.
    Assertion(Name),
    /// Orders that the register lacks, or should lack.
    Orders(Vec<OverrideId>),
}

/// Whose move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mover {
    Evidence,
    Operator,
}

impl Controller {
    /// The decision under a number that nobody else gives; or the one to stay, where the cluster does not move.
    pub(super) fn numbered(
        &self,
        index: usize,
        decision: Decision,
        before: &Standing,
        mover: Mover,
        now: Moment,
    ) -> Decision {
        let decision = self.ceilings.lift(decision, Some(before));
        let Some(part) = &self.participant else { return decision };
        if decision.standing.epoch == before.epoch {
            return decision;
        }
        let steer = &self.parameters.steers[index];
        let held = part.held.epoch_of(&steer.name().to_string());
        let last = (decision.standing.epoch - 1).max(before.epoch).max(held);
        let with = |epoch| numbered(decision.clone(), epoch);
        if !has_all(&self.parameters, before) {
            return with(part.numbers.own_after(last));
        }
        if mover == Mover::Operator {
            let is_heard = part.contact.is_fresh(now);
            return with(if is_heard {
                part.numbers.agreed_after(last)
            } else {
                part.numbers.own_after(last)
            });
        }
        let revision = part.held.revision_of(&steer.name().to_string());
        match part.mandate(revision, now) {
            Mandate::Together if self.hooks.must_run(&decision, before) && !part.is_first(now) => {
                stay(steer, before, decision, now)
            }
            Mandate::Together if !is_escape(&decision, before) && part.has_just_come_together(now) => {
                stay(steer, before, decision, now)
            }
            Mandate::Together => with(part.numbers.agreed_after(last)),
            Mandate::Alone if is_escape(&decision, before) => with(part.numbers.own_after(last)),
            Mandate::Alone | Mandate::Not(_) => stay(steer, before, decision, now),
        }
    }

    /// Has everybody agree to it first; what was decided without them is made durable at once.
    pub(super) fn share(&mut self, mut proposal: Proposal, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return self.commit(proposal, news) };
        let is_agreed = |decision: &Decision| Numbers::giver(decision.standing.epoch).is_none();
        let is_for_all = proposal.command.is_some() || proposal.made.is_some() || !proposal.ended.is_empty();
        if proposal.reload.is_some() || !(is_for_all || proposal.moves.values().any(is_agreed)) {
            return self.commit(proposal, news);
        }
        if !part.contact.is_fresh(now) {
            return self.go_on_alone(proposal, now, news);
        }
        let rest: Vec<usize> = proposal.moves.keys().skip(MOVES_MAX).copied().collect();
        for index in rest {
            proposal.moves.remove(&index);
            self.set_due(index, Some(now)); // they follow by themselves
        }
        let transaction = self.transaction_of(&proposal, now);
        for index in proposal.moves.keys() {
            self.set_due(*index, None); // the outcome wakes us
        }
        self.under_way.insert(transaction.id, (now, Matter::Proposal(Box::new(proposal))));
        news.transactions.push(transaction);
    }

    fn transaction_of(&mut self, proposal: &Proposal, now: Moment) -> Transaction {
        let Some(part) = &mut self.participant else { unreachable!("only a cluster shares") };
        let (mut conditions, mut writes) = (Vec::new(), Vec::new());
        let is_raised = |(index, decision): &(&usize, &Decision)| {
            decision.standing.epoch != self.decisions[**index].standing.epoch
        };
        for (_, decision) in proposal.moves.iter().filter(is_raised) {
            let name = decision.name().to_string();
            let key = Key::of_decision(decision.name()).to_string();
            conditions.push((key.clone(), part.held.revision_of(&name)));
            writes.push((key, Some(text(&record_of(decision, &part.us, now)))));
        }
        for ended in &proposal.ended {
            writes.push((Key::Override(ended.id).to_string(), None));
        }
        if let Some(made) = &proposal.made {
            let record = OverrideRecord::of(made, &part.us, now);
            writes.retain(|(key, _)| *key != Key::Override(made.id).to_string());
            writes.push((Key::Override(made.id).to_string(), Some(text(&record))));
        }
        part.transaction(conditions, writes)
    }

    /// Nobody can be asked: an operator's word holds here, under a number of our own; everything else waits.
    fn go_on_alone(&mut self, mut proposal: Proposal, now: Moment, news: &mut News) {
        let Some(part) = &self.participant else { return };
        if proposal.command.is_none() {
            for index in proposal.moves.keys() {
                self.set_due(*index, Some(now + super::cluster::PUSHES_EVERY));
            }
            return;
        }
        for (index, decision) in &mut proposal.moves {
            let is_raised = decision.standing.epoch != self.decisions[*index].standing.epoch;
            if is_raised && Numbers::giver(decision.standing.epoch).is_none() {
                let epoch = part.numbers.own_after(decision.standing.epoch);
                decision.standing.epoch = epoch;
            }
        }
        if let Some(Commanded { done, .. }) = &mut proposal.command {
            done.notes.push(
                "this node is cut off from the others: they do not know of this yet, and are told as soon as they are heard"
                    .into(),
            );
        }
        self.commit(proposal, news);
    }

    /// What became of a transaction.
    pub(super) fn hear_outcome(
        &mut self,
        id: TransactionId,
        outcome: Transacted,
        now: Moment,
        news: &mut News,
    ) {
        let Some((sent, matter)) = self.under_way.remove(&id) else { return };
        let Some(part) = &mut self.participant else { return };
        if !matches!(matter, Matter::Push) {
            part.unsettled = true;
        }
        if let (Transacted::Unknown(_), false) = (&outcome, matches!(matter, Matter::Push)) {
            part.contact.doubt(sent); // or it would be tried again and again at once
        }
        match (matter, outcome) {
            (Matter::Proposal(proposal), Transacted::Written(revision)) => {
                self.is_agreed(*proposal, revision, now, news);
            }
            (Matter::Proposal(proposal), Transacted::Refused(keys)) => {
                self.hear_keys(keys, now);
                self.has_lost_race(*proposal, now, news);
            }
            (Matter::Proposal(proposal), Transacted::Unknown(_)) => {
                self.go_on_alone(*proposal, now, news);
            }
            (Matter::Assertion(name), Transacted::Written(revision)) => {
                if let Some(decision) = self.decisions.iter().find(|decision| *decision.name() == name) {
                    let record = record_of(decision, &part.us, now);
                    part.held.decide(name.to_string(), revision, Some(record));
                }
            }
            (Matter::Assertion(_), Transacted::Refused(keys)) => self.hear_keys(keys, now),
            (Matter::Orders(ids), Transacted::Written(revision)) => {
                self.are_shared(&ids, revision, now, news);
            }
            (Matter::Orders(_), Transacted::Refused(keys)) => self.hear_keys(keys, now),
            (Matter::Push, _) | (Matter::Assertion(_) | Matter::Orders(_), Transacted::Unknown(_)) => {}
        }
    }

    /// Transactions whose outcome will never come.
    pub(super) fn expire_transactions(&mut self, now: Moment, news: &mut News) {
        let is_late = |(sent, _): &(Moment, Matter)| now.since(*sent) >= OUTCOME_MAX;
        let late = self.under_way.iter().filter(|(_, matter)| is_late(matter)).map(|(id, _)| *id);
        for id in late.collect::<Vec<TransactionId>>() {
            self.hear_outcome(id, Transacted::Unknown("no outcome".into()), now, news);
        }
    }

    /// Whether a change of this steer waits for the others.
    pub(super) fn is_being_shared(&self, steer: usize) -> bool {
        self.under_way.values().any(|(_, matter)| match matter {
            Matter::Proposal(proposal) => proposal.moves.contains_key(&steer),
            Matter::Push | Matter::Assertion(_) | Matter::Orders(_) => false,
        })
    }

    /// Whether anything waits for the others that has to be made durable here.
    pub(super) fn shares_anything(&self) -> bool {
        self.under_way.values().any(|(_, matter)| matches!(matter, Matter::Proposal(_)))
    }

    /// It stands in the register: now it is made durable here, and adopted.
    fn is_agreed(&mut self, mut proposal: Proposal, revision: u64, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return };
        let current = &self.decisions;
        let raised = proposal.moves.iter();
        let raised =
            raised.filter(|(index, decision)| decision.standing.epoch != current[**index].standing.epoch);
        for (_, decision) in raised {
            let record = record_of(decision, &part.us, now);
            part.held.decide(decision.name().to_string(), revision, Some(record));
        }
        if let Some(made) = &mut proposal.made {
            Arc::make_mut(made).shared = true;
            part.hold_order(made, revision, now);
        }
        self.commit(proposal, news);
    }

    /// Another move came first. It is followed; an operator's command is then tried again.
    fn has_lost_race(&mut self, proposal: Proposal, now: Moment, news: &mut News) {
        for index in proposal.moves.keys() {
            self.set_due(*index, Some(now));
        }
        let Some(Commanded { id, command, tries, .. }) = proposal.command else { return };
        let name = proposal.moves.values().next().map(|decision| decision.name().clone());
        match (command, name) {
            (Some(command), _) if tries < TRIES_MAX => self.again.push((*command, tries + 1)),
            (_, Some(name)) => {
                news.replies.push(Reply { id, outcome: Err(Refusal::Superseded(name)) });
            }
            (_, None) => news.replies.push(Reply { id, outcome: Err(Refusal::Expired) }),
        }
    }

    /// Commands that have lost a race, now that the winner is followed.
    pub(super) fn try_again(&mut self, now: Moment, news: &mut News) {
        if self.proposals.is_empty() && !self.shares_anything() {
            for (command, tries) in std::mem::take(&mut self.again) {
                self.obey_once_more(command, tries, now, news);
            }
        }
    }
}

/// What the register is told of a decision.
pub(super) fn record_of(decision: &Decision, us: &crate::model::VantageId, now: Moment) -> DecisionRecord {
    let why = decision.derivation.headline(&decision.standing.region);
    let state = |verdict: &Arc<crate::health::Verdict>| format!("{} {}", verdict.region, verdict.state);
    let evidence: Vec<String> = decision.derivation.evidence.iter().map(state).collect();
    DecisionRecord::of(&decision.names, &decision.standing, (us, why, evidence.join(", ")), now)
}

/// The same under another number.
pub(super) fn numbered(decision: Decision, epoch: u64) -> Decision {
    let standing = Standing { epoch, ..decision.standing };
    Decision { standing, ..decision }
}

/// Whether the configuration has what is answered; if not, it cannot stay, whatever others say.
pub(super) fn has_all(parameters: &Parameters, standing: &Standing) -> bool {
    let region = parameters.regions.iter().find(|region| region.id == standing.region);
    let has = |address: &IpAddr| region.is_some_and(|region| region.addresses.contains(address));
    standing.addresses.iter().all(has)
}

/// A move away from a region that is down.
fn is_escape(decision: &Decision, before: &Standing) -> bool {
    let left = decision.derivation.verdict_on(&before.region);
    decision.standing.region != before.region && left.is_some_and(|verdict| verdict.state == State::Down)
}

/// Exactly what is answered already, and that another answer waits for the cluster.
pub(super) fn stay(steer: &Steer, before: &Standing, wanted: Decision, now: Moment) -> Decision {
    let to = wanted.standing.region.clone();
    let wait = Wait { to, hold: Hold::Cluster, until: None };
    let stays = withheld(steer, before, wanted, wait, now);
    Decision { standing: before.clone(), ..stays }
}
