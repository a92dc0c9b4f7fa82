//! A TCP probe: connects, nothing more.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::checker::Exchange;
use super::fault;
use super::progress::Progress;
use crate::health::{Failure, Phase, ProbeOutcome};

/// Where to connect.
#[derive(Debug)]
pub(super) struct Tcp {
    pub(super) target: SocketAddr,
}

impl Exchange for Tcp {
    /// Closes politely (FIN): to a database that is a client which changed its mind, and not worth a line in its
    /// log, whereas a reset is.
    async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        match TcpStream::connect(self.target).await {
            Ok(stream) if is_its_own_peer(&stream) => ProbeOutcome::failed(Failure::Refused),
            Ok(_) => {
                progress.connected();
                ProbeOutcome::Pass
            }
            Err(error) => fault::outcome(&error, Phase::Connect),
        }
    }
}

/// On loopback, with nobody listening, a connection from an ephemeral port to the same port reaches itself.
fn is_its_own_peer(stream: &TcpStream) -> bool {
    stream.local_addr().ok() == stream.peer_addr().ok()
}
