//! The event loop's side of the state log: nothing here waits for the disk.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{self, sleep_until};
use tracing::{error, info, warn};

use crate::controller::{Change, Commit, Missing, ProposalId, Saved};
use crate::model::Moment;
use crate::store::{
    self, CloseError, Ended, Recovered, Sequence, StateLog, StateWriter, StoreError, UnsavedMark, Written,
};

/// The longest that a change waits for the disk before it is published all the same. A sync takes a tenth of it.
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// The log, and what was found in it.
type Opened = Result<(StateLog, Recovered<Saved, Change>), StoreError>;

/// The writer, and what is on the disk.
pub(super) struct Disk {
    /// None while another process has the folder, or after it has left it in a way that we cannot open it.
    writer: Option<StateWriter<Saved, Change>>,
    /// The folder is being opened again.
    opening: Option<JoinHandle<Opened>>,
    /// Why it could not be opened again.
    closed: Option<String>,
    written: mpsc::Receiver<Written>,
    mark: UnsavedMark,
    /// Something was adopted that is perhaps not on the disk.
    unsaved: bool,
    /// The last entry that is known to be on the disk.
    through: Sequence,
    committed: u64,
    /// [`COMMIT_MAX`].
    commit_max: Duration,
    /// Changes that are being written; the oldest first.
    awaited: VecDeque<Awaited>,
    /// There is something to save that has not been handed over yet.
    wants_state: bool,
    /// What the log said last.
    told: Option<String>,
}

/// Changes that are being written.
struct Awaited {
    number: u64,
    /// The proposal that waits for them, if one does.
    proposal: Option<ProposalId>,
    /// Then they count as unsaved.
    until: time::Instant,
}

/// What the disk has to say.
#[derive(Debug)]
pub(super) enum DiskNews {
    /// This became of a proposal.
    Committed(ProposalId, Commit),
    /// A state may be handed over now.
    WantsState,
    /// The folder is ours again, and another process has written in it meanwhile: what it left, and how it ended.
    Changed(Box<Saved>, Ended),
    /// Nothing that concerns anybody.
    Nothing,
}

impl Disk {
    /// `mark` is set where something is adopted that is not on the disk: a file in memory that outlives the process.
    pub(super) fn new(
        writer: StateWriter<Saved, Change>,
        written: mpsc::Receiver<Written>,
        through: Sequence,
        mark: UnsavedMark,
    ) -> Disk {
        Disk {
            writer: Some(writer),
            opening: None,
            closed: None,
            written,
            mark,
            unsaved: false,
            through,
            committed: 0,
            commit_max: COMMIT_MAX,
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
        let is_handed_over = self.hand_over(Some(proposal), changes, at);
        (!is_handed_over).then_some(Commit::Volatile)
    }

    /// Begins to write down changes that nothing waits for.
    pub(super) fn note(&mut self, changes: Vec<Change>, at: Moment) {
        self.hand_over(None, changes, at);
    }

    /// Something is to be saved that is in no commit.
    pub(super) fn want_state(&mut self) {
        self.wants_state = true;
    }

    /// Waits for news of the disk, but for no change longer than [`COMMIT_MAX`].
    pub(super) async fn next(&mut self) -> DiskNews {
        let until = self.awaited.front().map(|awaited| awaited.until);
        tokio::select! {
            biased;
            Some(written) = self.written.recv() => self.take(written),
            () = async { sleep_until(until.expect("guarded below")).await }, if until.is_some() => {
                let overdue = self.awaited.pop_front().expect("it has a deadline");
                self.mark_unsaved();
                overdue.news(Commit::Volatile)
            }
            () = room(self.writer.as_ref()), if self.wants_state => DiskNews::WantsState,
            opened = opened(self.opening.as_mut()) => self.take_opened(opened),
        }
    }

    /// Whether a change is being written that somebody waits for.
    pub(super) fn is_writing(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Saves a last state and leaves the folder to another process.
    ///
    /// # Errors
    /// In words, when it is not on the disk within this time; the folder is closed all the same.
    pub(super) async fn close(&mut self, last: Saved, now: Moment, within: Duration) -> Result<(), String> {
        let Some(writer) = self.writer.take() else { return Err(self.closed.clone().unwrap_or_default()) };
        writer.close(last, self.through, now, within).await.map_err(|error| error.to_string())?;
        self.mark.clear();
        self.unsaved = false;
        Ok(())
    }

    /// Begins to open the folder again, unless it is open or about to be. What comes of it is news.
    pub(super) fn reopen(&mut self, folder: &Path, now: Moment) {
        if self.writer.is_some() || self.opening.is_some() {
            return;
        }
        let folder: PathBuf = folder.to_owned();
        let open = move || StateLog::open::<Saved, Change>(&folder, &store::boot_id(), now);
        self.opening = Some(spawn_blocking(open));
    }

    /// Whether it is being opened.
    pub(super) fn is_reopening(&self) -> bool {
        self.opening.is_some()
    }

    /// Whether the folder is open.
    pub(super) fn is_open(&self) -> bool {
        self.writer.is_some()
    }

    fn take_opened(&mut self, opened: Result<Opened, tokio::task::JoinError>) -> DiskNews {
        self.opening = None;
        let started = opened.map_err(|error| error.to_string()).and_then(|opened| {
            let (log, recovered) = opened.map_err(|error| error.to_string())?;
            let through = log.last();
            let (writer, written) = StateWriter::start(log).map_err(|error| error.to_string())?;
            Ok((writer, written, through, recovered))
        });
        let (writer, written, through, recovered) = match started {
            Ok(started) => started,
            Err(why) => {
                self.closed = Some(why);
                self.mark_unsaved();
                return DiskNews::Nothing;
            }
        };
        (self.closed, self.wants_state) = (None, true);
        let Recovered { snapshot, entries, ended, .. } = recovered;
        // What was closed as it should and has no entry since is as we left it.
        let is_ours = ended == Ended::Cleanly && through == self.through;
        (self.writer, self.written, self.through) = (Some(writer), written, through);
        match Saved::with_changes(snapshot, entries) {
            Some(saved) if !is_ours => DiskNews::Changed(Box::new(saved), ended),
            Some(_) | None => DiskNews::Nothing,
        }
    }

    /// Hands over a state that has every change in it.
    pub(super) fn save(&mut self, state: Saved, at: Moment) {
        let Some(writer) = &self.writer else { return };
        self.wants_state = false;
        writer.snapshot(state, self.through, at);
    }

    /// The controller that waited for these is gone, and so are its proposals.
    pub(super) fn forget_proposals(&mut self) {
        self.awaited.retain(|awaited| awaited.proposal.is_none());
    }

    /// What the disk may not have of all that was told.
    pub(super) fn missing(&self) -> Missing {
        let is_writing_notes = self.awaited.iter().any(|awaited| awaited.proposal.is_none());
        if self.unsaved || is_writing_notes { Missing::Commits } else { Missing::Nothing }
    }

    /// Why a restart would forget something, if it would.
    pub(super) fn trouble(&self) -> Option<String> {
        match &self.writer {
            Some(writer) => writer.trouble(Instant::now()),
            None => Some(self.closed.clone().unwrap_or_else(|| "its folder is closed".to_owned())),
        }
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
        let Some(writer) = self.writer else { return };
        match writer.close(last, self.through, now, within).await {
            Ok(()) => self.mark.clear(),
            Err(error @ CloseError::Deadline(_)) => warn!(event = "stop.forced", "{error}"),
            Err(error) => error!(event = "state.write_failed", "the state cannot be saved: {error}"),
        }
    }

    /// Whether the writer took them; if not, they are not on the disk.
    fn hand_over(&mut self, proposal: Option<ProposalId>, changes: Vec<Change>, at: Moment) -> bool {
        self.committed += 1;
        let number = self.committed;
        if self.writer.as_ref().is_none_or(|writer| writer.commit(number, changes, at).is_err()) {
            self.mark_unsaved(); // `look` says why
            return false;
        }
        let until = time::Instant::now() + self.commit_max;
        self.awaited.push_back(Awaited { number, proposal, until });
        true
    }

    fn take(&mut self, written: Written) -> DiskNews {
        let commit = match written.result {
            Ok(sequence) => {
                self.through = sequence;
                Commit::Durable
            }
            Err(_) => {
                self.mark_unsaved(); // `look` says why
                Commit::Volatile
            }
        };
        let place = self.awaited.iter().position(|awaited| awaited.number == written.id);
        let awaited = place.and_then(|place| self.awaited.remove(place));
        awaited.map_or(DiskNews::Nothing, |awaited| awaited.news(commit))
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

/// Waits until the writer may be given a state; for ever, where there is none.
async fn room(writer: Option<&StateWriter<Saved, Change>>) {
    match writer {
        Some(writer) => writer.room().await,
        None => std::future::pending().await,
    }
}

/// Waits until the folder is open, if it is being opened.
async fn opened(opening: Option<&mut JoinHandle<Opened>>) -> Result<Opened, tokio::task::JoinError> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

impl Awaited {
    fn news(self, commit: Commit) -> DiskNews {
        self.proposal.map_or(DiskNews::Nothing, |proposal| DiskNews::Committed(proposal, commit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StateLog;

    const NOW: Moment = Moment::from_millis(1_795_363_200_000);

    impl PartialEq for DiskNews {
        fn eq(&self, other: &DiskNews) -> bool {
            format!("{self:?}") == format!("{other:?}")
        }
    }

    fn disk(folder: &tempfile::TempDir) -> Disk {
        let (log, _) =
            StateLog::open::<Saved, Change>(&folder.path().join("state"), "boot", NOW).expect("ours");
        let through = log.last();
        let (writer, written) = StateWriter::start(log).expect("threads");
        Disk::new(writer, written, through, UnsavedMark::at(folder.path().join("mark")))
    }

    /// However busy the machine is.
    fn patient(folder: &tempfile::TempDir) -> Disk {
        Disk { commit_max: Duration::from_secs(60), ..disk(folder) }
    }

    fn change() -> Vec<Change> {
        let zone = "t".parse().expect("a name");
        vec![Change::Serial { zone, serial: crate::model::Serial(7) }]
    }

    #[tokio::test]
    async fn a_commit_is_news_when_it_is_durable() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = patient(&folder);
        assert_eq!(disk.commit(ProposalId(1), change(), NOW), None);
        assert_eq!(disk.next().await, DiskNews::Committed(ProposalId(1), Commit::Durable));
        assert_eq!(disk.missing(), Missing::Nothing);
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
        assert_eq!(disk.missing(), Missing::Commits);
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_that_is_not_written_in_time_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = disk(&folder);
        let (_hangs, nothing) = mpsc::channel(1);
        let _kept = std::mem::replace(&mut disk.written, nothing);
        disk.note(change(), NOW);
        assert_eq!(disk.missing(), Missing::Commits, "it is not known to be on the disk");
        assert_eq!(disk.next().await, DiskNews::Nothing);
        assert!(disk.unsaved && disk.awaited.is_empty());
    }

    #[tokio::test]
    async fn a_note_that_was_written_is_no_news() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = patient(&folder);
        disk.note(change(), NOW);
        assert_eq!(disk.next().await, DiskNews::Nothing);
        assert_eq!(disk.missing(), Missing::Nothing);
    }

    /// Until it says what came of opening the folder again.
    async fn reopened(disk: &mut Disk, folder: &Path) -> DiskNews {
        disk.reopen(folder, NOW);
        loop {
            let news = disk.next().await;
            if disk.opening.is_none() {
                return news;
            }
        }
    }

    fn state() -> Saved {
        Saved::with_changes(None, change()).expect("something has changed")
    }

    #[tokio::test]
    async fn a_folder_that_nobody_has_touched_is_taken_up_as_it_was_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = patient(&folder);
        disk.commit(ProposalId(1), change(), NOW);
        disk.next().await;
        disk.close(state(), NOW, Duration::from_secs(60)).await.expect("room");
        assert!(!disk.is_open() && disk.trouble().is_some());
        assert_eq!(disk.commit(ProposalId(2), change(), NOW), Some(Commit::Volatile), "nobody waits for it");
        assert_eq!(reopened(&mut disk, &folder.path().join("state")).await, DiskNews::Nothing);
        assert!(disk.is_open() && disk.trouble().is_none());
        assert_eq!(disk.next().await, DiskNews::WantsState, "what it lacks is saved first");
        disk.wants_state = false;
        disk.commit(ProposalId(3), change(), NOW);
        assert_eq!(disk.next().await, DiskNews::Committed(ProposalId(3), Commit::Durable));
    }

    #[tokio::test]
    async fn what_another_process_has_left_is_news() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = patient(&folder);
        disk.close(state(), NOW, Duration::from_secs(60)).await.expect("room");
        let path = folder.path().join("state");
        let (mut log, _) = StateLog::open::<Saved, Change>(&path, "boot", NOW).expect("it was left");
        log.append(&change(), NOW).expect("room");
        assert_eq!(reopened(&mut disk, &path).await, DiskNews::Nothing);
        assert!(disk.trouble().is_some_and(|why| why.contains("in use")), "{:?}", disk.trouble());
        drop(log);
        let news = reopened(&mut disk, &path).await;
        assert!(matches!(news, DiskNews::Changed(_, Ended::Killed | Ended::PowerLost)), "{news:?}");
    }
}
