//! What a name server leaves behind, and how the disk can fail it.

use std::time::Duration;

use crate::controller::{Change, Commit, Missing, ProposalId, Saved};
use crate::model::Moment;

/// A commit that the disk does not finish is adopted after this, and a note counts as missing.
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// How the disk behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskState {
    /// It writes at once.
    Works,
    /// It finishes nothing.
    Hangs,
    /// It refuses everything.
    Full,
}

/// The disk of a node.
#[derive(Clone)]
pub struct Disk {
    state: DiskState,
    /// The last snapshot.
    saved: Option<Saved>,
    /// The log of changes since then.
    log: Vec<Change>,
    /// What it has not finished.
    pending: Vec<Change>,
    /// When the time of what it has not finished is over, and which proposal waits for that.
    waiting: Vec<(Moment, Option<ProposalId>)>,
    /// Something was adopted that is not on the disk: noted in memory that outlives the process, not the machine.
    marked: bool,
}

impl Disk {
    pub(super) fn new() -> Disk {
        Disk {
            state: DiskState::Works,
            saved: None,
            log: Vec::new(),
            pending: Vec::new(),
            waiting: Vec::new(),
            marked: false,
        }
    }

    /// What a start finds after the process was killed.
    pub fn after_kill(&mut self) -> Option<Saved> {
        self.waiting.clear();
        self.pending.clear();
        self.read(if self.marked { Missing::Commits } else { Missing::Notes })
    }

    /// What a start finds after the power failed.
    pub fn after_power_loss(&mut self) -> Option<Saved> {
        self.waiting.clear();
        self.pending.clear();
        self.read(Missing::Commits)
    }

    fn read(&self, missing: Missing) -> Option<Saved> {
        self.saved().map(|saved| read_back(&saved).with_missing(missing))
    }

    /// Writes changes; the result, unless it is still to come.
    pub fn commit(&mut self, id: ProposalId, changes: &[Change], now: Moment) -> Option<Commit> {
        match self.state {
            DiskState::Works => {
                self.write(changes);
                Some(Commit::Durable)
            }
            DiskState::Hangs => {
                self.pending.extend_from_slice(changes);
                self.waiting.push((now + COMMIT_MAX, Some(id)));
                None
            }
            DiskState::Full => {
                self.marked = true;
                Some(Commit::Volatile)
            }
        }
    }

    /// Writes changes that nothing waits for.
    pub fn note(&mut self, changes: &[Change], now: Moment) {
        match self.state {
            DiskState::Works => self.write(changes),
            DiskState::Hangs => {
                self.pending.extend_from_slice(changes);
                self.waiting.push((now + COMMIT_MAX, None));
            }
            DiskState::Full => self.marked = true,
        }
    }

    fn write(&mut self, changes: &[Change]) {
        self.log.extend_from_slice(changes);
    }

    /// Writes what a start has decided before anyone is told of it, or notes that it could not.
    pub fn make_durable(&mut self, saved: Saved) {
        match self.state {
            DiskState::Works => self.persist(saved),
            DiskState::Hangs | DiskState::Full => self.marked = true,
        }
    }

    /// Writes everything.
    pub fn persist(&mut self, saved: Saved) {
        if self.state == DiskState::Works {
            self.saved = Some(saved);
            self.log.clear();
            self.marked = false;
        }
    }

    /// Whether everything that was adopted is on it.
    pub fn is_whole(&self) -> bool {
        self.state == DiskState::Works && !self.marked && self.pending.is_empty()
    }

    /// What is there, as a reader would find it.
    pub fn saved(&self) -> Option<Saved> {
        match self.log.is_empty() {
            true => self.saved.clone(),
            false => Saved::with_changes(self.saved.clone(), self.log.clone()),
        }
    }

    /// The disk is as it should be again, or no longer.
    pub fn set(&mut self, state: DiskState) {
        self.state = state;
        let pending = std::mem::take(&mut self.pending);
        match state {
            DiskState::Works => self.write(&pending),
            DiskState::Hangs => self.pending = pending,
            DiskState::Full => self.marked |= !pending.is_empty(),
        }
    }

    /// When the time of the oldest change that is waited for is over.
    pub fn next(&self) -> Option<Moment> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    /// Commits that are not waited for any longer.
    pub fn overdue(&mut self, now: Moment) -> Vec<ProposalId> {
        let (over, waiting) = self.waiting.iter().partition(|(at, _)| *at <= now);
        self.waiting = waiting;
        self.marked |= !over.is_empty();
        let over: Vec<(Moment, Option<ProposalId>)> = over;
        over.into_iter().filter_map(|(_, id)| id).collect()
    }
}

/// As it comes from the disk.
pub(super) fn read_back(saved: &Saved) -> Saved {
    let json = serde_json::to_string(saved).expect("the state is JSON");
    serde_json::from_str(&json).expect("what was saved is read back")
}
