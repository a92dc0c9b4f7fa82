//! Asks at every gate, on time, and reports what was seen. What that means for a move is not known here.
//!
//! ```text
//! prepare ─▶ Asker ─start─▶ Asking        one task for each gate; renew
//!                              │ due · a place among those that ask at once
//!                              ▼
//!            http ─▶ bound  ·  postgres  ·  program ─────▶ (gate, Seen)
//! ```

mod bound;
mod postgres;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::{Ask, Bound, GateSettings};
use crate::errand::{End, Requests, run_program};
use crate::model::{GateId, Problem};
use crate::policy::Seen;
use crate::programs::Programs;

use postgres::Server;

/// Gates that are asked at once; others wait for their turn.
const ASKED_AT_ONCE: usize = 16;

/// After a gate told nothing it is asked again so soon, or at its interval if that is shorter.
const AGAIN: Duration = Duration::from_secs(1);

/// What was seen at a gate.
pub type Sighting = (GateId, Seen);

/// Everything that can fail is done: files are read, clients are built. Nothing is sent yet.
pub struct Asker {
    tasks: Vec<Task>,
}

/// One gate.
struct Task {
    gate: GateId,
    interval: Duration,
    timeout: Duration,
    /// As configured.
    ask: Ask,
    way: Way,
}

/// How it is asked.
enum Way {
    Http(Requests, Option<Bound>),
    Postgres(Box<Server>),
    /// The number of the program.
    Program(usize),
}

/// The gates being asked. Dropping it ends that.
#[derive(Debug)]
pub struct Asking {
    tasks: BTreeMap<GateId, Running>,
    places: Arc<Semaphore>,
    seen: mpsc::Sender<Sighting>,
}

/// A gate that is asked, and how.
#[derive(Debug)]
struct Running {
    interval: Duration,
    timeout: Duration,
    ask: Ask,
    task: AbortHandle,
}

/// Builds what it takes to ask. `program` gives the number of a gate's program.
///
/// # Errors
/// Every file that cannot be used, with its place.
pub fn prepare(
    gates: &[GateSettings],
    program: impl Fn(&GateId) -> Option<usize>,
) -> Result<Asker, Vec<Problem>> {
    let (mut tasks, mut problems) = (Vec::new(), Vec::new());
    for GateSettings { gate, interval, timeout, ask, .. } in gates {
        let way = match ask {
            Ask::Http(web, bound) => Requests::new(web).map(|requests| Way::Http(requests, bound.clone())),
            Ask::Postgres(server) => Server::new(server).map(|server| Way::Postgres(Box::new(server))),
            Ask::Program(_) => Ok(Way::Program(program(gate).unwrap_or(usize::MAX))),
        };
        match way {
            Ok(way) => {
                let (gate, ask) = (gate.clone(), ask.clone());
                tasks.push(Task { gate, interval: *interval, timeout: *timeout, ask, way });
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Asker { tasks }) } else { Err(problems) }
}

impl Asker {
    /// Begins to ask, on the current tokio runtime. What is seen waits for room in the channel; when its other end is gone
    /// nobody is asked any more.
    #[must_use]
    pub fn start(self, programs: &Programs, seen: &mpsc::Sender<Sighting>) -> Asking {
        let places = Arc::new(Semaphore::new(ASKED_AT_ONCE));
        let mut asking = Asking { tasks: BTreeMap::new(), places, seen: seen.clone() };
        asking.renew(self, programs);
        asking
    }
}

impl Asking {
    /// Asks at these gates from now on. One that is asked as before goes on as it is; whatever has a file of authorities
    /// begins anew, for these may be others.
    pub fn renew(&mut self, asker: Asker, programs: &Programs) {
        let mut before = std::mem::take(&mut self.tasks);
        for task in asker.tasks {
            let same = before.remove(&task.gate).filter(|running| running.does_the_same(&task));
            let gate = task.gate.clone();
            let running = same.unwrap_or_else(|| {
                let Task { interval, timeout, ref ask, .. } = task;
                let ask = ask.clone();
                let asking = task.run(programs.clone(), Arc::clone(&self.places), self.seen.clone());
                Running { interval, timeout, ask, task: tokio::spawn(asking).abort_handle() }
            });
            self.tasks.insert(gate, running);
        }
    }

    /// The gates that are asked no more, which never should be.
    #[must_use]
    pub fn ended(&self) -> Vec<GateId> {
        let ended = self.tasks.iter().filter(|(_, running)| running.task.is_finished());
        ended.map(|(gate, _)| gate.clone()).collect()
    }

    /// Whether there is anything to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl Running {
    fn does_the_same(&self, task: &Task) -> bool {
        let authorities = match &self.ask {
            Ask::Http(web, _) => web.authorities.ca_file.as_ref(),
            Ask::Postgres(server) => server.tls.as_ref().and_then(|trust| trust.ca_file.as_ref()),
            Ask::Program(_) => None,
        };
        let as_before =
            self.interval == task.interval && self.timeout == task.timeout && self.ask == task.ask;
        as_before && authorities.is_none()
    }
}

/// A gate that is taken away is asked no more.
impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Task {
    async fn run(self, programs: Programs, places: Arc<Semaphore>, seen: mpsc::Sender<Sighting>) {
        let mut due = Instant::now();
        loop {
            sleep_until(due).await;
            let Ok(place) = places.acquire().await else { return };
            let began = Instant::now();
            let sighting = self.ask(&programs).await;
            drop(place);
            let is_blind = matches!(sighting, Seen::Blind(_));
            if seen.send((self.gate.clone(), sighting)).await.is_err() {
                return;
            }
            let pause = if is_blind { self.interval.min(AGAIN) } else { self.interval };
            due = (began + pause).max(Instant::now());
        }
    }

    async fn ask(&self, programs: &Programs) -> Seen {
        let late = || Seen::Blind(format!("no answer within {} s", self.timeout.as_secs_f64()));
        match &self.way {
            Way::Http(requests, bound) => match requests.get(self.timeout).await {
                Ok(reply) => bound::judge(&reply, bound.as_ref()),
                Err(why) => Seen::Blind(why),
            },
            Way::Postgres(server) => timeout(self.timeout, server.ask()).await.unwrap_or_else(|_| late()),
            Way::Program(program) => {
                let environment = vec![("CADENCE_GATE".to_owned(), self.gate.to_string())];
                let ran = run_program(programs, *program, environment, self.timeout).await;
                let said = ran.output.lines().next_back().unwrap_or_default().to_owned();
                match ran.end {
                    End::Code(0) if said.is_empty() => Seen::Fine("it ended with 0".into()),
                    End::Code(0) => Seen::Fine(said),
                    End::Code(_) if !said.is_empty() => Seen::Unfit(said),
                    End::Code(_) => Seen::Unfit(ran.end.to_string()),
                    End::Broken(why) => Seen::Blind(why),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
