//! Runs hooks: never two at once for one name, in the order of the moves, the newest of several that wait.
//!
//! ```text
//! Hooks ─run─▶ lane of the name ─▶ one after the other ─▶ program · signed request ─▶ HookEnded
//! ```

mod lane;
mod request;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::config::{Deed, HookSettings};
use crate::controller::{HookEnded, HookOutcome, HookPhase, HookRun};
use crate::errand::{Requests, run_program};
use crate::model::{HookId, Name, Problem};
use crate::programs::Programs;

use lane::Lane;
use request::Signed;

/// Hooks at once, of all names.
const RUN_AT_ONCE: usize = 16;

/// Everything that can fail is done: files are read, clients are built. Nothing is sent yet.
pub struct Prepared {
    deeds: BTreeMap<HookId, Prepare>,
}

struct Prepare {
    deadline: Duration,
    way: Way,
}

/// How a hook is run.
enum Way {
    /// The number of the program.
    Program(usize),
    Request(Signed),
}

/// The hooks at work. Dropping it ends those under way.
pub struct Hooks {
    shared: Arc<ArcSwap<Shared>>,
    lanes: BTreeMap<Name, Arc<Lane>>,
    ended: mpsc::Sender<HookEnded>,
    workers: JoinSet<()>,
}

/// What all runs need.
struct Shared {
    deeds: BTreeMap<HookId, Prepare>,
    programs: Programs,
    places: Arc<Semaphore>,
}

/// Builds what it takes to run the hooks. `program` gives the number of a hook's program.
///
/// # Errors
/// Every file that cannot be used, with its place.
pub fn prepare(
    hooks: &[HookSettings],
    program: impl Fn(&HookId) -> Option<usize>,
) -> Result<Prepared, Vec<Problem>> {
    let (mut deeds, mut problems) = (BTreeMap::new(), Vec::new());
    for HookSettings { hook, deadline, deed, .. } in hooks {
        let way = match deed {
            Deed::Program(_) => Ok(Way::Program(program(hook).unwrap_or(usize::MAX))),
            Deed::Request { web, secret_file } => {
                let signed = |requests| Way::Request(Signed { requests, secret: secret_file.clone() });
                Requests::new(web).map(signed)
            }
        };
        match way {
            Ok(way) => drop(deeds.insert(hook.clone(), Prepare { deadline: *deadline, way })),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Prepared { deeds }) } else { Err(problems) }
}

impl Prepared {
    /// Ready to run, on the current tokio runtime. The ends wait for room in the channel.
    #[must_use]
    pub fn start(self, programs: &Programs, ended: mpsc::Sender<HookEnded>) -> Hooks {
        let places = Arc::new(Semaphore::new(RUN_AT_ONCE));
        let shared = Shared { deeds: self.deeds, programs: programs.clone(), places };
        Hooks {
            shared: Arc::new(ArcSwap::from_pointee(shared)),
            lanes: BTreeMap::new(),
            ended,
            workers: JoinSet::new(),
        }
    }
}

impl Hooks {
    /// Runs these from now on. A run under way ends as it began.
    pub fn renew(&mut self, prepared: Prepared, programs: &Programs) {
        let places = Arc::clone(&self.shared.load().places);
        let shared = Shared { deeds: prepared.deeds, programs: programs.clone(), places };
        self.shared.store(Arc::new(shared));
    }

    /// Begins a run, or lets it wait for those of the same name. The end of one that waits no more, for this one is newer.
    #[must_use]
    pub fn run(&mut self, run: HookRun) -> Option<HookEnded> {
        while self.workers.try_join_next().is_some() {}
        let name = run.names.first()?;
        let lane = Arc::clone(self.lanes.entry(name.clone()).or_default());
        let superseded = lane.push(run);
        if let Some(turn) = lane.begin() {
            let (shared, ended) = (Arc::clone(&self.shared), self.ended.clone());
            self.workers.spawn(async move {
                while let Some(run) = turn.next() {
                    let now = shared.load_full();
                    if ended.send(now.run(run).await).await.is_err() {
                        return;
                    }
                }
            });
        }
        superseded.map(|run| end(&run, HookOutcome::Superseded, String::new()))
    }
}

impl Shared {
    async fn run(&self, run: HookRun) -> HookEnded {
        let Some(Prepare { deadline, way }) = self.deeds.get(&run.hook) else {
            return end(&run, HookOutcome::Failed("there is no such hook".into()), String::new());
        };
        let Ok(_place) = self.places.acquire().await else {
            return end(&run, HookOutcome::Failed("we stop".into()), String::new());
        };
        let (outcome, output) = match way {
            Way::Program(program) => {
                let ran = run_program(&self.programs, *program, environment(&run), *deadline).await;
                let outcome = match ran.end.is_success() {
                    true => HookOutcome::Done,
                    false => HookOutcome::Failed(ran.end.to_string()),
                };
                (outcome, ran.output)
            }
            Way::Request(signed) => signed.send(&run, *deadline).await,
        };
        end(&run, outcome, output)
    }
}

fn end(run: &HookRun, outcome: HookOutcome, output: String) -> HookEnded {
    let name = run.names[0].clone();
    HookEnded { run: run.run, hook: run.hook.clone(), name, epoch: run.epoch, outcome, output }
}

/// What a program is told.
fn environment(run: &HookRun) -> Vec<(String, String)> {
    let HookRun { hook, phase, names, from, to, epoch, reason, .. } = run;
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let pairs = [
        ("CADENCE_HOOK", hook.to_string()),
        ("CADENCE_PHASE", word(*phase).to_owned()),
        ("CADENCE_NAME", all[0].clone()),
        ("CADENCE_NAMES", all.join(" ")),
        ("CADENCE_FROM", from.to_string()),
        ("CADENCE_TO", to.to_string()),
        ("CADENCE_EPOCH", epoch.to_string()),
        ("CADENCE_REASON", reason.replace('\0', "")),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

fn word(phase: HookPhase) -> &'static str {
    match phase {
        HookPhase::Before => "before",
        HookPhase::After => "after",
    }
}

#[cfg(test)]
mod tests;
