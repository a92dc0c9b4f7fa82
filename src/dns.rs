//! Queries in, replies out: sockets around [`crate::answer::respond`].

pub mod client;

mod counters;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answer::AnswerTable;
use crate::config::DnsSettings;

pub use counters::Counters;

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
}

/// Which kind of socket an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
}

/// An address that could not be taken.
#[derive(Debug)]
pub struct BindError {
    /// The address, as configured.
    pub address: SocketAddr,
    /// Which socket.
    pub protocol: Protocol,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
        })
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} over {}: {}", self.address, self.protocol, self.error)
    }
}

impl std::error::Error for BindError {}

/// All sockets, taken but not yet served.
pub struct Bound {
    addresses: Vec<SocketAddr>,
}

/// Takes every socket, or none.
///
/// # Errors
/// The first address that could not be taken, with what would help.
pub fn bind(settings: &DnsSettings) -> Result<Bound, BindError> {
    let _ = settings;
    unimplemented!("the sockets")
}

impl Bound {
    /// The addresses as they are: a port 0 has become a real one, the same for UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers from now on, each socket in threads of its own.
    ///
    /// # Errors
    /// When the system gives no more threads or descriptors.
    pub fn serve(self, tables: &Tables) -> io::Result<Serving> {
        let _ = tables;
        unimplemented!("the threads")
    }
}

/// Sockets that are served, until it is stopped.
pub struct Serving {}

impl Serving {
    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Answers no more: ends the threads and closes the sockets. Takes at most a second.
    pub fn stop(self) {}
}
