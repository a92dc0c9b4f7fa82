//! Reloads, one after another: who asked, what is being made ready, and what became of the last one.

use std::collections::VecDeque;
use std::mem::take;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::reload::{Open, Preparation, Prepared, Running, prepare};
use crate::api::{ConfigurationStatus, ReloadStatus};
use crate::control::{ReloadError, ReloadWish, Reloaded};
use crate::controller::{CommandId, Refusal, Reload, Reply};
use crate::model::{Moment, Problem, Severity};

/// Reloads that may wait for the one under way; whoever comes then is refused.
const WAITING_MAX: usize = 16;

/// A reload that is ready and has waited for longer than this is refused.
const RELOAD_MAX: Duration = Duration::from_secs(10);

/// Who waits for what becomes of a reload.
type Waiting = oneshot::Sender<Result<Reloaded, ReloadError>>;

/// A reload that is wanted.
pub(super) struct Asked {
    pub(super) wish: ReloadWish,
    /// None where nobody waits: a signal, the watch.
    pub(super) reply: Option<Waiting>,
    /// Only if the files are others than those that hold, and those that failed last.
    pub(super) if_changed: bool,
}

/// All reloads of a daemon.
pub(super) struct Reloads {
    running: Arc<Running>,
    since: Moment,
    waiting: VecDeque<Asked>,
    under_way: Option<UnderWay>,
    prepared: mpsc::Sender<Preparation>,
    last: Option<ReloadStatus>,
    /// What was read when the last one failed.
    failed: Option<String>,
    /// Why one failed just now, for the history.
    untold: Option<(String, String)>,
    /// The files that are of interest.
    files: Vec<PathBuf>,
}

struct UnderWay {
    asked: Asked,
    /// Once the controller has been asked.
    id: Option<CommandId>,
    /// Once it is ready, until it takes over.
    ready: Option<Box<Prepared>>,
    told: Told,
}

/// What is told when it is over.
#[derive(Default)]
struct Told {
    changes: Vec<String>,
    hash: String,
    warnings: Vec<String>,
}

impl Reloads {
    pub(super) fn new(
        running: Running,
        files: Vec<PathBuf>,
        since: Moment,
        prepared: mpsc::Sender<Preparation>,
    ) -> Reloads {
        let running = Arc::new(running);
        #[rustfmt::skip]
        let reloads = Reloads {
            running, since, waiting: VecDeque::new(), under_way: None, prepared, last: None, failed: None, untold: None, files,
        };
        reloads
    }

    /// Takes note of a wish. Where nobody waits for them, several are one.
    pub(super) fn ask(&mut self, asked: Asked) {
        let is_same = |waiting: &Asked| waiting.reply.is_none() && waiting.if_changed == asked.if_changed;
        if asked.reply.is_none() && self.waiting.iter().any(is_same) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            return tell(asked.reply, Err(ReloadError::Refused(Refusal::Expired)));
        }
        self.waiting.push_back(asked);
    }

    /// Begins to make the next one ready, unless one is under way. `open` gives the sockets that are open.
    pub(super) fn begin(&mut self, open: impl FnOnce() -> std::io::Result<Open>) {
        if self.under_way.is_some() {
            return;
        }
        let Some(mut asked) = self.waiting.pop_front() else { return };
        let open = match open() {
            Ok(open) => open,
            Err(error) => {
                let found = format!("the sockets cannot be had once more: {error}");
                let mistakes = vec![Problem::error(None, found, "more file descriptors")];
                return tell(asked.reply, Err(ReloadError::Mistakes(mistakes)));
            }
        };
        let (running, prepared) = (Arc::clone(&self.running), self.prepared.clone());
        let candidate = asked.wish.candidate.take();
        self.under_way = Some(UnderWay { asked, id: None, ready: None, told: Told::default() });
        drop(spawn_blocking(move || {
            // A daemon that stops meanwhile needs it no more.
            drop(prepared.blocking_send(prepare(&running, open, candidate)));
        }));
    }

    /// One is ready, or turned out wrong. What the controller is to be told, if anything.
    pub(super) fn take(&mut self, preparation: Preparation, id: CommandId, now: Moment) -> Option<Reload> {
        let UnderWay { asked, id: known, ready, told } = self.under_way.as_mut()?;
        let Preparation { hash, files, result } = preparation;
        let is_candidate = asked.wish.terms.dry_run;
        if asked.if_changed && (hash == self.running.hash || self.failed.as_ref() == Some(&hash)) {
            self.under_way = None;
            return None;
        }
        let prepared = match result {
            Ok(prepared) => prepared,
            Err(mistakes) => {
                if !is_candidate {
                    self.failed = Some(hash);
                    self.files.extend(files); // whoever mends them may be waited for
                    self.files.sort_unstable();
                    self.files.dedup();
                }
                self.fail(mistakes, now);
                return None;
            }
        };
        *told = Told {
            changes: prepared.changes.clone(),
            hash: hash.clone(),
            warnings: prepared.ready.warnings.iter().map(ToString::to_string).collect(),
        };
        let wish = &asked.wish;
        let reload = Reload {
            id,
            author: wish.by.clone(),
            reason: wish.reason.clone(),
            expires: now + RELOAD_MAX,
            terms: wish.terms.clone(),
            parameters: prepared.ready.config.parameters(),
            zones: prepared.zones.clone(),
            kept: prepared.kept.clone(),
            affected: prepared.affected,
            hash,
            changes: prepared.changes.clone().into(),
        };
        (*known, *ready) = (Some(id), Some(prepared));
        Some(reload)
    }

    /// The configuration that takes over now; from here on it is the one that runs.
    pub(super) fn take_over(&mut self, id: CommandId, now: Moment) -> Option<Box<Prepared>> {
        let under_way = self.under_way.as_mut()?;
        let mut prepared = under_way.ready.take().filter(|_| under_way.id == Some(id))?;
        let ready = &mut prepared.ready;
        self.files = take(&mut ready.files);
        self.failed = None;
        self.since = now;
        self.running = Arc::new(Running {
            file: self.running.file.clone(),
            config: ready.config.clone(),
            text: take(&mut ready.text),
            hash: under_way.told.hash.clone(),
            zones: take(&mut ready.zones).into(),
            programs: [ready.prober.programs().clone(), ready.programs.clone()],
        });
        Some(prepared)
    }

    /// The controller has answered, and if that was about a reload, it is over.
    pub(super) fn hear(&mut self, reply: Reply, now: Moment) -> Option<Reply> {
        let is_ours = |under_way: &mut UnderWay| under_way.id == Some(reply.id);
        let Some(UnderWay { asked, told, .. }) = self.under_way.take_if(is_ours) else { return Some(reply) };
        let Asked { wish, reply: waiting, .. } = asked;
        match &reply.outcome {
            Ok(done) if !done.dry_run => {
                info!(
                    event = "config.adopted",
                    hash = told.hash,
                    by = wish.by,
                    "the configuration {} holds",
                    told.hash
                );
                for warning in &told.warnings {
                    warn!(event = "config.warning", "{warning}");
                }
                let text = match told.changes.len() {
                    0 => "nothing was different".to_owned(),
                    changes => format!("{changes} changes"),
                };
                self.last =
                    Some(ReloadStatus { at: now, successful: true, by: wish.by, text, mistakes: Vec::new() });
            }
            Ok(_) => {}
            Err(refusal) if !wish.terms.dry_run => {
                error!(event = "config.kept", by = wish.by, "the reload is refused: {refusal}");
                self.last = Some(ReloadStatus::failed(now, &wish.by, refusal.to_string(), Vec::new()));
            }
            Err(_) => {}
        }
        let Told { changes, hash, warnings } = told;
        let outcome = reply.outcome.map_err(ReloadError::Refused);
        tell(waiting, outcome.map(|done| Reloaded { done, changes, hash, warnings }));
        None
    }

    /// Whether one is being made ready or taken over.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether one that is to be adopted is under way.
    pub(super) fn changes_something(&self) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| !under_way.asked.wish.terms.dry_run)
    }

    /// The controller is gone, and another one knows nothing of it.
    pub(super) fn forget(&mut self) {
        self.under_way = None; // a dropped reply tells that the controller is gone
    }

    /// For status.
    pub(super) fn status(&self) -> ConfigurationStatus {
        ConfigurationStatus {
            file: self.running.file.display().to_string(),
            hash: self.running.hash.clone(),
            since: self.since,
            last_reload: self.last.clone(),
        }
    }

    /// Who wanted the reload that has just failed for mistakes in the files, and the first of them.
    pub(super) fn take_failure(&mut self) -> Option<(String, String)> {
        self.untold.take()
    }

    /// The files that are of interest.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The zones and the configuration that run.
    pub(super) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    fn fail(&mut self, mistakes: Vec<Problem>, now: Moment) {
        let Some(UnderWay { asked: Asked { wish, reply, .. }, .. }) = self.under_way.take() else { return };
        if !wish.terms.dry_run {
            let errors: Vec<&Problem> =
                mistakes.iter().filter(|problem| problem.severity == Severity::Error).collect();
            for problem in &errors {
                let place = problem.place.as_ref().map(tracing::field::display);
                error!(event = "config.mistake", place, help = problem.help, "{}", problem.found);
            }
            let text = errors.first().map_or_else(String::new, |first| {
                let place = first.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
                let more =
                    if errors.len() > 1 { format!(", and {} more", errors.len() - 1) } else { String::new() };
                format!("{place}{}{more}", first.found)
            });
            error!(
                event = "config.kept",
                by = wish.by,
                "the reload failed, the configuration before stays: {text}"
            );
            self.untold = Some((wish.by.clone(), text.clone()));
            let shown = mistakes.iter().map(ToString::to_string).collect();
            self.last = Some(ReloadStatus::failed(now, &wish.by, text, shown));
        }
        tell(reply, Err(ReloadError::Mistakes(mistakes)));
    }
}

fn tell(waiting: Option<Waiting>, outcome: Result<Reloaded, ReloadError>) {
    if let Some(waiting) = waiting {
        drop(waiting.send(outcome)); // a client that hung up needs none
    }
}
