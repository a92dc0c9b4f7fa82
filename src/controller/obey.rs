//! What a command means, told before it is done; and how it is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::adoption::{Commanded, Proposal};
use super::cluster::Numbers;
use super::command::{Command, Done, NameEffect, Refusal, Reply, What, Which};
use super::sharing::Mover;
use super::{Change, Controller, News, Report, SavedName};
use crate::model::{Moment, Name};
use crate::policy::{
    AtExpiry, Breach, Decision, Facts, Order, Override, OverrideId, Overrides, Standing, breaches, decide,
    fail_back_now, lifted_limit, passed_gates, release_now,
};

/// As many names are told with a command.
const NAMES_TOLD: usize = 1000;

/// What a command would do.
#[derive(Default)]
struct Plan {
    made: Option<Arc<Override>>,
    ended: Vec<Arc<Override>>,
    /// The decision of each steer that it concerns.
    decisions: BTreeMap<usize, Decision>,
    /// What is shown instead of them: what is planned for later, as if it began now.
    shown: Option<BTreeMap<usize, Decision>>,
    /// Safety rules that it breaks.
    breaches: Vec<Breach>,
}

impl Controller {
    /// Does what somebody wants, unless a rule forbids it; or only tells what it would mean.
    pub(super) fn obey(&mut self, command: Command, now: Moment, news: &mut News) {
        self.obey_once_more(command, 0, now, news);
    }

    /// The same, after it has lost so many races with other nodes.
    pub(super) fn obey_once_more(&mut self, command: Command, tries: u8, now: Moment, news: &mut News) {
        let Command { id, author, reason, terms, what, .. } = &command;
        self.judge_expired(now, news);
        let planned = self.plan(&command, now).and_then(|plan| self.allowed(plan, &command));
        let plan = match planned {
            Ok(plan) => plan,
            Err(refusal) => {
                let (author, reason, why) = (author.clone(), reason.clone(), refusal.to_string());
                let names = what.name().cloned().into_iter().collect();
                let (command, region) = (what.to_string(), what.region().cloned());
                news.reports.push(Report::Refused { command, names, region, author, reason, why });
                news.replies.push(Reply { id: *id, outcome: Err(refusal) });
                return;
            }
        };
        let done = self.done(&plan, terms.dry_run);
        if terms.dry_run {
            news.replies.push(Reply { id: *id, outcome: Ok(done) });
            return;
        }
        let accepted = Report::Commanded {
            command: what.to_string(),
            names: done.names.iter().take(NAMES_TOLD).map(|effect| effect.name.clone()).collect(),
            region: what.region().cloned(),
            author: author.clone(),
            reason: reason.clone(),
            broken: plan.breaches.iter().map(|breach| breach.rule).collect(),
        };
        if tries == 0 {
            news.reports.push(accepted);
        }
        let Plan { made, ended, decisions, .. } = plan;
        if let Some(made) = &made {
            self.last_override = made.id; // the next one has another number, however long the disk takes
        }
        for index in decisions.keys() {
            news.concerned.remove(index); // decided here
        }
        let (id, is_shared) = (*id, self.participant.is_some());
        let command = is_shared.then(|| Box::new(command));
        let command = Some(Commanded { id, done, command, tries });
        self.propose(Proposal { moves: decisions, made, ended, command, ..Proposal::default() }, now, news);
    }

    /// What the command means, if it means anything.
    fn plan(&self, command: &Command, now: Moment) -> Result<Plan, Refusal> {
        if command.expires < now {
            return Err(Refusal::Expired);
        }
        match &command.what {
            What::FailBack(name) => self.plan_for_name(name, now, |steer, before, facts| {
                fail_back_now(&self.parameters.steers[steer], before, facts, now).ok_or_else(|| {
                    Refusal::NoBetterRegion { name: name.clone(), region: before.region.clone() }
                })
            }),
            What::Release(name) => self.plan_for_name(name, now, |steer, before, facts| {
                let steer = &self.parameters.steers[steer];
                let released = release_now(steer, before, facts, now);
                Ok(released.unwrap_or_else(|| decide(steer, Some(before), facts, now)))
            }),
            What::Order { order, starts, lasts, at_expiry } => {
                self.check_order(order, *starts, *lasts, now)?;
                let made = Arc::new(Override {
                    id: OverrideId(self.next_override()),
                    order: order.clone(),
                    author: command.author.clone(),
                    reason: command.reason.clone(),
                    made: now,
                    starts: *starts,
                    expires: starts.unwrap_or(now) + *lasts,
                    at_expiry: *at_expiry,
                    shared: false,
                });
                let ended = self.overrides.iter().filter(|known| made.replaces(known)).cloned().collect();
                let plan = self.plan_for_all(Some(Arc::clone(&made)), ended, now);
                if starts.is_none() {
                    return Ok(plan);
                }
                // What it would mean today: a switchover that cannot go well is refused when it is planned.
                let Plan { decisions, breaches, .. } =
                    self.plan_for_all(Some(Arc::new(made.begun())), Vec::new(), now);
                Ok(Plan { shown: Some(decisions), breaches, ..plan })
            }
            What::Withdraw(which) => {
                let is_meant = |known: &&Arc<Override>| match which {
                    Which::Id(id) => known.id == *id,
                    Which::Order(order) => known.order == *order,
                    Which::All => true,
                };
                let ended: Vec<Arc<Override>> = self.overrides.iter().filter(is_meant).cloned().collect();
                if ended.is_empty() {
                    return Err(Refusal::NoSuchOverride(which.clone()));
                }
                Ok(self.plan_for_all(None, ended, now))
            }
        }
    }

    /// The number of the next override: one that no other node gives.
    fn next_override(&self) -> u64 {
        let numbers = self.participant.as_ref().map_or(Numbers::SINGLE, |part| part.numbers);
        numbers.own_after(self.last_override.0)
    }

    /// A command about one name: what pins or freezes it, or keeps it where it is, ends with it.
    fn plan_for_name(
        &self,
        name: &Name,
        now: Moment,
        decided: impl Fn(usize, &Standing, Facts<'_>) -> Result<Decision, Refusal>,
    ) -> Result<Plan, Refusal> {
        let index = self.parameters.steers.iter().position(|steer| steer.names.contains(name));
        let index = index.ok_or_else(|| Refusal::NotSteered(name.clone()))?;
        if self.is_pending(index) {
            return Err(Refusal::ChangePending(name.clone()));
        }
        let steer = &self.parameters.steers[index];
        let of_name = |known: &&Arc<Override>| {
            known.starts.is_none() && known.order.name().is_some_and(|name| steer.names.contains(name))
        };
        let ended: Vec<Arc<Override>> = self.overrides.iter().filter(of_name).cloned().collect();
        let overrides = without(&self.overrides, &ended);
        let before = &self.decisions[index];
        let free = Standing { kept: false, ..before.standing.clone() };
        let decision = decided(index, &free, Facts { overrides: &overrides, ..self.facts() })?;
        let decision = self.numbered(index, decision, &before.standing, Mover::Operator, now);
        if ended.is_empty() && decision.standing == before.standing {
            return Err(Refusal::NothingHeld(name.clone()));
        }
        let mut plan = Plan { ended, decisions: BTreeMap::from([(index, decision)]), ..Plan::default() };
        plan.breaches = self.breaches(&plan, &overrides, now);
        Ok(plan)
    }

    /// A command about overrides, which may concern any name. One whose change is being made durable follows after that.
    fn plan_for_all(&self, made: Option<Arc<Override>>, ended: Vec<Arc<Override>>, now: Moment) -> Plan {
        let mut overrides = without(&self.overrides, &ended);
        if let Some(made) = &made {
            overrides = overrides.with(Arc::clone(made));
        }
        let facts = Facts { overrides: &overrides, ..self.facts() };
        let orders: Vec<&Order> = made.iter().chain(&ended).map(|known| &known.order).collect();
        let mut decisions = BTreeMap::new();
        for (index, steer) in self.parameters.steers.iter().enumerate() {
            let before = &self.decisions[index].standing;
            let is_concerned = orders.iter().any(|order| order.concerns(steer, &before.region));
            if is_concerned && !self.is_pending(index) {
                let decision = decide(steer, Some(before), facts, now);
                decisions.insert(index, self.numbered(index, decision, before, Mover::Operator, now));
            }
        }
        let mut plan = Plan { made, ended, decisions, ..Plan::default() };
        plan.breaches = self.breaches(&plan, &overrides, now);
        plan
    }

    /// What becomes of the names when a planned order begins.
    pub(super) fn planned_moves(&self, begun: &Arc<Override>, now: Moment) -> BTreeMap<usize, Decision> {
        self.plan_for_all(Some(Arc::clone(begun)), Vec::new(), now).decisions
    }

    fn breaches(&self, plan: &Plan, overrides: &Overrides, now: Moment) -> Vec<Breach> {
        let then = Facts { overrides, ..self.facts() };
        let mut all = Vec::new();
        for (index, after) in &plan.decisions {
            let (steer, before) = (&self.parameters.steers[*index], &self.decisions[*index]);
            all.extend(breaches(self.parameters.safety, steer, before, after, self.facts(), then));
            all.extend(lifted_limit(before, after));
            all.extend(passed_gates(steer, before, after, self.facts(), now));
        }
        all
    }

    fn allowed(&self, mut plan: Plan, command: &Command) -> Result<Plan, Refusal> {
        let terms = &command.terms;
        for (name, seen) in &terms.if_epochs {
            let decision = self.decisions.iter().find(|decision| decision.names.contains(name));
            let found = decision.ok_or_else(|| Refusal::NotSteered(name.clone()))?.standing.epoch;
            if found != *seen {
                return Err(Refusal::EpochMoved { name: name.clone(), seen: *seen, found });
            }
        }
        let is_broken_on_purpose = |breach: &Breach| terms.break_glass.contains(&breach.rule);
        let (broken, forbidden): (Vec<Breach>, Vec<Breach>) =
            plan.breaches.into_iter().partition(is_broken_on_purpose);
        if !forbidden.is_empty() {
            return Err(Refusal::Unsafe(forbidden));
        }
        plan.breaches = broken;
        Ok(plan)
    }

    fn done(&self, plan: &Plan, dry_run: bool) -> Done {
        let effect = |(index, after): (&usize, &Decision)| {
            let before = &self.decisions[*index];
            NameEffect {
                name: before.name().clone(),
                epoch: before.standing.epoch,
                from: before.standing.region.clone(),
                to: after.standing.region.clone(),
                addresses: after.standing.addresses.to_vec(),
                changes: before.standing.addresses != after.standing.addresses
                    || before.standing.region != after.standing.region,
                ttl: self.parameters.steers[*index].ttl,
                why: after.derivation.headline(&after.standing.region),
            }
        };
        Done {
            dry_run,
            durable: !dry_run,
            made: plan.made.clone(),
            ended: plan.ended.clone(),
            names: plan.shown.as_ref().unwrap_or(&plan.decisions).iter().map(effect).collect(),
            broken: plan.breaches.clone(),
            notes: Vec::new(),
        }
    }

    /// Ends the overrides whose time is over: the evidence decides again, or the names stay where they are.
    pub(super) fn end_overrides(&mut self, now: Moment, news: &mut News) {
        let ended = self.overrides.expired(now);
        for order in &ended {
            if order.at_expiry == AtExpiry::Hold {
                self.keep_names(order, news);
            }
            news.reports.push(Report::OverrideEnded { order: Arc::clone(order) });
        }
        if !ended.is_empty() {
            self.put_overrides(None, &ended, now, news);
        }
    }

    fn keep_names(&mut self, order: &Override, news: &mut News) {
        for (index, steer) in self.parameters.steers.iter().enumerate() {
            if order.order.concerns(steer, &self.decisions[index].standing.region) {
                self.decisions[index].standing.kept = true;
                self.proposals.keep(index);
                self.hooks.keep(index);
                let saved = SavedName::all_of(&self.decisions[index]);
                news.changes.extend(saved.map(Change::Name));
            }
        }
    }

    /// From here on these overrides are in force, and those are not.
    pub(super) fn put_overrides(
        &mut self,
        made: Option<Arc<Override>>,
        ended: &[Arc<Override>],
        now: Moment,
        news: &mut News,
    ) {
        if made.is_none() && ended.is_empty() {
            return;
        }
        self.overrides = without(&self.overrides, ended);
        if self.participant.is_some() {
            self.ended_orders.extend(ended.iter().filter(|ended| ended.shared).map(|ended| ended.id));
        }
        news.changes.extend(ended.iter().map(|ended| Change::OverrideEnded(ended.id)));
        if let Some(made) = made {
            self.last_override = self.last_override.max(made.id);
            news.changes.push(Change::Override(Arc::clone(&made)));
            self.overrides = self.overrides.with(made);
        }
        self.gates.turn(&self.overrides);
        self.look_at_gates(now, news);
        if self.participant.as_mut().is_some_and(|part| part.suspend(&self.overrides)) {
            self.set_voters(now, news);
        }
        self.leave_unsettled();
        news.concerned.extend(0..self.decisions.len());
    }
}

fn without(overrides: &Overrides, ended: &[Arc<Override>]) -> Overrides {
    let ids: Vec<OverrideId> = ended.iter().map(|known| known.id).collect();
    overrides.without(&ids)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::controller::{CommandId, Commit, Effect, Event, ProposalId, Terms};
    use crate::policy::Target;
    use crate::scenario;

    const CONFIG: &str = r#"
        [[region]]
        name = "us-east"
        addresses = ["192.0.2.10", "192.0.2.11"]
        [[region.probe]]
        tcp = 443

        [[region]]
        name = "eu-west"
        addresses = ["198.51.100.10"]
        [[region.probe]]
        tcp = 443

        [[steer]]
        name = "cadence.example.com"
        regions = ["us-east", "eu-west"]
    "#;

    const NOW: Moment = Moment::from_millis(1_800_000_000_000);

    fn ordered(controller: &mut Controller, order: Order) -> ProposalId {
        let what = What::Order {
            order,
            starts: None,
            lasts: Duration::from_secs(60),
            at_expiry: AtExpiry::Automatic,
        };
        let command = Command {
            id: CommandId(1),
            author: "anna".into(),
            reason: "a test".into(),
            expires: NOW,
            what,
            terms: Terms::default(),
        };
        let effects = controller.handle(Event::Command(command), NOW);
        let proposed = effects
            .iter()
            .find_map(|effect| if let Effect::Commit(id, _) = effect { Some(*id) } else { None });
        proposed.expect("it is proposed")
    }

    /// The disk hangs, and colleagues go on ordering.
    #[test]
    fn orders_that_wait_for_the_disk_have_numbers_of_their_own() {
        let parameters = scenario::of_text("c.toml", CONFIG).expect("a good configuration");
        let (mut controller, _) = Controller::start(parameters, &[], None, NOW);
        let address = |text: &str| Target::Address(text.parse().expect("an address"));
        let first = ordered(&mut controller, Order::Drain(address("192.0.2.10")));
        let second = ordered(&mut controller, Order::ForceUp(address("198.51.100.10")));
        for proposal in [first, second] {
            controller.handle(Event::Committed(proposal, Commit::Durable), NOW);
        }
        let numbers: Vec<u64> = controller.overrides().iter().map(|order| order.id.0).collect();
        assert_eq!(numbers, [1, 2]);
    }
}
