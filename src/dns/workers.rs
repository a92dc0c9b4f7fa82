//! The threads that answer, each watched over by itself: a panic ends what the worker was doing, not the worker.
//!
//! A panic is caught in the thread where it happened, so there is no watcher that could die instead, and the sockets
//! stay with their thread. What was in hand is lost: a batch of datagrams, or the connections of a stream thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use tracing::error;

use super::restarts::{Restart, Restarts};
use crate::telemetry::panic_text;

/// Workers look up more often than this; one that has not ended by then hangs in the system and is left to it.
const STOP_MAX: Duration = Duration::from_secs(1);

/// Between two looks at the threads that are to end.
const STOP_LOOK_EVERY: Duration = Duration::from_millis(2);

/// What a worker does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It answers.
    Working,
    /// It died and starts again within seconds.
    Restarting,
    /// It died too often within a minute and rests until the minute is over.
    Resting,
    /// Its thread has ended.
    Ended,
}

/// How a worker does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerHealth {
    /// The name of its thread, such as `dns-0-53`: worker 0 for UDP on port 53.
    pub name: String,
    /// What it does now.
    pub state: WorkerState,
    /// How often it died since the start.
    pub deaths: u64,
    /// Connections that ended by a panic of their own, which no other connection noticed.
    pub connections_lost: u64,
    /// What the last panic said.
    pub last_panic: Option<String>,
}

impl WorkerHealth {
    /// Whether it answers.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.state == WorkerState::Working
    }
}

/// What is known of a worker, for its own thread to write and for any to read.
pub(super) struct Vitals(Mutex<WorkerHealth>);

impl Vitals {
    pub(super) fn new(name: &str) -> Vitals {
        let state = WorkerState::Working;
        let name = name.to_owned();
        Vitals(Mutex::new(WorkerHealth { name, state, deaths: 0, connections_lost: 0, last_panic: None }))
    }

    fn health(&self) -> MutexGuard<'_, WorkerHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read(&self) -> WorkerHealth {
        self.health().clone()
    }

    /// A connection ended by a panic.
    pub(super) fn lost_a_connection(&self) {
        self.health().connections_lost += 1;
    }

    fn set(&self, state: WorkerState) {
        self.health().state = state;
    }

    /// Notes a death and logs it; returns how long to wait before the restart.
    fn died(&self, panic: &str, restart: Restart) -> Duration {
        let (state, wait) = match restart {
            Restart::After(wait) => (WorkerState::Restarting, wait),
            Restart::TooMany(wait) => (WorkerState::Resting, wait),
        };
        let mut health = self.health();
        health.state = state;
        health.deaths += 1;
        health.last_panic = Some(panic.to_owned());
        let WorkerHealth { name, deaths, .. } = health.clone();
        drop(health);
        let millis = wait.as_millis() as u64;
        error!(
            event = "dns.worker_died",
            worker = name,
            deaths,
            restart_ms = millis,
            panic,
            "worker {name} died and starts again in {millis} ms: {panic}"
        );
        wait
    }
}

/// All workers of a server.
#[derive(Default)]
pub(super) struct Workers {
    pub(super) stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    vitals: Vec<Arc<Vitals>>,
}

impl Workers {
    /// Starts a worker: `prepare` runs once in its thread, and what it returns does the work until the server stops.
    /// If that panics, it is called again.
    pub(super) fn start<W: FnMut()>(
        &mut self,
        name: &str,
        prepare: impl FnOnce(Arc<Vitals>) -> W + Send + 'static,
    ) -> io::Result<Thread> {
        let vitals = Arc::new(Vitals::new(name));
        let ours = Arc::clone(&vitals);
        let stop = Arc::clone(&self.stop);
        let supervised = move || {
            let _ended = Ended(&ours);
            supervise(&ours, &stop, prepare(Arc::clone(&ours)));
        };
        let thread = thread::Builder::new().name(name.into()).spawn(supervised)?;
        let handle = thread.thread().clone();
        self.threads.push(thread);
        self.vitals.push(vitals);
        Ok(handle)
    }

    /// How each of them does, for any thread to read at any time.
    pub(super) fn vitals(&self) -> Arc<[Arc<Vitals>]> {
        self.vitals.as_slice().into()
    }

    /// Ends all of them when they have done what they have in hand: those of streams take some seconds.
    pub(super) fn retire(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in &self.threads {
            thread.thread().unpark();
        }
        for thread in self.threads {
            drop(thread.join()); // a panic is told where it happened
        }
    }

    /// Ends all of them. Takes at most [`STOP_MAX`].
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in &self.threads {
            thread.thread().unpark();
        }
        let deadline = Instant::now() + STOP_MAX;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(STOP_LOOK_EVERY);
            }
        }
    }
}

/// Lets `work` go on until it returns; after a panic it is called again.
///
/// The state that it leaves behind is sound: what a worker shares with others are atomics and immutable tables, and
/// what it has for itself it makes anew with each call.
fn supervise(vitals: &Vitals, stop: &AtomicBool, mut work: impl FnMut()) {
    let mut restarts = Restarts::default();
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut work)) {
        let restart = restarts.after_death(Instant::now());
        let wait = vitals.died(panic_text(&*panic), restart);
        let due = Instant::now() + wait;
        while let left = due.saturating_duration_since(Instant::now())
            && !left.is_zero()
            && !stop.load(Ordering::Relaxed)
        {
            thread::park_timeout(left);
        }
        vitals.set(WorkerState::Working);
    }
}

/// Tells when a worker's thread has ended, by whatever way.
struct Ended<'v>(&'v Vitals);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.set(WorkerState::Ended);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    /// How long anything on this machine may take at the worst.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A worker that tells each of its starts and then does what it is told.
    fn worker(workers: &mut Workers, orders: Receiver<&'static str>) -> Receiver<WorkerHealth> {
        let (starts, started) = mpsc::channel();
        let prepare = move |vitals: Arc<Vitals>| {
            move || {
                starts.send(vitals.read()).expect("the test looks at each start");
                match orders.recv() {
                    Ok("return") | Err(_) => {}
                    Ok(panic) => panic!("{panic}"),
                }
            }
        };
        workers.start("test", prepare).expect("a thread");
        started
    }

    #[test]
    fn a_worker_that_dies_is_counted_told_and_started_again() {
        let mut workers = Workers::default();
        let (order, orders) = mpsc::channel();
        let started = worker(&mut workers, orders);
        let first = started.recv_timeout(PATIENCE).expect("it starts");
        assert_eq!((first.is_healthy(), first.deaths, first.last_panic), (true, 0, None));
        for death in 1..=3 {
            order.send("a bug").expect("it waits");
            let health = started.recv_timeout(PATIENCE).expect("it starts again");
            assert_eq!((health.is_healthy(), health.deaths), (true, death));
            assert_eq!(health.last_panic.as_deref(), Some("a bug"));
        }
        order.send("return").expect("it waits");
        started.recv_timeout(PATIENCE).expect_err("its thread has ended, and with it the sender");
        let vitals = workers.vitals();
        workers.stop(); // waits until it has ended wholly
        assert_eq!(vitals[0].read().state, WorkerState::Ended);
    }

    #[test]
    fn a_worker_that_rests_is_told_and_does_not_keep_the_server_from_ending() {
        let vitals = Vitals::new("test");
        let begin = Instant::now();
        let mut restarts = Restarts::default();
        let last = (0..=super::super::restarts::RESTARTS_MAX).map(|_| restarts.after_death(begin)).last();
        let wait = vitals.died("a bug", last.expect("many"));
        assert!(wait > Duration::from_secs(30), "{wait:?}");
        assert_eq!((vitals.read().state, vitals.read().is_healthy()), (WorkerState::Resting, false));
        let stop = AtomicBool::new(true);
        let mut calls = 0;
        supervise(&vitals, &stop, || {
            calls += 1;
            assert!(calls > 3, "a bug"); // the waits after these are skipped: it is to stop
        });
        assert_eq!(calls, 4);
    }
}
