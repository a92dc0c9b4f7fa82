//! The disk of the history on a thread of its own: nothing that is called here waits for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::ledger::Ledger;
use super::queue::{Backlog, Next, Queue};
use crate::config::HistorySettings;
use crate::controller::HistoryEntry;
use crate::model::VantageId;
use crate::store::CloseError;
use crate::store::error::StoreError;
use crate::store::files::{Files, Folder, take_folder};
use crate::store::watch::Watch;

/// A write that takes longer is told as trouble.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// When the disk is tried again after it took nothing.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Writes the history on a thread of its own.
#[derive(Debug)]
pub struct HistoryWriter {
    queue: Arc<Queue>,
    watch: Arc<Watch>,
    thread: JoinHandle<()>,
}

/// How the history does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryHealth {
    /// Why the disk takes no entries, if it does not.
    pub trouble: Option<String>,
    /// Entries that are in memory only.
    pub waiting: usize,
    /// Entries of this run that there was no room for.
    pub lost: u64,
}

/// What is written to, and by whom.
struct Place {
    node: VantageId,
    limits: HistorySettings,
    files: Arc<dyn Files>,
    /// The folder to be taken first; none for the disks of the tests.
    folder: Option<PathBuf>,
}

impl HistoryWriter {
    /// Starts the thread; it opens the folder itself, for a disk that fails must not keep the daemon from starting.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(folder: &Path, node: &VantageId, limits: HistorySettings) -> io::Result<HistoryWriter> {
        let files = Arc::new(Folder::new(folder));
        let place = Place { node: node.clone(), limits, files, folder: Some(folder.to_owned()) };
        HistoryWriter::start_at(place, RETRY_AFTER)
    }

    /// The same on another disk, which is tried again after another time.
    #[cfg(test)]
    pub(in crate::store) fn start_in(
        files: Arc<dyn Files>,
        limits: HistorySettings,
        retry_after: Duration,
    ) -> io::Result<HistoryWriter> {
        HistoryWriter::start_at(Place { node: "ns1".into(), limits, files, folder: None }, retry_after)
    }

    fn start_at(place: Place, retry_after: Duration) -> io::Result<HistoryWriter> {
        let (queue, watch) = (Arc::new(Queue::default()), Arc::new(Watch::default()));
        let run = {
            let (queue, watch) = (Arc::clone(&queue), Arc::clone(&watch));
            move || write_all(&place, &queue, &watch, retry_after)
        };
        let thread = thread::Builder::new().name("history".to_owned()).spawn(run)?;
        Ok(HistoryWriter { queue, watch, thread })
    }

    /// Hands an entry over. Where the disk takes nothing and memory is full, it is counted as lost.
    pub fn add(&self, entry: HistoryEntry) {
        self.queue.add(entry);
    }

    /// How it does.
    #[must_use]
    pub fn health(&self, now: Instant) -> HistoryHealth {
        let Backlog { waiting, lost } = self.queue.backlog();
        let trouble = if self.thread.is_finished() {
            Some("the thread that writes it has ended; restart the daemon".to_owned())
        } else {
            self.watch.trouble("the history", HANGS_AFTER, now)
        };
        HistoryHealth { trouble, waiting, lost }
    }

    /// What was found and set right since the last call, for the log.
    #[must_use]
    pub fn take_notices(&self) -> Vec<String> {
        self.queue.take_notices()
    }

    /// Waits until all is written, for `within` at the most; the disk may go on for as long as the process lives.
    ///
    /// # Errors
    /// When the disk refuses or is too slow: what waits is lost then.
    pub async fn close(self, within: Duration) -> Result<(), CloseError> {
        let (reply, done) = oneshot::channel();
        self.queue.close(Some(reply));
        match tokio::time::timeout(within, done).await {
            Ok(Ok(closed)) => closed.map_err(CloseError::Failed),
            Ok(Err(_)) => Err(CloseError::Ended),
            Err(_) => Err(CloseError::Deadline(within)),
        }
    }
}

impl Drop for HistoryWriter {
    fn drop(&mut self) {
        self.queue.close(None);
    }
}

fn write_all(place: &Place, queue: &Queue, watch: &Watch, retry_after: Duration) {
    let mut pen = Pen { place, queue, ledger: None, before: None };
    loop {
        let mut entries = match queue.next() {
            Next::Write(entries) => entries,
            Next::Close(reply) => {
                if let Some(reply) = reply {
                    drop(reply.send(Ok(()))); // nobody waits any more: the deadline has passed
                }
                return;
            }
        };
        while let Err(error) = watch.during(|| pen.write(&mut entries)) {
            queue.set_in_hand(entries.len());
            if let Some(reply) = queue.pause(retry_after) {
                if let Some(reply) = reply {
                    drop(reply.send(Err(error)));
                }
                return;
            }
        }
        queue.set_in_hand(0);
    }
}

/// The ledger, opened when it is needed and again after each failure.
struct Pen<'p> {
    place: &'p Place,
    queue: &'p Queue,
    ledger: Option<Ledger>,
    /// The number of the last entry when the last write began.
    before: Option<u64>,
}

impl Pen<'_> {
    /// Writes all entries, or leaves some of them, for another try.
    fn write(&mut self, entries: &mut Vec<HistoryEntry>) -> Result<(), StoreError> {
        let mut ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => self.open(entries)?,
        };
        self.before = Some(ledger.last());
        ledger.append(entries)?;
        entries.clear();
        self.ledger = Some(ledger);
        Ok(())
    }

    /// Opens the ledger. What of these entries is in it already, because only the end of a write failed, is taken out;
    /// what had to be set right becomes the first of them.
    fn open(&self, entries: &mut Vec<HistoryEntry>) -> Result<Ledger, StoreError> {
        let Pen { place, queue, before, .. } = self;
        if let Some(folder) = &place.folder {
            take_folder(folder)?;
        }
        let now = entries.first().map(|entry| entry.time).unwrap_or_default();
        let (ledger, mended) = Ledger::open(Arc::clone(&place.files), place.limits, now)?;
        let there = before.map_or(0, |before| ledger.last().saturating_sub(before));
        entries.drain(..usize::try_from(there).unwrap_or(usize::MAX).min(entries.len()));
        for text in mended.into_iter().rev() {
            queue.notice(text.clone());
            let entry = HistoryEntry::told(&place.node, now, "history.mended", text);
            entries.insert(0, HistoryEntry { bad: true, ..entry });
        }
        Ok(ledger)
    }
}
