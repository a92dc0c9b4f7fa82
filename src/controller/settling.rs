//! What the register says and what is answered here become one again: the greater epoch wins, and of two orders about
//! one thing the later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::adoption::Proposal;
use super::cluster::ClusterEvent;
use super::cluster::{AGE_MAX, DecisionRecord, HeldOverride, Key, Mandate, OverrideRecord, text};
use super::sharing::{Matter, record_of};
use super::{Change, Controller, News, Report};
use crate::model::{Family, Moment};
use crate::policy::{Decision, Derivation, Flips, Override, OverrideId, Rule, Standing, Steer, decide};

/// As many names are settled at once.
const SETTLED_AT_ONCE: usize = 100;

/// What is to be done about the name of one steer.
enum Settlement {
    /// The register has a newer decision.
    Follow(Box<Decision>),
    /// We have.
    Assert,
    /// Nobody has written one yet.
    Found,
    /// The register has a newer one, from which the name would be back at once where it is: it stays for now.
    Wait,
    /// So it is by an order that all know: what is here is to be newer than this epoch.
    Insist(u64),
}

impl Controller {
    /// Follows what is newer in the register, and writes what is newer here.
    pub(super) fn settle_with_register(&mut self, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return };
        if part.seen == 0 || !std::mem::take(&mut part.unsettled) {
            return;
        }
        self.settle_orders(now, news);
        let mut follows = BTreeMap::new();
        let mut done = 0;
        for index in 0..self.decisions.len() {
            if done >= SETTLED_AT_ONCE || self.is_pending(index) {
                self.leave_unsettled();
                continue;
            }
            match self.settlement(index, now) {
                Some(Settlement::Follow(decision)) => drop(follows.insert(index, *decision)),
                Some(Settlement::Assert) => self.assert_here(index, now, news),
                Some(Settlement::Found) => {
                    self.number_for_all(index, self.decisions[index].standing.epoch, now, news);
                }
                Some(Settlement::Insist(epoch)) => self.number_for_all(index, epoch, now, news),
                Some(Settlement::Wait) => {
                    self.leave_unsettled();
                    continue;
                }
                None => continue,
            }
            done += 1;
        }
        for (index, decision) in &follows {
            self.tell_followed(*index, decision, news);
        }
        self.commit(Proposal { moves: follows, follows: true, ..Proposal::default() }, news);
    }

    pub(super) fn leave_unsettled(&mut self) {
        if let Some(part) = &mut self.participant {
            part.unsettled = true;
        }
    }

    fn settlement(&self, index: usize, now: Moment) -> Option<Settlement> {
        let part = self.participant.as_ref()?;
        let own = &self.decisions[index].standing;
        let name = self.decisions[index].name().to_string();
        match part.held.decision(&name) {
            Some(held) => {
                let record = held.record.as_ref()?;
                if record.epoch > own.epoch {
                    let decision = self.followed(index, record, now)?;
                    let settlement = self.in_spite_of(record.epoch, index, &decision, now);
                    return Some(settlement.unwrap_or_else(|| Settlement::Follow(Box::new(decision))));
                }
                let is_newer_here = record.epoch < own.epoch && part.contact.is_fresh(now);
                (is_newer_here && !self.is_being_asserted(index)).then_some(Settlement::Assert)
            }
            None => {
                let may = part.mandate(0, now) == Mandate::Together && part.is_first(now);
                may.then_some(Settlement::Found)
            }
        }
    }

    fn is_being_asserted(&self, index: usize) -> bool {
        let name = self.decisions[index].name();
        self.under_way.values().any(|(_, matter)| matches!(matter, Matter::Assertion(of) if of == name))
    }

    /// What is answered here is written over what is older in the register.
    fn assert_here(&mut self, index: usize, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return };
        let decision = &self.decisions[index];
        let key = Key::of_decision(decision.name()).to_string();
        let condition = (key.clone(), part.held.revision_of(&decision.name().to_string()));
        let write = (key, Some(text(&record_of(decision, &part.us, now))));
        let transaction = part.transaction(vec![condition], vec![write]);
        self.under_way.insert(transaction.id, (now, Matter::Assertion(decision.name().clone())));
        news.transactions.push(transaction);
    }

    /// What to do about a newer decision from which the name would be back at once where it is, for nobody wants it to go
    /// there and back: by an order, it stays, even until it is known which of two orders is the later; by our own view
    /// of a dead region while we are alone, until we are not.
    fn in_spite_of(&self, epoch: u64, index: usize, there: &Decision, now: Moment) -> Option<Settlement> {
        let part = self.participant.as_ref()?;
        let (steer, own) = (&self.parameters.steers[index], &self.decisions[index].standing);
        let region = &there.standing.region;
        let concerns = |order: &Arc<Override>| order.starts.is_none() && order.order.concerns(steer, region);
        let is_ordered = self.overrides.iter().any(concerns);
        if *region == own.region || !(is_ordered || part.alone) {
            return None;
        }
        let from_there = decide(steer, Some(&there.standing), self.facts(), now);
        if from_there.standing.addresses != own.addresses {
            return None;
        }
        if part.alone {
            return Some(Settlement::Wait);
        }
        let is_common = from_there.derivation.rule == Rule::Pinned || part.decides_as_most_do(now);
        let insists = is_common.then(|| self.orders_are_settled(now));
        insists.map(|may| if may { Settlement::Insist(epoch) } else { Settlement::Wait })
    }

    /// Whether the others know every order that is in force here, and every one of theirs is known here.
    fn orders_are_settled(&self, now: Moment) -> bool {
        let Some(part) = &self.participant else { return false };
        let is_known = |id| self.overrides.get(id).is_some() || self.ended_orders.contains(&id);
        part.contact.is_fresh(now)
            && !self.shares_orders()
            && self.overrides.iter().all(|order| order.shared)
            && part.held.overrides().all(|(id, _)| is_known(id))
    }

    /// What is answered anyway, under a number that is everybody's.
    fn number_for_all(&mut self, index: usize, after: u64, now: Moment, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let mut decision = self.decisions[index].clone();
        decision.standing.epoch = part.numbers.agreed_after(after);
        let moves = BTreeMap::from([(index, decision)]);
        self.share(Proposal { moves, ..Proposal::default() }, now, news);
    }

    /// What another node has decided, in terms of our own configuration; none where it makes no sense in it.
    fn followed(&self, index: usize, record: &DecisionRecord, now: Moment) -> Option<Decision> {
        let (steer, own) = (&self.parameters.steers[index], &self.decisions[index].standing);
        if !steer.regions.contains(&record.region) {
            return None;
        }
        let span = |millis: u64| Duration::from_millis(millis);
        let standing = Standing {
            region: record.region.clone(),
            addresses: self.known_addresses(record)?,
            epoch: record.epoch,
            since: if own.region == record.region { own.since } else { now.before(span(record.since_ms)) },
            flips: Flips::of_ages(record.flips_ms.iter().rev().map(|millis| span(*millis)), now),
            kept: record.kept,
        };
        let decided = decide(steer, Some(&standing), self.facts(), now);
        let derivation = match decided.standing.region == standing.region {
            true => decided.derivation,
            false => Derivation { rule: rule_of(steer, &standing), wait: None, ..decided.derivation },
        };
        Some(Decision { names: Arc::clone(&steer.names), standing, ttl: decided.ttl, derivation })
    }

    /// Those of a decision that we have in our configuration; of a family that it has none of, all.
    fn known_addresses(&self, record: &DecisionRecord) -> Option<Arc<[IpAddr]>> {
        let region = self.parameters.regions.iter().find(|region| region.id == record.region)?;
        let mut known = Vec::new();
        for family in Family::ALL {
            let of_family = || region.addresses_of(family);
            let meant: Vec<IpAddr> =
                of_family().filter(|address| record.addresses.contains(address)).collect();
            known.extend(if meant.is_empty() { of_family().collect() } else { meant });
        }
        (!known.is_empty()).then(|| known.into())
    }

    fn tell_followed(&self, index: usize, decision: &Decision, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let record = part.held.decision(&decision.name().to_string()).and_then(|held| held.record.as_ref());
        let is_another = self.decisions[index].standing.addresses != decision.standing.addresses;
        if let Some(record) = record.filter(|_| is_another) {
            news.reports.push(Report::Cluster(ClusterEvent::Followed {
                name: decision.name().clone(),
                node: record.by.clone(),
                epoch: record.epoch,
                why: record.why.clone(),
            }));
        }
    }

    /// Orders of others are put in force here, ours are written, and of two about one thing the later holds.
    fn settle_orders(&mut self, now: Moment, news: &mut News) {
        self.take_orders_of_others(now, news);
        if self.shares_orders() {
            return; // the outcome says what there is
        }
        self.end_what_others_ended(now, news);
        self.mark_shared_what_is_held(news);
        let Some(part) = &self.participant else { return };
        if !part.contact.is_fresh(now) {
            return;
        }
        let (mut conditions, mut writes, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for order in self.overrides.iter().filter(|order| !order.shared) {
            let key = Key::Override(order.id).to_string();
            conditions.push((key.clone(), 0));
            writes.push((key, Some(text(&OverrideRecord::of(order, &part.us, now)))));
            ids.push(order.id);
        }
        let ended = part.held.overrides().filter(|(id, _)| self.ended_orders.contains(id));
        for (id, held) in ended {
            let key = Key::Override(id).to_string();
            conditions.push((key.clone(), held.revision));
            writes.push((key, None));
        }
        if writes.is_empty() {
            return;
        }
        conditions.truncate(SETTLED_AT_ONCE);
        writes.truncate(SETTLED_AT_ONCE);
        ids.truncate(SETTLED_AT_ONCE);
        let Some(part) = &mut self.participant else { return };
        let transaction = part.transaction(conditions, writes);
        self.under_way.insert(transaction.id, (now, Matter::Orders(ids)));
        news.transactions.push(transaction);
    }

    fn shares_orders(&self) -> bool {
        let is_about_orders = |matter: &Matter| match matter {
            Matter::Orders(_) => true,
            Matter::Proposal(proposal) => proposal.made.is_some() || !proposal.ended.is_empty(),
            Matter::Push | Matter::Assertion(_) => false,
        };
        self.under_way.values().any(|(_, matter)| is_about_orders(matter)) || self.proposals.touch_orders()
    }

    /// What stands in the register and is not in force here, nor was ended here.
    fn take_orders_of_others(&mut self, now: Moment, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let read = part.held.overrides().map(|(id, held)| (id, held.clone()));
        for (id, held) in read.collect::<Vec<(OverrideId, HeldOverride)>>() {
            let known = self.overrides.get(id);
            if known.is_some_and(|known| known.starts.is_none()) {
                continue;
            }
            let Some(theirs) = self.order_of_other(id, &held, now) else {
                self.leave_unsettled();
                continue;
            };
            let has_begun = known.is_some_and(|known| known.starts.is_some() && theirs.starts.is_none());
            let is_new = known.is_none() && !self.ended_orders.contains(&id) && theirs.expires > now;
            if known.is_none() && theirs.expires <= now {
                self.ended_orders.insert(id);
            }
            if !(is_new || has_begun) {
                continue;
            }
            match self.later_about_the_same(&theirs) {
                Some(ours) => {
                    self.ended_orders.insert(id);
                    self.tell_lost(&theirs, &ours, news);
                }
                None => self.put_order_of_other(theirs, now, news),
            }
        }
    }

    /// An order of another node with its true age; none while somebody may still tell.
    fn order_of_other(&self, id: OverrideId, held: &HeldOverride, now: Moment) -> Option<Arc<Override>> {
        let HeldOverride { read, is_new, record, .. } = held;
        if *is_new {
            return Some(Arc::new(record.as_of(id, *read)));
        }
        let age = self.participant.as_ref().and_then(|part| part.age_of(id, now));
        match age {
            Some(age) => Some(Arc::new(record.aged(id, age, now))),
            None => (now.since(*read) >= AGE_MAX).then(|| Arc::new(record.as_of(id, *read))),
        }
    }

    /// An order that is in force here, about the same thing and given later.
    fn later_about_the_same(&self, theirs: &Arc<Override>) -> Option<Arc<Override>> {
        let is_later =
            |ours: &&Arc<Override>| ours.id != theirs.id && ours.replaces(theirs) && ours.made > theirs.made;
        self.overrides.iter().find(is_later).cloned()
    }

    fn put_order_of_other(&mut self, theirs: Arc<Override>, now: Moment, news: &mut News) {
        let replaced: Vec<Arc<Override>> = self
            .overrides
            .iter()
            .filter(|ours| theirs.replaces(ours) && ours.id != theirs.id)
            .cloned()
            .collect();
        for ours in &replaced {
            self.tell_lost(ours, &theirs, news);
        }
        if self.overrides.get(theirs.id).is_none() {
            news.reports.push(Report::Cluster(ClusterEvent::OrderTaken { order: Arc::clone(&theirs) }));
        }
        self.put_overrides(Some(theirs), &replaced, now, news);
    }

    fn tell_lost(&self, lost: &Arc<Override>, won: &Arc<Override>, news: &mut News) {
        if lost.author != won.author || lost.order != won.order {
            news.reports.push(Report::Cluster(ClusterEvent::OrderLost {
                lost: Arc::clone(lost),
                won: Arc::clone(won),
            }));
        }
    }

    /// What the register does not have any more was ended by another node.
    fn end_what_others_ended(&mut self, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return };
        if !part.held.take_whether_any_ended() {
            return;
        }
        let held: BTreeSet<OverrideId> = part.held.overrides().map(|(id, _)| id).collect();
        self.ended_orders.retain(|id| held.contains(id));
        let is_gone = |order: &&Arc<Override>| order.shared && !held.contains(&order.id);
        let gone: Vec<Arc<Override>> = self.overrides.iter().filter(is_gone).cloned().collect();
        for order in &gone {
            news.reports.push(Report::OverrideEnded { order: Arc::clone(order) });
        }
        self.put_overrides(None, &gone, now, news);
    }

    /// The register has these orders as of this revision.
    pub(super) fn are_shared(&mut self, ids: &[OverrideId], revision: u64, now: Moment, news: &mut News) {
        for order in ids.iter().filter_map(|id| self.overrides.get(*id)) {
            let Some(part) = &mut self.participant else { return };
            part.hold_order(order, revision, now);
        }
        self.mark_shared_what_is_held(news);
    }

    /// What stands in the register is known to the others, also when nobody has told that it was written.
    fn mark_shared_what_is_held(&mut self, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let is_held = |order: &&Arc<Override>| !order.shared && part.held.has_order(order.id);
        let told: Vec<Arc<Override>> = self.overrides.iter().filter(is_held).cloned().collect();
        for order in &told {
            let shared = Arc::new(Override { shared: true, ..Override::clone(order) });
            news.changes.push(Change::Override(Arc::clone(&shared)));
            self.overrides = self.overrides.with_same(shared);
        }
    }
}

/// The rule under which another node has put the names where they are, as far as it can be seen from here.
fn rule_of(steer: &Steer, standing: &Standing) -> Rule {
    match steer.regions.first() {
        Some(first) if *first != standing.region => Rule::FailedOver { from: first.clone() },
        Some(_) | None => Rule::Preferred,
    }
}
