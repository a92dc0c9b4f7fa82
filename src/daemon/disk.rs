//! The event loop's side of the state log: nothing here waits for the disk.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{self, sleep_until};
use tracing::{error, info, warn};

use crate::controller::{Change, Commit, ProposalId, Saved};
use crate::model::Moment;
use crate::store::{CloseError, Sequence, StateWriter, UnsavedMark, Written};

/// The longest that a change waits for the disk before it is published all the same. A sync takes a tenth of it.
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// The writer, and what is on the disk.
pub(super) struct Disk {
    writer: StateWriter<Saved, Change>,
    written: mpsc::Receiver<Written>,
    mark: UnsavedMark,
    /// Something was adopted that is perhaps not on the disk.
    unsaved: bool,
    /// The last entry that is known to be on the disk.
    through: Sequence,
    committed: u64,
    /// Proposals whose result is awaited, and until when; the oldest first.
    awaited: VecDeque<Awaited>,
    /// There is something to save that has not been handed over yet.
    wants_state: bool,
    /// What the log said last.
    told: Option<String>,
}

struct Awaited {
    number: u64,
    proposal: ProposalId,
    until: time::Instant,
}

/// What the disk has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DiskNews {
    /// This became of a proposal.
    Committed(ProposalId, Commit),
    /// A state may be handed over now.
    WantsState,
    /// Nothing that concerns anybody.
    Nothing,
}

impl Disk {
    /// `mark` is set where something is adopted that is not on the disk: a file in memory that outlives the process.
    pub(super) fn new(
        writer: StateWriter<Saved, Change>,
        written: mpsc::Receiver<Written>,
        through: Sequence,
        mark: PathBuf,
    ) -> Disk {
        Disk {
            writer,
            written,
            mark: UnsavedMark::at(mark),
            unsaved: false,
            through,
            committed: 0,
            awaited: VecDeque::new(),
            wants_state: false,
            told: None,
        }
    }

    /// Begins to make changes durable. What became of it comes by [`Disk::next`], or at once if the writer takes no more.
    pub(super) fn commit(
        &mut self,
        proposal: ProposalId,
        changes: Vec<Change>,
        at: Moment,
    ) -> Option<Commit> {
        match self.hand_over(changes, at) {
            Some(number) => {
                let until = time::Instant::now() + COMMIT_MAX;
                self.awaited.push_back(Awaited { number, proposal, until });
                None
            }
            None => Some(self.volatile()),
        }
    }

    /// Begins to write down changes that nothing waits for.
    pub(super) fn note(&mut self, changes: Vec<Change>, at: Moment) {
        self.hand_over(changes, at);
    }

    /// Something is to be saved that is in no commit.
    pub(super) fn want_state(&mut self) {
        self.wants_state = true;
    }

    /// Waits for news of the disk, but for no proposal longer than [`COMMIT_MAX`].
    pub(super) async fn next(&mut self) -> DiskNews {
        let until = self.awaited.front().map(|awaited| awaited.until);
        tokio::select! {
            biased;
            Some(written) = self.written.recv() => self.take(written),
            () = async { sleep_until(until.expect("guarded below")).await }, if until.is_some() => {
                let overdue = self.awaited.pop_front().expect("it has a deadline");
                DiskNews::Committed(overdue.proposal, self.volatile())
            }
            () = self.writer.room(), if self.wants_state => DiskNews::WantsState,
        }
    }

    /// Hands over a state that has every change in it.
    pub(super) fn save(&mut self, state: Saved, at: Moment) {
        self.wants_state = false;
        self.writer.snapshot(state, self.through, at);
    }

    /// The controller that waited for these is gone.
    pub(super) fn forget_awaited(&mut self) {
        self.awaited.clear();
    }

    /// Whether something was adopted that is perhaps not on the disk.
    pub(super) fn is_unsaved(&self) -> bool {
        self.unsaved
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
            Ok(()) => self.mark.clear(),
            Err(error @ CloseError::Deadline(_)) => warn!(event = "stop.forced", "{error}"),
            Err(error) => error!(event = "state.write_failed", "the state cannot be saved: {error}"),
        }
    }

    fn hand_over(&mut self, changes: Vec<Change>, at: Moment) -> Option<u64> {
        if changes.is_empty() {
            return None;
        }
        self.committed += 1;
        match self.writer.commit(self.committed, changes, at) {
            Ok(()) => Some(self.committed),
            Err(_) => {
                self.mark_unsaved(); // `look` says why
                None
            }
        }
    }

    fn take(&mut self, written: Written) -> DiskNews {
        let durable = match written.result {
            Ok(sequence) => {
                self.through = sequence;
                true
            }
            Err(_) => {
                self.mark_unsaved(); // `look` says why
                false
            }
        };
        let place = self.awaited.iter().position(|awaited| awaited.number == written.id);
        let Some(Awaited { proposal, .. }) = place.and_then(|place| self.awaited.remove(place)) else {
            return DiskNews::Nothing;
        };
        DiskNews::Committed(proposal, if durable { Commit::Durable } else { self.volatile() })
    }

    /// The change is adopted though it is not on the disk.
    fn volatile(&mut self) -> Commit {
        self.mark_unsaved();
        Commit::Volatile
    }

    /// Something holds that is not on the disk; the next start must know.
    fn mark_unsaved(&mut self) {
        if !self.unsaved {
            self.unsaved = true;
            let mark = self.mark.clone();
            // On a thread that may wait: the folder may lie on the very disk that hangs.
            tokio::task::spawn_blocking(move || mark.set());
        }
        self.wants_state = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StateLog;

    const NOW: Moment = Moment::from_millis(1_795_363_200_000);

    fn disk(folder: &tempfile::TempDir) -> Disk {
        let (log, _) =
            StateLog::open::<Saved, Change>(&folder.path().join("state"), "boot", NOW).expect("ours");
        let through = log.last();
        let (writer, written) = StateWriter::start(log).expect("threads");
        Disk::new(writer, written, through, folder.path().join("mark"))
    }

    fn change() -> Vec<Change> {
        let zone = "t".parse().expect("a name");
        vec![Change::Serial { zone, serial: crate::model::Serial(7) }]
    }

    #[tokio::test]
    async fn a_commit_is_news_when_it_is_durable() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = disk(&folder);
        assert_eq!(disk.commit(ProposalId(1), change(), NOW), None);
        assert_eq!(disk.next().await, DiskNews::Committed(ProposalId(1), Commit::Durable));
        assert!(!disk.is_unsaved());
    }

    /// The writer is told nothing for a while: what it has written is not looked at.
    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_keeps_a_change_for_fifty_milliseconds() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = disk(&folder);
        let (_hangs, nothing) = mpsc::channel(1);
        let _kept = std::mem::replace(&mut disk.written, nothing);
        let began = time::Instant::now();
        disk.commit(ProposalId(1), change(), NOW);
        disk.commit(ProposalId(2), change(), NOW);
        for number in [1, 2] {
            disk.wants_state = false; // the writer would take one at once
            assert_eq!(disk.next().await, DiskNews::Committed(ProposalId(number), Commit::Volatile));
        }
        assert_eq!(began.elapsed().as_millis() / 10, 5, "{:?}", began.elapsed());
        assert!(disk.is_unsaved());
    }
}
