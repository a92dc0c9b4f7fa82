//! A TCP probe: connects, nothing more.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::checker::Transport;
use super::fault;
use super::progress::Progress;
use crate::health::{Failure, Outcome, Phase};

/// Where to connect.
#[derive(Debug)]
pub(super) struct Tcp {
    pub(super) target: SocketAddr,
}

impl Transport for Tcp {
    /// Closes politely (FIN): to a database that is a client which changed its mind, and not worth a line in its
    /// log, whereas a reset is.
    async fn look(&self, progress: &Progress) -> Outcome {
        match TcpStream::connect(self.target).await {
            Ok(stream) if is_its_own_peer(&stream) => Outcome::Fail(Failure::Refused),
            Ok(_) => {
                progress.connected();
                Outcome::Pass
            }
            Err(error) => fault::outcome(&error, Phase::Connect),
        }
    }
}

/// On loopback, with nobody listening, a connection from an ephemeral port to the same port reaches itself.
fn is_its_own_peer(stream: &TcpStream) -> bool {
    stream.local_addr().ok() == stream.peer_addr().ok()
}
