//! Builds the shells, joins their channels, performs the controller's effects, stops everything in order.
//!
//! ```text
//! prober ──Observation─▶ ┌────────────┐ ─Commit, Note─▶ state log
//! state log ─Committed─▶ │ controller │ ─Publish──────▶ answer table ─▶ DNS threads
//! clock ────TimePassed─▶ │            │ ─Persist──────▶ snapshot
//! socket ──────Command─▶ └────────────┘ ─Reply────────▶ socket
//!                                       ─Pace─────────▶ prober     ─Report─▶ log, history
//! ```
//!
//! Everything but the DNS threads lives on one thread: there is little to do, and nothing to lock. When that thread
//! is gone, the DNS threads go on with the last table.

mod changes;
mod clock;
mod deeds;
mod descriptors;
mod disk;
mod errands;
mod event_loop;
mod figures;
mod files;
mod hand_over;
mod load;
mod noted;
mod opened;
mod part_alarms;
mod parts;
mod record;
mod register;
mod reload;
mod reloads;
mod shared;
mod supervised;
mod unreadable;
mod upgrades;
mod verify;
mod watch;
mod watchdog;
mod zone_file;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::answer::CookieSecrets;
use crate::config::Config;
use crate::control;
use crate::controller::{Announcement, Change, Controller, Notice, Parameters, Saved};
use crate::dns;
use crate::handover::{Bequest, Predecessor, Successor};
use crate::model::Moment;
use crate::notify::Notifier;
use crate::rights::{GivenUp, RightsError};
use crate::store::{self, HistoryWriter, Recovered, StateLog, StateWriter, StoreError, UnsavedMark};
use crate::zone::Zone;

use changes::Changes;
use clock::Clock;
use disk::Disk;
use event_loop::{Commands, EventLoop, Finished, STAGE_MAX, Sources};
use files::{missing, open_state, recorder, unsaved_mark};
use part_alarms::PartAlarms;
use record::Record;
use register::SharedRegister;
use reload::Running;
use reloads::Reloads;
use supervised::Supervised;
use upgrades::Upgrades;
use verify::{VERIFIED_MAX, Verifier};
use watch::{FileWatcher, Trigger};
use watchdog::Watchdog;

pub use load::{Ready, load, load_config, load_config_with};
pub use opened::{Opened, open, take_over};
pub use supervised::GaveUp;
pub use zone_file::read_zone;

/// Probes that may wait for the controller; beyond that a probe waits before its next start.
const OBSERVATIONS_MAX: usize = 1024;

/// What was seen at gates and may wait for the controller; beyond that a gate waits before it is asked again.
const SIGHTINGS_MAX: usize = 64;

/// Ends of hooks that may wait for the controller; beyond that the next of the name waits.
const HOOKS_ENDED_MAX: usize = 64;

/// Signals and changes of files that may wait; beyond that they are what is waiting already.
const TRIGGERS_MAX: usize = 4;

/// Open streams go on for some seconds when another process answers.
const RETIRE_MAX: Duration = Duration::from_secs(15);

/// Requests that may wait for the controller; beyond that the client waits.
const REQUESTS_MAX: usize = 16;

/// Why the daemon did not start. Nothing was changed or overwritten.
#[derive(Debug)]
pub enum StartError {
    /// The state folder.
    Store(StoreError),
    /// A DNS address.
    Dns(dns::BindError),
    /// The control socket.
    Control(control::BindError),
    /// An address of the API.
    Api(control::ListenError),
    /// A right that is not needed any more and cannot be given up.
    Rights(RightsError),
    /// A predecessor that does not hand over, or whose successor this cannot be.
    Handover(String),
    /// Threads or descriptors.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Store(error) => write!(f, "{error}"),
            StartError::Dns(error) => write!(f, "{error}"),
            StartError::Control(error) => write!(f, "{error}"),
            StartError::Api(error) => write!(f, "{error}"),
            StartError::Rights(error) => write!(f, "{error}"),
            StartError::Handover(why) => f.write_str(why),
            StartError::System(error) => write!(f, "cannot start the threads: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // All but the last are shown as they are.
            StartError::Store(error) => error.source(),
            StartError::Dns(error) => error.source(),
            StartError::Control(error) => error.source(),
            StartError::Api(error) => error.source(),
            StartError::Rights(error) => error.source(),
            StartError::System(error) => Some(error),
            StartError::Handover(_) => None,
        }
    }
}

/// A daemon at work.
pub struct Daemon {
    addresses: Vec<SocketAddr>,
    api_addresses: Vec<SocketAddr>,
    /// Shared with the event loop, which may have others answer.
    serving: Arc<Mutex<Option<dns::Serving>>>,
    control: control::Serving,
    event_loop: JoinHandle<Result<Finished, GaveUp>>,
    watchdog: Watchdog,
    stop: mpsc::Sender<()>,
    triggers: mpsc::Sender<Trigger>,
}

/// Starts everything: answers first, probes last. Runs on the current tokio runtime.
///
/// # Errors
/// When the state folder or the socket cannot be had.
pub async fn start(opened: Opened) -> Result<Daemon, StartError> {
    let Opened {
        ready,
        bound,
        listeners,
        proc,
        few_descriptors,
        given_up,
        starter,
        predecessor,
        control,
        supervisor,
    } = opened;
    #[rustfmt::skip]
    let Ready {
        file, config, zones, secrets, prober, asker, hooks, receivers, cluster, programs, api, text, hash, files, ..
    } = ready;
    if let Some(trouble) = few_descriptors {
        warn!(event = "descriptors.few", "{trouble}");
    }
    if let Some(given_up) = given_up {
        tell_rights(&given_up);
    }
    let bound = bound.ready().map_err(StartError::System)?;
    let bequest = match &predecessor {
        Some(predecessor) => inherit(predecessor, &config)?,
        None => None,
    };
    let clock = bequest
        .as_ref()
        .map_or_else(Clock::start, |bequest| Clock::continued(bequest.at, bequest.monotonic_ns));
    let opened = open_state(&config.node.state_dir, &clock, predecessor.is_some()).await;
    let (mut log, Recovered { snapshot, entries, ended, troubles }) = opened.map_err(StartError::Store)?;
    let begun = bequest.as_ref().and_then(|bequest| Some((bequest.probes.clone()?, bequest.monotonic_ns)));
    let own = bequest.and_then(|bequest| CookieSecrets::parse("", &Zeroizing::new(bequest.secrets?)).ok());
    let bound = match (secrets, own) {
        (Some(secrets), _) => bound.with_secrets(secrets),
        (None, Some(own)) => bound.with_own_secrets(own),
        (None, None) => bound,
    };
    if let Some(trouble) = bound.short_buffers() {
        warn!(event = "dns.short_buffers", "{trouble}");
    }
    if let Some(trouble) = bound.unknown_sources() {
        warn!(event = "dns.unknown_sources", "{trouble}");
    }
    tell_xdp(&bound);
    let has_control = control.is_some();
    let socket = match control {
        Some(socket) => control::take_over(&config.control.socket, socket),
        None => control::bind(&config.control.socket).await.map_err(StartError::Control)?,
    };
    for trouble in &troubles {
        warn!(event = "state.trouble", "{trouble}");
    }
    let mark = UnsavedMark::at(unsaved_mark(&config));
    let missing = missing(ended, &mark);
    let saved = Saved::with_changes(snapshot, entries).map(|saved| saved.with_missing(missing));
    let parameters = config.parameters();
    let restored = saved.is_some();
    let (controller, effects) = Controller::start(parameters.clone(), &zones, saved, clock.now());
    make_durable(&controller, &mut log, &mark, clock.now());
    let notifier = receivers.start(&programs, &config.node.state_dir, clock.now());
    tell_receivers(&notifier, &controller, clock.now());
    let tables = dns::Tables::new(controller.table().clone());
    let addresses = bound.addresses().to_vec();
    let encrypted = bound.encrypted_addresses().to_vec();
    let mut serving = bound.serve(&tables).map_err(StartError::System)?;
    info!(event = "started", restored, ?ended, "answering on {}", list(&addresses));
    for (protocol, address) in encrypted {
        info!(event = "started.encrypted", "answering over {protocol} on {address}");
    }

    let (observed, observations) = mpsc::channel(OBSERVATIONS_MAX);
    let (asked, requests) = mpsc::channel(REQUESTS_MAX);
    let (stop, stopped) = mpsc::channel(1);
    let (verified, found) = mpsc::channel(VERIFIED_MAX);
    let recorder = recorder(&config).map_err(StartError::System)?;
    let through = log.last();
    let (writer, written) = StateWriter::start(log).map_err(StartError::System)?;
    let prober_programs = prober.programs().clone();
    let probing = match (begun, &predecessor) {
        (Some((begun, at)), _) => prober.start_after(&begun, clock::since(at), observed),
        (None, None) => prober.start(observed),
        (None, Some(_)) => {
            let mut probing = prober.start(observed);
            probing.probe_all_soon();
            probing
        }
    };
    let (sighted, sightings) = mpsc::channel(SIGHTINGS_MAX);
    let (hook_ended, hooks_ended) = mpsc::channel(HOOKS_ENDED_MAX);
    let meter = serving.meter();
    let folder = store::history_folder(&config.node.state_dir);
    let (feed, fed) = control::feed(&config);
    let changes = Changes::default();
    let figures = figures::reader(meter.clone(), changes.clone(), proc, clock);
    let behind = control::Behind { requests: asked, fed, history: read_history(folder.clone()), figures };
    let api_addresses = listeners.addresses().to_vec();
    let mut control = socket.serve(listeners, api, behind).map_err(StartError::System)?;
    let doors = control.doors().map_err(StartError::System)?;
    for address in &api_addresses {
        info!(event = "started.api", "the API is on http://{address}/api/v1/status");
    }
    let history = HistoryWriter::start(&folder, &config.node.name, config.history);
    let history = history.map_err(StartError::System)?;
    let serving = Arc::new(Mutex::new(Some(serving)));
    let (prepared, preparations) = mpsc::channel(1);
    let (triggers, triggered) = mpsc::channel(TRIGGERS_MAX);
    let (upgraded, upgrade_news) = mpsc::channel(1);
    let watcher = FileWatcher::start(triggers.clone());
    let watcher = watcher.inspect_err(|error| {
        warn!(event = "watch.failed", "changes of files cannot be noticed: {error}");
    });
    let zones: Arc<[Zone]> = zones.into();
    let (register, register_news) = SharedRegister::start(cluster, config.cluster.clone());
    let (name, state_dir) = (config.node.name.clone(), config.node.state_dir.clone());
    let running = Running {
        file,
        text,
        hash,
        zones: Arc::clone(&zones),
        programs: [prober_programs, programs.clone()],
        config,
    };
    let supervisor = supervisor.unwrap_or_else(|error| {
        warn!(event = "supervisor.absent", "the supervisor of this process hears nothing of us: {error}");
        None
    });
    let watchdog = Watchdog::new(supervisor);
    let (watched, watched_tables) = (meter.clone(), tables.clone());
    let mut event_loop = EventLoop {
        controller: Supervised::new(controller, parameters, zones, state_dir),
        tables,
        serving: Arc::clone(&serving),
        meter,
        clock,
        disk: Disk::new(writer, written, through, mark),
        record: Record::begin(history, name, ended, clock.now()),
        changes,
        probing,
        register,
        asking: asker.start(&programs, &sighted),
        hooks: hooks.start(&programs, hook_ended),
        notifier,
        programs,
        recorder,
        feed,
        commands: Commands::default(),
        reloads: Reloads::new(running, files, clock.now(), prepared),
        watcher: watcher.ok(),
        verifier: Verifier::new(&addresses, verified),
        upgrades: Upgrades::new(starter, watchdog.clone(), upgraded),
        leaving: None,
        part_alarms: PartAlarms::default(),
        doors,
        watchdog: watchdog.clone(),
    };
    event_loop.perform(effects);
    event_loop.tell_status();
    #[rustfmt::skip]
    let sources = Sources {
        observations, sightings, hooks_ended, register_news, requests, found, preparations, triggers: triggered,
        upgrade_news, stopped,
    };
    let event_loop = tokio::spawn(event_loop.run(sources));
    let is_successor = predecessor.is_some();
    if let Some(predecessor) = predecessor {
        predecessor.serving(has_control);
        info!(event = "upgrade.taken_over", "the daemon before may leave");
    }
    watchdog.start(watched, watched_tables, is_successor).map_err(StartError::System)?;
    control.keep_file();
    Ok(Daemon { addresses, api_addresses, serving, control, event_loop, watchdog, stop, triggers })
}

/// Waits for what the predecessor leaves; nothing, if it has gone without a word.
fn inherit(predecessor: &Predecessor, config: &Config) -> Result<Option<Bequest>, StartError> {
    // A state that we do not understand is better found while another does.
    store::read_for_display::<Saved, Change>(&config.node.state_dir).map_err(StartError::Store)?;
    let bequest = predecessor.ready().map_err(|error| StartError::Handover(error.to_string()))?;
    if bequest.is_none() {
        warn!(event = "upgrade.alone", "the daemon before has gone; this one goes on from the saved state");
    }
    Ok(bequest)
}

/// Reads pages of the history that the daemon itself writes.
fn read_history(folder: PathBuf) -> Arc<control::ReadHistory> {
    Arc::new(move |question| store::history_page(&folder, question).map_err(|error| error.to_string()))
}

/// How things stand at the start; and alerts about what is not configured any more are over.
fn tell_receivers(notifier: &Notifier, controller: &Controller, now: Moment) {
    let Parameters { vantage, steers, regions, gates, .. } = controller.parameters();
    for news in
        controller.decisions().iter().filter_map(|decision| Announcement::of_start(decision, vantage, now))
    {
        notifier.take(&news, now);
    }
    let is_known = |notice: &Notice| match notice.key.split_once('/') {
        Some(("name", name)) => steers.iter().any(|steer| steer.name().to_string() == name),
        Some(("region", region)) => regions.iter().any(|known| known.id.as_str() == region),
        Some(("gate", gate)) => gates.iter().any(|known| gate.split('/').next() == Some(known.id.as_str())),
        Some(_) | None => true,
    };
    notifier.keep_known(is_known, now);
}

/// What is decided at the start is told from now on; the next start must know of it, or that it does not.
fn make_durable(controller: &Controller, log: &mut StateLog, mark: &UnsavedMark, now: Moment) {
    match log.snapshot(&controller.saved(now), log.last(), now) {
        Ok(()) => mark.clear(),
        Err(error) => {
            mark.set();
            warn!(event = "state.write_failed", "the state cannot be saved: {error}");
        }
    }
}

/// As whom we run, and what stays with us.
fn tell_rights(given_up: &GivenUp) {
    let GivenUp { user, confinement, doubts, absent } = given_up;
    for doubt in doubts {
        warn!(event = "rights.kept", "{doubt}");
    }
    for absence in absent {
        info!(event = "rights.absent", "{absence}");
    }
    info!(event = "rights.given_up", user, "running as {user}, without capabilities; {confinement}");
}

/// `[dns] xdp`, if it is set. A build without it is warned of with the configuration.
fn tell_xdp(bound: &dns::Bound) {
    match bound.xdp() {
        Some(Ok(taken)) => info!(event = "xdp.on", "AF_XDP on {taken}"),
        Some(Err(refusal)) if cfg!(feature = "xdp") => {
            warn!(event = "xdp.off", "no AF_XDP, the sockets answer everything: {refusal}");
        }
        Some(Err(_)) | None => {}
    }
}

/// What SIGHUP asks for: a reload, and another look at the files of certificates and secrets.
#[derive(Debug, Clone)]
pub struct HangUps(mpsc::Sender<Trigger>);

impl HangUps {
    /// Asks for it. Several before the first is looked at are one.
    pub fn hang_up(&self) {
        let _ = self.0.try_send(Trigger::Signal); // full: one is on its way
    }
}

impl Daemon {
    /// The addresses that are answered on, with their real ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses of the API over TCP, with their real ports.
    #[must_use]
    pub fn api_addresses(&self) -> &[SocketAddr] {
        &self.api_addresses
    }

    /// Has the configuration reloaded, whoever it is that says so.
    #[must_use]
    pub fn hang_ups(&self) -> HangUps {
        HangUps(self.triggers.clone())
    }

    /// Runs until `shutdown` ends, then stops in order: probes, state, control, and DNS last, for an old answer
    /// beats none.
    ///
    /// # Errors
    /// When the controller has failed too often: the answers would stay for ever, so a new process must try.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), GaveUp> {
        let mut shutdown = std::pin::pin!(shutdown);
        let ended = tokio::select! {
            () = &mut shutdown => {
                self.watchdog.stops();
                self.stop.send(()).await.ok(); // gone already is stopped as well
                timeout(STAGE_MAX * 3, &mut self.event_loop).await.ok()
            }
            ended = &mut self.event_loop => Some(ended),
        };
        let outcome = match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => Err(GaveUp { panic: error.to_string() }),
            None => {
                warn!(event = "stop.forced", "the controller did not end in time");
                Ok(Finished::Stopped)
            }
        };
        self.watchdog.stops(); // whoever has handed over has said more already
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        let outcome = match outcome {
            Ok(Finished::HandedOver(successor)) => {
                retire(self.control, serving, &successor, shutdown).await;
                Ok(())
            }
            Ok(Finished::Stopped) => {
                stop(self.control, serving).await;
                Ok(())
            }
            Err(gave_up) => {
                error!(event = "controller.gave_up", "{gave_up}");
                stop(self.control, serving).await;
                Err(gave_up)
            }
        };
        info!(event = "stopped", "stopped");
        outcome
    }
}

/// Nobody answers any more; DNS ends last.
async fn stop(control: control::Serving, serving: Option<dns::Serving>) {
    control.stop().await;
    if let Some(serving) = serving {
        serving.stop();
    }
}

/// Another process answers. What is in hand here is brought to its end, unless somebody wants an end at once.
async fn retire(
    control: control::Serving,
    serving: Option<dns::Serving>,
    successor: &Successor,
    shutdown: impl Future<Output = ()>,
) {
    control.leave(successor.has_control).await;
    let Some(serving) = serving else { return };
    tokio::select! {
        ended = timeout(RETIRE_MAX, spawn_blocking(move || serving.retire())) => {
            if ended.is_err() {
                warn!(event = "stop.forced", "the last connections did not end in time");
            }
        }
        () = shutdown => {}
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}
