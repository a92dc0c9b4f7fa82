//! Writes down every probe, compactly and bounded, off the control thread: what `simulate --replay` reads.
//!
//! ```text
//! note ─▶ queue (bounded) ─▶ thread "recorder" ─▶ state_dir/probes/probes-00000017.rec, …   the oldest give way
//!           └─full: lost and counted                └─the disk refuses: lost and counted
//! ```
//!
//! Nobody waits for a recording, and nothing is synced: a power cut costs the last probes. When the disk is full, or hangs,
//! recordings are lost, which is told in status, and nothing else happens.

mod files;
mod segments;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::health::Observation;
use crate::model::{CheckId, Moment};
use crate::recording::Probe;

use files::{Files, Folder};
use segments::Segments;
use worker::Worker;

pub use files::{FOLDER, recordings};

/// Probes that may wait for the thread: some seconds of a thousand checks.
const QUEUE_MAX: usize = 4096;

/// A write that takes longer means that the disk hangs.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// The recorder at work.
#[derive(Debug)]
pub struct Recorder {
    queue: SyncSender<Wish>,
    /// The number of each check in the tables of the recordings.
    numbers: BTreeMap<CheckId, u32>,
    watch: Arc<Watch>,
}

/// What the thread is to do.
#[derive(Debug)]
enum Wish {
    Write(Probe),
    /// The probes from here on are of these checks, and the recordings may take so many octets.
    Renew(u64, Vec<CheckId>),
    Stop(oneshot::Sender<()>),
}

/// How the recorder does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderHealth {
    /// Whether probes are being written.
    pub is_healthy: bool,
    /// Probes that were not recorded since the start.
    pub lost: u64,
    /// Why not, the last time.
    pub trouble: Option<String>,
}

/// What the thread is doing, seen by those that must not wait for it.
#[derive(Debug, Default)]
struct Watch(Mutex<Doing>);

#[derive(Debug, Default)]
struct Doing {
    writes_since: Option<Instant>,
    lost: u64,
    /// Why the last write failed; none when it did not.
    failure: Option<String>,
    /// The same of the last write that failed.
    last_failure: Option<String>,
}

impl Watch {
    /// Nothing that holds the lock can panic halfway, so a poisoned lock is as good as any.
    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, probes: u64) {
        self.doing().lost += probes;
    }

    fn begins(&self) {
        self.doing().writes_since = Some(Instant::now());
    }

    fn ended(&self, result: Result<(), String>) {
        let mut doing = self.doing();
        doing.writes_since = None;
        doing.failure = result.err();
        if let Some(failure) = doing.failure.clone() {
            doing.last_failure = Some(failure);
        }
    }
}

impl Recorder {
    /// Begins to record probes of these checks in a folder of the state folder, with so many octets at most.
    ///
    /// # Errors
    /// When the system gives no thread. A folder that cannot be written is a matter of health.
    pub fn start(state_dir: &Path, max_size: u64, checks: Vec<CheckId>) -> io::Result<Recorder> {
        Recorder::on(Folder::new(&state_dir.join(FOLDER)), max_size, checks)
    }

    fn on(files: impl Files + 'static, max_size: u64, checks: Vec<CheckId>) -> io::Result<Recorder> {
        let (queue, wishes) = sync_channel(QUEUE_MAX);
        let watch = Arc::new(Watch::default());
        let numbers = checks.iter().cloned().zip(0..).collect();
        let worker = Worker::new(Segments::new(files, max_size, &checks), wishes, Arc::clone(&watch));
        thread::Builder::new().name("recorder".into()).spawn(move || worker.run())?;
        Ok(Recorder { queue, numbers, watch })
    }

    /// Hands over a probe; never waits.
    pub fn note(&self, observation: &Observation, at: Moment) {
        let Some(number) = self.numbers.get(&observation.check) else { return };
        if self.queue.try_send(Wish::Write(Probe::of(observation, *number, at))).is_err() {
            self.watch.lose(1);
        }
    }

    /// Records probes of other checks from here on, or in another room. False while the thread has no room for that: it is
    /// to be asked again, and nothing is recorded until then.
    pub fn renew(&mut self, max_size: u64, checks: Vec<CheckId>) -> bool {
        let numbers = checks.iter().cloned().zip(0..).collect();
        let is_told = self.queue.try_send(Wish::Renew(max_size, checks)).is_ok();
        self.numbers = if is_told { numbers } else { BTreeMap::new() };
        is_told
    }

    /// How it does.
    #[must_use]
    pub fn health(&self) -> RecorderHealth {
        let doing = self.watch.doing();
        let hangs = doing.writes_since.filter(|since| since.elapsed() > WRITE_MAX);
        let hangs = hangs.map(|since| format!("a write has taken {} s so far", since.elapsed().as_secs()));
        RecorderHealth {
            is_healthy: doing.failure.is_none() && hangs.is_none(),
            lost: doing.lost,
            trouble: hangs.or_else(|| doing.last_failure.clone()),
        }
    }

    /// Writes what is left; returns when that is done, or not at all when the disk hangs.
    pub async fn stop(self) {
        let (done, is_done) = oneshot::channel();
        if self.queue.try_send(Wish::Stop(done)).is_ok() {
            is_done.await.ok(); // a thread that is gone has nothing left
        }
    }
}

#[cfg(test)]
mod tests;
