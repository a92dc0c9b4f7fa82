//! Speaks to etcd, in which the name servers of a cluster share what they see and decide: by the JSON gateway of its API
//! of version 3, over HTTP. It does not know what the keys mean.
//!
//! ```text
//! Transaction ─▶ queue: with conditions ──┐                    ┌─ Transacted ─▶
//!             └▶ queue: without them ─────┴▶ one member, or ───┤
//!                                            the next          │
//! watch: all that there is ─▶ what changes, revision by ───────┴─ Snapshot, Changed ─▶
//!        at another member when it is silent    revision
//! survey: which members are well
//! ```
//!
//! What is certain: a transaction is reported as written only when it is; after a snapshot every revision is told once and
//! in its order; a member that cannot speak for most of them is left within seconds, though it says nothing.

mod back_off;
mod examine;
mod gateway;
mod identity;
mod pace;
mod standing;
mod survey;
#[cfg(test)]
mod tests;
mod transactions;
mod watch;
mod wire;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::ClusterSettings;
use crate::controller::{RegisterNews, Transacted, Transaction};
use crate::model::Problem;
use gateway::Gateway;
use pace::Pace;
use standing::Standing;
use survey::Survey;
use transactions::{Transactions, Waiting};
use watch::Watch;
use wire::Folder;

pub use examine::{Examined, Found, examine};
pub use standing::{MemberHealth, RegisterHealth};

/// The most transactions of one kind that wait. More than a few only wait until their time is over.
const QUEUE_MAX: usize = 64;

/// How many with conditions are under way at a time: they concern different names, or lose against one another.
const CONDITIONAL_AT_ONCE: usize = 4;

/// Everything that can fail is done: files are read, clients are built. Nothing is sent yet.
#[derive(Debug)]
pub struct Prepared {
    gateway: Gateway,
    folder: Folder,
}

/// What the nodes share, at work. Dropping it ends all of it; transactions under way may be written or not.
pub struct Register {
    gateway: Arc<Gateway>,
    standing: Arc<Standing>,
    conditional: mpsc::Sender<Waiting>,
    unconditional: mpsc::Sender<Waiting>,
    _tasks: JoinSet<()>,
}

/// Builds what it takes to speak to etcd.
///
/// # Errors
/// Every file that cannot be used, with its place.
pub fn prepare(settings: &ClusterSettings) -> Result<Prepared, Vec<Problem>> {
    prepare_at(settings, Pace::USUAL)
}

fn prepare_at(settings: &ClusterSettings, pace: Pace) -> Result<Prepared, Vec<Problem>> {
    let gateway = Gateway::new(&settings.etcd, pace)?;
    Ok(Prepared { gateway, folder: Folder::of(&settings.name) })
}

impl Prepared {
    /// Begins, on the current tokio runtime. News wait for room in the channel.
    #[must_use]
    pub fn start(self, news: mpsc::Sender<RegisterNews>) -> Register {
        let Prepared { gateway, folder } = self;
        let standing = Arc::new(Standing::new(gateway.len()));
        let gateway = Arc::new(gateway);
        let mut tasks = JoinSet::new();
        let shared = || (Arc::clone(&gateway), Arc::clone(&standing), folder.clone());
        let (conditional, queue) = mpsc::channel(QUEUE_MAX);
        let (unconditional, heartbeats) = mpsc::channel(QUEUE_MAX);
        let (to_members, ours, below) = shared();
        let transactions =
            Transactions { gateway: to_members, standing: ours, folder: below, news: news.clone() };
        tasks.spawn(transactions.clone().run_several(queue, CONDITIONAL_AT_ONCE));
        tasks.spawn(transactions.run(heartbeats));
        let (to_members, ours, below) = shared();
        tasks.spawn(Survey { gateway: to_members, standing: ours, folder: below }.run());
        let (to_members, ours, below) = shared();
        tasks.spawn(Watch { gateway: to_members, standing: ours, folder: below, news }.run());
        Register { gateway, standing, conditional, unconditional, _tasks: tasks }
    }
}

impl Register {
    /// Begins a transaction; what becomes of it is among the news. Those without conditions are written in their order, and
    /// may be written twice; of those with conditions several are under way at a time.
    ///
    /// Never waits. Where too many wait already, that nothing is known of it comes at once.
    #[must_use]
    pub fn transact(&self, transaction: Transaction) -> Option<RegisterNews> {
        let queue = if transaction.conditions.is_empty() { &self.unconditional } else { &self.conditional };
        let why = match queue.try_send(Waiting { transaction, since: Instant::now() }) {
            Ok(()) => return None,
            Err(TrySendError::Full(waiting)) => (waiting.transaction.id, "too many transactions wait"),
            Err(TrySendError::Closed(waiting)) => (waiting.transaction.id, "we stop"),
        };
        Some(RegisterNews::Transacted(why.0, Transacted::Unknown(why.1.to_owned())))
    }

    /// How it stands with etcd.
    #[must_use]
    pub fn health(&self) -> RegisterHealth {
        self.standing.health(|member| self.gateway.endpoint(member).to_owned())
    }
}
