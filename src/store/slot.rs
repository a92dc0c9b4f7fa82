//! A place for one snapshot between two threads: the newest that was handed over, and the one that has to be tried again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::error::StoreError;
use super::state_log::Sequence;
use crate::model::Moment;

/// A snapshot that is to be saved.
#[derive(Debug)]
pub(super) struct Job<T> {
    pub(super) state: T,
    pub(super) through: Sequence,
    pub(super) at: Moment,
    /// Whom to tell that it was the last.
    pub(super) last: Option<oneshot::Sender<Result<(), StoreError>>>,
}

/// A place for one snapshot.
#[derive(Debug)]
pub(super) struct Slot<T> {
    job: Mutex<Option<Job<T>>>,
    /// The one in there has failed: it is not to be tried at once again.
    has_failed: AtomicBool,
    is_stopped: AtomicBool,
    changed: Condvar,
    emptied: Notify,
    retry_after: Duration,
}

impl<T> Slot<T> {
    pub(super) fn new(retry_after: Duration) -> Slot<T> {
        let (has_failed, is_stopped) = (AtomicBool::new(false), AtomicBool::new(false));
        Slot {
            job: Mutex::new(None),
            has_failed,
            is_stopped,
            changed: Condvar::new(),
            emptied: Notify::new(),
            retry_after,
        }
    }

    pub(super) fn put(&self, job: Job<T>) {
        let mut place = locked(&self.job);
        // The last one stays: nothing comes after it.
        if place.as_ref().is_none_or(|waiting| waiting.last.is_none()) {
            self.has_failed.store(false, Ordering::Relaxed);
            *place = Some(job);
        }
        self.changed.notify_one();
    }

    /// For another try, unless there is a newer one by now.
    pub(super) fn put_back(&self, job: Job<T>) {
        let mut place = locked(&self.job);
        if place.is_none() {
            self.has_failed.store(true, Ordering::Relaxed);
            *place = Some(job);
            self.emptied.notify_one();
        }
    }

    pub(super) async fn room(&self) {
        while locked(&self.job).is_some() && !self.has_failed.load(Ordering::Relaxed) {
            self.emptied.notified().await;
        }
    }

    pub(super) fn stop(&self) {
        let _place = locked(&self.job);
        self.is_stopped.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Waits for a snapshot; `None` when there will be none. The last one is handed out even when stopped.
    pub(super) fn take(&self) -> Option<Job<T>> {
        let mut place = locked(&self.job);
        loop {
            let is_last = place.as_ref().is_some_and(|job| job.last.is_some());
            if self.is_stopped.load(Ordering::Relaxed) && !is_last {
                return None;
            }
            if self.has_failed.swap(false, Ordering::Relaxed) {
                let waited = self.changed.wait_timeout(place, self.retry_after);
                place = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if let Some(job) = place.take() {
                self.emptied.notify_one();
                return Some(job);
            } else {
                place = self.changed.wait(place).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Held for a few assignments only, never while the disk works. A thread that panicked leaves them whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
