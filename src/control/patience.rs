//! A request that says so may take longer than others: it reads files of any size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::UPGRADE_MAX_SECONDS;

/// The longest that such a request takes, with its connection: an upgrade whose successor takes as long as it may.
pub(super) const LONG_MAX: Duration = Duration::from_secs(UPGRADE_MAX_SECONDS + 60);

/// One for each connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// This request may take long.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has said so.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
