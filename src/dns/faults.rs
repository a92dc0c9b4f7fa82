//! Panics for tests. No build that answers contains them.

use std::sync::atomic::{AtomicBool, Ordering};

/// Panics that a test asks for, each once.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) in_accepting: AtomicBool,
    pub(super) in_a_connection: AtomicBool,
    pub(super) in_a_batch: AtomicBool,
}

impl Faults {
    pub(super) fn of_accepting(&self) {
        assert!(!self.in_accepting.swap(false, Ordering::SeqCst), "a bug in accepting");
    }

    pub(super) fn of_a_connection(&self) {
        assert!(!self.in_a_connection.swap(false, Ordering::SeqCst), "a bug in a connection");
    }
}
