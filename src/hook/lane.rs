//! The runs of one name, one after the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::controller::HookRun;

/// What waits for its turn, and whether somebody works.
#[derive(Debug, Default)]
pub(super) struct Lane(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// At most one of each hook.
    runs: VecDeque<HookRun>,
    is_busy: bool,
}

/// The right to work on a lane. It is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Lane>);

impl Lane {
    /// Lets a run wait. The one of the same hook that waits no more, for this one is newer.
    pub(super) fn push(&self, run: HookRun) -> Option<HookRun> {
        let mut waiting = self.lock();
        let older = waiting.runs.iter().position(|waits| waits.hook == run.hook);
        let older = older.and_then(|place| waiting.runs.remove(place));
        waiting.runs.push_back(run);
        older
    }

    /// The right to work, unless somebody has it.
    pub(super) fn begin(self: &Arc<Lane>) -> Option<Turn> {
        let was_busy = std::mem::replace(&mut self.lock().is_busy, true);
        (!was_busy).then(|| Turn(Arc::clone(self)))
    }

    /// Plain values, whole after every change.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The next run; without one the lane is free at once, so that nothing is pushed that nobody takes.
    pub(super) fn next(&self) -> Option<HookRun> {
        let mut waiting = self.0.lock();
        let run = waiting.runs.pop_front();
        waiting.is_busy = run.is_some();
        run
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().is_busy = false;
    }
}
