//! Who asks: the user at the other end of the UNIX socket, or somebody over TCP.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::access::Scope;
use super::peer::Peer;

/// Who sent a request, as far as it is proven.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Over the UNIX socket, whose mode says who may: may do everything.
    User(Peer),
    /// Over TCP, and not known.
    Stranger(SocketAddr),
    /// Over TCP, by a token or a certificate.
    Known {
        /// As the access file calls them.
        name: Arc<str>,
        /// What they may do.
        scope: Scope,
        /// Where they are.
        address: IpAddr,
    },
}

impl Caller {
    /// What they may do; none of strangers, who may look at the most.
    pub(super) fn scope(&self) -> Option<Scope> {
        match self {
            Caller::User(_) => Some(Scope::Admin),
            Caller::Stranger(_) => None,
            Caller::Known { scope, .. } => Some(*scope),
        }
    }

    /// Who it is, for the log and the history.
    pub(super) async fn author(&self) -> String {
        match self {
            Caller::User(peer) => peer.author().await,
            Caller::Stranger(address) => format!("somebody at {}", address.ip()),
            Caller::Known { name, address, .. } => format!("{name} at {address}"),
        }
    }
}
