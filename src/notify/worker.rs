//! What goes on for each receiver, and for what they know.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::ReceiverHealth;
use super::memory::{self, Memory};
use super::outbox::{Attempt, Message, Next, Outbox};
use super::receiver::Receiver;
use crate::model::{Moment, ReceiverId};
use crate::programs::Programs;

/// The file is not written more often than this.
const KEPT_EVERY: Duration = Duration::from_secs(1);

/// The longest that a disk may take for it before the program goes on without.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);

/// The time of the daemon, which follows the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: Moment,
    began: Instant,
}

impl Clock {
    pub(super) fn at(now: Moment) -> Clock {
        Clock { origin: now, began: Instant::now() }
    }

    pub(super) fn now(&self) -> Moment {
        self.origin + self.began.elapsed()
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.began + moment.since(self.origin)
    }
}

/// A receiver, and what it is still to be told.
pub(super) struct Post {
    id: ReceiverId,
    kind: &'static str,
    receiver: Receiver,
    outbox: Mutex<Outbox>,
    news: Notify,
    ends: AtomicBool,
}

impl Post {
    pub(super) fn new(id: ReceiverId, kind: &'static str, receiver: Receiver, outbox: Outbox) -> Post {
        let (outbox, news, ends) = (Mutex::new(outbox), Notify::new(), AtomicBool::new(false));
        Post { id, kind, receiver, outbox, news, ends }
    }

    pub(super) fn id(&self) -> &ReceiverId {
        &self.id
    }

    pub(super) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Plain values, whole after every change; nobody keeps it while he waits for anything.
    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    /// The worker ends when nothing is due.
    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub(super) fn health(&self) -> ReceiverHealth {
        let outbox = self.outbox();
        let tally = outbox.tally();
        let (waiting, firing) = outbox.counts();
        ReceiverHealth {
            receiver: self.id.clone(),
            kind: self.kind,
            sent: tally.sent,
            failed: tally.failed,
            dead: tally.dead,
            waiting,
            firing,
            last: tally.last,
            trouble: tally.trouble.clone(),
        }
    }

    /// Takes in how an attempt ended; the log is told of the first failure, and of the end of them.
    fn ended(&self, attempt: Attempt, now: Moment) {
        let dice = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
        let (before, after) = {
            let mut outbox = self.outbox();
            let before = outbox.tally().clone();
            outbox.ended(attempt, dice, now);
            (before, outbox.tally().clone())
        };
        let receiver = self.id.as_str();
        match (&before.trouble, &after.trouble) {
            (None, Some((_, why))) => {
                warn!(
                    event = "notify.failed",
                    receiver, "{receiver} cannot be told, it is tried again: {why}"
                );
            }
            (Some(_), None) => info!(event = "notify.mended", receiver, "{receiver} takes notices again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        if after.dead > before.dead {
            warn!(event = "notify.given_up", receiver, "a notice for {receiver} was given up");
        }
    }
}

/// Tells one receiver for as long as the program runs.
pub(super) async fn work(post: Arc<Post>, programs: Programs, clock: Clock, changed: Arc<Notify>) {
    loop {
        let next = post.outbox().next(clock.now());
        let is_end = post.ends.load(Ordering::Relaxed);
        match next {
            Next::Send(message) => {
                tell(&post, &message, &programs, clock).await;
                changed.notify_one();
            }
            Next::At(_) | Next::Idle if is_end => return,
            Next::At(at) => {
                tokio::select! {
                    () = sleep_until(clock.instant(at)) => {}
                    () = post.news.notified() => {}
                }
            }
            Next::Idle => post.news.notified().await,
        }
    }
}

async fn tell(post: &Post, message: &Message, programs: &Programs, clock: Clock) {
    let attempt = post.receiver.tell(message, programs, clock.now()).await;
    post.ended(attempt, clock.now());
}

/// Keeps what the receivers know.
pub(super) struct Keeper {
    file: PathBuf,
    posts: Vec<Arc<Post>>,
    end: Notify,
    /// Another process writes the file.
    is_suspended: AtomicBool,
    /// Two threads never write at once.
    writing: Arc<Mutex<()>>,
}

impl Keeper {
    pub(super) fn new(file: PathBuf, posts: Vec<Arc<Post>>) -> Keeper {
        Keeper {
            file,
            posts,
            end: Notify::new(),
            is_suspended: AtomicBool::new(false),
            writing: Arc::default(),
        }
    }

    pub(super) fn end(&self) {
        self.end.notify_one();
    }

    /// Writes it down whenever it has changed.
    pub(super) async fn keep(&self, changed: &Notify) {
        let mut written = self.memory();
        let mut is_told = false;
        loop {
            tokio::select! {
                () = changed.notified() => {}
                () = self.end.notified() => return,
            }
            let memory = self.memory();
            if memory == written || self.is_suspended.load(Ordering::Relaxed) {
                continue;
            }
            match self.write().await {
                Ok(()) => (written, is_told) = (memory, false),
                Err(why) if !is_told => {
                    is_told = true;
                    warn!(
                        event = "notify.forgotten",
                        "a restart would tell receivers again what they know: {why}"
                    );
                }
                Err(_) => {}
            }
            tokio::select! {
                () = sleep(KEPT_EVERY) => {}
                () = self.end.notified() => return,
            }
        }
    }

    /// Whether the file is another process's for now.
    pub(super) fn suspend(&self, is_suspended: bool) {
        self.is_suspended.store(is_suspended, Ordering::Relaxed);
    }

    fn memory(&self) -> Memory {
        let of_post = |post: &Arc<Post>| (post.id.clone(), post.outbox().remembered());
        Memory { receivers: self.posts.iter().map(of_post).collect() }
    }

    /// Writes it down now, on a thread that may wait.
    ///
    /// # Errors
    /// In words, when the disk does not take it, or not soon.
    pub(super) async fn write(&self) -> Result<(), String> {
        let (file, memory, writing) = (self.file.clone(), self.memory(), Arc::clone(&self.writing));
        let write = move || {
            let _alone = writing.lock().unwrap_or_else(PoisonError::into_inner);
            memory::write(&file, &memory)
        };
        match timeout(WRITTEN_WITHIN, spawn_blocking(write)).await {
            Ok(Ok(written)) => written,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the disk did not take it within {WRITTEN_WITHIN:?}")),
        }
    }
}
