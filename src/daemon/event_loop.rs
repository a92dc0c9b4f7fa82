//! Feeds the controller and does what it says: the only place where effects become deeds. Nothing here blocks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{error, info, warn};

use super::changes::Changes;
use super::clock::Clock;
use super::disk::{Disk, DiskNews};
use super::part_alarms::{PartAlarms, PartNews};
use super::parts;
use super::record::Record;
use super::register::SharedRegister;
use super::reload::{Open, Preparation, Prepared, folders};
use super::reloads::{Asked, Reloads};
use super::supervised::{GaveUp, Supervised};
use super::upgrades::{Leaving, Upgrade, UpgradeNews, Upgrades};
use super::verify::{Found, Verifier};
use super::watch::{FileWatcher, Trigger};
use super::watchdog::Watchdog;
use crate::api::{EtcdStatus, PartStatus, ReceiverStatus, Status, Warning};
use crate::config::Config;
use crate::control::{ControlRequest, Doors, Feed, ReloadWish, Wish};
use crate::controller::{
    Announcement, Command, CommandId, Done, Effect, Event, HookEnded, Refusal, RegisterNews, Reply, Report,
};
use crate::dns::{Bound, Meter, Serving, Tables};
use crate::gate::{Asking, Sighting};
use crate::handover::Successor;
use crate::health::Observation;
use crate::hook::Hooks;
use crate::notify::Notifier;
use crate::probe::Probing;
use crate::programs::Programs;
use crate::recorder::Recorder;

/// How often evidence is looked at for having grown old.
const WATCHDOG: Duration = Duration::from_secs(1);

/// The longest that a part may take to stop before the next one is told to.
pub(super) const STAGE_MAX: Duration = Duration::from_secs(3);

/// The longest that the history may take for its last entries: less than the state, which has the same disk.
const HISTORY_MAX: Duration = Duration::from_secs(2);

/// The longest that receivers may take for what is due: the rest is told after the next start.
const NOTICES_MAX: Duration = Duration::from_secs(1);

/// A command that has waited for longer than this is refused: its sender has given up.
const COMMAND_MAX: Duration = Duration::from_secs(10);

/// The controller and all that its effects act upon.
pub(super) struct EventLoop {
    pub(super) controller: Supervised,
    pub(super) tables: Tables,
    /// Shared with whoever stops it last; none when it has stopped.
    pub(super) serving: Arc<Mutex<Option<Serving>>>,
    pub(super) meter: Meter,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) record: Record,
    pub(super) changes: Changes,
    pub(super) probing: Probing,
    pub(super) register: SharedRegister,
    pub(super) asking: Asking,
    pub(super) hooks: Hooks,
    pub(super) notifier: Notifier,
    pub(super) part_alarms: PartAlarms,
    pub(super) programs: Programs,
    pub(super) recorder: Option<Recorder>,
    /// To those who look, as it happens.
    pub(super) feed: Feed,
    pub(super) commands: Commands,
    pub(super) reloads: Reloads,
    pub(super) watcher: Option<FileWatcher>,
    pub(super) verifier: Verifier,
    pub(super) upgrades: Upgrades,
    /// The successor that is ready, while probes in flight are waited for.
    pub(super) leaving: Option<Leaving>,
    /// The sockets of the API, for a successor.
    pub(super) doors: Doors,
    /// To whom it is shown that this loop goes on.
    pub(super) watchdog: Watchdog,
}

/// How the event loop ended.
pub(super) enum Finished {
    /// It was told to stop, and all is saved.
    Stopped,
    /// Another process goes on.
    HandedOver(Successor),
}

/// Where events come from.
pub(super) struct Sources {
    pub(super) observations: mpsc::Receiver<Observation>,
    pub(super) sightings: mpsc::Receiver<Sighting>,
    pub(super) hooks_ended: mpsc::Receiver<HookEnded>,
    pub(super) register_news: mpsc::Receiver<RegisterNews>,
    pub(super) requests: mpsc::Receiver<ControlRequest>,
    pub(super) found: mpsc::Receiver<Found>,
    pub(super) preparations: mpsc::Receiver<Preparation>,
    pub(super) triggers: mpsc::Receiver<Trigger>,
    pub(super) upgrade_news: mpsc::Receiver<UpgradeNews>,
    pub(super) stopped: mpsc::Receiver<()>,
}

/// Who waits for the reply to which command.
#[derive(Default)]
pub(super) struct Commands {
    last: u64,
    waiting: BTreeMap<CommandId, oneshot::Sender<Result<Done, Refusal>>>,
}

impl EventLoop {
    /// Until told to stop; then the probes end, and the last state is saved. Or until another process goes on.
    ///
    /// # Errors
    /// When the controller has failed too often, and a new process must try.
    pub(super) async fn run(mut self, sources: Sources) -> Result<Finished, GaveUp> {
        let Sources {
            mut observations,
            mut sightings,
            mut hooks_ended,
            mut register_news,
            mut requests,
            mut found,
            mut preparations,
            mut triggers,
            mut upgrade_news,
            mut stopped,
        } = sources;
        self.watch();
        let mut watchdog = interval(WATCHDOG);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.watchdog.turned();
            let wake = self.controller.wake_at().map(|at| self.clock.instant(at));
            let leave = self.leaving.as_ref().map(|leaving| leaving.deadline);
            tokio::select! {
                _ = stopped.recv() => break,
                news = self.disk.next() => self.go_on(news)?,
                Some(observation) = observations.recv() => self.observe(observation),
                () = async { sleep_until(wake.expect("guarded below")).await }, if wake.is_some() => {
                    self.take(Event::TimePassed);
                }
                () = async { sleep_until(leave.expect("guarded below")).await }, if leave.is_some() => {}
                _ = watchdog.tick() => {
                    self.disk.look();
                    if !self.disk.is_open() {
                        self.disk.reopen(&self.reloads.running().config.node.state_dir, self.clock.now());
                    }
                    self.record.look();
                    self.take(Event::TimePassed);
                    self.tell_status();
                    self.tell_of_parts();
                }
                Some((gate, seen)) = sightings.recv() => self.take(Event::Gated(gate, seen)),
                Some(ended) = hooks_ended.recv() => self.take(Event::HookEnded(ended)),
                Some(news) = register_news.recv() => self.take(Event::Register(news)),
                Some(request) = requests.recv() => self.answer(request),
                Some((id, seen)) = found.recv() => self.take(Event::Verified(id, seen)),
                Some(preparation) = preparations.recv() => self.reload(preparation),
                Some(trigger) = triggers.recv() => self.pull(trigger),
                Some(news) = upgrade_news.recv() => match news {
                    UpgradeNews::Ready(successor, reply) => self.prepare_to_leave(successor, reply),
                    UpgradeNews::Over(outcome) => self.upgrade_failed(outcome.err().unwrap_or_default()),
                },
            }
            if self.controller.has_panicked() {
                self.rebuild().await?;
            }
            if let Some(leaving) = self.leaves(observations.is_empty()) {
                match self.hand_over(leaving, &mut upgrade_news, &mut stopped).await? {
                    Upgrade::Done(successor) => return Ok(Finished::HandedOver(successor)),
                    Upgrade::Failed { stops: true } => break,
                    Upgrade::Failed { stops: false } => self.probing.hold(false),
                }
            }
            self.prepare_next_reload();
            self.watchdog.reloads(self.reloads.changes_something());
        }
        self.break_off(&mut upgrade_news).await;
        self.finish().await;
        Ok(Finished::Stopped)
    }

    /// What is answered, for whoever watches over us.
    pub(super) fn tell_status(&mut self) {
        if self.watchdog.is_heard()
            && let Some(line) = self.controller.in_a_line()
        {
            self.watchdog.status(line);
        }
    }

    fn observe(&mut self, observation: Observation) {
        let now = self.clock.now();
        if let Some(recorder) = &self.recorder {
            recorder.note(&observation, now);
        }
        self.feed.beat(&observation, now);
        self.take(Event::Observed(observation));
    }

    pub(super) fn take(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let effects = self.controller.handle(event, self.clock.now());
            events.extend(self.perform(effects));
        }
    }

    /// Does what the controller says, in its order. What is committed at once are further events.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) -> Vec<Event> {
        let mut events = Vec::new();
        let now = self.clock.now();
        for effect in effects {
            match effect {
                Effect::Commit(id, changes) => {
                    let commit = self.disk.commit(id, changes, now);
                    events.extend(commit.map(|commit| Event::Committed(id, commit)));
                }
                Effect::Note(changes) => self.disk.note(changes, now),
                Effect::Transact(transaction) => {
                    events.extend(self.register.transact(transaction).map(Event::Register));
                }
                Effect::Publish(table) => self.tables.publish(table),
                Effect::Persist => self.disk.want_state(),
                Effect::Pace(check, pace) => self.probing.set_pace(&check, pace),
                Effect::ProbeNow(check) => self.probing.probe_now(&check),
                Effect::RunHook(run) => events.extend(self.hooks.run(run).map(Event::HookEnded)),
                Effect::Verify { id, name, addresses } => self.verifier.verify(id, name, addresses),
                Effect::Report(report) => {
                    self.record.report(&report, now);
                    self.changes.count(&report);
                    if let Some(news) = Announcement::of(&report, self.record.node(), now) {
                        self.notifier.take(&news, now);
                    }
                    tell(&report);
                    self.feed.changed();
                }
                Effect::Configure(id) => self.configure(id),
                Effect::Reply(reply) => {
                    if let Some(reply) = self.reloads.hear(reply, now) {
                        self.commands.reply(reply);
                    }
                }
            }
        }
        events
    }

    pub(super) fn hear_of_disk(&mut self, news: DiskNews) {
        match news {
            DiskNews::Committed(id, commit) => self.take(Event::Committed(id, commit)),
            DiskNews::WantsState => {
                let now = self.clock.now();
                if let Some(state) = self.controller.saved(now) {
                    self.disk.save(state, now);
                }
            }
            // Only a folder that is opened again has that to say, which whoever opens it hears.
            DiskNews::Changed(..) | DiskNews::Nothing => {}
        }
    }

    /// Another controller knows nothing of them.
    pub(super) fn forget_those_who_wait(&mut self) {
        self.commands.waiting.clear(); // a dropped reply tells that the controller is gone
        self.reloads.forget();
    }

    /// A controller that has panicked is replaced by one that goes on from the saved state.
    async fn rebuild(&mut self) -> Result<(), GaveUp> {
        let missing = self.disk.missing();
        self.disk.forget_proposals();
        self.forget_those_who_wait();
        let now = self.clock.now();
        self.record.panicked(self.controller.panic(), now);
        let effects = self.controller.rebuild(missing, now).await?;
        self.register.start_anew();
        for event in self.perform(effects) {
            self.take(event);
        }
        Ok(())
    }

    fn answer(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Status(reply) => {
                if let Some(status) = self.status() {
                    drop(reply.send(status)); // a client that hung up needs none
                }
            }
            ControlRequest::Command(wish, reply) => self.obey(wish, reply),
            ControlRequest::TestReceiver(receiver, reply) => {
                let notice = Announcement::of_test(self.record.node(), self.clock.now());
                self.notifier.test(&receiver, notice, reply);
            }
            ControlRequest::Explain(question, reply) => {
                let settings = &self.reloads.running().config.dns;
                let explained = self.controller.explain(&question, settings, self.clock.now());
                if let Some(explanation) = explained {
                    drop(reply.send(explanation)); // a client that hung up needs none
                }
            }
            ControlRequest::Reload(wish, reply) => {
                if !wish.terms.dry_run {
                    self.look_at_files();
                }
                self.reloads.ask(Asked { wish, reply: Some(reply), if_changed: false });
            }
            ControlRequest::Upgrade(wish, reply) => self.upgrade(wish, reply),
        }
    }

    fn status(&mut self) -> Option<Status> {
        let mut status = self.controller.status(self.clock.now())?;
        status.dns = Some(self.meter.counters().into_iter().collect());
        if let Some(trouble) = self.disk.trouble() {
            let text =
                format!("the state cannot be saved, a restart would forget the last changes: {trouble}");
            let help = "free space, or mend the rights on [node] state_dir".into();
            status.warnings.insert(0, Warning { text, help });
        }
        let configuration = self.reloads.status();
        status.warnings.splice(0..0, configuration.warning());
        status.configuration = Some(configuration);
        status.etcd = self.register.status();
        status.warnings.extend(status.etcd.iter().flat_map(EtcdStatus::warnings).collect::<Vec<Warning>>());
        status.parts = self.parts();
        status.receivers = parts::receivers(self.notifier.health());
        status.warnings.extend(status.receivers.iter().filter_map(ReceiverStatus::warning));
        status.warnings.extend(status.parts.iter().filter_map(PartStatus::warning));
        Some(status)
    }

    fn parts(&self) -> Vec<PartStatus> {
        let mut parts = parts::all(&self.meter);
        parts.push(self.controller.part());
        parts.extend(parts::errands(&self.asking, &self.programs));
        parts.push(self.record.part());
        parts.extend(self.recorder.as_ref().map(|recorder| parts::recorder(recorder.health())));
        parts
    }

    /// Those that have died, and those that are back.
    fn tell_of_parts(&mut self) {
        let (parts, now) = (self.parts(), self.clock.now());
        let is_first = self.part_alarms.is_new();
        if self.part_alarms.forget_others(&parts) || is_first {
            let is_there = |key: &str| parts.iter().any(|part| part.part == key);
            self.notifier.keep_known(|notice| notice.key.strip_prefix("part/").is_none_or(is_there), now);
        }
        for PartNews { part, trouble } in self.part_alarms.look(&parts) {
            let node = self.record.node();
            self.notifier.take(&Announcement::of_part(&part, trouble.as_deref(), node, now), now);
        }
    }

    fn obey(&mut self, wish: Wish, reply: oneshot::Sender<Result<Done, Refusal>>) {
        let Wish { what, reason, terms, by } = wish;
        let expires = self.clock.now() + COMMAND_MAX;
        let id = self.commands.expect_reply(reply);
        self.take(Event::Command(Command { id, author: by, reason, expires, what, terms }));
    }

    /// Has certificates and secrets read if they have changed; what is looked at.
    fn look_at_files(&self) -> Vec<&'static str> {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().map(|serving| serving.file_watch().look()).unwrap_or_default()
    }

    /// Somebody who waits for no reply wants a reload.
    fn pull(&mut self, trigger: Trigger) {
        let by = match trigger {
            Trigger::Signal => {
                let looked = self.look_at_files();
                info!(
                    event = "reload.signal",
                    "SIGHUP: the configuration is read again {}",
                    looked.join(", ")
                );
                "SIGHUP"
            }
            Trigger::Files => "the watch on the files",
        };
        let wish = ReloadWish { by: by.into(), ..ReloadWish::default() };
        self.reloads.ask(Asked { wish, reply: None, if_changed: trigger == Trigger::Files });
    }

    fn prepare_next_reload(&mut self) {
        let serving = &self.serving;
        self.reloads.begin(|| {
            let serving = serving.lock().unwrap_or_else(PoisonError::into_inner);
            let serving = serving.as_ref().ok_or_else(|| std::io::Error::other("it stops"))?;
            Ok(Open { sockets: serving.sockets()?, own_secrets: serving.own_secrets().cloned() })
        });
    }

    /// Another configuration is ready, or turned out wrong.
    fn reload(&mut self, preparation: Preparation) {
        let (id, now) = (self.commands.next(), self.clock.now());
        let reload = self.reloads.take(preparation, id, now);
        if let Some((by, why)) = self.reloads.take_failure() {
            self.record.reload_failed(&by, &why, now);
            self.notifier.take(&Announcement::of_reload(Some(&why), self.record.node(), now), now);
        }
        match reload {
            Some(reload) => self.take(Event::Reload(Box::new(reload))),
            None => self.watch(), // what was read may be other files
        }
    }

    /// From here on the shells work by the configuration that the controller has just adopted. None of this waits.
    fn configure(&mut self, id: CommandId) {
        let Some(prepared) = self.reloads.take_over(id, self.clock.now()) else { return };
        let Prepared { ready, bound, .. } = *prepared;
        let running = Arc::clone(self.reloads.running());
        self.controller.configured(running.config.parameters(), Arc::clone(&running.zones));
        self.programs = ready.programs;
        self.probing.renew(ready.prober);
        self.asking.renew(ready.asker, &self.programs);
        self.hooks.renew(ready.hooks, &self.programs);
        self.feed.configured(&running.config);
        self.record_probes(&running.config);
        if let Some(bound) = bound {
            self.serve(bound);
        }
        self.watch();
    }

    /// Others answer from now on; where they cannot start, those before go on.
    fn serve(&mut self, bound: Bound) {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(serving) = serving.as_mut() else { return };
        match bound.serve(&self.tables) {
            Ok(others) => {
                serving.give_way_to(others);
                self.verifier.listen(serving.addresses());
                info!(event = "dns.renewed", "answering by other settings of [dns]");
            }
            Err(error) => error!(
                event = "dns.kept",
                "the settings of [dns] before stay, the system gives no threads for others: {error}"
            ),
        }
    }

    /// The checks are others now, or the room for their recordings.
    fn record_probes(&mut self, config: &Config) {
        let max_size = config.record.max_size;
        let checks = || config.probes.iter().map(|probe| probe.check.clone()).collect();
        match (&mut self.recorder, max_size) {
            (Some(_), 0) => self.recorder = None, // its thread writes what it has, and ends
            (Some(recorder), _) => {
                if !recorder.renew(max_size, checks()) {
                    warn!(
                        event = "recorder.full",
                        "probes are recorded again after the next reload: the disk is too slow"
                    );
                }
            }
            (None, 0) => {}
            (None, _) => match Recorder::start(&config.node.state_dir, max_size, checks()) {
                Ok(recorder) => self.recorder = Some(recorder),
                Err(error) => warn!(event = "recorder.off", "probes cannot be recorded: {error}"),
            },
        }
    }

    /// Looks at the files of the configuration, if that is wanted.
    fn watch(&mut self) {
        let wanted = self.reloads.running().config.node.watch;
        if let Some(watcher) = &mut self.watcher {
            watcher.look_at(if wanted { folders(self.reloads.files()) } else { Vec::new() });
        }
    }

    async fn finish(mut self) {
        let now = self.clock.now();
        let last = self.controller.saved(now);
        let EventLoop { disk, record, probing, recorder, notifier, .. } = self;
        if timeout(STAGE_MAX, probing.stop()).await.is_err() {
            warn!(event = "stop.forced", "the probes did not end in time");
        }
        if let Some(recorder) = recorder
            && timeout(STAGE_MAX, recorder.stop()).await.is_err()
        {
            warn!(event = "stop.forced", "the last probes were not recorded in time");
        }
        notifier.stop(NOTICES_MAX).await;
        record.finish(now, HISTORY_MAX).await;
        if let Some(last) = last {
            disk.finish(last, now, STAGE_MAX).await;
        }
    }
}

impl Commands {
    fn next(&mut self) -> CommandId {
        self.last += 1;
        CommandId(self.last)
    }

    fn expect_reply(&mut self, reply: oneshot::Sender<Result<Done, Refusal>>) -> CommandId {
        let id = self.next();
        self.waiting.insert(id, reply);
        id
    }

    fn reply(&mut self, Reply { id, outcome }: Reply) {
        if let Some(waiting) = self.waiting.remove(&id) {
            drop(waiting.send(outcome)); // a client that hung up needs none
        }
    }
}

fn tell(report: &Report) {
    let event = report.event();
    if let Report::Commanded { command, author, reason, .. }
    | Report::Refused { command, author, reason, .. } = report
    {
        warn!(event, command, by = author, reason, "{report}");
    } else if report.is_bad() {
        warn!(event, "{report}");
    } else {
        info!(event, "{report}");
    }
}
