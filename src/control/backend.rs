//! What stands behind the API: the controller, which is asked, and what is known without asking it.
//!
//! Everything here runs on the thread of the API. The controller makes a status, and nothing more; many clients share one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::beats::{Beats, Fed};
use super::{ControlRequest, Wish};
use crate::api::{Configured, Explanation, Heartbeats, HistoryPage, HistoryQuestion, Question, Status};
use crate::controller::{Done, Refusal};
use crate::model::RegionId;

/// The controller answers at once, or something is wrong with it. Less than a client waits.
pub(super) const CONTROLLER_MAX: Duration = Duration::from_secs(3);

/// A status is shared for so long by those who ask over TCP: however many they are, the controller makes ten a second.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// After a controller that did not answer, others are told so at once for so long.
const TROUBLE_FOR: Duration = Duration::from_secs(1);

/// The disk may take its time; a client does not wait longer.
const HISTORY_MAX: Duration = Duration::from_secs(5);

/// How a page of the history is read. It may block.
pub type ReadHistory = dyn Fn(&HistoryQuestion) -> Result<HistoryPage, String> + Send + Sync;

/// What the daemon hands in.
pub struct Behind {
    /// To the owner of the controller.
    pub requests: mpsc::Sender<ControlRequest>,
    /// What is told as it happens.
    pub fed: Fed,
    /// Reads the history.
    pub history: Arc<ReadHistory>,
}

/// What the handlers ask; cheap to clone.
#[derive(Clone)]
pub(super) struct Backend(Arc<Inner>);

struct Inner {
    requests: mpsc::Sender<ControlRequest>,
    recent: tokio::sync::Mutex<Option<Recent>>,
    beats: Mutex<Beats>,
    /// What the controller said last, however long ago.
    known: Mutex<Option<Known>>,
    configured: watch::Receiver<Arc<Configured>>,
    changes: watch::Receiver<u64>,
    history: Arc<ReadHistory>,
    /// One page is read at a time.
    reading: Semaphore,
}

/// A status, and when it came.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) status: Arc<Status>,
    pub(super) at: Instant,
}

/// What came of the last question for a status.
struct Recent {
    at: Instant,
    status: Result<Arc<Status>, Unanswered>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The controller is gone.
    Gone,
    /// It has not answered within [`CONTROLLER_MAX`].
    Late,
}

/// Why there is no history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoHistory {
    /// The files cannot be read.
    Unreadable(String),
    /// The disk has not answered in time, or others wait for it.
    Late,
}

impl Backend {
    /// And the task that takes what is told; it ends with the daemon.
    pub(super) fn new(behind: Behind) -> (Backend, impl Future<Output = ()> + Send + 'static) {
        let Behind { requests, fed, history } = behind;
        let Fed { beats: mut told, mut checks, configured, changes, lost: _ } = fed;
        let mut beats = Beats::default();
        beats.set_checks(&checks.borrow_and_update());
        let backend = Backend(Arc::new(Inner {
            requests,
            recent: tokio::sync::Mutex::new(None),
            beats: Mutex::new(beats),
            known: Mutex::new(None),
            configured,
            changes,
            history,
            reading: Semaphore::new(1),
        }));
        let taker = backend.clone();
        let take = async move {
            loop {
                tokio::select! {
                    told = told.recv() => match told {
                        Some((check, beat)) => taker.beats().take(&check, beat),
                        None => return,
                    },
                    Ok(()) = checks.changed() => {
                        let checks = Arc::clone(&checks.borrow_and_update());
                        taker.beats().set_checks(&checks);
                    }
                }
            }
        };
        (backend, take)
    }

    /// The status as of now.
    pub(super) async fn status_now(&self) -> Result<Arc<Status>, Unanswered> {
        self.ask(ControlRequest::Status).await.map(Arc::new)
    }

    /// The status as of a moment ago, shared with whoever asks at the same time.
    pub(super) async fn status(&self) -> Result<Arc<Status>, Unanswered> {
        let mut recent = self.0.recent.lock().await; // one asks, the others wait for what comes of it
        if let Some(Recent { at, status }) = &*recent {
            let good_for = if status.is_ok() { SHARED_FOR } else { TROUBLE_FOR };
            if at.elapsed() < good_for {
                return status.clone();
            }
        }
        let status = self.status_now().await;
        let at = Instant::now();
        if let Ok(status) = &status {
            *self.known_status() = Some(Known { status: Arc::clone(status), at });
        }
        *recent = Some(Recent { at, status: status.clone() });
        status
    }

    /// What the controller said last to those who share a status; it may be silent since.
    pub(super) fn known(&self) -> Option<Known> {
        self.known_status().clone()
    }

    fn known_status(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration that is in effect.
    pub(super) fn configured(&self) -> Arc<Configured> {
        Arc::clone(&self.0.configured.borrow())
    }

    /// What the last probes saw, of all regions or of one.
    pub(super) fn heartbeats(&self, region: Option<&RegionId>) -> Heartbeats {
        self.beats().shown(region)
    }

    /// Changes when something that status shows has changed; it is no counter of anything.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.clone()
    }

    /// Why a name is answered as it is.
    pub(super) async fn explain(&self, question: Question) -> Result<Explanation, Unanswered> {
        self.ask(|reply| ControlRequest::Explain(question, reply)).await
    }

    /// Does what an operator wants, or tells what it would mean.
    pub(super) async fn command(&self, wish: Wish) -> Result<Result<Done, Refusal>, Unanswered> {
        let done = self.ask(|reply| ControlRequest::Command(wish, reply)).await;
        *self.0.recent.lock().await = None; // whoever asks next sees what it did
        done
    }

    /// A page of the history.
    pub(super) async fn history(&self, question: HistoryQuestion) -> Result<HistoryPage, NoHistory> {
        let reading = async {
            let _turn = self.0.reading.acquire().await.map_err(|_| NoHistory::Late)?;
            let history = Arc::clone(&self.0.history);
            let read = spawn_blocking(move || history(&question)).await.map_err(|_| NoHistory::Late)?;
            read.map_err(NoHistory::Unreadable)
        };
        timeout(HISTORY_MAX, reading).await.unwrap_or(Err(NoHistory::Late))
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the controller, which must answer in time.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> ControlRequest,
    ) -> Result<T, Unanswered> {
        let (reply, replied) = oneshot::channel();
        let answered = async {
            self.0.requests.send(request(reply)).await.ok()?;
            replied.await.ok()
        };
        match timeout(CONTROLLER_MAX, answered).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Unanswered::Gone),
            Err(_) => Err(Unanswered::Late),
        }
    }
}
