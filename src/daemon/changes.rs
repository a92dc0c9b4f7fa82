//! How often answers have changed since the start, and why: counted where it is told, read from any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::controller::Report;
use crate::policy::Cause;

/// A count for each cause; copies share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(Arc<[AtomicU64; Cause::ALL.len()]>);

impl Changes {
    /// Counts a report, if it tells of another answer.
    pub(super) fn count(&self, report: &Report) {
        if let Report::AnswerChanged { before, after } = report {
            let cause = Cause::of(&before.standing, after);
            self.0[cause.index()].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// In the order of [`Cause::ALL`].
    pub(super) fn counted(&self) -> [u64; Cause::ALL.len()] {
        Cause::ALL.map(|cause| self.0[cause.index()].load(Ordering::Relaxed))
    }
}
