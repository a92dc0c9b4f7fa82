//! Sockets that are served: what they count, how their workers do, and how they stop.

use std::sync::Arc;
use std::thread::Thread;

use tokio::sync::watch;

use super::counters::{Counters, ProtocolFigures, Tally};
use super::protocol::Protocol;
use super::workers::{Vitals, WorkerHealth, Workers};
use super::xdp;

/// Has files that may change looked at without waiting for the next turn.
#[derive(Debug, Clone)]
pub struct FileWatch(Vec<(&'static str, Thread)>);

impl FileWatch {
    /// Looks now; returns at what.
    #[must_use]
    pub fn look(&self) -> Vec<&'static str> {
        self.0.iter().for_each(|(_, thread)| thread.unpark());
        self.0.iter().map(|(what, _)| *what).collect()
    }
}

/// Reads what is counted and how the workers do, from any thread.
#[derive(Clone)]
pub struct Meter {
    tallies: Arc<[Arc<Tally>]>,
    vitals: Arc<[Arc<Vitals>]>,
}

impl Meter {
    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(&self.tallies)
    }

    /// What was asked over each protocol.
    #[must_use]
    pub fn protocols(&self) -> Vec<ProtocolFigures> {
        ProtocolFigures::of(&self.tallies)
    }

    /// How each worker does.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerHealth> {
        self.vitals.iter().map(|vitals| vitals.read()).collect()
    }
}

/// Sockets that are served, until it is stopped.
pub struct Serving {
    pub(super) workers: Workers,
    pub(super) stop_streams: watch::Sender<bool>,
    /// Who looks at which files.
    pub(super) watches: Vec<(&'static str, Thread)>,
    pub(super) tallies: Vec<Arc<Tally>>,
    pub(super) link: Option<xdp::Link>,
}

impl Serving {
    /// Nothing is served yet; streams look at the receiver for when to stop.
    pub(super) fn new() -> (Serving, watch::Receiver<bool>) {
        let (stop_streams, stopped) = watch::channel(false);
        let workers = Workers::default();
        (Serving { workers, stop_streams, watches: Vec::new(), tallies: Vec::new(), link: None }, stopped)
    }

    pub(super) fn new_tally(&mut self, protocol: Protocol) -> Arc<Tally> {
        let tally = Arc::new(Tally::new(protocol));
        self.tallies.push(Arc::clone(&tally));
        tally
    }

    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.meter().counters()
    }

    /// For others to read what is counted and how the workers do, at any time.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter { tallies: self.tallies.as_slice().into(), vitals: self.workers.vitals() }
    }

    /// For having files that may change looked at.
    #[must_use]
    pub fn file_watch(&self) -> FileWatch {
        FileWatch(self.watches.clone())
    }

    /// How each worker does.
    #[must_use]
    pub fn health(&self) -> Vec<WorkerHealth> {
        self.meter().workers()
    }

    /// Whether every worker answers now.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.health().iter().all(WorkerHealth::is_healthy)
    }

    /// Answers no more: ends the threads and closes the sockets. Takes at most a second.
    pub fn stop(self) {
        if let Some(link) = self.link {
            link.detach(); // queries go to the sockets again
        }
        self.stop_streams.send_replace(true);
        self.workers.stop();
    }
}
