//! What clients were answered, by each name server, all the time; and what may be said of it afterwards.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;

use crate::dns::{Answer, Asker};
use crate::network::Namespace;

/// Between two questions to one name server.
const EVERY: Duration = Duration::from_millis(25);

/// So long a client waits for one answer; a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which region an address belongs to.
pub(crate) type Regions = BTreeMap<IpAddr, &'static str>;

/// What a client was answered: the region, or why none.
pub(crate) type Seen = Result<&'static str, String>;

/// Clients that ask every name server, until it is stopped.
pub(crate) struct History {
    began: Instant,
    log: Arc<Mutex<Vec<Entry>>>,
    events: Mutex<Vec<(Instant, String)>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// A question, when it was asked, and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) node: usize,
    pub(crate) seen: Seen,
}

impl History {
    /// Starts a client for each of these name servers.
    pub(crate) fn start(place: &Namespace, servers: &[SocketAddr], regions: &Regions) -> History {
        let (log, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let client = |(node, server): (usize, &SocketAddr)| {
            let (log, stop, regions, server) =
                (Arc::clone(&log), Arc::clone(&stop), regions.clone(), *server);
            place.start(move || {
                let mut asker = Asker::new(server, PATIENCE);
                while !stop.load(Ordering::Relaxed) {
                    let at = Instant::now();
                    let seen = region(asker.ask(RecordType::A), &regions);
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { at, node, seen });
                    thread::sleep(EVERY.saturating_sub(at.elapsed()));
                }
            })
        };
        let threads = servers.iter().enumerate().map(client).collect();
        History { began: Instant::now(), log, events: Mutex::default(), stop, threads }
    }

    /// Something happens now.
    pub(crate) fn note(&self, what: &str) -> Instant {
        let now = Instant::now();
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push((now, what.to_owned()));
        now
    }

    fn log(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a node answered last.
    pub(crate) fn last(&self, node: usize) -> Option<Seen> {
        self.log().iter().rev().find(|entry| entry.node == node).map(|entry| entry.seen.clone())
    }

    /// When a node first answered with a region to a question that was asked after a moment.
    pub(crate) fn first(&self, node: usize, region: &str, after: Instant) -> Option<Instant> {
        let is_it =
            |entry: &&Entry| entry.node == node && entry.at >= after && entry.seen == Ok(static_of(region));
        self.log().iter().filter(is_it).map(|entry| entry.at).min()
    }

    /// The questions to one node in a span, in their order.
    fn of(&self, node: usize, from: Instant, to: Instant) -> Vec<Entry> {
        let is_of = |entry: &&Entry| entry.node == node && (from..to).contains(&entry.at);
        let mut entries: Vec<Entry> = self.log().iter().filter(is_of).cloned().collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// Every question to the nodes in a span was answered with a region.
    pub(crate) fn assert_answered(&self, nodes: &[usize], from: Instant, to: Instant) {
        for node in nodes {
            let entries = self.of(*node, from, to);
            assert!(!entries.is_empty(), "ns{} was not asked", node + 1);
            if let Some(bad) = entries.iter().find(|entry| entry.seen.is_err()) {
                panic!("ns{} at {:?}: {:?}", node + 1, bad.at - self.began, bad.seen);
            }
        }
    }

    /// Between two moments these nodes answer with this region only.
    pub(crate) fn assert_only(&self, region: &str, nodes: &[usize], from: Instant, to: Instant) {
        for node in nodes {
            let others =
                self.of(*node, from, to).into_iter().find(|entry| entry.seen != Ok(static_of(region)));
            if let Some(Entry { at, seen, .. }) = others {
                panic!("ns{} at {:?}: {seen:?}, not {region}", node + 1, at - self.began);
            }
        }
    }

    /// The regions that a node has answered with since a moment, each change of them.
    pub(crate) fn regions(&self, node: usize, from: Instant) -> Vec<&'static str> {
        let mut regions: Vec<&str> =
            self.of(node, from, Instant::now()).into_iter().filter_map(|entry| entry.seen.ok()).collect();
        regions.dedup();
        regions
    }

    /// For how long any two of these nodes have answered differently in a span, in all.
    pub(crate) fn disagreement(&self, nodes: &[usize], from: Instant, to: Instant) -> Duration {
        let mut all: Vec<Entry> = nodes.iter().flat_map(|node| self.of(*node, from, to)).collect();
        all.sort_by_key(|entry| entry.at);
        let mut now: BTreeMap<usize, &'static str> = BTreeMap::new();
        let (mut sum, mut since) = (Duration::ZERO, None::<Instant>);
        for Entry { at, node, seen } in all {
            let Ok(region) = seen else { continue };
            now.insert(node, region);
            let differs = now.values().any(|other| *other != region);
            match (differs, since) {
                (true, None) => since = Some(at),
                (false, Some(began)) => {
                    sum += at - began;
                    since = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        sum + since.map_or(Duration::ZERO, |began| to - began)
    }

    /// Ends the clients.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // its panic, if any, has been printed
        }
    }

    /// All of it as text: events, and every change of what a node answered.
    pub(crate) fn text(&self) -> String {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<(Instant, String)> =
            events.iter().map(|(at, what)| (*at, format!("--- {what}"))).collect();
        let mut entries = self.log().clone();
        entries.sort_by_key(|entry| entry.at);
        let mut last: BTreeMap<usize, Seen> = BTreeMap::new();
        for Entry { at, node, seen } in entries {
            if last.get(&node) != Some(&seen) {
                lines.push((at, format!("ns{}: {seen:?}", node + 1)));
                last.insert(node, seen);
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        let mut text = String::new();
        for (at, line) in lines {
            writeln!(text, "{:9.3} {line}", at.saturating_duration_since(self.began).as_secs_f64())
                .expect("writing to a string cannot fail");
        }
        text
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.stop();
    }
}

fn region(answer: Answer, regions: &Regions) -> Seen {
    match answer {
        Answer::Addresses(addresses) => {
            let mut found: Vec<Option<&&str>> =
                addresses.iter().map(|address| regions.get(address)).collect();
            found.dedup();
            match found.as_slice() {
                [Some(region)] => Ok(region),
                _ => Err(format!("addresses of several regions, or of none: {addresses:?}")),
            }
        }
        other @ (Answer::Empty | Answer::Refused(_) | Answer::Silence) => Err(format!("{other:?}")),
    }
}

/// Regions have two names here.
fn static_of(region: &str) -> &'static str {
    if region == "a" { "a" } else { "b" }
}
