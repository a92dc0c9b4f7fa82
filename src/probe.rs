//! Looks at every endpoint, on time, and reports what it saw.
//!
//! ```text
//! prepare ─▶ Prober ─start─▶ Probing          one task for each check:
//!                              │ set_pace · probe_now · renew
//!                              ▼
//!            timetable ─due─▶ checker ─▶ http · grpc ─▶ stream ─▶ connect ─▶ (tls) ─response─▶ expect
//!                              │      └─▶ tcp · dns ─────────────────┘└─error─┴─error─▶ fault
//!                              │      └─▶ exec ─▶ programs
//!            tripwire ─lost───┤
//!                              │ pulse: did we stand still meanwhile?
//!                              ▼
//!                          Observation
//! ```
//!
//! A check's own task is the only owner of its schedule, so its probes cannot overlap and no other can delay them.
//! What a probe means for the endpoint's health is not known here.

mod checker;
mod connect;
mod dns;
mod excerpt;
mod exec;
mod expect;
mod fault;
mod flight;
mod grpc;
mod http;
mod look;
mod progress;
mod pulse;
mod stream;
mod tcp;
mod timetable;
mod tls;
mod tripwire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use self::checker::{Checker, Exchange, Wish};
use self::dns::Dns;
use self::exec::Exec;
use self::flight::Flight;
use self::grpc::Grpc;
use self::http::Http;
use self::progress::Progress;
use self::pulse::Pulse;
use self::tcp::Tcp;
use self::timetable::Times;
use self::tls::Trust;
use crate::config::{self, ExecProbe, ProbeKind};
use crate::health::{Observation, Pace, ProbeOutcome};
use crate::model::{CheckId, Problem, VantageId};
use crate::programs::{Program, Programs};

pub use self::flight::Begun;
pub use self::look::{Details, Look};
pub use self::tls::Certificate;

/// What is asked for of all checks is spread over this.
const ALL_WITHIN: Duration = Duration::from_millis(100);

/// The same for the same octets as long as the process lives.
const FIXED: BuildHasherDefault<DefaultHasher> = BuildHasherDefault::new();

/// Everything that can fail is done: files are read, clients are built. Nothing is sent yet.
#[derive(Debug)]
pub struct Prober {
    checkers: Vec<Checker<ProbeTransport>>,
    pulse: Arc<Pulse>,
    programs: Programs,
}

/// The checks at work. Dropping it ends them.
#[derive(Debug)]
pub struct Probing {
    checks: BTreeMap<CheckId, Running>,
    tasks: JoinSet<()>,
    pulse: Arc<Pulse>,
    seed: u64,
    held: bool,
    observations: mpsc::Sender<Observation>,
}

/// A check at work, and what it does.
#[derive(Debug)]
struct Running {
    probe: config::Probe,
    authorities: Option<u64>,
    wish: watch::Sender<Wish>,
    flight: Arc<Flight>,
    checking: AbortHandle,
    tripwire: Option<AbortHandle>,
}

/// Builds what the probes need, or names every reason why that cannot be.
///
/// # Errors
/// Every certificate file, URL, method, header or program that cannot be used, with its place where it has one of its own.
pub fn prepare(probes: &[config::Probe], vantage: VantageId) -> Result<Prober, Vec<Problem>> {
    let (mut trust, pulse) = (Trust::new(), Arc::new(Pulse::new()));
    let mut authorities = BTreeMap::new();
    let mut problems = twice_the_same(probes);
    let (programs, unfit) = programs_of(probes);
    problems.extend(unfit);
    let mut checkers = Vec::new();
    let mut numbers = 0..;
    for probe in probes {
        let progress = Arc::new(Progress::new());
        let transport = match &probe.kind {
            ProbeKind::Tcp => Ok(ProbeTransport::Tcp(Tcp { target: probe.target })),
            ProbeKind::Http(http) => Http::new(http, probe.target, &mut trust, &progress)
                .map(|http| ProbeTransport::Http(Box::new(http))),
            ProbeKind::Grpc(grpc) => Grpc::new(grpc, probe.target, &mut trust, &progress)
                .map(|grpc| ProbeTransport::Grpc(Box::new(grpc))),
            ProbeKind::Dns(dns) => Dns::new(dns, probe.target).map(|dns| ProbeTransport::Dns(Box::new(dns))),
            ProbeKind::Exec(_) => {
                let number = numbers.next().expect("there is always another number");
                Ok(ProbeTransport::Exec(Exec { programs: programs.clone(), number }))
            }
        };
        let (probe, vantage, pulse) = (probe.clone(), vantage.clone(), Arc::clone(&pulse));
        match transport {
            Ok(transport) => {
                let authorities = authorities_of(&probe, &mut authorities);
                let flight = Arc::default();
                checkers.push(Checker { probe, vantage, transport, authorities, progress, pulse, flight });
            }
            Err(problem) if problems.contains(&problem) => {} // the same for each address of the region
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Prober { checkers, pulse, programs }) } else { Err(problems) }
}

/// What stands in the file that a probe believes, told apart by this; files are read once.
fn authorities_of(probe: &config::Probe, read: &mut BTreeMap<PathBuf, Option<u64>>) -> Option<u64> {
    let file = probe.kind.trust()?.ca_file.as_ref()?;
    let octets = |file: &PathBuf| fs::read(file).ok().map(|octets| FIXED.hash_one(octets));
    *read.entry(file.clone()).or_insert_with(|| octets(file))
}

/// The programs of all probes, in their order, and those that there are not.
fn programs_of(probes: &[config::Probe]) -> (Programs, Vec<Problem>) {
    let (mut list, mut problems) = (Vec::new(), Vec::new());
    for probe in probes {
        let ProbeKind::Exec(exec) = &probe.kind else { continue };
        list.push(program(exec, &probe.check));
        let unfit = unfit_program(exec).filter(|problem| !problems.contains(problem));
        problems.extend(unfit);
    }
    (Programs::new(list), problems)
}

/// A program as it is run for one check.
fn program(exec: &ExecProbe, check: &CheckId) -> Program {
    let address = check.address.to_string();
    let arguments = exec.arguments.iter().map(|argument| argument.replace("{address}", &address));
    let environment = [("CADENCE_REGION", check.region.as_str()), ("CADENCE_ADDRESS", &address)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Program { arguments: arguments.collect(), environment }
}

/// Why the file is none that can be executed.
fn unfit_program(exec: &ExecProbe) -> Option<Problem> {
    let file = exec.arguments.first()?;
    let found = match fs::metadata(file) {
        Err(error) => format!("cannot find the program {file}: {error}"),
        Ok(found) if !found.is_file() => format!("{file} is no file"),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => format!("{file} is not executable"),
        Ok(_) => return None,
    };
    Some(Problem::error(
        exec.place.clone(),
        found,
        "the absolute path of a program that cadence-dns may execute",
    ))
}

/// Two tasks for one check would probe it at once.
fn twice_the_same(probes: &[config::Probe]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let again = probes.iter().filter(|probe| !seen.insert(&probe.check));
    let problem =
        |probe: &config::Probe| Problem::error(None, format!("{} is there twice", probe.check), "each once");
    again.map(problem).collect()
}

impl Prober {
    /// The programs that it runs: a process that gives up the right to do so has a runner started before.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Begins to probe, on the current tokio runtime. The first round is spread over the first second.
    ///
    /// A check waits for room in the channel; when its other end is gone the check ends.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(self, observations: mpsc::Sender<Observation>) -> Probing {
        let seed = RandomState::new().hash_one(());
        let (checks, mut tasks, pulse) = (BTreeMap::new(), JoinSet::new(), self.pulse);
        let beating = Arc::clone(&pulse);
        tasks.spawn(async move { beating.run().await });
        let mut probing = Probing { checks, tasks, pulse, seed, held: false, observations };
        self.checkers.into_iter().for_each(|checker| probing.begin(checker, 0));
        probing
    }

    /// The same, going on from what another process had begun so long ago: each check is due when it would have been there,
    /// and what was in flight begins again at once, for nobody knows what became of it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start_after(
        mut self,
        begun: &[Begun],
        ago: Duration,
        observations: mpsc::Sender<Observation>,
    ) -> Probing {
        let now = Instant::now();
        let before: BTreeMap<&CheckId, &Begun> = begun.iter().map(|begun| (&begun.check, begun)).collect();
        let begun = |checker: &Checker<_>| before.get(&checker.probe.check).copied();
        for checker in &self.checkers {
            let at =
                begun(checker).and_then(|begun| now.checked_sub(ago + Duration::from_millis(begun.ago_ms)));
            at.into_iter().for_each(|at| checker.flight.began(at));
        }
        let checkers = std::mem::take(&mut self.checkers);
        let mut probing = self.start(observations);
        for checker in checkers {
            let asked = begun(&checker).map_or(0, |begun| u64::from(begun.in_flight));
            probing.begin(checker, asked);
        }
        probing
    }
}

impl Probing {
    /// So many probes at once are asked for already.
    fn begin(&mut self, checker: Checker<ProbeTransport>, asked: u64) {
        let checker = Checker { pulse: Arc::clone(&self.pulse), ..checker };
        let times = Times::of(&checker.probe);
        let (wish, wish_there) = watch::channel(Wish { pace: Pace::Steady, times, asked, held: self.held });
        let (probe, authorities, flight) =
            (checker.probe.clone(), checker.authorities, Arc::clone(&checker.flight));
        let checking = self.tasks.spawn(checker.run(self.seed, wish_there, self.observations.clone()));
        self.go_on(Running { probe, authorities, wish, flight, checking, tripwire: None });
    }

    /// A check that is at work, with the tripwire that its probe wants.
    fn go_on(&mut self, mut running: Running) {
        let Running { probe, wish, tripwire, .. } = &mut running;
        match (probe.tripwire, &tripwire) {
            (true, None) => *tripwire = Some(self.tasks.spawn(tripwire::hold(probe.target, wish.clone()))),
            (false, Some(held)) => {
                held.abort();
                *tripwire = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        self.checks.insert(running.probe.check.clone(), running);
    }

    /// Probes what another prober was prepared for from now on. A check that asks the same goes on as it is, also what is
    /// in flight of it; where its times are others, they hold from its last start on, so that no probe is put off by a
    /// reload. Another one, and one that is gone, ends at once, and nothing of it is reported any more. What was wished
    /// of the checks that stay has to be said again.
    pub fn renew(&mut self, prober: Prober) {
        let mut before = std::mem::take(&mut self.checks);
        for checker in prober.checkers {
            let same = before.remove(&checker.probe.check).filter(|running| {
                running.probe.asks_the_same(&checker.probe) && running.authorities == checker.authorities
            });
            match same {
                Some(mut running) => {
                    let times = Times::of(&checker.probe);
                    running.wish.send_if_modified(|wish| std::mem::replace(&mut wish.times, times) != times);
                    running.probe = checker.probe;
                    self.go_on(running);
                }
                None => self.begin(checker, 0),
            }
        }
        while self.tasks.try_join_next().is_some() {}
    }

    /// Lets a check be probed at its interval, or at its recheck interval while it is suspect.
    ///
    /// The pace holds from the last start on: a change to [`Pace::Recheck`] brings the next start forward, to this
    /// instant when it is due already. A check that is not there is none of our business: a reload took it.
    pub fn set_pace(&self, check: &CheckId, pace: Pace) {
        if let Some(Running { wish, .. }) = self.checks.get(check) {
            wish.send_if_modified(|wish| std::mem::replace(&mut wish.pace, pace) != pace);
        }
    }

    /// Asks for one fresh probe of every check, one after the other within a tenth of a second: a predecessor has ended without
    /// a word of what it had begun.
    pub fn probe_all_soon(&mut self) {
        let wishes: Vec<_> = self.checks.values().map(|running| running.wish.clone()).collect();
        let pause = ALL_WITHIN / u32::try_from(wishes.len().max(1)).unwrap_or(u32::MAX);
        self.tasks.spawn(async move {
            for wish in wishes {
                wish.send_modify(|wish| wish.asked = wish.asked.wrapping_add(1));
                sleep(pause).await;
            }
        });
    }

    /// Lets no probe begin while this is so; those in flight end and are reported.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
        for running in self.checks.values() {
            running.wish.send_if_modified(|wish| std::mem::replace(&mut wish.held, held) != held);
        }
    }

    /// Whether a probe is in flight, or was and is not reported yet.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.checks.values().any(|running| running.flight.is_under_way())
    }

    /// For another process to go on from.
    #[must_use]
    pub fn begun(&self) -> Vec<Begun> {
        let now = Instant::now();
        self.checks.iter().filter_map(|(check, running)| running.flight.of(check, now)).collect()
    }

    /// Asks for one fresh probe of a check at once, whatever its pace, which stays as it is.
    ///
    /// The probe begins after this call: one that is in flight already is followed by another, never overlapped. What is
    /// asked for several times before it begins is one probe. It is reported like any other, and how often to ask is for
    /// the caller to bound. A check that is not there is ignored: a reload took it.
    pub fn probe_now(&self, check: &CheckId) {
        if let Some(Running { wish, .. }) = self.checks.get(check) {
            wish.send_modify(|wish| wish.asked = wish.asked.wrapping_add(1));
        }
    }

    /// Ends all checks. When it returns nothing is in flight, and nothing more will be reported.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Prober {
    /// Probes every check once, now, and says what was seen, in the order of the configuration: no schedule, no reports.
    /// What is not done within `limit` is not probed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn look(self, limit: Duration) -> Vec<Look> {
        let pulse = self.pulse;
        let beating = tokio::spawn(async move { pulse.run().await });
        let looks = look::look(self.checkers, limit).await;
        beating.abort();
        looks
    }
}

/// A check that is taken away ends with it.
impl Drop for Running {
    fn drop(&mut self) {
        self.checking.abort();
        self.tripwire.iter().for_each(AbortHandle::abort);
    }
}

/// The way in which a check looks at its endpoint.
#[derive(Debug)]
enum ProbeTransport {
    Tcp(Tcp),
    Http(Box<Http>),
    Grpc(Box<Grpc>),
    Dns(Box<Dns>),
    Exec(Exec),
}

impl Exchange for ProbeTransport {
    async fn exchange(&self, progress: &Progress, limit: Duration) -> ProbeOutcome {
        match self {
            ProbeTransport::Tcp(tcp) => tcp.exchange(progress).await,
            ProbeTransport::Http(http) => http.exchange(progress).await,
            ProbeTransport::Grpc(grpc) => grpc.exchange(progress).await,
            ProbeTransport::Dns(dns) => dns.exchange(progress).await,
            ProbeTransport::Exec(exec) => exec.exchange(progress, limit).await,
        }
    }
}
