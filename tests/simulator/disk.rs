//! What a name server leaves behind, and how the disk can fail it.

use std::time::Duration;

use cadence_dns::controller::{Change, Commit, ProposalId, Saved};
use cadence_dns::model::Moment;

/// A commit that the disk does not finish is adopted after this.
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// How the disk behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskState {
    /// It writes at once.
    Works,
    /// It finishes nothing.
    Hangs,
    /// It refuses everything.
    Full,
}

/// The disk of a node.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) state: DiskState,
    saved: Option<Saved>,
    /// What it has not finished.
    pending: Vec<Change>,
    /// Commits that are waited for, and when their time is over.
    waiting: Vec<(Moment, ProposalId)>,
    /// Something was adopted that is not on the disk: noted in memory that outlives the process, not the machine.
    marked: bool,
}

impl Disk {
    pub(crate) fn new() -> Disk {
        Disk { state: DiskState::Works, saved: None, pending: Vec::new(), waiting: Vec::new(), marked: false }
    }

    /// What a start finds after the process was killed.
    pub(crate) fn after_kill(&mut self) -> Option<Saved> {
        self.waiting.clear();
        let lost = !std::mem::take(&mut self.pending).is_empty() || self.marked;
        self.read(lost)
    }

    /// What a start finds after the power failed.
    pub(crate) fn after_power_loss(&mut self) -> Option<Saved> {
        self.waiting.clear();
        self.pending.clear();
        self.read(true)
    }

    fn read(&self, lost: bool) -> Option<Saved> {
        let saved = self.saved.as_ref().map(read_back);
        if lost { saved.map(Saved::after_power_loss) } else { saved }
    }

    /// Writes changes; the result, unless it is still to come.
    pub(crate) fn commit(&mut self, id: ProposalId, changes: &[Change], now: Moment) -> Option<Commit> {
        match self.state {
            DiskState::Works => {
                self.note(changes);
                Some(Commit::Durable)
            }
            DiskState::Hangs => {
                self.pending.extend_from_slice(changes);
                self.waiting.push((now + COMMIT_MAX, id));
                None
            }
            DiskState::Full => {
                self.marked = true;
                Some(Commit::Volatile)
            }
        }
    }

    /// Writes changes that nothing waits for.
    pub(crate) fn note(&mut self, changes: &[Change]) {
        match self.state {
            DiskState::Works => {
                self.saved = Saved::with_changes(self.saved.take(), changes.to_vec());
            }
            DiskState::Hangs => self.pending.extend_from_slice(changes),
            DiskState::Full => self.marked = true,
        }
    }

    /// Writes everything.
    pub(crate) fn persist(&mut self, saved: Saved) {
        if self.state == DiskState::Works {
            self.saved = Some(saved);
            self.marked = false;
        }
    }

    /// Whether everything that was adopted is on it.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == DiskState::Works && !self.marked && self.pending.is_empty()
    }

    /// What is there, as a reader would find it.
    pub(crate) fn saved(&self) -> Option<&Saved> {
        self.saved.as_ref()
    }

    /// The disk is as it should be again, or no longer.
    pub(crate) fn set(&mut self, state: DiskState) {
        self.state = state;
        let pending = std::mem::take(&mut self.pending);
        match state {
            DiskState::Works => self.note(&pending),
            DiskState::Hangs => self.pending = pending,
            DiskState::Full => self.marked |= !pending.is_empty(),
        }
    }

    /// When the time of a commit is over.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    /// Commits that are not waited for any longer.
    pub(crate) fn overdue(&mut self, now: Moment) -> Vec<ProposalId> {
        let (over, waiting) = self.waiting.iter().partition(|(at, _)| *at <= now);
        self.waiting = waiting;
        self.marked |= !over.is_empty();
        let over: Vec<(Moment, ProposalId)> = over;
        over.into_iter().map(|(_, id)| id).collect()
    }
}

/// As it comes from the disk.
pub(crate) fn read_back(saved: &Saved) -> Saved {
    let json = serde_json::to_string(saved).expect("the state is JSON");
    serde_json::from_str(&json).expect("what was saved is read back")
}
