//! Hooks: what is done outside before a name moves, and after.
//!
//! ```text
//! a move is decided ─▶ before hooks run ─┬─ best effort: nobody waits for them ──────────┬─▶ propose ─▶ adopt ─▶ after hooks
//!                                        └─ must succeed ─HookEnded─┬─ all have ─────────┘
//!                                                                   └─ one failed: the names stay; again after a while
//! ```
//!
//! The epoch of the move goes with each run: it is the same for each try, and whoever is told of a smaller one than before
//! is told of the past.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::command::{CommandId, Refusal, Reply};
use super::hook::{Hook, HookEnded, HookOutcome, HookRun, Phase, RunId};
use super::{Controller, News, Report};
use crate::model::{HookId, Moment, Name, RegionId};
use crate::policy::{Decision, Hold, Standing, Steer, Wait, withheld};

/// After the first failure of a hook that must succeed; twice as long after each further one.
const RETRY_FIRST: Duration = Duration::from_secs(5);

/// And never longer.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// A run that has not ended so long after its deadline never will: what runs hooks is gone.
const GRACE: Duration = Duration::from_secs(60);

/// The hooks, and the moves that wait for them.
#[derive(Default)]
pub(super) struct Hooks {
    hooks: Vec<Hook>,
    last: u64,
    /// By steer.
    awaited: BTreeMap<usize, Awaited>,
    /// The moves for which all that must succeed has: region and epoch, by steer.
    passed: BTreeMap<usize, (RegionId, u64)>,
    /// By steer.
    failed: BTreeMap<usize, Failed>,
}

/// A move that waits for its hooks.
struct Awaited {
    decision: Decision,
    /// The command that it obeys, if any, and the name that it is about.
    command: Option<(CommandId, Name)>,
    runs: BTreeSet<RunId>,
    until: Moment,
}

/// A move that a hook has prevented.
struct Failed {
    to: RegionId,
    hook: HookId,
    times: u32,
    retry_at: Moment,
}

impl Hooks {
    pub(super) fn new(hooks: Vec<Hook>) -> Hooks {
        Hooks { hooks, ..Hooks::default() }
    }

    /// Whether a move of this steer waits for hooks.
    pub(super) fn awaits(&self, steer: usize) -> bool {
        self.awaited.contains_key(&steer)
    }

    /// Whether a move from here to there runs any.
    fn concern(&self, decision: &Decision) -> bool {
        self.hooks.iter().any(|hook| hook.concerns(decision))
    }

    /// A decision of the start that is a move already: it is made a moment later, as every other one.
    pub(super) fn postpone(
        &self,
        steer: &Steer,
        before: Option<&Standing>,
        decision: Decision,
        now: Moment,
    ) -> Decision {
        let Some(before) = before.filter(|before| before.region != decision.standing.region) else {
            return decision;
        };
        match self.hooks.iter().find(|hook| hook.concerns(&decision)) {
            Some(hook) => {
                let to = decision.standing.region.clone();
                let wait = Wait { to, hold: Hold::Hook(hook.id.clone()), until: Some(now) };
                withheld(steer, before, decision, wait, now)
            }
            None => decision,
        }
    }

    /// The decision, or the one to stay for as long as a hook that has failed is not to be tried again.
    pub(super) fn hold(
        &mut self,
        index: usize,
        steer: &Steer,
        before: &Standing,
        decision: Decision,
        now: Moment,
    ) -> Decision {
        let is_same = |(region, _): &(RegionId, u64)| *region == decision.standing.region;
        if !self.passed.get(&index).is_some_and(is_same) {
            self.passed.remove(&index); // what was prepared is not wanted any more
        }
        let Some(failed) = self.failed.get(&index) else { return decision };
        if failed.to != decision.standing.region {
            self.failed.remove(&index);
            return decision;
        }
        if now >= failed.retry_at {
            return decision;
        }
        let (to, hold) = (failed.to.clone(), Hold::Hook(failed.hook.clone()));
        withheld(steer, before, decision, Wait { to, hold, until: Some(failed.retry_at) }, now)
    }

    /// Whether all that must succeed before this move has.
    fn take_pass(&mut self, index: usize, decision: &Decision) -> bool {
        let passed = self.passed.remove(&index);
        let move_now = (&decision.standing.region, decision.standing.epoch);
        passed.is_some_and(|(region, epoch)| (&region, epoch) == move_now)
    }

    /// Begins the hooks of a move; those that it has to wait for.
    fn run(
        &mut self,
        phase: Phase,
        index: usize,
        from: &RegionId,
        decision: &Decision,
        news: &mut News,
    ) -> (BTreeSet<RunId>, Duration) {
        let (mut awaited, mut longest) = (BTreeSet::new(), Duration::ZERO);
        // Who only wants to know has been told by the first try.
        let again = self.failed.get(&index).is_some_and(|failed| failed.to == decision.standing.region);
        let again = again && phase == Phase::Before;
        let hooks = self.hooks.iter().filter(|hook| hook.phase == phase && hook.concerns(decision));
        for hook in hooks.filter(|hook| hook.must_succeed || !again) {
            self.last += 1;
            let run = RunId(self.last);
            if phase == Phase::Before && hook.must_succeed {
                awaited.insert(run);
                longest = longest.max(hook.deadline);
            }
            let to = decision.standing.region.clone();
            news.hooks.push(HookRun {
                run,
                hook: hook.id.clone(),
                phase,
                names: Arc::clone(&decision.names),
                from: from.clone(),
                reason: decision.derivation.headline(&to),
                to,
                epoch: decision.standing.epoch,
            });
        }
        (awaited, longest)
    }

    /// Takes note of a failure; when it is tried again.
    fn fail(&mut self, index: usize, to: RegionId, hook: HookId, now: Moment) {
        let before = self.failed.get(&index).filter(|failed| failed.to == to);
        let times = before.map_or(0, |failed| failed.times) + 1;
        let pause = RETRY_FIRST.saturating_mul(1 << (times - 1).min(10)).min(RETRY_MAX);
        self.failed.insert(index, Failed { to, hook, times, retry_at: now + pause });
    }
}

impl Controller {
    /// Whether a change of this steer is on its way.
    pub(super) fn is_pending(&self, steer: usize) -> bool {
        self.proposals.is_pending(steer) || self.hooks.awaits(steer)
    }

    /// Of these decisions those that may be proposed now; the others wait for hooks that must succeed.
    pub(super) fn after_hooks(
        &mut self,
        moves: BTreeMap<usize, Decision>,
        command: Option<&(CommandId, Name)>,
        now: Moment,
        news: &mut News,
    ) -> BTreeMap<usize, Decision> {
        let mut ready = BTreeMap::new();
        for (index, decision) in moves {
            let from = self.decisions[index].standing.region.clone();
            let is_move = from != decision.standing.region;
            if !is_move || !self.hooks.concern(&decision) || self.hooks.take_pass(index, &decision) {
                ready.insert(index, decision);
                continue;
            }
            let (runs, longest) = self.hooks.run(Phase::Before, index, &from, &decision, news);
            if runs.is_empty() {
                ready.insert(index, decision);
                continue;
            }
            let until = now + longest + GRACE;
            self.set_due(index, Some(until));
            let command = command.cloned();
            self.hooks.awaited.insert(index, Awaited { decision, command, runs, until });
        }
        ready
    }

    /// A move has been made.
    pub(super) fn run_after_hooks(&mut self, index: usize, from: &RegionId, decision: &Decision, news: &mut News) {
        if *from != decision.standing.region {
            self.hooks.run(Phase::After, index, from, decision, news);
        }
    }

    /// A run has ended: a move that waited for it goes on, or is not made.
    pub(super) fn hear_of_hook(&mut self, ended: HookEnded, now: Moment, news: &mut News) {
        let waits = |(_, awaited): &(&usize, &Awaited)| awaited.runs.contains(&ended.run);
        let index = self.hooks.awaited.iter().find(waits).map(|(index, _)| *index);
        let (hook, run) = (ended.hook.clone(), ended.run);
        let why = match &ended.outcome {
            HookOutcome::Done => None,
            HookOutcome::Failed(why) => Some(why.clone()),
            HookOutcome::Superseded => Some("a newer move came before it was started".to_owned()),
        };
        news.reports.push(Report::HookEnded(ended));
        let Some(index) = index else { return };
        match why {
            Some(why) => self.give_up_move(index, hook, why, now, news),
            None => self.go_on(index, run, now, news),
        }
    }

    /// Moves whose hooks have not ended in time are not made.
    pub(super) fn expire_hooks(&mut self, now: Moment, news: &mut News) {
        let late = self.hooks.awaited.iter().filter(|(_, awaited)| awaited.until <= now);
        let late: Vec<usize> = late.map(|(index, _)| *index).collect();
        for index in late {
            let hook = self.hooks.hooks.iter().find(|hook| hook.must_succeed);
            let hook = hook.map_or_else(|| "?".into(), |hook| hook.id.clone());
            self.give_up_move(index, hook, "it has not ended".into(), now, news);
        }
    }

    /// One of the runs that a move waits for has succeeded.
    fn go_on(&mut self, index: usize, run: RunId, now: Moment, news: &mut News) {
        let Some(awaited) = self.hooks.awaited.get_mut(&index) else { return };
        awaited.runs.remove(&run);
        if !awaited.runs.is_empty() {
            return;
        }
        let Some(Awaited { decision, command, .. }) = self.hooks.awaited.remove(&index) else { return };
        let Standing { region, epoch, .. } = &decision.standing;
        self.hooks.failed.remove(&index);
        self.hooks.passed.insert(index, (region.clone(), *epoch));
        match command {
            Some(command) => self.propose(BTreeMap::from([(index, decision)]), Some(command), now, news),
            None => drop(news.concerned.insert(index)), // what has happened meanwhile may be against it
        }
    }

    fn give_up_move(&mut self, index: usize, hook: HookId, why: String, now: Moment, news: &mut News) {
        let Some(Awaited { decision, command, .. }) = self.hooks.awaited.remove(&index) else { return };
        self.hooks.fail(index, decision.standing.region, hook.clone(), now);
        if let Some((id, name)) = command {
            let outcome = Err(Refusal::Hook { name, hook, why });
            news.replies.push(Reply { id, outcome });
        }
        news.concerned.insert(index);
    }
}
