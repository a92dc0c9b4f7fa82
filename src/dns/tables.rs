//! The table that is answered from, for all workers.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

use crate::answer::AnswerTable;

/// The table that is answered from: every worker takes the newest one for each batch.
#[derive(Clone)]
pub struct Tables(Arc<ArcSwap<AnswerTable>>);

impl Tables {
    /// Starts with this one.
    #[must_use]
    pub fn new(first: Arc<AnswerTable>) -> Tables {
        Tables(Arc::new(ArcSwap::new(first)))
    }

    /// Answers from this one from now on; a batch under way ends with the one before.
    pub fn publish(&self, table: Arc<AnswerTable>) {
        self.0.store(table);
    }

    /// The one that is answered from now.
    #[must_use]
    pub fn current(&self) -> Arc<AnswerTable> {
        self.0.load_full()
    }

    /// The one that is answered from now, for a single query.
    pub(super) fn load(&self) -> Guard<Arc<AnswerTable>> {
        self.0.load()
    }

    /// For a worker: looks for a newer table without touching what the workers share.
    pub(super) fn cache(&self) -> Cache<&ArcSwap<AnswerTable>, Arc<AnswerTable>> {
        Cache::new(&*self.0)
    }
}
