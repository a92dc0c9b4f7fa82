//! A TCP probe: connects, nothing more.

use std::net::SocketAddr;

use super::connect::connect;
use super::progress::Progress;
use crate::health::ProbeOutcome;

/// Where to connect.
#[derive(Debug)]
pub(super) struct Tcp {
    pub(super) target: SocketAddr,
}

impl Tcp {
    /// Closes politely (FIN): to a database that is a client which changed its mind, and not worth a line in its
    /// log, whereas a reset is.
    pub(super) async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        match connect(self.target).await {
            Ok(_) => {
                progress.reached();
                progress.connected();
                ProbeOutcome::Pass
            }
            Err(outcome) => outcome,
        }
    }
}
