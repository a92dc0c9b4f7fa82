//! Sockets that are served: what they count, how their workers do, how another set of workers takes over, and how they
//! stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, Thread};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::counters::{Counters, ProtocolFigures, Tally};
use super::inherited::Sockets;
use super::listened::Listeners;
use super::protocol::Protocol;
use super::streams::Ending;
use super::workers::{Vitals, WorkerHealth, Workers};
use super::xdp;
use crate::answer::CookieSecrets;

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

/// Reads what is counted and how the workers do, from any thread, whoever serves at the time.
#[derive(Clone)]
pub struct Meter(Arc<ArcSwap<Measured>>);

/// What is read.
struct Measured {
    tallies: Arc<[Arc<Tally>]>,
    vitals: Arc<[Arc<Vitals>]>,
    listeners: Arc<Listeners>,
}

impl Meter {
    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(&self.0.load().tallies)
    }

    /// What was asked over each protocol.
    #[must_use]
    pub fn protocols(&self) -> Vec<ProtocolFigures> {
        ProtocolFigures::of(&self.0.load().tallies)
    }

    /// How each worker does.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerHealth> {
        self.0.load().vitals.iter().map(|vitals| vitals.read()).collect()
    }

    /// What is listened on.
    pub(super) fn listeners(&self) -> Arc<Listeners> {
        Arc::clone(&self.0.load().listeners)
    }
}

/// Sockets that are served, until it is stopped.
pub struct Serving {
    pub(super) workers: Workers,
    pub(super) stop_streams: watch::Sender<Ending>,
    /// Who looks at which files.
    pub(super) watches: Vec<(&'static str, Thread)>,
    pub(super) tallies: Vec<Arc<Tally>>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) link: Option<xdp::Link>,
    /// The secrets of cookies that were made by chance.
    pub(super) own_secrets: Option<CookieSecrets>,
    sockets: Sockets,
    addresses: Vec<SocketAddr>,
    measured: Option<Meter>,
}

impl Serving {
    /// Nothing is served yet; streams look at the receiver for when to stop.
    pub(super) fn new(sockets: Sockets, addresses: Vec<SocketAddr>) -> (Serving, watch::Receiver<Ending>) {
        let (stop_streams, stopped) = watch::channel(Ending::No);
        let serving = Serving {
            workers: Workers::default(),
            stop_streams,
            watches: Vec::new(),
            tallies: Vec::new(),
            listeners: Arc::default(),
            link: None,
            own_secrets: None,
            sockets,
            addresses,
            measured: None,
        };
        (serving, stopped)
    }

    pub(super) fn new_tally(&mut self, protocol: Protocol) -> Arc<Tally> {
        let tally = Arc::new(Tally::new(protocol));
        self.tallies.push(Arc::clone(&tally));
        tally
    }

    /// The addresses of UDP and TCP as they are.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The sockets once more, for whoever takes them over.
    ///
    /// # Errors
    /// When there are no descriptors.
    pub fn sockets(&self) -> io::Result<Sockets> {
        self.sockets.share()
    }

    /// The secrets of cookies that were made by chance, for whoever takes over: clients have cookies of them.
    #[must_use]
    pub fn own_secrets(&self) -> Option<&CookieSecrets> {
        self.own_secrets.as_ref()
    }

    /// What has been answered so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.measured().counters()
    }

    fn measured(&self) -> Meter {
        self.measured.clone().unwrap_or_else(|| Meter(Arc::new(ArcSwap::from_pointee(self.measure()))))
    }

    fn measure(&self) -> Measured {
        let (tallies, listeners) = (self.tallies.as_slice().into(), Arc::clone(&self.listeners));
        Measured { tallies, vitals: self.workers.vitals(), listeners }
    }

    /// For others to read what is counted and how the workers do, at any time.
    pub fn meter(&mut self) -> Meter {
        let meter = self.measured();
        self.measured = Some(meter.clone());
        meter
    }

    /// For having files that may change looked at.
    #[must_use]
    pub fn file_watch(&self) -> FileWatch {
        FileWatch(self.watches.clone())
    }

    /// How each worker does.
    #[must_use]
    pub fn health(&self) -> Vec<WorkerHealth> {
        self.measured().workers()
    }

    /// Whether every worker answers now.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.health().iter().all(WorkerHealth::is_healthy)
    }

    /// Others answer from now on: they are at work already. What was counted goes on being counted, and these workers
    /// end when they have answered what they have in hand.
    pub fn give_way_to(&mut self, mut others: Serving) {
        others.measured = self.measured.take();
        let counted = std::mem::take(&mut others.tallies);
        others.tallies = self.tallies.iter().cloned().chain(counted).collect();
        if let Some(meter) = &others.measured {
            meter.0.store(Arc::new(others.measure()));
        }
        let before = std::mem::replace(self, others);
        // Without a thread to wait in, they end all the same.
        drop(thread::Builder::new().name("dns-retire".into()).spawn(move || before.retire()));
    }

    /// Answers what is in hand, and whatever comes on open connections for some seconds, and nothing else any more: another
    /// has the sockets. Returns when that is over.
    pub fn retire(self) {
        self.stop_streams.send_replace(Ending::Drain);
        self.workers.retire();
    }

    /// Answers no more: ends the threads and closes the sockets. Takes at most a second.
    pub fn stop(self) {
        if let Some(link) = self.link {
            link.detach(); // queries go to the sockets again
        }
        self.stop_streams.send_replace(Ending::Now);
        self.workers.stop();
    }
}
