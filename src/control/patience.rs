//! How long a connection may take: some seconds, and longer for a request that says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// A whole connection: the request, the answer, and the reading of it.
pub(super) const CONNECTION_MAX: Duration = Duration::from_secs(10);

/// The same for a request that reads files of any size.
const LONG_MAX: Duration = Duration::from_secs(120);

/// One for each connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// This request may take long.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns when the connection has had its time.
    pub(super) async fn late(self) {
        sleep(CONNECTION_MAX).await;
        if self.0.load(Ordering::Relaxed) {
            sleep(LONG_MAX - CONNECTION_MAX).await;
        }
    }
}
