//! Looks at the daemon from outside: as a client behind a cache, as a resolver, and as an operator.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::api::Status;
use crate::control::client;
use crate::dns::client::{LookupError, Reply, lookup, resolve};
use crate::model::{Name, Ttl};
use crate::zone::RecordType;

/// From one look to the next: how exactly a change is timed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A question on loopback that takes longer is lost.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// A status that takes longer is left alone, so that it cannot keep an answer waiting.
const STATUS_MAX: Duration = Duration::from_millis(200);

/// What was seen of the daemon from outside.
#[derive(Debug)]
pub(super) enum Seen {
    /// The name server's reply over UDP, or why there is no address in it.
    Server(Result<Answer, String>),
    /// The caching resolver's reply over UDP, or why there is no address in it.
    Client(Result<Answer, String>),
    /// What the control socket says, or why it says nothing.
    Status(Result<Box<Status>, String>),
}

/// An answer over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// In ascending order: the server rotates the addresses of a set, and that is no change.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ttl: Ttl,
}

/// What to look at.
pub(super) struct Targets {
    pub(super) name: Name,
    pub(super) server: SocketAddr,
    pub(super) resolver: SocketAddr,
    pub(super) socket: PathBuf,
}

/// Watches until what is returned is dropped.
///
/// The effect is looked at before its cause, and told after it: a status asked for last knows at least what the
/// answers of before knew.
pub(super) fn start(targets: Targets, seen: Sender<Seen>) -> JoinSet<()> {
    let mut watcher = JoinSet::new();
    watcher.spawn(async move {
        let Targets { name, server, resolver, socket } = targets;
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let client = Seen::Client(answer(resolve(resolver, &name, RecordType::A, ANSWER_MAX).await));
            let server = Seen::Server(answer(lookup(server, &name, RecordType::A, ANSWER_MAX).await));
            for what in [Seen::Status(status(&socket).await), server, client] {
                if seen.send(what).await.is_err() {
                    return;
                }
            }
        }
    });
    watcher
}

async fn status(socket: &Path) -> Result<Box<Status>, String> {
    match timeout(STATUS_MAX, client::status(socket)).await {
        Ok(Ok(status)) => Ok(Box::new(status)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no status within {STATUS_MAX:?}")),
    }
}

fn answer(reply: Result<Reply, LookupError>) -> Result<Answer, String> {
    let Reply { mut addresses, ttl, rcode, .. } = reply.map_err(|error| error.to_string())?;
    let ttl = ttl.ok_or_else(|| format!("an empty answer, response code {rcode}"))?;
    addresses.sort_unstable();
    Ok(Answer { addresses, ttl })
}
