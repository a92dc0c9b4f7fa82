//! Tells people elsewhere what happens: never in the way of a decision, with bounds on everything, and so that nothing that
//! lasts is lost.
//!
//! ```text
//! Announcement ─▶ outbox of each receiver ─▶ its worker ─▶ request · program ─▶ receiver
//!            └── what it knows ─▶ notices.json, for the next start
//! ```
//!
//! Whoever brings news only puts them down; a receiver that hangs, fails or asks for patience keeps its own worker waiting
//! and nobody else.

mod memory;
mod outbox;
mod pace;
mod protocols;
mod receiver;
mod template;
#[cfg(test)]
mod tests;
mod words;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

use crate::config::{ReceiverKind, ReceiverSettings};
use crate::controller::{Announcement, Notice};
use crate::model::{Moment, Problem, ReceiverId};
use crate::programs::Programs;

use memory::Memory;
use outbox::{Attempt, Message, Outbox, Outgoing, Wants};
use pace::Pace;
use receiver::Receiver;
use worker::{Clock, Keeper, Post, work};

/// Tests of receivers at a time.
const TESTS_MAX: usize = 8;

/// Everything that can fail is done: files are read, clients are built, templates are tried. Nothing is sent yet.
pub struct Prepared {
    receivers: Vec<Prepare>,
}

struct Prepare {
    id: ReceiverId,
    kind: &'static str,
    receiver: Receiver,
    wants: Wants,
    rate: u32,
}

/// The receivers at work. Dropping it ends what is under way.
pub struct Notifier {
    posts: Vec<Arc<Post>>,
    programs: Programs,
    clock: Clock,
    changed: Arc<Notify>,
    keeper: Arc<Keeper>,
    workers: JoinSet<()>,
    tests: JoinSet<()>,
}

/// How a receiver does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverHealth {
    /// Which one.
    pub receiver: ReceiverId,
    /// What it is, in the word of the configuration.
    pub kind: &'static str,
    /// Messages that it has taken since the start.
    pub sent: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Notices that were given up since the start.
    pub dead: u64,
    /// Notices that wait.
    pub waiting: usize,
    /// Alerts that fire.
    pub firing: usize,
    /// When it last took a message.
    pub last: Option<Moment>,
    /// Since when it takes nothing, and why.
    pub trouble: Option<(Moment, String)>,
}

/// Builds what it takes to tell the receivers. `program` gives the number of a receiver's program.
///
/// # Errors
/// Every file and template that cannot be used, with its place.
pub fn prepare(
    settings: &[ReceiverSettings],
    program: impl Fn(&ReceiverId) -> Option<usize>,
) -> Result<Prepared, Vec<Problem>> {
    let (mut receivers, mut problems) = (Vec::new(), Vec::new());
    for of in settings {
        match Receiver::new(of, program(&of.receiver)) {
            Ok(receiver) => receivers.push(Prepare {
                id: of.receiver.clone(),
                kind: of.kind.word(),
                receiver,
                wants: wants(of),
                rate: of.rate,
            }),
            Err(mistakes) => problems.extend(mistakes),
        }
    }
    if problems.is_empty() { Ok(Prepared { receivers }) } else { Err(problems) }
}

fn wants(settings: &ReceiverSettings) -> Wants {
    let ReceiverSettings { kind, urgency, events, names, .. } = settings;
    let repeats = match kind {
        ReceiverKind::Alertmanager { repeat, .. } => Some(*repeat),
        ReceiverKind::Webhook { .. }
        | ReceiverKind::Slack(_)
        | ReceiverKind::PagerDuty { .. }
        | ReceiverKind::Email(_)
        | ReceiverKind::Command(_) => None,
    };
    let only_alerts = repeats.is_some() || matches!(kind, ReceiverKind::PagerDuty { .. });
    Wants { least: *urgency, events: events.clone(), names: names.clone(), only_alerts, repeats }
}

impl Prepared {
    /// Tells from now on, on the current tokio runtime. What the receivers know is kept in the state folder.
    #[must_use]
    pub fn start(self, programs: &Programs, state_dir: &Path, now: Moment) -> Notifier {
        let clock = Clock::at(now);
        let file = memory::file(state_dir);
        let is_idle = self.receivers.is_empty();
        let mut memory = if is_idle { Memory::default() } else { remembered(&file) };
        let changed = Arc::new(Notify::new());
        let mut posts = Vec::new();
        let mut workers = JoinSet::new();
        for Prepare { id, kind, receiver, wants, rate } in self.receivers {
            let known = memory.receivers.remove(&id).unwrap_or_default();
            let outbox = Outbox::new(wants, Pace::of(rate), known, now);
            let post = Arc::new(Post::new(id, kind, receiver, outbox));
            workers.spawn(work(Arc::clone(&post), programs.clone(), clock, Arc::clone(&changed)));
            posts.push(post);
        }
        let keeper = Arc::new(Keeper::new(file, posts.clone()));
        if !is_idle {
            let (keeper, changed) = (Arc::clone(&keeper), Arc::clone(&changed));
            workers.spawn(async move { keeper.keep(&changed).await });
        }
        let (programs, tests) = (programs.clone(), JoinSet::new());
        Notifier { posts, programs, clock, changed, keeper, workers, tests }
    }
}

fn remembered(file: &Path) -> Memory {
    memory::read(file).unwrap_or_else(|why| {
        warn!(event = "notify.forgotten", "receivers are told again what they may know: {why}");
        Memory::default()
    })
}

impl Notifier {
    /// Puts news down for every receiver. Never waits.
    pub fn take(&self, news: &Announcement, now: Moment) {
        for post in &self.posts {
            post.outbox().take(news.clone(), now);
            post.wake();
        }
        self.changed.notify_one();
    }

    /// Alerts about what is not there any more are over.
    pub fn keep_known(&self, is_known: impl Fn(&Notice) -> bool, now: Moment) {
        for post in &self.posts {
            post.outbox().keep_known(&is_known, now);
            post.wake();
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// How they do, in the order of the configuration.
    #[must_use]
    pub fn health(&self) -> Vec<ReceiverHealth> {
        self.posts.iter().map(|post| post.health()).collect()
    }

    /// Sends a notice of its own to one receiver, beside what waits for it, and replies how that ended, or why it did not
    /// begin.
    pub fn test(
        &mut self,
        receiver: &ReceiverId,
        notice: Notice,
        reply: oneshot::Sender<Result<(), String>>,
    ) {
        while self.tests.try_join_next().is_some() {}
        let post = match self.post_to_test(receiver) {
            Ok(post) => post,
            Err(why) => return drop(reply.send(Err(why))), // whoever asked may have given up
        };
        let (programs, clock) = (self.programs.clone(), self.clock);
        self.tests.spawn(async move {
            let message = Message(vec![Outgoing { notice, previous: None }]);
            let ended = match post.receiver().tell(&message, &programs, clock.now()).await {
                Attempt::Done => Ok(()),
                Attempt::Failed { why, .. } | Attempt::Refused { why } => Err(why),
            };
            drop(reply.send(ended));
        });
    }

    fn post_to_test(&self, receiver: &ReceiverId) -> Result<Arc<Post>, String> {
        if self.tests.len() >= TESTS_MAX {
            return Err(format!("{TESTS_MAX} receivers are being tried already"));
        }
        let post = self.posts.iter().find(|post| post.id() == receiver).map(Arc::clone);
        post.ok_or_else(|| {
            let names: Vec<&str> = self.posts.iter().map(|post| post.id().as_str()).collect();
            match names.as_slice() {
                [] => "there are no receivers: the configuration has no [[notify]]".to_owned(),
                names => format!("there is no receiver {receiver}; there are {}", names.join(", ")),
            }
        })
    }

    /// What the receivers know is written down, and not touched any more until [`Notifier::resume`]: another process goes on
    /// from there.
    pub async fn suspend(&self) {
        self.keeper.suspend(true);
        if !self.posts.is_empty()
            && let Err(why) = self.keeper.write().await
        {
            warn!(event = "notify.forgotten", "the successor does not know what receivers know: {why}");
        }
    }

    /// There is no other process after all.
    pub fn resume(&self) {
        self.keeper.suspend(false);
        self.changed.notify_one();
    }

    /// What is due now is still sent, for a while; what the receivers know then is kept.
    pub async fn stop(mut self, within: Duration) {
        self.tests.abort_all();
        self.posts.iter().for_each(|post| post.end());
        self.keeper.end();
        self.changed.notify_one();
        let all_end = async { while self.workers.join_next().await.is_some() {} };
        if timeout(within, all_end).await.is_err() {
            self.workers.shutdown().await;
        }
        let now = self.clock.now();
        for post in &self.posts {
            // An attempt that was broken off may have arrived.
            let broken_off = Attempt::Failed { why: "the daemon has stopped".into(), retry_after: None };
            post.outbox().ended(broken_off, 0.0, now);
        }
        if !self.posts.is_empty()
            && let Err(why) = self.keeper.write().await
        {
            warn!(event = "notify.forgotten", "the next start does not know what receivers know: {why}");
        }
    }
}
