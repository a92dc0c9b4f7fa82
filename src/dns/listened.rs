//! What is listened on, for whoever asks there.

use std::net::SocketAddr;
use std::sync::Arc;

use super::counters::Tally;
use super::proxy_protocol::FrontEnds;

/// One address that is listened on, as it is served now.
pub(super) struct Asked {
    pub(super) address: SocketAddr,
    /// One for each of its workers.
    pub(super) tallies: Vec<Arc<Tally>>,
}

/// What is asked, by whom.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) all: Vec<Asked>,
    pub(super) front_ends: FrontEnds,
}
