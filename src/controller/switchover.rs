//! Planned switchovers: a pin that begins later, for which caches are made ready, and which is proven afterwards.
//!
//! ```text
//! planned ─▶ the TTL falls, so that no cache has the old answer ─▶ may it begin? ─┬─▶ moved ─▶ our own listeners are asked
//!                                                                                 └─▶ given up, and said why
//! ```

use std::sync::Arc;

use super::adoption::Proposal;
use super::cluster::{Mandate, Participant};
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
        let makes_moves =
            |part: &Participant| part.is_first(now) && part.mandate(0, now) == Mandate::Together;
        if !self.participant.as_ref().is_none_or(makes_moves) {
            return; // it begins where one node begins it for all
        }
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
        let proposal = Proposal {
            moves: plan,
            made: Some(begun),
            ended,
            begins: Some(planned.id),
            ..Proposal::default()
        };
        self.propose(proposal, now, news);
    }

    pub(super) fn give_up(&mut self, planned: &Arc<Override>, why: &str, now: Moment, news: &mut News) {
        self.put_overrides(None, std::slice::from_ref(planned), now, news);
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
            Order::ForceUp(_)
            | Order::ForceDown(_)
            | Order::Drain(_)
            | Order::Freeze(_)
            | Order::Switch { .. }
            | Order::Suspend(_) => false,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::controller::{
        Command, CommandId, Commit, Event, HookEnded, HookOutcome, HookRun, Terms, What, Which,
    };
    use crate::health::{Observation, ProbeOutcome, Timings};
    use crate::policy::{AtExpiry, Seen};
    use crate::scenario;

    const CONFIG: &str = r#"
        [[region]]
        name = "us-east"
        addresses = ["192.0.2.10"]
        [[region.probe]]
        url = "http://cadence.example.com/health"

        [[region]]
        name = "eu-west"
        addresses = ["198.51.100.10"]
        [[region.probe]]
        url = "http://cadence.example.com/health"

        [[steer]]
        name = "cadence.example.com"
        regions = ["us-east", "eu-west"]

        [[gate]]
        name = "lag"
        region = "eu-west"
        exec = ["/usr/local/bin/lag"]

        [[hook]]
        name = "promote"
        when = "before"
        command = ["/usr/local/bin/promote"]
        must_succeed = true
    "#;

    /// A name server whose hook runs before a switchover, and has not ended.
    struct Story {
        controller: Controller,
        now: Moment,
        runs: Vec<HookRun>,
        verified: Vec<OverrideId>,
    }

    impl Story {
        fn begin() -> Story {
            let parameters = scenario::of_text("c.toml", CONFIG).expect("a good configuration");
            let now = Moment::from_millis(1_800_000_000_000);
            let (controller, _) = Controller::start(parameters, &[], None, now);
            let mut story = Story { controller, now, runs: Vec::new(), verified: Vec::new() };
            story.pass(5);
            let order = Order::Pin { name: name(), region: "eu-west".into() };
            let (starts, lasts) = (Some(story.now + Duration::from_secs(60)), Duration::from_secs(3600));
            story.command(What::Order { order, starts, lasts, at_expiry: AtExpiry::Hold });
            story.pass(61);
            assert_eq!(story.runs.len(), 1, "the hook runs once, however long it takes");
            assert_eq!(story.region(), "us-east");
            story
        }

        fn pass(&mut self, seconds: u64) {
            for _ in 0..seconds {
                self.now = self.now + Duration::from_secs(1);
                let regions = &self.controller.parameters().regions;
                let checks: Vec<_> =
                    regions.iter().flat_map(|region| &region.checks).map(|check| check.id.clone()).collect();
                for check in checks {
                    let (outcome, timings) = (ProbeOutcome::Pass, Timings::default());
                    let vantage = self.controller.parameters().vantage.clone();
                    let seen = Observation { check, vantage, outcome, timings, certificate_expires: None };
                    self.take(Event::Observed(seen));
                }
                self.take(Event::Gated("lag".into(), Seen::Fine("no lag".into())));
                self.take(Event::TimePassed);
            }
        }

        fn command(&mut self, what: What) {
            let (id, author, reason) = (CommandId(1), "anna".to_owned(), "maintenance".to_owned());
            let terms = Terms::default();
            self.take(Event::Command(Command { id, author, reason, expires: self.now, what, terms }));
        }

        fn hook_ends(&mut self, outcome: HookOutcome) {
            let run = self.runs.pop().expect("a hook runs");
            let (name, epoch, output) = (run.names[0].clone(), run.epoch, String::new());
            self.take(Event::HookEnded(HookEnded {
                run: run.run,
                hook: run.hook,
                name,
                epoch,
                outcome,
                output,
            }));
        }

        fn take(&mut self, event: Event) {
            for effect in self.controller.handle(event, self.now) {
                match effect {
                    Effect::Commit(id, _) => self.take(Event::Committed(id, Commit::Durable)),
                    Effect::RunHook(run) => self.runs.push(run),
                    Effect::Verify { id, .. } => self.verified.push(id),
                    Effect::Note(_)
                    | Effect::Transact(_)
                    | Effect::Publish(_)
                    | Effect::Configure(_)
                    | Effect::Persist
                    | Effect::Pace(..)
                    | Effect::ProbeNow(_)
                    | Effect::Report(_)
                    | Effect::Reply(_) => {}
                }
            }
        }

        fn region(&self) -> &str {
            self.controller.decisions()[0].standing.region.as_str()
        }

        fn last_step(&self) -> &str {
            self.controller.steps().last().map_or("", |step| &step.text)
        }
    }

    fn name() -> Name {
        "cadence.example.com".parse().expect("a name")
    }

    #[test]
    fn moves_when_its_hook_has_succeeded() {
        let mut story = Story::begin();
        story.hook_ends(HookOutcome::Done);
        assert_eq!(story.region(), "eu-west");
        assert_eq!(story.verified, [OverrideId(1)]);
        story.pass(60);
        assert!(story.runs.is_empty(), "it is not run again");
    }

    #[test]
    fn is_given_up_when_its_hook_fails() {
        let mut story = Story::begin();
        story.hook_ends(HookOutcome::Failed("it ended with 1".into()));
        assert_eq!(
            story.last_step(),
            "given up, nothing has changed: hook promote has failed: it ended with 1"
        );
        story.pass(600);
        assert_eq!((story.region(), story.runs.len()), ("us-east", 0));
    }

    #[test]
    fn is_given_up_when_its_hook_never_ends() {
        let mut story = Story::begin();
        story.pass(600);
        assert_eq!(
            story.last_step(),
            "given up, nothing has changed: hook promote has failed: it has not ended"
        );
        story.hook_ends(HookOutcome::Done);
        assert_eq!((story.region(), story.runs.len()), ("us-east", 0));
    }

    #[test]
    fn is_given_up_when_the_gate_has_turned_red_meanwhile() {
        let mut story = Story::begin();
        story.take(Event::Gated("lag".into(), Seen::Unfit("40 s behind".into())));
        story.hook_ends(HookOutcome::Done);
        let told = story.last_step().to_owned();
        assert!(told.contains("gate lag says 40 s behind"), "{told}");
        story.pass(600);
        assert_eq!((story.region(), story.runs.len()), ("us-east", 0));
    }

    #[test]
    fn is_not_made_when_it_was_withdrawn_meanwhile() {
        let mut story = Story::begin();
        story.command(What::Withdraw(Which::All));
        story.hook_ends(HookOutcome::Done);
        story.pass(600);
        assert_eq!((story.region(), story.runs.len()), ("us-east", 0));
    }
}
