//! Feeds the controller and does what it says: the only place where effects become deeds.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{error, info, warn};

use super::clock::Clock;
use super::keeper::Keeper;
use super::parts;
use crate::api::{PartStatus, Status, Warning};
use crate::control::{ControlRequest, FailBack};
use crate::controller::{
    Change, Command, CommandId, Commit, Controller, Effect, Event, Reply, Report, Saved, What,
};
use crate::dns::{Meter, Tables};
use crate::health::Observation;
use crate::probe::Probing;
use crate::store::Journal;

/// How often evidence is looked at for having grown old.
const WATCHDOG: Duration = Duration::from_secs(1);

/// The longest that a part may take to stop before the next one is told to.
pub(super) const STAGE_MAX: Duration = Duration::from_secs(3);

/// A command that has waited for longer than this is refused: its sender has given up.
const COMMAND_MAX: Duration = Duration::from_secs(10);

/// The controller and all that its effects act upon.
pub(super) struct EventLoop {
    pub(super) controller: Controller,
    pub(super) tables: Tables,
    pub(super) meter: Meter,
    pub(super) clock: Clock,
    pub(super) keeper: Keeper,
    pub(super) journal: Journal,
    /// Why the journal could not be written, if it could not.
    pub(super) journal_trouble: Option<String>,
    pub(super) probing: Probing,
    /// The number of commands so far, and who waits for the replies.
    pub(super) commands: u64,
    pub(super) waiting: BTreeMap<CommandId, oneshot::Sender<Result<String, String>>>,
    /// There is something to save that has not been handed to the keeper yet.
    pub(super) dirty: bool,
}

impl EventLoop {
    /// Until told to stop; then the probes end, and the last state is saved.
    pub(super) async fn run(
        mut self,
        mut observations: mpsc::Receiver<Observation>,
        mut requests: mpsc::Receiver<ControlRequest>,
        mut stopped: mpsc::Receiver<()>,
    ) {
        let mut watchdog = interval(WATCHDOG);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wake = self.controller.wake_at().map(|at| self.clock.instant(at));
            tokio::select! {
                biased;
                _ = stopped.recv() => break,
                Some(observation) = observations.recv() => self.take(Event::Observed(observation)),
                () = async { sleep_until(wake.expect("guarded below")).await }, if wake.is_some() => self.take(Event::TimePassed),
                _ = watchdog.tick() => self.take(Event::TimePassed),
                Some(permit) = self.keeper.room(), if self.dirty => {
                    permit.send(self.saved());
                }
                Some(request) = requests.recv() => self.answer(request),
            }
        }
        self.finish().await;
    }

    fn take(&mut self, event: Event) {
        let effects = self.controller.handle(event, self.clock.now());
        self.perform(effects);
    }

    /// Does what the controller says, in its order.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        let mut committed = Vec::new();
        for effect in effects {
            match effect {
                Effect::Commit(id, changes) => {
                    self.record(&changes);
                    committed.push(id);
                }
                Effect::Note(changes) => self.record(&changes),
                Effect::Publish(table) => self.tables.publish(table),
                Effect::Persist => self.dirty = true,
                Effect::Pace(check, pace) => self.probing.set_pace(&check, pace),
                Effect::ProbeNow(_) => {}
                Effect::Report(report) => tell(&report),
                Effect::Reply(reply) => self.reply(reply),
            }
        }
        for id in committed {
            self.take(Event::Committed(id, Commit::Durable));
        }
    }

    /// Notes what has changed. Without room for it the answers go on; that a kill might lose them is said once.
    fn record(&mut self, changes: &[Change]) {
        let trouble = self.journal.append(changes).err().map(|error| error.to_string());
        if let (None, Some(why)) = (&self.journal_trouble, &trouble) {
            error!(event = "state.journal_failed", "changes cannot be noted: {why}");
        }
        self.journal_trouble = trouble;
    }

    /// Everything until now, and the journal that goes on from here.
    fn saved(&mut self) -> Saved {
        self.dirty = false;
        let number = self.journal.begin_next();
        self.controller.saved(self.clock.now()).up_to_journal(number)
    }

    fn answer(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Status(reply) => drop(reply.send(self.status())), // a client that hung up needs none
            ControlRequest::FailBack(wish, reply) => self.fail_back(wish, reply),
        }
    }

    fn status(&self) -> Status {
        let mut status = Status::of(&self.controller, self.clock.now());
        status.dns = Some(self.meter.counters().into_iter().collect());
        if let Some(trouble) = self.keeper.trouble().or_else(|| self.journal_trouble.clone()) {
            let text =
                format!("the state cannot be saved, a restart would forget the last changes: {trouble}");
            status.warnings.insert(
                0,
                Warning { text, help: "free space, or mend the rights on [node] state_dir".into() },
            );
        }
        status.parts = parts::all(&self.meter);
        status.warnings.extend(status.parts.iter().filter_map(PartStatus::warning));
        status
    }

    fn fail_back(&mut self, wish: FailBack, reply: oneshot::Sender<Result<String, String>>) {
        let FailBack { name, reason, by } = wish;
        let now = self.clock.now();
        self.commands += 1;
        let id = CommandId(self.commands);
        self.waiting.insert(id, reply);
        let what = What::FailBack(name);
        self.take(Event::Command(Command { id, author: by, reason, expires: now + COMMAND_MAX, what }));
    }

    fn reply(&mut self, Reply { id, outcome }: Reply) {
        if let Some(waiting) = self.waiting.remove(&id) {
            let told = outcome.map(|done| done.to_string()).map_err(|refusal| refusal.to_string());
            drop(waiting.send(told)); // a client that hung up needs none
        }
    }

    async fn finish(mut self) {
        let last = self.saved();
        let EventLoop { keeper, probing, .. } = self;
        if timeout(STAGE_MAX, probing.stop()).await.is_err() {
            warn!(event = "stop.forced", "the probes did not end in time");
        }
        if timeout(STAGE_MAX, keeper.finish(last)).await.is_err() {
            warn!(event = "stop.forced", "the state was not written in time");
        }
    }
}

fn tell(report: &Report) {
    let event = report.event();
    if report.is_bad() { warn!(event, "{report}") } else { info!(event, "{report}") }
}
