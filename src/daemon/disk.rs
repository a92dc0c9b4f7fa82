//! The event loop's side of the state log: it waits for the disk for a moment at most.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::controller::{Change, Saved};
use crate::model::Moment;
use crate::store::{CloseError, Sequence, StateWriter, Written};

/// The longest that a change waits for the disk before it is published all the same. A sync takes a tenth of it.
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// The writer, and what is on the disk.
pub(super) struct Disk {
    writer: StateWriter<Saved, Change>,
    written: mpsc::Receiver<Written>,
    /// The last entry that is known to be on the disk.
    through: Sequence,
    committed: u64,
    /// Commits whose result is not known.
    outstanding: usize,
    /// There is something to save that has not been handed over yet.
    wants_state: bool,
    /// What the log said last.
    told: Option<String>,
}

impl Disk {
    pub(super) fn new(
        writer: StateWriter<Saved, Change>,
        written: mpsc::Receiver<Written>,
        through: Sequence,
    ) -> Disk {
        Disk { writer, written, through, committed: 0, outstanding: 0, wants_state: false, told: None }
    }

    /// Brings changes to the disk, and waits for it; not when earlier ones are still waiting, for then the disk hangs,
    /// and each change would wait again.
    pub(super) async fn commit(&mut self, changes: Vec<Change>, at: Moment) {
        self.committed += 1;
        if self.writer.commit(self.committed, changes, at).is_err() {
            self.wants_state = true;
            return;
        }
        self.outstanding += 1;
        if self.outstanding == 1
            && let Ok(Some(written)) = timeout(COMMIT_MAX, self.written.recv()).await
        {
            self.take(written);
        }
    }

    /// Something is to be saved that is in no commit.
    pub(super) fn want_state(&mut self) {
        self.wants_state = true;
    }

    /// Waits for news of the disk; true when a state should be handed over now.
    pub(super) async fn next(&mut self) -> bool {
        tokio::select! {
            Some(written) = self.written.recv() => {
                self.take(written);
                false
            }
            () = self.writer.room(), if self.wants_state => true,
        }
    }

    /// Hands over a state that has every change in it.
    pub(super) fn save(&mut self, state: Saved, at: Moment) {
        self.wants_state = false;
        self.writer.snapshot(state, self.through, at);
    }

    fn take(&mut self, written: Written) {
        self.outstanding = self.outstanding.saturating_sub(1);
        match written.result {
            Ok(sequence) => self.through = sequence,
            Err(_) => self.wants_state = true, // `look` says why
        }
    }

    /// Why a restart would forget something, if it would.
    pub(super) fn trouble(&self) -> Option<String> {
        self.writer.trouble(Instant::now())
    }

    /// Says once that the disk fails us, and once that it is over.
    pub(super) fn look(&mut self) {
        let trouble = self.trouble();
        match (&self.told, &trouble) {
            (None, Some(why)) => error!(event = "state.write_failed", "the state cannot be saved: {why}"),
            (Some(_), None) => info!(event = "state.written", "the state can be saved again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.told = trouble;
    }

    /// Saves the last state, and gives up after `within`.
    pub(super) async fn finish(self, last: Saved, now: Moment, within: Duration) {
        match self.writer.close(last, self.through, now, within).await {
            Ok(()) => {}
            Err(error @ CloseError::Deadline(_)) => warn!(event = "stop.forced", "{error}"),
            Err(error) => error!(event = "state.write_failed", "the state cannot be saved: {error}"),
        }
    }
}
