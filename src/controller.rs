//! Event in, effects out. The controller owns every mutable fact; whoever calls it does what it says.
//!
//! ```text
//! Observed(probe) ─▶ evidence: states, verdicts ─▶ decide each name concerned ─▶ Publish, Persist, Report, Pace
//! TimePassed      ─▶ evidence grows stale, holds end ─┘
//! ```

mod evidence;
mod report;
mod saved;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::answer::{AnswerTable, Identity, Served};
use crate::health::{Observation, Pace, Region};
use crate::model::{CheckId, Moment, Name, RegionId, Serial, SteerId, VantageId};
use crate::policy::{Decision, Standing, Steer, decide, fail_back_now};
use crate::zone::Zone;

use evidence::Evidence;
use saved::SavedName;

pub use report::Report;
pub use saved::{Change, Saved, SavedState};
pub use status::{
    BudgetStatus, CheckStatus, DnsStatus, EndpointStatus, LimitedStatus, NameStatus, RegionStatus,
    STATUS_SCHEMA, Source, Status, WaitStatus, Warning,
};

/// What the controller decides by.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Ourselves.
    pub vantage: VantageId,
    /// What we say about ourselves.
    pub identity: Identity,
    /// Every region.
    pub regions: Vec<Region>,
    /// Every steered name, each in one of the zones.
    pub steers: Vec<Steer>,
}

/// What can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A probe has ended.
    Observed(Observation),
    /// Time went by: due at [`Controller::wake_at`], and every second or so for the watchdog on stale evidence.
    TimePassed,
}

/// What is to be done, in this order.
pub enum Effect {
    /// Note this where a killed process leaves it behind, before anybody is told: an answer that a client has seen
    /// must be the answer after a restart. Need not be on the disk itself yet.
    Record(Vec<Change>),
    /// Answer from this table.
    Publish(Arc<AnswerTable>),
    /// Bring what [`Controller::saved`] says to the disk. After the publishing, for clients do not wait for a disk.
    Persist,
    /// Probe this check at this pace.
    Pace(CheckId, Pace),
    /// Tell the operator.
    Report(Report),
}

/// What one event has changed so far.
#[derive(Default)]
struct News {
    changes: Vec<Change>,
    reports: Vec<Report>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.reports.is_empty()
    }
}

/// Owns what we know and what we answer.
pub struct Controller {
    parameters: Parameters,
    evidence: Evidence,
    /// One for each steer, in the same order.
    decisions: Vec<Decision>,
    /// Which steers a region matters to.
    steers_of: BTreeMap<RegionId, Vec<usize>>,
    /// When which steer has to be decided again though nothing was observed; `due_at` is the same by steer.
    due: BTreeSet<(Moment, usize)>,
    due_at: Vec<Option<Moment>>,
    table: Arc<AnswerTable>,
    started: Moment,
    /// When the state was last given out to be saved.
    persisted: Moment,
}

impl Controller {
    /// Takes up where `saved` left off, or starts with every preferred region, unproven. The first effects publish
    /// the table, so that the answers are there before the first probe has returned.
    #[must_use]
    pub fn start(
        parameters: Parameters,
        zones: &[Zone],
        saved: Option<Saved>,
        now: Moment,
    ) -> (Controller, Vec<Effect>) {
        let state = saved.map(|saved| saved.into_state(now)).unwrap_or_default();
        let mut standings = state.standings();
        let evidence = Evidence::start(&parameters, state, now);
        let decisions: Vec<Decision> = parameters
            .steers
            .iter()
            .map(|steer| decide(steer, standings.remove(&steer.name).as_ref(), evidence.verdicts(), now))
            .collect();
        let served: Vec<(Name, Served)> =
            decisions.iter().map(|decision| (decision.name.clone(), served(decision))).collect();
        let table = Arc::new(AnswerTable::compile(zones, &served, parameters.identity.clone()));
        let (steers_of, due) = (steers_by_region(&parameters.steers), BTreeSet::new());
        let due_at = vec![None; decisions.len()];
        let mut controller = Controller {
            parameters,
            evidence,
            decisions,
            steers_of,
            due,
            due_at,
            table,
            started: now,
            persisted: now,
        };
        for index in 0..controller.decisions.len() {
            controller.note_due(index, now);
        }
        let mut effects = vec![Effect::Publish(Arc::clone(&controller.table)), Effect::Persist];
        effects.extend(
            controller.evidence.changed_paces().into_iter().map(|(check, pace)| Effect::Pace(check, pace)),
        );
        (controller, effects)
    }

    /// Takes in one event. Nothing changed: no effects, but for a save now and then.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut news = News::default();
        let mut concerned = BTreeSet::new();
        match event {
            Event::Observed(observation) => {
                let Some(region) = self.evidence.observe(&observation, now, &mut news) else {
                    return Vec::new();
                };
                self.judge(&region, now, &mut concerned, &mut news);
            }
            Event::TimePassed => {
                for region in self.evidence.gone_stale(now) {
                    self.judge(&region, now, &mut concerned, &mut news);
                }
                concerned.extend(self.due.range(..=(now, usize::MAX)).map(|(_, index)| *index));
                if concerned.is_empty() && news.is_empty() {
                    return self.heartbeat(now);
                }
            }
        }
        self.follow_up(&concerned, news, now)
    }

    /// Gives a name back to its preferred region, on an operator's word.
    ///
    /// # Errors
    /// Why that cannot be: nobody steers the name, or no better region is up.
    pub fn fail_back(&mut self, name: &Name, now: Moment) -> Result<Vec<Effect>, String> {
        let index = self.parameters.steers.iter().position(|steer| steer.name == *name);
        let Some(index) = index else {
            return Err(format!("{name} is not steered; `cadence-dns status` lists the names that are"));
        };
        let before = &self.decisions[index].standing;
        match fail_back_now(&self.parameters.steers[index], before, self.evidence.verdicts(), now) {
            Some(decision) => Ok(self.put_in_force(vec![(index, decision)], News::default(), now)),
            None => Err(format!("{name} stays with {}: no region that it prefers is up", before.region)),
        }
    }

    /// When [`Event::TimePassed`] is due, if nothing is observed before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What is decided now, in the order of the configuration.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The table that was published last.
    #[must_use]
    pub fn table(&self) -> &Arc<AnswerTable> {
        &self.table
    }

    fn judge(&mut self, region: &RegionId, now: Moment, concerned: &mut BTreeSet<usize>, news: &mut News) {
        self.evidence.judge(region, now, news);
        concerned.extend(self.steers_of.get(region).into_iter().flatten());
    }

    /// Decides the names concerned and says what has to be done about it.
    fn follow_up(&mut self, concerned: &BTreeSet<usize>, news: News, now: Moment) -> Vec<Effect> {
        let decide_again = |&index: &usize| {
            let standing = &self.decisions[index].standing;
            (index, decide(&self.parameters.steers[index], Some(standing), self.evidence.verdicts(), now))
        };
        let decided = concerned.iter().map(decide_again).collect();
        self.put_in_force(decided, news, now)
    }

    /// Saves now and then though nothing changed: a restart must find evidence that is fresh enough to go on with, or
    /// every hold would begin anew.
    fn heartbeat(&mut self, now: Moment) -> Vec<Effect> {
        if self.evidence.save_every().is_none_or(|every| now.since(self.persisted) < every) {
            return Vec::new();
        }
        self.persisted = now;
        vec![Effect::Persist]
    }

    /// From here on these decisions hold: noted, then published, then told.
    fn put_in_force(&mut self, decided: Vec<(usize, Decision)>, news: News, now: Moment) -> Vec<Effect> {
        let News { mut changes, mut reports } = news;
        let mut answers = Vec::new();
        for (index, decision) in decided {
            let before = &self.decisions[index];
            reports.extend(Report::of_decision(before, &decision));
            if served(before) != served(&decision) {
                answers.push((steer_id(index), served(&decision)));
            }
            if before.standing != decision.standing {
                changes.push(Change::Name(SavedName::of(&decision)));
            }
            self.replace(index, decision, now);
        }
        let mut effects = Vec::new();
        if !changes.is_empty() {
            effects.push(Effect::Record(changes));
        }
        if !answers.is_empty() {
            let steers: Vec<SteerId> = answers.iter().map(|(steer, _)| *steer).collect();
            let zones = self.table.zones_of(&steers);
            let serial = |zone: &Name| self.table.serial_of(zone).map(|serial| (zone.clone(), serial.next()));
            let serials: Vec<(Name, Serial)> = zones.filter_map(serial).collect();
            self.table = Arc::new(self.table.with(&answers, &serials));
            effects.push(Effect::Publish(Arc::clone(&self.table)));
        }
        effects.push(Effect::Persist);
        self.persisted = now;
        let paces = self.evidence.changed_paces();
        effects.extend(paces.into_iter().map(|(check, pace)| Effect::Pace(check, pace)));
        effects.extend(reports.into_iter().map(Effect::Report));
        effects
    }

    /// The only place where a decision takes over from another.
    fn replace(&mut self, index: usize, decision: Decision, now: Moment) {
        let (before, after) = (&self.decisions[index].standing, &decision.standing);
        assert!(is_successor(before, after), "epochs only grow: {before:?} then {after:?}");
        self.decisions[index] = decision;
        self.note_due(index, now);
    }

    fn note_due(&mut self, index: usize, now: Moment) {
        let at = self.decisions[index].due(&self.parameters.steers[index], now);
        if let Some(before) = std::mem::replace(&mut self.due_at[index], at) {
            self.due.remove(&(before, index));
        }
        self.due.extend(at.map(|at| (at, index)));
    }
}

/// Another answer has a greater epoch, the same answer the same one.
fn is_successor(before: &Standing, after: &Standing) -> bool {
    let same = before.region == after.region && before.addresses == after.addresses;
    if same { after.epoch == before.epoch } else { after.epoch > before.epoch }
}

/// What the answer engine is told about a decision.
fn served(decision: &Decision) -> Served {
    Served { addresses: Arc::clone(&decision.standing.addresses), ttl: decision.ttl }
}

/// Each steer has the number that [`AnswerTable::compile`] gives it: its place in the list.
fn steer_id(index: usize) -> SteerId {
    SteerId(u32::try_from(index).expect("fewer steers than 32 bits can count"))
}

fn steers_by_region(steers: &[Steer]) -> BTreeMap<RegionId, Vec<usize>> {
    let mut index: BTreeMap<RegionId, Vec<usize>> = BTreeMap::new();
    for (number, steer) in steers.iter().enumerate() {
        for region in &steer.regions {
            index.entry(region.clone()).or_default().push(number);
        }
    }
    index
}
