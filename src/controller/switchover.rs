//! Planned switchovers: a pin that begins later, for which caches are made ready, and which is proven afterwards.
//!
//! ```text
//! planned ─▶ the TTL falls, so that no cache has the old answer ─▶ may it begin? ─┬─▶ moved ─▶ our own listeners are asked
//!                                                                                 └─▶ given up, and said why
//! ```

use std::sync::Arc;

use super::adoption::Proposal;
use super::step::Step;
use super::{Controller, Effect, News, Report};
use crate::health::State;
use crate::model::{Moment, Name};
use crate::policy::{Decision, GateView, Hold, Order, Override, OverrideId, forbidding};

/// How a step ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoesOn,
    Over,
    Failed,
}

impl Controller {
    /// The last steps of switchovers, the oldest first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// Begins what was planned for now, unless its region could not take over.
    pub(super) fn begin_planned(&mut self, now: Moment, news: &mut News) {
        for planned in self.overrides.due(now) {
            let Order::Pin { name, .. } = &planned.order else { continue };
            let Some(index) = self.index_of(name) else {
                let why = format!("{name} is not steered any more");
                self.give_up(&planned, &why, now, news);
                continue;
            };
            if self.is_pending(index) {
                continue; // the next second, after that change
            }
            self.judge_expired(now, news);
            match self.refusal_to_begin(&planned, index, now) {
                Some(why) => self.give_up(&planned, &why, now, news),
                None => self.begin(&planned, now, news),
            }
        }
    }

    /// The rule by which a switchover is given up: its region must be up, not left on purpose, and behind no gate that bars.
    fn refusal_to_begin(&self, planned: &Override, index: usize, now: Moment) -> Option<String> {
        let Order::Pin { region, .. } = &planned.order else { return None };
        let (steer, before) = (&self.parameters.steers[index], &self.decisions[index].standing);
        if !steer.regions.contains(region) {
            return Some(format!("{region} is no region of {} any more", steer.name()));
        }
        let verdict = self.judgement.verdicts().get(region).map(|verdict| self.overrides.overrule(verdict));
        match verdict {
            Some(verdict) if verdict.state == State::Up && !verdict.is_drained() => {
                let barring = forbidding(steer, before, region, self.facts(), now);
                barring.first().filter(|_| before.region != *region).map(GateView::headline)
            }
            Some(verdict) => Some(format!("{region} is {verdict}")),
            None => Some(format!("{region} is not configured")),
        }
    }

    fn begin(&mut self, planned: &Arc<Override>, now: Moment, news: &mut News) {
        let begun = Arc::new(planned.begun());
        let plan = self.planned_moves(&begun, now);
        for index in plan.keys() {
            news.concerned.remove(index); // decided here
        }
        let ended = self.overrides.iter().filter(|known| begun.replaces(known) && known.id != begun.id);
        let ended = ended.cloned().collect();
        let proposal =
            Proposal { moves: plan, made: Some(begun), ended, begins: Some(planned.id), command: None };
        self.propose(proposal, now, news);
    }

    pub(super) fn give_up(&mut self, planned: &Arc<Override>, why: &str, now: Moment, news: &mut News) {
        self.put_overrides(None, std::slice::from_ref(planned), news);
        self.step(planned, format!("given up, nothing has changed: {why}"), Then::Failed, now, news);
    }

    /// The move has been made: what clients get now is looked at from outside.
    pub(super) fn has_begun(&mut self, id: OverrideId, now: Moment, news: &mut News) {
        let Some(begun) = self.overrides.get(id).cloned() else { return };
        let Order::Pin { name, .. } = &begun.order else { return };
        let Some(decision) = self.index_of(name).map(|index| &self.decisions[index]) else { return };
        let (region, epoch) = (decision.standing.region.clone(), decision.standing.epoch);
        let addresses = decision.standing.addresses.to_vec();
        news.verify.push(Effect::Verify { id, name: name.clone(), addresses });
        self.step(&begun, format!("moved to {region} (epoch {epoch})"), Then::GoesOn, now, news);
    }

    /// What our own listeners answered.
    pub(super) fn verified(
        &mut self,
        id: OverrideId,
        found: Result<String, String>,
        now: Moment,
        news: &mut News,
    ) {
        let Some(order) = self.overrides.get(id).cloned() else { return };
        match found {
            Ok(text) => self.step(&order, format!("verified: {text}"), Then::Over, now, news),
            Err(text) => self.step(&order, format!("NOT verified: {text}"), Then::Failed, now, news),
        }
    }

    /// The TTL of a name that is going to be moved has fallen.
    pub(super) fn note_ttl(&mut self, before: &Decision, after: &Decision, now: Moment, news: &mut News) {
        let waits = after.derivation.wait.as_ref().is_some_and(|wait| wait.hold == Hold::Switchover);
        if !waits || after.ttl >= before.ttl {
            return;
        }
        let of_name = |known: &&Arc<Override>| match &known.order {
            Order::Pin { name, .. } => known.starts.is_some() && after.names.contains(name),
            Order::ForceUp(_) | Order::ForceDown(_) | Order::Drain(_) | Order::Freeze(_) => false,
        };
        let planned = self.overrides.iter().find(of_name).cloned();
        if let Some(planned) = planned {
            let text = format!("the TTL of {} is {} from now on", after.name(), after.ttl);
            self.step(&planned, text, Then::GoesOn, now, news);
        }
    }

    fn step(&mut self, order: &Arc<Override>, text: String, then: Then, now: Moment, news: &mut News) {
        let (last, bad) = (then != Then::GoesOn, then == Then::Failed);
        let step = Step { at: now, id: order.id, text, last, bad };
        self.steps.add(step.clone());
        news.reports.push(Report::Switchover { order: Arc::clone(order), step });
    }

    fn index_of(&self, name: &Name) -> Option<usize> {
        self.parameters.steers.iter().position(|steer| steer.names.contains(name))
    }
}
