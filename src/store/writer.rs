//! The disk on threads of its own: nothing that is called here waits for it.
//!
//! Two threads, for a snapshot of many megabytes takes long to render, to write and to sync, and a commit must not stand
//! behind it: "state-log" only appends, all commits that wait at once; "state-snapshot" only saves snapshots, the newest
//! that was handed over, in pieces, so that the file system has one piece at most to write before a commit. A snapshot
//! that fails is tried again.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::log::Log;
use super::slot::{Job, Slot};
use super::snapshot::{Reach, Snapshots};
use super::state_log::{Sequence, StateLog};
use super::watch::Watch;
use crate::model::Moment;

/// Commits that may wait for the disk, or for their result to be taken; beyond that a commit is refused.
const COMMITS_MAX: usize = 256;

/// A sync that takes longer is told as trouble. A worn disk needs a tenth of this.
const LOG_HANGS_AFTER: Duration = Duration::from_secs(1);

/// The same for a whole snapshot, which may have a hundred megabytes.
const SNAPSHOT_HANGS_AFTER: Duration = Duration::from_secs(30);

/// When a snapshot that failed is tried again, unless a newer one comes first.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What became of a commit.
#[derive(Debug)]
pub struct Written {
    /// The commit's.
    pub id: u64,
    /// The number of its last entry, once all of them are on the disk. After an error they are not in the log, unless
    /// the process ends before the next commit.
    pub result: Result<Sequence, CommitError>,
}

/// Why a commit is not on the disk.
#[derive(Debug, Clone)]
pub enum CommitError {
    /// Too many commits wait for a disk that does not keep up.
    QueueFull,
    /// The disk refused it.
    Failed(Arc<StoreError>),
    /// The writer has ended.
    Ended,
}

/// Why a run did not end as it should.
#[derive(Debug)]
pub enum CloseError {
    /// The disk did not answer in time. It may still do so before the process ends.
    Deadline(Duration),
    /// The disk refused the last snapshot or the closing record.
    Failed(StoreError),
    /// The writer had ended before.
    Ended,
}

/// Writes a state log on threads of its own. `T` is the state, `E` an entry.
#[derive(Debug)]
pub struct StateWriter<T, E> {
    orders: std::sync::mpsc::Sender<Order<E>>,
    written: mpsc::Sender<Written>,
    slot: Arc<Slot<T>>,
    log_watch: Arc<Watch>,
    snapshot_watch: Arc<Watch>,
    threads: [JoinHandle<()>; 2],
}

/// What the thread of the log is told.
#[derive(Debug)]
enum Order<E> {
    Commit(Commit<E>),
    SnapshotSaved(Option<Reach>),
    Close(Moment, oneshot::Sender<Result<(), StoreError>>),
}

#[derive(Debug)]
struct Commit<E> {
    id: u64,
    at: Moment,
    entries: Vec<E>,
    /// A place for the result, so that telling it never waits.
    place: mpsc::OwnedPermit<Written>,
}

impl<T, E> StateWriter<T, E>
where
    T: Serialize + Send + 'static,
    E: Serialize + Send + 'static,
{
    /// Starts the threads. The receiver gets one [`Written`] for each accepted commit, in order.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(log: StateLog) -> io::Result<(StateWriter<T, E>, mpsc::Receiver<Written>)> {
        StateWriter::start_with(log, RETRY_AFTER)
    }

    /// The same with another [`RETRY_AFTER`].
    pub(super) fn start_with(
        log: StateLog,
        retry_after: Duration,
    ) -> io::Result<(StateWriter<T, E>, mpsc::Receiver<Written>)> {
        let StateLog { log, snapshots, lock } = log;
        let (orders, waiting) = std::sync::mpsc::channel();
        let (written, results) = mpsc::channel(COMMITS_MAX);
        let slot = Arc::new(Slot::new(retry_after));
        let (log_watch, snapshot_watch) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
        let appending = {
            let watch = Arc::clone(&log_watch);
            let run = move || {
                let closed = append_all(log, &waiting, &watch);
                drop(lock); // whoever is told may open the folder again
                if let Some((reply, closed)) = closed {
                    drop(reply.send(closed)); // nobody waits any more: the deadline has passed
                }
            };
            thread::Builder::new().name("state-log".to_owned()).spawn(run)?
        };
        let saving = {
            let (slot, watch, orders) =
                (Arc::clone(&slot), Arc::clone(&snapshot_watch), std::sync::mpsc::Sender::clone(&orders));
            let run = move || save_all(snapshots, &slot, &orders, &watch);
            thread::Builder::new().name("state-snapshot".to_owned()).spawn(run)?
        };
        let threads = [appending, saving];
        Ok((StateWriter { orders, written, slot, log_watch, snapshot_watch, threads }, results))
    }

    /// Hands entries over, to be appended all or none; the result comes as [`Written`] with this `id`.
    ///
    /// # Errors
    /// At once, when too many commits wait or the writer has ended; then no [`Written`] comes.
    pub fn commit(&self, id: u64, entries: Vec<E>, at: Moment) -> Result<(), CommitError> {
        let place = self.written.clone().try_reserve_owned().map_err(|error| match error {
            TrySendError::Full(_) => CommitError::QueueFull,
            TrySendError::Closed(_) => CommitError::Ended,
        })?;
        let commit = Commit { id, at, entries, place };
        self.orders.send(Order::Commit(commit)).map_err(|_| CommitError::Ended)
    }

    /// Hands a state over that has every entry up to `through` in it: what was [`Written`] and taken in, or found at the
    /// start. It replaces one that is not being saved yet.
    ///
    /// Entries after `through` that are in it as well do no harm if an entry that comes again changes nothing.
    pub fn snapshot(&self, state: T, through: Sequence, at: Moment) {
        self.slot.put(Job { state, through, at, last: None });
    }

    /// Waits until no snapshot waits for its turn: a state that is handed over before may be rendered for nothing.
    pub async fn room(&self) {
        self.slot.room().await;
    }

    /// The disk takes what it is given.
    #[must_use]
    pub fn is_healthy(&self, now: Instant) -> bool {
        self.trouble(now).is_none()
    }

    /// Why the state is not on the disk, and since when, in words for an operator.
    #[must_use]
    pub fn trouble(&self, now: Instant) -> Option<String> {
        if self.threads.iter().any(JoinHandle::is_finished) {
            return Some("a thread that writes the state has ended; restart the daemon".to_owned());
        }
        let log = self.log_watch.trouble("the state log", LOG_HANGS_AFTER, now);
        log.or_else(|| self.snapshot_watch.trouble("a snapshot of the state", SNAPSHOT_HANGS_AFTER, now))
    }

    /// Saves the last state, which has every entry up to `through` in it, and notes that the run ends as it should.
    /// Commits that wait come first. It gives up after `within`; the disk may go on for as long as the process lives.
    ///
    /// # Errors
    /// When the disk refuses or is too slow: the next start finds a run that was killed.
    pub async fn close(
        self,
        state: T,
        through: Sequence,
        at: Moment,
        within: Duration,
    ) -> Result<(), CloseError> {
        let (reply, done) = oneshot::channel();
        self.slot.put(Job { state, through, at, last: Some(reply) });
        match tokio::time::timeout(within, done).await {
            Ok(Ok(closed)) => closed.map_err(CloseError::Failed),
            Ok(Err(_)) => Err(CloseError::Ended),
            Err(_) => Err(CloseError::Deadline(within)),
        }
    }
}

impl<T, E> Drop for StateWriter<T, E> {
    fn drop(&mut self) {
        self.slot.stop();
    }
}

/// Who waits for the end of the log, and how it went.
type Closed = (oneshot::Sender<Result<(), StoreError>>, Result<(), StoreError>);

/// Until all senders are gone, or until told to close: then somebody waits for that.
fn append_all<E: Serialize>(
    mut log: Log,
    orders: &std::sync::mpsc::Receiver<Order<E>>,
    watch: &Watch,
) -> Option<Closed> {
    let mut next = None;
    while let Some(order) = next.take().or_else(|| orders.recv().ok()) {
        match order {
            Order::Commit(first) => {
                let mut commits = vec![first];
                // What has come meanwhile costs no sync of its own.
                while next.is_none()
                    && let Ok(order) = orders.try_recv()
                {
                    match order {
                        Order::Commit(commit) => commits.push(commit),
                        other @ (Order::SnapshotSaved(_) | Order::Close(..)) => next = Some(other),
                    }
                }
                append(&mut log, commits, watch);
            }
            Order::SnapshotSaved(older) => drop(watch.during(|| {
                log.snapshot_saved(older);
                Ok(())
            })),
            Order::Close(at, reply) => return Some((reply, watch.during(|| log.close(at)))),
        }
    }
    None
}

fn append<E: Serialize>(log: &mut Log, commits: Vec<Commit<E>>, watch: &Watch) {
    let batches: Vec<(Moment, &[E])> = commits.iter().map(|commit| (commit.at, &*commit.entries)).collect();
    match watch.during(|| log.append(&batches)) {
        Ok(ends) => {
            for (Commit { id, place, .. }, end) in commits.into_iter().zip(ends) {
                place.send(Written { id, result: Ok(Sequence(end)) });
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for Commit { id, place, .. } in commits {
                place.send(Written { id, result: Err(CommitError::Failed(Arc::clone(&error))) });
            }
        }
    }
}

/// Until the last snapshot, or until told to stop.
fn save_all<T: Serialize, E>(
    mut snapshots: Snapshots,
    slot: &Slot<T>,
    orders: &std::sync::mpsc::Sender<Order<E>>,
    watch: &Watch,
) {
    while let Some(mut job) = slot.take() {
        let saved = watch.during(|| snapshots.save(&job.state, job.through.0, job.at));
        let saved = saved.map(|older| drop(orders.send(Order::SnapshotSaved(older)))); // the log's thread says so itself
        match (job.last.take(), saved) {
            (None, Ok(())) => {}
            (None, Err(_)) => slot.put_back(job),
            (Some(reply), Ok(())) => {
                drop(orders.send(Order::Close(job.at, reply))); // without that thread the reply says that it ended
                return;
            }
            (Some(reply), Err(error)) => {
                drop(reply.send(Err(error))); // nobody waits any more: the deadline has passed
                return;
            }
        }
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::QueueFull => {
                write!(f, "{COMMITS_MAX} changes wait for the disk already: it hangs or is too slow")
            }
            CommitError::Failed(error) => write!(f, "{error}"),
            CommitError::Ended => f.write_str("the threads that write the state have ended"),
        }
    }
}

impl std::error::Error for CommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CommitError::Failed(error) => Some(error),
            CommitError::QueueFull | CommitError::Ended => None,
        }
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseError::Deadline(within) => {
                write!(f, "the disk did not take the last state within {} s", within.as_secs())
            }
            CloseError::Failed(error) => write!(f, "{error}"),
            CloseError::Ended => f.write_str("the threads that write the state had ended before"),
        }
    }
}

impl std::error::Error for CloseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CloseError::Failed(error) => Some(error),
            CloseError::Deadline(_) | CloseError::Ended => None,
        }
    }
}
