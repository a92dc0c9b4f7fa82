//! What the supervisor of the process hears of us: that we answer, that we reload, what is answered, and that we are well.
//!
//! We are well when our listeners have answered a query, with every worker moving, and when the event loop has taken a turn
//! since we said so last. A thread of its own asks and tells: whoever hangs cannot say that he does not.

use std::io;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::dns::{Meter, SelfCheck, Tables};
use crate::supervisor::{Supervisor, Word};

/// How often a supervisor without patience hears of us, and the longest between two words to any.
const EVERY_MAX: Duration = Duration::from_secs(10);
const EVERY_LEAST: Duration = Duration::from_millis(20);

/// So many words fit into the patience of a supervisor: two may come late.
const WORDS_IN_PATIENCE: u32 = 3;

/// The longest that a listener may take each time it is asked.
const LISTENER_MAX: Duration = Duration::from_secs(1);

/// Between two questions before we answer.
const START_EVERY: Duration = Duration::from_millis(50);

/// By then a supervisor knows who the main process is.
const SUCCESSION_MAX: Duration = Duration::from_secs(1);

/// How long the word that another process goes on may take: without it we would be missed.
const SUCCESSOR_TOLD_MAX: Duration = Duration::from_secs(2);

/// The way to the supervisor, if there is one.
#[derive(Clone)]
pub(super) struct Watchdog(Option<Arc<Shared>>);

struct Shared {
    supervisor: Supervisor,
    /// Turns of the event loop.
    turns: AtomicU64,
    said: Mutex<Said>,
    thread: Mutex<Option<Thread>>,
}

/// What it knows.
#[derive(Default)]
struct Said {
    is_ready: bool,
    is_reloading: bool,
    /// It is told nothing more by us.
    is_over: bool,
    status: String,
}

impl Watchdog {
    pub(super) fn new(supervisor: Option<Supervisor>) -> Watchdog {
        let shared = |supervisor| Shared {
            supervisor,
            turns: AtomicU64::new(0),
            said: Mutex::default(),
            thread: Mutex::default(),
        };
        Watchdog(supervisor.map(shared).map(Arc::new))
    }

    /// Asks and tells from now on. A successor says who it is, once its predecessor has said so.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(&self, meter: Meter, tables: Tables, is_successor: bool) -> io::Result<()> {
        let Some(shared) = self.0.clone() else { return Ok(()) };
        let patience = shared.supervisor.patience().unwrap_or(EVERY_MAX * WORDS_IN_PATIENCE);
        let every = (patience / WORDS_IN_PATIENCE).clamp(EVERY_LEAST, EVERY_MAX);
        let check = SelfCheck::new(meter, tables, (every / 4).min(LISTENER_MAX));
        let ours = Arc::clone(&shared);
        let watch =
            move || Watch { shared: ours, check, every, turns: None, trouble: None }.go_on(is_successor);
        let thread = thread::Builder::new().name("watchdog".into()).spawn(watch)?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread.thread().clone());
        Ok(())
    }

    /// The event loop has taken a turn.
    pub(super) fn turned(&self) {
        if let Some(shared) = &self.0 {
            shared.turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a reload is under way.
    pub(super) fn reloads(&self, is_reloading: bool) {
        let Some(shared) = &self.0 else { return };
        let mut said = shared.said();
        if said.is_reloading == is_reloading {
            return;
        }
        said.is_reloading = is_reloading;
        if said.is_ready && !said.is_over {
            shared.tell(&[if is_reloading { Word::Reloading } else { Word::Ready }]);
        }
    }

    /// Whether somebody hears what is answered.
    pub(super) fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// What is answered now, in a line.
    pub(super) fn status(&self, line: String) {
        let Some(shared) = &self.0 else { return };
        let mut said = shared.said();
        if said.status == line {
            return;
        }
        said.status = line;
        if said.is_ready && !said.is_over {
            shared.tell(&[Word::Status(&said.status)]);
        }
    }

    /// We end.
    pub(super) fn stops(&self) {
        let Some(shared) = &self.0 else { return };
        if shared.end() {
            shared.tell(&[Word::Stopping]);
        }
    }

    /// Another process goes on: it is the one to watch over, and speaks for itself. Waits for as long as it must.
    pub(super) fn hands_over(&self, process: u32) {
        let Some(shared) = &self.0 else { return };
        if !shared.end() {
            return;
        }
        if let Err(error) = shared.supervisor.tell_within(&[Word::MainProcess(process)], SUCCESSOR_TOLD_MAX) {
            warn!(
                event = "upgrade.untold",
                process, "the supervisor is not told that process {process} is the main one: {error}"
            );
        }
    }
}

impl Shared {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What gets lost is said again with the next word.
    fn tell(&self, words: &[Word<'_>]) {
        if let Err(error) = self.supervisor.tell(words) {
            warn!(event = "supervisor.untold", "the supervisor is not told that {words:?}: {error}");
        }
    }

    /// Whether it was not over before.
    fn end(&self) -> bool {
        let was_over = std::mem::replace(&mut self.said().is_over, true);
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
        !was_over
    }
}

/// The thread.
struct Watch {
    shared: Arc<Shared>,
    check: SelfCheck,
    every: Duration,
    /// How many turns there had been when we were well last.
    turns: Option<u64>,
    trouble: Option<String>,
}

impl Watch {
    fn go_on(mut self, is_successor: bool) {
        let mut wait = if is_successor { self.every.min(SUCCESSION_MAX) } else { Duration::ZERO };
        let ourselves = is_successor.then(|| Word::MainProcess(process::id()));
        while self.wait(wait) {
            let is_well = self.look();
            let mut said = self.shared.said();
            if said.is_over {
                return;
            }
            if is_well {
                let first = ourselves.filter(|_| !said.is_ready);
                said.is_ready = true;
                let ready = (!said.is_reloading).then_some(Word::Ready);
                let words = first.into_iter().chain(ready).chain([Word::Status(&said.status), Word::Alive]);
                self.shared.tell(&words.collect::<Vec<_>>());
            }
            wait = if said.is_ready { self.every } else { START_EVERY };
        }
    }

    /// Whether there is anything to say after so long.
    fn wait(&self, span: Duration) -> bool {
        let due = Instant::now() + span;
        while let left = due.saturating_duration_since(Instant::now())
            && !left.is_zero()
            && !self.shared.said().is_over
        {
            thread::park_timeout(left);
        }
        !self.shared.said().is_over
    }

    /// Whether we are well; the log has it when that changes.
    fn look(&mut self) -> bool {
        let turns = self.shared.turns.load(Ordering::Relaxed);
        let has_turned = self.turns.is_none_or(|before| before != turns);
        let found =
            if has_turned { self.check.look().map(drop) } else { Err("the controller hangs".to_owned()) };
        let is_ready = self.shared.said().is_ready;
        match &found {
            Ok(()) => {
                self.turns = Some(turns);
                if self.trouble.take().is_some() {
                    info!(
                        event = "watchdog.well",
                        "listeners and controller answer, the supervisor hears of it again"
                    );
                }
            }
            Err(trouble) if is_ready && self.trouble.as_ref() != Some(trouble) => {
                warn!(event = "watchdog.silent", "the supervisor does not hear that all is well: {trouble}");
                self.trouble = Some(trouble.clone());
            }
            Err(_) => {}
        }
        found.is_ok()
    }
}
