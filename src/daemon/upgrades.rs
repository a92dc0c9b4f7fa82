//! Upgrades: who asked, the thread that hands over, and what keeps this process from it.

use std::env;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::watchdog::Watchdog;
use crate::control::{UpgradeWish, Upgraded};
use crate::handover::{Bequest, Cancel, Giver, Starter, Successor};

/// The first process of a container.
const FIRST: u32 = 1;

/// What the thread that hands over has to say.
pub(super) enum UpgradeNews {
    /// The successor is ready: files are to be closed, and this is to be told of what is left to it.
    Ready(Successor, oneshot::Sender<Result<Bequest, String>>),
    /// It is over: who answers now, or why we go on.
    Over(Result<Successor, String>),
}

/// How an upgrade ended for the event loop.
pub(super) enum Upgrade {
    /// The successor answers.
    Done(Successor),
    /// We go on, or stop, if somebody wanted that meanwhile.
    Failed { stops: bool },
}

/// A successor that is ready, and waits.
pub(super) struct Leaving {
    pub(super) successor: Successor,
    /// For what is left to it.
    pub(super) reply: oneshot::Sender<Result<Bequest, String>>,
    /// It waits no longer.
    pub(super) deadline: Instant,
}

/// All upgrades of a daemon, one at a time.
pub(super) struct Upgrades {
    /// None in a process that keeps all its rights: it does other things as well.
    starter: Option<Arc<Starter>>,
    under_way: Option<UnderWay>,
    watchdog: Watchdog,
    news: mpsc::Sender<UpgradeNews>,
}

struct UnderWay {
    by: String,
    reply: oneshot::Sender<Result<Upgraded, String>>,
    cancel: Cancel,
}

impl Upgrades {
    pub(super) fn new(
        starter: Option<Starter>,
        watchdog: Watchdog,
        news: mpsc::Sender<UpgradeNews>,
    ) -> Upgrades {
        Upgrades { starter: starter.map(Arc::new), under_way: None, watchdog, news }
    }

    /// Why there can be no upgrade now, whatever is wanted.
    pub(super) fn hindrance(&self) -> Option<&'static str> {
        if self.starter.is_none() {
            return Some("this process does other things besides, and does not start another");
        }
        if self.under_way.is_some() {
            return Some("an upgrade is under way");
        }
        if process::id() == FIRST {
            return Some(
                "this is the first process of its container, which ends with it: start another container instead",
            );
        }
        let is_service = env::var("SYSTEMD_EXEC_PID").is_ok_and(|id| id == process::id().to_string());
        (is_service && !self.watchdog.is_heard()).then_some(
            "systemd would end the new process together with this one: the unit needs NotifyAccess=main, and then one \
             restart",
        )
    }

    /// Begins; what comes of it is news.
    pub(super) fn begin(
        &mut self,
        wish: UpgradeWish,
        reply: oneshot::Sender<Result<Upgraded, String>>,
        giver: Giver,
    ) {
        let Some(starter) = self.starter.clone() else { return };
        let (cancel, news, watchdog) = (Cancel::default(), self.news.clone(), self.watchdog.clone());
        self.under_way = Some(UnderWay { by: wish.by, reply, cancel: cancel.clone() });
        let hand_over = move || {
            let outcome = giver.give(&starter, &cancel, |successor| {
                let gone = || "the controller has stopped".to_owned();
                let (reply, replied) = oneshot::channel();
                news.blocking_send(UpgradeNews::Ready(successor.clone(), reply)).map_err(|_| gone())?;
                replied.blocking_recv().map_err(|_| gone())?
            });
            if let Ok(successor) = &outcome {
                watchdog.hands_over(successor.process);
            }
            drop(news.blocking_send(UpgradeNews::Over(outcome))); // a daemon that has stopped needs it no more
        };
        if let Err(error) = thread::Builder::new().name("handover".into()).spawn(hand_over) {
            self.over(Err(format!("the system gives no thread: {error}")));
        }
    }

    /// Breaks off what is under way, if anything is; that it is over is news then.
    pub(super) fn cancel(&self) -> bool {
        self.under_way.as_ref().inspect(|under_way| under_way.cancel.cancel()).is_some()
    }

    /// Who asked for the one under way.
    pub(super) fn by(&self) -> String {
        self.under_way.as_ref().map_or_else(String::new, |under_way| under_way.by.clone())
    }

    /// It is over, and whoever asked is told.
    pub(super) fn over(&mut self, outcome: Result<&Successor, String>) {
        let Some(UnderWay { reply, .. }) = self.under_way.take() else { return };
        let upgraded = outcome.map(|successor| Upgraded {
            process: successor.process,
            version: successor.version.clone(),
            predecessor: process::id(),
            predecessor_version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        drop(reply.send(upgraded)); // a client that hung up needs none
    }
}

/// As long as a successor may take.
pub(super) fn within(wish: &UpgradeWish) -> Duration {
    Duration::from_secs(wish.within)
}
