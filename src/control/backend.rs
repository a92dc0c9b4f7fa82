//! What stands behind the API: the controller, which is asked, and what is known without asking it.
//!
//! Everything here runs on the thread of the API. The controller makes a status, and nothing more; many clients share one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::beats::{Beats, Configured, Ended, Fed};
use super::traffic::Traffic;
use super::{ControlRequest, ReloadError, ReloadWish, Reloaded, UpgradeWish, Upgraded, Wish};
use crate::api::{
    ApiFigures, Explanation, Heartbeats, HistoryPage, HistoryQuestion, Question, Scrape, ShellFigures,
    Source, Status, Warning, metrics,
};
use crate::controller::{Done, Refusal};
use crate::model::{ReceiverId, RegionId};

/// The controller answers at once, or something is wrong with it. Less than a client waits.
pub(super) const CONTROLLER_MAX: Duration = Duration::from_secs(3);

/// A reload reads zones of any size. Less than a client waits.
const RELOAD_MAX: Duration = Duration::from_secs(110);

/// What an upgrade takes besides the successor's start: files are closed and opened, and something that fails is ended.
const UPGRADE_BESIDES: Duration = Duration::from_secs(40);

/// A status is shared for so long by those who ask over TCP: however many they are, the controller makes ten a second.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// After a controller that did not answer, others are told so at once for so long.
const TROUBLE_FOR: Duration = Duration::from_secs(1);

/// The disk may take its time; a client does not wait longer.
const HISTORY_MAX: Duration = Duration::from_secs(5);

/// How a page of the history is read. It may block.
pub type ReadHistory = dyn Fn(&HistoryQuestion) -> Result<HistoryPage, String> + Send + Sync;

/// What the shells have counted. It does not block.
pub type ReadFigures = dyn Fn() -> ShellFigures + Send + Sync;

/// What the daemon hands in.
pub struct Behind {
    /// To the owner of the controller.
    pub requests: mpsc::Sender<ControlRequest>,
    /// What is told as it happens.
    pub fed: Fed,
    /// Reads the history.
    pub history: Arc<ReadHistory>,
    /// Reads what the shells have counted.
    pub figures: Arc<ReadFigures>,
}

/// What the handlers ask; cheap to clone.
#[derive(Clone)]
pub(super) struct Backend(Arc<Inner>);

struct Inner {
    requests: mpsc::Sender<ControlRequest>,
    recent: tokio::sync::Mutex<Option<Recent>>,
    last: Mutex<Option<Known>>,
    beats: Mutex<Beats>,
    changes: watch::Receiver<u64>,
    configured: watch::Receiver<Arc<Configured>>,
    history: Arc<ReadHistory>,
    figures: Arc<ReadFigures>,
    traffic: Arc<Traffic>,
    beats_lost: Arc<AtomicU64>,
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
    pub(super) fn new(
        behind: Behind,
        traffic: Arc<Traffic>,
    ) -> (Backend, impl Future<Output = ()> + Send + 'static) {
        let Behind { requests, fed, history, figures } = behind;
        let Fed { beats: mut told, mut configured, changes, lost } = fed;
        let mut beats = Beats::default();
        beats.set_checks(&configured.borrow_and_update().checks);
        let backend = Backend(Arc::new(Inner {
            requests,
            recent: tokio::sync::Mutex::new(None),
            last: Mutex::new(None),
            beats: Mutex::new(beats),
            changes,
            configured: configured.clone(),
            history,
            figures,
            traffic,
            beats_lost: lost,
            reading: Semaphore::new(1),
        }));
        let taker = backend.clone();
        let take = async move {
            loop {
                tokio::select! {
                    told = told.recv() => match told {
                        Some(ended) => taker.take(ended),
                        None => return,
                    },
                    Ok(()) = configured.changed() => {
                        let configured = Arc::clone(&configured.borrow_and_update());
                        taker.beats().set_checks(&configured.checks);
                    }
                }
            }
        };
        (backend, take)
    }

    /// The status as of now.
    pub(super) async fn status_now(&self) -> Result<Arc<Status>, Unanswered> {
        let status = self.ask(ControlRequest::Status).await.map(Arc::new)?;
        *self.last() = Some(Known { status: Arc::clone(&status), at: Instant::now() });
        Ok(status)
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
        *recent = Some(Recent { at: Instant::now(), status: status.clone() });
        status
    }

    /// The last status that the controller made, however old, and when it came.
    pub(super) fn known(&self) -> Option<Known> {
        self.last().clone()
    }

    /// The last status that the controller made, however old: it says so.
    pub(super) fn stale_status(&self) -> Option<Status> {
        let mut status = Status::clone(&self.last().as_ref()?.status);
        status.source = Source::Stale;
        let text = format!(
            "the controller does not answer, and nothing would fail over; this is what it said at {}",
            status.time
        );
        let help = "the last answers stay in service; its log says why, a restart helps".into();
        status.warnings.insert(0, Warning { text, help });
        Some(status)
    }

    /// The page of metrics; what the controller does not say any more is as old as the page says.
    pub(super) async fn metrics(&self) -> String {
        let live = self.status().await.ok();
        let status = live.clone().or_else(|| self.known().map(|known| known.status));
        let (shells, probes) = (self.figures(), self.beats().figures());
        let api =
            ApiFigures { beats_lost: self.0.beats_lost.load(Ordering::Relaxed), ..self.0.traffic.figures() };
        let (status, is_live) = (status.as_deref(), live.is_some());
        metrics(&Scrape { status, is_live, shells: &shells, probes: &probes, api })
    }

    /// What the shells have counted and how they do.
    pub(super) fn figures(&self) -> ShellFigures {
        (self.0.figures)()
    }

    /// The configuration in force, without secrets.
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

    /// Takes another configuration over, or tells what it would change.
    pub(super) async fn reload(&self, wish: ReloadWish) -> Result<Result<Reloaded, ReloadError>, Unanswered> {
        let done = self.ask_for(RELOAD_MAX, |reply| ControlRequest::Reload(wish, reply)).await;
        *self.0.recent.lock().await = None; // whoever asks next sees what it did
        done
    }

    /// Hands over to a successor, or tells why not.
    pub(super) async fn upgrade(&self, wish: UpgradeWish) -> Result<Result<Upgraded, String>, Unanswered> {
        let longest = Duration::from_secs(wish.within) + UPGRADE_BESIDES;
        self.ask_for(longest, |reply| ControlRequest::Upgrade(wish, reply)).await
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

    fn take(&self, ended: Ended) {
        self.beats().take(ended);
    }

    fn last(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a receiver says to a notice that changes nothing, or in words why it says nothing.
    pub(super) async fn test_receiver(&self, receiver: ReceiverId) -> Result<Result<(), String>, Unanswered> {
        match self.ask(|reply| ControlRequest::TestReceiver(receiver, reply)).await {
            // The controller only passes it on; it is the receiver that is late.
            Err(Unanswered::Late) => Ok(Err(format!(
                "the receiver has not answered within {CONTROLLER_MAX:?}; the notice may still arrive"
            ))),
            answered => answered,
        }
    }

    /// Asks the controller, which must answer in time.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> ControlRequest,
    ) -> Result<T, Unanswered> {
        self.ask_for(CONTROLLER_MAX, request).await
    }

    async fn ask_for<T>(
        &self,
        longest: Duration,
        request: impl FnOnce(oneshot::Sender<T>) -> ControlRequest,
    ) -> Result<T, Unanswered> {
        let (reply, replied) = oneshot::channel();
        let answered = async {
            self.0.requests.send(request(reply)).await.ok()?;
            replied.await.ok()
        };
        match timeout(longest, answered).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Unanswered::Gone),
            Err(_) => Err(Unanswered::Late),
        }
    }
}
