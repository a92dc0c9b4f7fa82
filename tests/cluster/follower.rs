//! The room `cluster` as a node has it, with a heartbeat every second and without the rest of the node.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cadence_dns::cluster::{RegisterHealth, prepare};
use cadence_dns::config::ClusterSettings;
use cadence_dns::controller::{RegisterNews, Transacted, Transaction, TransactionId};
use tokio::sync::mpsc;

use crate::network::Namespace;
use crate::process::wait_until;

/// Between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Heartbeats have these numbers.
const OF_HEARTBEATS: u64 = 1 << 32;

/// A node that follows; gone when dropped.
pub(crate) struct Follower {
    log: Arc<Mutex<Log>>,
    orders: Option<mpsc::UnboundedSender<Transaction>>,
    thread: Option<JoinHandle<()>>,
}

/// What it was told, and when.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) news: Vec<(Instant, RegisterNews)>,
    health: Option<RegisterHealth>,
}

impl Follower {
    /// Starts one at a place; its heartbeat has this name.
    pub(crate) fn start(place: &Namespace, name: &str, settings: ClusterSettings) -> Follower {
        Follower::start_by(|work| place.start(work), name, settings)
    }

    /// The same in the network of the test.
    pub(crate) fn start_here(name: &str, settings: ClusterSettings) -> Follower {
        Follower::start_by(std::thread::spawn, name, settings)
    }

    fn start_by(
        spawn: impl FnOnce(Box<dyn FnOnce() + Send>) -> JoinHandle<()>,
        name: &str,
        settings: ClusterSettings,
    ) -> Follower {
        let log = Arc::new(Mutex::new(Log::default()));
        let (orders, received) = mpsc::unbounded_channel();
        let (shared, name) = (Arc::clone(&log), name.to_owned());
        let thread = spawn(Box::new(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(follow(settings, &name, received, &shared));
        }));
        Follower { log, orders: Some(orders), thread: Some(thread) }
    }

    /// What it was told so far.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands with etcd.
    pub(crate) fn health(&self) -> RegisterHealth {
        self.log().health.clone().expect("it has begun")
    }

    /// The endpoint that it follows.
    pub(crate) fn followed(&self) -> Option<String> {
        let (endpoint, _) = self.log().health.clone()?.followed?;
        Some(endpoint)
    }

    /// Has a transaction carried out; what became of it.
    pub(crate) fn transact(&self, transaction: Transaction) -> Transacted {
        let id = transaction.id;
        let from = self.log().news.len();
        self.orders.as_ref().expect("it runs").send(transaction).expect("it runs");
        let mut outcome = None;
        wait_until("a transaction has an outcome", Duration::from_secs(10), || {
            outcome = self.log().news[from..].iter().find_map(|(_, news)| match news {
                RegisterNews::Transacted(of, outcome) if *of == id => Some(outcome.clone()),
                RegisterNews::Transacted(..)
                | RegisterNews::Snapshot { .. }
                | RegisterNews::Changed { .. } => None,
            });
            outcome.is_some()
        });
        outcome.expect("it was waited for")
    }

    /// Waits for a snapshot that came after a moment; when it came.
    pub(crate) fn wait_for_snapshot(&self, after: Instant, limit: Duration) -> Instant {
        let mut came = None;
        wait_until("a node has a snapshot", limit, || {
            came = self.log().snapshot_after(after);
            came.is_some()
        });
        came.expect("it was waited for")
    }

    /// Waits for a heartbeat of its own that was written after a moment; when that was known.
    pub(crate) fn wait_for_heartbeat(&self, after: Instant, limit: Duration) -> Instant {
        let mut came = None;
        wait_until("a heartbeat is written", limit, || {
            came = self.log().heartbeat_after(after);
            came.is_some()
        });
        came.expect("it was waited for")
    }
}

impl Log {
    fn snapshot_after(&self, after: Instant) -> Option<Instant> {
        let found =
            self.news.iter().find(|(at, news)| *at > after && matches!(news, RegisterNews::Snapshot { .. }));
        found.map(|(at, _)| *at)
    }

    fn heartbeat_after(&self, after: Instant) -> Option<Instant> {
        let is_written = |news: &RegisterNews| match news {
            RegisterNews::Transacted(id, Transacted::Written(_)) => id.0 >= OF_HEARTBEATS,
            RegisterNews::Transacted(..) | RegisterNews::Snapshot { .. } | RegisterNews::Changed { .. } => {
                false
            }
        };
        self.news.iter().find(|(at, news)| *at > after && is_written(news)).map(|(at, _)| *at)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its panic, if any, has been printed
        }
    }
}

async fn follow(
    settings: ClusterSettings,
    name: &str,
    mut orders: mpsc::UnboundedReceiver<Transaction>,
    log: &Mutex<Log>,
) {
    let lock = || log.lock().unwrap_or_else(PoisonError::into_inner);
    let note = |news| lock().news.push((Instant::now(), news));
    let (news, mut told) = mpsc::channel(64);
    let register = prepare(&settings).unwrap_or_else(|why| panic!("{why:?}")).start(news);
    let mut heartbeats = tokio::time::interval(HEARTBEAT);
    let mut number = OF_HEARTBEATS;
    loop {
        lock().health = Some(register.health());
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => register.transact(order).into_iter().for_each(note),
                None => return,
            },
            _ = heartbeats.tick() => {
                number += 1;
                let writes = vec![(format!("beats/{name}"), Some(number.to_string()))];
                let heartbeat = Transaction { id: TransactionId(number), conditions: Vec::new(), writes };
                register.transact(heartbeat).into_iter().for_each(note);
            }
            news = told.recv() => note(news.expect("the register is there")),
        }
    }
}
