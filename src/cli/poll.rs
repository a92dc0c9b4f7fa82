//! Asks the daemon for its status again and again, for commands that go on.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::Status;
use crate::control::client;

/// The status every `period`, or in words why there is none, until the receiver is dropped. A daemon that is slow is asked
/// less often.
pub(super) fn statuses(socket: PathBuf, period: Duration) -> mpsc::Receiver<Result<Box<Status>, String>> {
    let (seen, statuses) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let status = client::status(&socket).await;
            if seen.send(status.map(Box::new).map_err(|error| error.to_string())).await.is_err() {
                return;
            }
        }
    });
    statuses
}
