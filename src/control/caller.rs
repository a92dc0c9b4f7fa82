//! Who asks: the user at the other end of the UNIX socket, or somebody over TCP.

use super::peer::Peer;

/// Who sent a request, as the connection says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller {
    /// Over the UNIX socket, whose mode says who may: may do everything.
    User(Peer),
    /// Over TCP: may read.
    Stranger,
}
