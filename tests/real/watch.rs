//! Asks cadence-dns itself, again and again, and remembers each change of what it says.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::dns::{Answer, Asker, FAMILIES};
use crate::network::Namespace;
use crate::process::wait_until;

/// How long an answer may take before it counts as silence: short, for a flip must not hide behind a lost question.
const PATIENCE: Duration = Duration::from_millis(30);

/// Which region an answer is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Serves {
    /// All addresses are those of one region.
    Region(&'static str),
    /// Nothing came: the daemon is not there.
    Silence,
    /// Anything else is a mistake: an empty answer, a mixture, a wrong address, a response code.
    Wrong(Answer),
}

/// Something that was said, from its first time until the next entry.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// When the first such answer had come.
    pub(crate) at: Instant,
    /// What it was.
    pub(crate) serves: Serves,
}

/// The addresses of each region.
pub(crate) type Regions = BTreeMap<IpAddr, &'static str>;

/// Looks until it is dropped.
pub(crate) struct Watch {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Asks for A and AAAA by turns.
    pub(crate) fn start(from: &Namespace, server: SocketAddr, regions: Regions, every: Duration) -> Watch {
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = from.start(move || look(server, &regions, every, &log, &stopped));
        Watch { seen, stop, thread: Some(thread) }
    }

    /// Waits until a region is served; says when it was seen first.
    pub(crate) fn wait_for(&self, region: &'static str, limit: Duration) -> Instant {
        let wanted = Some(Serves::Region(region));
        wait_until(&format!("cadence-dns answers {region}"), limit, || self.now() == wanted);
        self.seen().last().expect("something was seen just now").at
    }

    /// Waits until the daemon does not answer.
    pub(crate) fn wait_for_silence(&self, limit: Duration) {
        wait_until("the daemon is silent", limit, || self.now() == Some(Serves::Silence));
    }

    /// What was said last.
    pub(crate) fn now(&self) -> Option<Serves> {
        self.seen().last().map(|seen| seen.serves.clone())
    }

    /// Everything that was said, in order; nothing of it may be wrong.
    pub(crate) fn history(&self) -> Vec<Seen> {
        let history = self.seen().clone();
        let wrong: Vec<_> = history.iter().filter(|seen| matches!(seen.serves, Serves::Wrong(_))).collect();
        assert!(wrong.is_empty(), "cadence-dns gave wrong answers: {wrong:#?}");
        history
    }

    /// The regions in the order in which they were served, without silences.
    pub(crate) fn regions(&self) -> Vec<&'static str> {
        let mut regions: Vec<_> =
            self.history().into_iter().filter_map(|seen| seen.serves.region()).collect();
        regions.dedup();
        regions
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().expect("the watcher does not panic while it writes")
    }
}

impl Serves {
    /// The region, if it is one.
    pub(crate) fn region(&self) -> Option<&'static str> {
        match self {
            Serves::Region(region) => Some(region),
            Serves::Silence | Serves::Wrong(_) => None,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its panic, if any, has been printed
        }
        if thread::panicking() {
            eprintln!("--- cadence-dns answered last: {:?}", self.now());
        }
    }
}

fn look(server: SocketAddr, regions: &Regions, every: Duration, log: &Mutex<Vec<Seen>>, stop: &AtomicBool) {
    let mut asker = Asker::new(server, PATIENCE);
    for family in FAMILIES.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let serves = place(asker.ask(*family), regions);
        let at = Instant::now();
        let mut log = log.lock().expect("nobody panics while reading");
        if log.last().is_none_or(|last| last.serves != serves) {
            log.push(Seen { at, serves });
        }
        drop(log);
        thread::sleep(every);
    }
}

fn place(answer: Answer, regions: &Regions) -> Serves {
    match &answer {
        Answer::Silence => Serves::Silence,
        Answer::Addresses(addresses) => {
            let mut names = addresses.iter().map(|address| regions.get(address));
            match names.next().flatten() {
                Some(first) if names.all(|name| name == Some(first)) => Serves::Region(first),
                Some(_) | None => Serves::Wrong(answer),
            }
        }
        Answer::Empty | Answer::Refused(_) => Serves::Wrong(answer),
    }
}
