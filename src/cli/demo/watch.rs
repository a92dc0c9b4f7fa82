//! Looks at the daemon from outside, as a resolver and as an operator.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::event::{Answer, Seen};
use crate::control::client;
use crate::dns::client::lookup;
use crate::model::Name;
use crate::zone::RecordType;

/// From one look to the next: how exactly a change is timed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A question on loopback that takes longer is lost.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// A status that takes longer is left alone, so that it cannot keep an answer waiting.
const STATUS_MAX: Duration = Duration::from_millis(200);

/// Watches until what is returned is dropped.
///
/// The status is asked for last and told first: it knows at least what the answer knew, so that no effect is told
/// before its cause.
pub(super) fn start(server: SocketAddr, name: Name, socket: PathBuf, seen: Sender<Seen>) -> JoinSet<()> {
    let mut watcher = JoinSet::new();
    watcher.spawn(async move {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (answer, status) = (answer(server, &name).await, status(&socket).await);
            if seen.send(status).await.is_err() || seen.send(answer).await.is_err() {
                return;
            }
        }
    });
    watcher
}

async fn status(socket: &Path) -> Seen {
    match timeout(STATUS_MAX, client::status(socket)).await {
        Ok(Ok(status)) => Seen::Status(Box::new(status)),
        Ok(Err(error)) => Seen::Trouble(error.to_string()),
        Err(_) => Seen::Trouble(format!("no status within {STATUS_MAX:?}")),
    }
}

async fn answer(server: SocketAddr, name: &Name) -> Seen {
    match lookup(server, name, RecordType::A, ANSWER_MAX).await {
        Ok(reply) => match reply.ttl {
            Some(ttl) => Seen::Answer(Answer { addresses: in_order(reply.addresses), ttl }),
            None => Seen::NoAnswer(format!("an empty answer, response code {}", reply.rcode)),
        },
        Err(error) => Seen::NoAnswer(error.to_string()),
    }
}

/// The server lets the addresses of a set go round; that is no news.
fn in_order(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_unstable();
    addresses
}
