//! Event in, effects out. The controller owns every mutable fact; its caller performs the effects.
//!
//! ```text
//! Observed · Voted ─▶ evidence, judgement ─▶ decide each name concerned ─┬─▶ the answer stays: Publish a TTL, Report
//! TimePassed ─▶ evidence grows stale, holds end ─────────────────────────┤
//! Gated ─▶ what a region has proven ──────────────────────────────────────┤
//! Command ─▶ what an operator wants ─────────────────────────────────────┼─▶ hooks ─▶ propose: Commit ─▶ Committed ─▶ adopt
//! Reload ─▶ another configuration ────────────────────────────────────────┘
//! ```
//!
//! A decision that changes an answer is first proposed. What makes it durable (the own log; in a cluster, a transaction)
//! commits it, the commit is an event, and only then is it adopted: published, reported, replied to.

mod adoption;
mod ceilings;
mod cluster;
mod command;
mod event;
mod evidence;
mod gates;
mod history;
mod hook;
mod hooks;
mod judgement;
mod membership;
mod notice;
mod obey;
mod parameters;
mod reload;
mod reloading;
mod report;
mod saved;
mod settling;
mod sharing;
mod step;
mod subject;
mod switchover;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::answer::AnswerTable;
use crate::health::CheckState;
use crate::model::{CheckId, Moment, Name, RegionId, Serial};
use crate::policy::{
    Budget, Decision, Facts, Gates, OverrideId, Overrides, Standing, Steer, Verdicts, budget, decide,
};
use crate::zone::Zone;

use adoption::{Proposal, Proposals};
use ceilings::Ceilings;
use cluster::Participant;
use evidence::Evidence;
use gates::Lights;
use hooks::Hooks;
use judgement::Judgement;
use sharing::{Matter, Mover};
use step::Steps;
use zones::{first_table, served, steers_by_region};

pub use adoption::{Commit, ProposalId};
pub use cluster::{
    ALONE_AFTER, ClusterEvent, ClusterView, KeyValue, NODES_MAX, NodeRecord, NodeView, Numbers, PUSHES_EVERY,
    RegisterNews, Togetherness, Transacted, Transaction, TransactionId,
};
pub use command::{Command, CommandId, Done, NameEffect, Refusal, Reply, Terms, What, Which};
pub use event::{Effect, Event};
pub use history::{DecisionGrounds, Grounds, HistoryEntry};
pub use hook::{Hook, HookEnded, HookOutcome, HookPhase, HookRun, RunId};
pub use judgement::{EndpointVote, VOTES_FRESH};
pub use notice::{Announcement, Notice, NoticeEvent, NoticeState};
pub use parameters::{Cluster, Parameters};
pub use reload::{Kept, Reload, ReloadedZone, renamed_regions};
pub use report::Report;
pub use saved::{Change, Missing, Saved, SavedCheck, SavedConfiguration, SavedName, SavedRegion, SavedState};
pub use step::Step;
pub use zones::compile_zones;

/// What one event has brought so far.
#[derive(Default)]
struct News {
    /// Steers to be decided again.
    concerned: BTreeSet<usize>,
    /// Steers whose answer is another one now.
    moved: BTreeSet<usize>,
    /// Steers that are answered by another epoch now.
    raised: BTreeSet<usize>,
    /// What is not proposed and has changed nevertheless.
    changes: Vec<Change>,
    commits: Vec<(ProposalId, Vec<Change>)>,
    transactions: Vec<Transaction>,
    /// What the prober is told.
    probing: Vec<Effect>,
    hooks: Vec<HookRun>,
    verify: Vec<Effect>,
    /// Another configuration has taken over, and its table.
    configured: Option<Effect>,
    table: Option<Arc<AnswerTable>>,
    reports: Vec<Report>,
    replies: Vec<Reply>,
}

/// Owns what we know and what we answer.
pub struct Controller {
    parameters: Parameters,
    evidence: Evidence,
    judgement: Judgement,
    /// One for each steer, in the same order; they follow from the configuration alone.
    budgets: Vec<Option<Budget>>,
    /// One for each steer, in the same order.
    decisions: Vec<Decision>,
    proposals: Proposals,
    /// A reload that waits until nothing is being made durable.
    parked: Option<Box<Reload>>,
    gates: Gates,
    lights: Lights,
    hooks: Hooks,
    overrides: Overrides,
    last_override: OverrideId,
    /// Orders that have ended here and perhaps stand in the register still.
    ended_orders: BTreeSet<OverrideId>,
    /// Our part in a cluster, if there is one.
    participant: Option<Participant>,
    /// What is being written into the register, and since when.
    under_way: BTreeMap<TransactionId, (Moment, Matter)>,
    /// Commands that have lost a race with another node, and how often.
    again: Vec<(Command, u8)>,
    steps: Steps,
    /// When it was last asked anything.
    handled: Moment,
    ceilings: Ceilings,
    /// Which steers a region matters to.
    steers_of: BTreeMap<RegionId, Vec<usize>>,
    /// When which steer has to be decided again though nothing was observed; `due_at` is the same by steer.
    due: BTreeSet<(Moment, usize)>,
    due_at: Vec<Option<Moment>>,
    table: Arc<AnswerTable>,
    /// What zones told last that are not there any more: they may come back.
    told_serials: BTreeMap<Name, Serial>,
    /// Which configuration it was that a reload brought last.
    configuration: Option<SavedConfiguration>,
    started: Moment,
    /// When the state was last given out to be saved.
    persisted: Moment,
    /// How often that is due though nothing changed; never when nothing is probed.
    save_every: Option<Duration>,
}

impl Controller {
    /// Takes up where `saved` left off, or starts with every preferred region, unproven. The first effects note what is
    /// answered and publish the table, so that the answers are there before the first probe has returned.
    #[must_use]
    pub fn start(
        parameters: Parameters,
        zones: &[Zone],
        saved: Option<Saved>,
        now: Moment,
    ) -> (Controller, Vec<Effect>) {
        let state = saved.map(|saved| saved.into_state(now)).unwrap_or_default().recognised(&parameters);
        let evidence = Evidence::start(&parameters, &state, now);
        let judgement = Judgement::start(&parameters, &state, &evidence, now);
        let ceilings = state.ceilings(now);
        let (mut gates, hooks) = (Gates::new(parameters.gates.clone()), Hooks::new(parameters.hooks.clone()));
        gates.turn(&state.overrides);
        let facts = Facts { verdicts: judgement.verdicts(), overrides: &state.overrides, gates: &gates };
        let standings = state.standings();
        let participant = Participant::of(&parameters, &state.overrides, now);
        let first = |steer: &Steer| {
            let before = standings.of(&steer.names);
            let decision = decide(steer, before, facts, now);
            let decision = hooks.postpone(steer, before, decision, now);
            let decision = standings.outgrown(decision);
            if let Some(part) = &participant {
                return part.first_decision(steer, before, decision, (&parameters, &ceilings), now);
            }
            // After a power cut something newer may have been told: what is told now must not look like it.
            ceilings.lift(decision, before.filter(|_| state.missing != Missing::Commits))
        };
        let decisions: Vec<Decision> = parameters.steers.iter().map(first).collect();
        let moved = decisions.iter().filter_map(|decision| {
            let before = standings.of(&decision.names)?;
            Report::of_start(before, decision).map(Effect::Report)
        });
        let moved: Vec<Effect> = moved.collect();
        let table = Arc::new(first_table(zones, &parameters, &decisions, &state, now));
        let is_gone = |(zone, _): &(&Name, &Serial)| table.serial_of(zone).is_none();
        let told_serials = state.serials.iter().filter(is_gone).map(|(zone, told)| (zone.clone(), *told));
        let mut controller = Controller {
            steers_of: steers_by_region(&parameters.steers),
            due: BTreeSet::new(),
            due_at: vec![None; decisions.len()],
            budgets: parameters.steers.iter().map(|steer| budget(steer, &parameters.regions)).collect(),
            proposals: Proposals::default(),
            parked: None,
            told_serials: told_serials.collect(),
            configuration: state.configuration,
            gates,
            lights: Lights::new(),
            hooks,
            overrides: state.overrides,
            last_override: state.last_override,
            ended_orders: state.ended_orders,
            participant,
            under_way: BTreeMap::new(),
            again: Vec::new(),
            steps: Steps::default(),
            handled: now,
            save_every: evidence.save_every(),
            parameters,
            evidence,
            judgement,
            decisions,
            ceilings,
            table,
            started: now,
            persisted: now,
        };
        let mut news = News::default();
        for index in 0..controller.decisions.len() {
            controller.note_due(index, now);
            news.changes.extend(SavedName::all_of(&controller.decisions[index]).map(Change::Name));
        }
        let serials =
            controller.table.zones().map(|(zone, serial)| Change::Serial { zone: zone.clone(), serial });
        news.changes.extend(serials);
        let mut effects = vec![
            Effect::Note(std::mem::take(&mut news.changes)),
            Effect::Publish(Arc::clone(&controller.table)),
            Effect::Persist,
        ];
        controller.evidence.set_paces(&mut news);
        effects.append(&mut news.probing);
        effects.extend(moved);
        (controller, effects)
    }

    /// Takes in one event. Nothing changed: no effects, but for a save now and then.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut news = News::default();
        self.handled = now;
        self.end_overrides(now, &mut news);
        self.begin_planned(now, &mut news);
        match event {
            Event::Observed(observation) => {
                let regions = self.evidence.observe(&observation, now, &mut news);
                if !regions.is_empty() {
                    self.want_push();
                }
                self.judge(regions, now, &mut news);
            }
            Event::Register(heard) => self.hear_register(heard, now, &mut news),
            Event::Gated(gate, seen) => self.hear_of_gate(&gate, seen, now, &mut news),
            Event::HookEnded(ended) => self.hear_of_hook(ended, now, &mut news),
            Event::Command(command) => self.obey(command, now, &mut news),
            Event::Reload(reload) => self.reload(reload, now, &mut news),
            Event::Committed(id, commit) => self.adopt(id, commit, now, &mut news),
            Event::Verified(id, found) => self.verified(id, found, now, &mut news),
            Event::TimePassed => {
                self.judge_expired(now, &mut news);
                self.look_at_gates(now, &mut news);
                self.expire_hooks(now, &mut news);
                self.expire_transactions(now, &mut news);
                news.concerned.extend(self.due.range(..=(now, usize::MAX)).map(|(_, index)| *index));
            }
        }
        self.look_around(now, &mut news);
        self.settle_with_register(now, &mut news);
        self.decide(now, &mut news);
        self.push_when_due(now, &mut news);
        self.finish(news, now)
    }

    /// When [`Event::TimePassed`] is due, if nothing is observed before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        let due = self.due.first().map(|(at, _)| *at);
        let push = self.participant.as_ref().and_then(Participant::push_due);
        due.into_iter().chain(self.overrides.next_turn(self.handled)).chain(push).min()
    }

    /// What is decided now, in the order of the configuration.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// What it decides by.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The failover budget of each steer, in the order of the configuration.
    #[must_use]
    pub fn budgets(&self) -> &[Option<Budget>] {
        &self.budgets
    }

    /// The verdict on each region.
    #[must_use]
    pub fn verdicts(&self) -> &Verdicts {
        self.judgement.verdicts()
    }

    /// The gates, and what was seen at them.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// What decisions are made from, now.
    #[must_use]
    pub fn facts(&self) -> Facts<'_> {
        Facts { verdicts: self.judgement.verdicts(), overrides: &self.overrides, gates: &self.gates }
    }

    /// The change of a steer that is being made durable, if one is.
    #[must_use]
    pub fn pending(&self, steer: usize) -> Option<&Decision> {
        self.proposals.pending(steer)
    }

    /// What this node has seen of each check.
    #[must_use]
    pub fn states(&self) -> &BTreeMap<CheckId, CheckState> {
        self.evidence.states()
    }

    /// What operators have ordered and is in force.
    #[must_use]
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Since when it decides.
    #[must_use]
    pub fn started(&self) -> Moment {
        self.started
    }

    /// The table that was published last.
    #[must_use]
    pub fn table(&self) -> &Arc<AnswerTable> {
        &self.table
    }

    fn judge(&mut self, regions: BTreeSet<RegionId>, now: Moment, news: &mut News) {
        for region in regions {
            if self.judgement.judge(&region, &self.evidence, now, news) {
                news.concerned.extend(self.steers_of.get(&region).into_iter().flatten());
            }
        }
    }

    fn judge_expired(&mut self, now: Moment, news: &mut News) {
        let expired = self.judgement.expired(now).into_iter().collect();
        self.judge(expired, now, news);
    }

    /// Decides the names concerned, after all regions were judged at the same moment. What changes an answer is
    /// proposed, everything else holds at once. A name whose change is being committed is decided again after that.
    fn decide(&mut self, now: Moment, news: &mut News) {
        if news.concerned.is_empty() {
            return;
        }
        self.judge_expired(now, news);
        let mut moves = BTreeMap::new();
        for index in std::mem::take(&mut news.concerned) {
            if self.is_pending(index) {
                continue;
            }
            let (steer, before) = (&self.parameters.steers[index], &self.decisions[index].standing);
            let decision = decide(steer, Some(before), self.facts(), now);
            let before = &before.clone();
            let decision = self.hooks.hold(index, steer, before, decision, now);
            let decision = self.numbered(index, decision, before, Mover::Evidence, now);
            if decision.standing.epoch == before.epoch {
                self.put_in_force(index, decision, now, news);
            } else {
                moves.insert(index, decision);
            }
        }
        self.propose(Proposal { moves, ..Proposal::default() }, now, news);
    }

    /// The effects of an event in the order in which they are to be done.
    fn finish(&mut self, mut news: News, now: Moment) -> Vec<Effect> {
        let published = self.publish(&mut news).or_else(|| news.table.take());
        let News {
            commits, transactions, changes, probing, hooks, verify, configured, reports, replies, ..
        } = news;
        let (hooks_before, hooks_after): (Vec<HookRun>, Vec<HookRun>) =
            hooks.into_iter().partition(|run| run.phase == HookPhase::Before);
        let is_quiet = changes.is_empty() && reports.is_empty();
        let is_due = self.save_every.is_some_and(|every| now.since(self.persisted) >= every);
        let mut done: Vec<Effect> = configured.into_iter().collect();
        if !changes.is_empty() {
            done.push(Effect::Note(changes));
        }
        done.extend(hooks_before.into_iter().map(Effect::RunHook));
        done.extend(transactions.into_iter().map(Effect::Transact));
        done.extend(commits.into_iter().map(|(id, changes)| Effect::Commit(id, changes)));
        done.extend(published.map(Effect::Publish));
        done.extend(hooks_after.into_iter().map(Effect::RunHook));
        done.extend(probing);
        // A restart must find evidence that is fresh enough to go on with, or every hold would begin anew.
        if !is_quiet || is_due {
            self.persisted = now;
            done.push(Effect::Persist);
        }
        done.extend(verify);
        done.extend(reports.into_iter().map(Effect::Report));
        done.extend(replies.into_iter().map(Effect::Reply));
        done
    }

    /// The only place where a decision takes over from another.
    fn put_in_force(&mut self, index: usize, decision: Decision, now: Moment, news: &mut News) {
        let before = &self.decisions[index];
        assert!(
            is_successor(&before.standing, &decision.standing),
            "epochs only grow: {:?} then {:?}",
            before.standing,
            decision.standing
        );
        news.reports.extend(Report::of_decision(before, &decision));
        if before.standing != decision.standing {
            news.changes.extend(SavedName::all_of(&decision).map(Change::Name));
        }
        let is_raised = before.standing.epoch != decision.standing.epoch;
        if is_raised {
            news.raised.insert(index);
        }
        // In a cluster the serial of the zone follows the epoch.
        if served(before) != served(&decision) || (is_raised && self.participant.is_some()) {
            news.moved.insert(index);
        }
        self.ceilings.note(&decision);
        let before = std::mem::replace(&mut self.decisions[index], decision.clone());
        self.note_ttl(&before, &decision, now, news);
        self.note_due(index, now);
    }

    fn note_due(&mut self, index: usize, now: Moment) {
        let at = self.decisions[index].due(&self.parameters.steers[index], now);
        self.set_due(index, at);
    }

    fn set_due(&mut self, index: usize, at: Option<Moment>) {
        if let Some(before) = std::mem::replace(&mut self.due_at[index], at) {
            self.due.remove(&(before, index));
        }
        self.due.extend(at.map(|at| (at, index)));
    }
}

/// Another answer has a greater epoch; the same answer may have one, when another node has confirmed it.
fn is_successor(before: &Standing, after: &Standing) -> bool {
    let same = before.addresses == after.addresses;
    after.epoch > before.epoch || (same && after.epoch == before.epoch)
}
