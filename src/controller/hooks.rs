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

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::adoption::Proposal;
use super::command::{Refusal, Reply};
use super::hook::{Hook, HookEnded, HookOutcome, HookPhase, HookRun, RunId};
use super::{Controller, News, Parameters, Report};
use crate::model::{HookId, Moment, RegionId};
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
    awaited: Vec<Awaited>,
    /// The moves for which all that must succeed has: region and epoch, by steer.
    passed: BTreeMap<usize, (RegionId, u64)>,
    /// By steer.
    failed: BTreeMap<usize, Failed>,
}

/// Moves that wait for their hooks: an automatic one alone, those of a command together.
struct Awaited {
    proposal: Proposal,
    /// The runs that have not succeeded yet.
    runs: BTreeMap<RunId, HookId>,
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

    /// Takes up other hooks. Moves go on waiting for theirs, as far as these, and what they are about, are still there:
    /// `places` says where each steer whose names are the same stands now. What becomes of the commands of the others.
    pub(super) fn renew(&mut self, parameters: &Parameters, places: &BTreeMap<usize, usize>) -> Vec<Reply> {
        self.hooks.clone_from(&parameters.hooks);
        let is_there = |hook: &HookId| parameters.hooks.iter().any(|known| known.id == *hook);
        let passed = std::mem::take(&mut self.passed).into_iter();
        self.passed = passed.filter_map(|(index, pass)| Some((*places.get(&index)?, pass))).collect();
        let failed =
            std::mem::take(&mut self.failed).into_iter().filter(|(_, failed)| is_there(&failed.hook));
        self.failed = failed.filter_map(|(index, failed)| Some((*places.get(&index)?, failed))).collect();
        let mut replies = Vec::new();
        for mut awaited in std::mem::take(&mut self.awaited) {
            let moves = &awaited.proposal.moves;
            let can_go_on = awaited.runs.values().all(is_there)
                && moves.iter().all(|(index, decision)| {
                    places.get(index).is_some_and(|place| is_possible(parameters, *place, decision))
                });
            if can_go_on {
                let moves = std::mem::take(&mut awaited.proposal.moves).into_iter();
                awaited.proposal.moves = moves.map(|(index, decision)| (places[&index], decision)).collect();
                self.awaited.push(awaited);
            } else if let Some(command) = awaited.proposal.command {
                let name = awaited.proposal.moves.values().next().map(|decision| decision.name().clone());
                let refusal = name.map_or(Refusal::Expired, Refusal::Reloaded);
                replies.push(Reply { id: command.id, outcome: Err(refusal) });
            }
        }
        replies
    }

    /// Whether a move of this steer waits for hooks.
    pub(super) fn awaits(&self, steer: usize) -> bool {
        self.awaited.iter().any(|awaited| awaited.proposal.moves.contains_key(&steer))
    }

    /// The names that are to be moved stay where that puts them.
    pub(super) fn keep(&mut self, steer: usize) {
        for decision in self.awaited.iter_mut().filter_map(|awaited| awaited.proposal.moves.get_mut(&steer)) {
            decision.standing.kept = true;
        }
    }

    /// Whether a move from here to there runs any.
    fn concern(&self, decision: &Decision) -> bool {
        self.hooks.iter().any(|hook| hook.concerns(decision))
    }

    /// Whether a hook must succeed before this move: only one node of a cluster may run it.
    pub(super) fn must_run(&self, decision: &Decision, before: &Standing) -> bool {
        let is_before = |hook: &&Hook| hook.phase == HookPhase::Before && hook.must_succeed;
        decision.standing.region != before.region
            && self.hooks.iter().filter(is_before).any(|hook| hook.concerns(decision))
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
        phase: HookPhase,
        index: usize,
        from: &RegionId,
        decision: &Decision,
        news: &mut News,
    ) -> (BTreeMap<RunId, HookId>, Duration) {
        let (mut awaited, mut longest) = (BTreeMap::new(), Duration::ZERO);
        // Who only wants to know has been told by the first try.
        let again = self.failed.get(&index).is_some_and(|failed| failed.to == decision.standing.region);
        let again = again && phase == HookPhase::Before;
        let hooks = self.hooks.iter().filter(|hook| hook.phase == phase && hook.concerns(decision));
        for hook in hooks.filter(|hook| hook.must_succeed || !again) {
            self.last += 1;
            let run = RunId(self.last);
            if phase == HookPhase::Before && hook.must_succeed {
                awaited.insert(run, hook.id.clone());
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

/// Whether the names may have that region, and it the addresses.
fn is_possible(parameters: &Parameters, steer: usize, decision: &Decision) -> bool {
    let Standing { region, addresses, .. } = &decision.standing;
    let known = parameters.regions.iter().find(|known| known.id == *region);
    parameters.steers[steer].regions.contains(region)
        && known.is_some_and(|known| addresses.iter().all(|address| known.addresses.contains(address)))
}

impl Controller {
    /// Whether a change of this steer is on its way.
    pub(super) fn is_pending(&self, steer: usize) -> bool {
        self.proposals.is_pending(steer) || self.hooks.awaits(steer) || self.is_being_shared(steer)
    }

    /// What of it may be proposed now; the rest waits for hooks that must succeed. A command waits as a whole.
    pub(super) fn after_hooks(
        &mut self,
        proposal: Proposal,
        now: Moment,
        news: &mut News,
    ) -> Option<Proposal> {
        if self.parameters.hooks.is_empty() {
            return Some(proposal);
        }
        if !proposal.is_automatic() {
            return self.await_hooks(proposal, now, news);
        }
        let one = |(index, decision)| Proposal {
            moves: BTreeMap::from([(index, decision)]),
            ..Proposal::default()
        };
        let mut ready = Proposal::default();
        for single in proposal.moves.into_iter().map(one) {
            ready
                .moves
                .extend(self.await_hooks(single, now, news).into_iter().flat_map(|single| single.moves));
        }
        Some(ready)
    }

    fn await_hooks(&mut self, proposal: Proposal, now: Moment, news: &mut News) -> Option<Proposal> {
        let (mut runs, mut longest) = (BTreeMap::new(), Duration::ZERO);
        for (index, decision) in &proposal.moves {
            let from = self.decisions[*index].standing.region.clone();
            let is_move = from != decision.standing.region;
            if !is_move || !self.hooks.concern(decision) || self.hooks.take_pass(*index, decision) {
                continue;
            }
            let (more, span) = self.hooks.run(HookPhase::Before, *index, &from, decision, news);
            runs.extend(more);
            longest = longest.max(span);
        }
        if runs.is_empty() {
            return Some(proposal);
        }
        let until = now + longest + GRACE;
        for index in proposal.moves.keys() {
            self.set_due(*index, Some(until));
        }
        if let Some(made) = &proposal.made {
            self.last_override = self.last_override.max(made.id); // the next one has another number
        }
        self.hooks.awaited.push(Awaited { proposal, runs, until });
        None
    }

    /// A move has been made.
    pub(super) fn run_after_hooks(
        &mut self,
        index: usize,
        from: &RegionId,
        decision: &Decision,
        news: &mut News,
    ) {
        if *from != decision.standing.region {
            self.hooks.run(HookPhase::After, index, from, decision, news);
        }
    }

    /// A run has ended: a move that waited for it goes on, or is not made.
    pub(super) fn hear_of_hook(&mut self, ended: HookEnded, now: Moment, news: &mut News) {
        let waits = |awaited: &Awaited| awaited.runs.contains_key(&ended.run);
        let place = self.hooks.awaited.iter().position(waits);
        let (hook, run) = (ended.hook.clone(), ended.run);
        let why = match &ended.outcome {
            HookOutcome::Done => None,
            HookOutcome::Failed(why) => Some(why.clone()),
            HookOutcome::Superseded => Some("a newer move came before it was started".to_owned()),
        };
        news.reports.push(Report::HookEnded(ended));
        match (place, why) {
            (None, _) => {}
            (Some(place), Some(why)) => self.give_up_moves(place, hook, why, now, news),
            (Some(place), None) => self.go_on(place, run, now, news),
        }
    }

    /// Moves whose hooks have not ended in time are not made.
    pub(super) fn expire_hooks(&mut self, now: Moment, news: &mut News) {
        while let Some(place) = self.hooks.awaited.iter().position(|awaited| awaited.until <= now) {
            let late = self.hooks.awaited[place].runs.values().next().cloned();
            let late = late.unwrap_or_else(|| "?".into());
            self.give_up_moves(place, late, "it has not ended".into(), now, news);
        }
    }

    /// One of the runs that moves wait for has succeeded.
    fn go_on(&mut self, place: usize, run: RunId, now: Moment, news: &mut News) {
        let awaited = &mut self.hooks.awaited[place];
        awaited.runs.remove(&run);
        if !awaited.runs.is_empty() {
            return;
        }
        let Awaited { proposal, .. } = self.hooks.awaited.remove(place);
        if proposal.command.is_some() {
            return self.share(proposal, now, news);
        }
        let begins = proposal.begins.is_some();
        for (index, decision) in proposal.moves {
            let Standing { region, epoch, .. } = decision.standing;
            self.hooks.failed.remove(&index);
            self.hooks.passed.insert(index, (region, epoch));
            news.concerned.insert(index); // what has happened meanwhile may be against it
        }
        if begins {
            self.begin_planned(now, news); // it may have been withdrawn meanwhile, or its region have died
        }
    }

    fn give_up_moves(&mut self, place: usize, hook: HookId, why: String, now: Moment, news: &mut News) {
        let Awaited { proposal, .. } = self.hooks.awaited.remove(place);
        news.concerned.extend(proposal.moves.keys());
        if proposal.is_automatic() {
            for (index, decision) in proposal.moves {
                self.hooks.fail(index, decision.standing.region, hook.clone(), now);
            }
            return;
        }
        let planned = proposal.begins.and_then(|id| self.overrides.get(id).cloned());
        if let Some(planned) = planned {
            self.give_up(&planned, &format!("hook {hook} has failed: {why}"), now, news);
        }
        if let (Some(command), Some(decision)) = (proposal.command, proposal.moves.values().next()) {
            let outcome = Err(Refusal::Hook { name: decision.name().clone(), hook, why });
            news.replies.push(Reply { id: command.id, outcome });
        }
    }
}
