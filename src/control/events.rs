//! Server-sent events for pages that watch: that something has changed, never what. A page then loads itself again.
//!
//! A stream costs a task that sleeps. It tells of many changes at once, at most five times a second, and ends when its
//! reader does not read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// How often a stream says that it is alive: a page that hears nothing for three times as long says that it is old.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// From one word about changes to the next.
const CHANGES_EVERY: Duration = Duration::from_millis(200);

/// A reader that takes nothing for so long is gone.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// What a browser waits before it connects again.
const BEGIN: &str = "retry: 1000\n\n";

/// The body of a response that goes on.
pub(super) struct Stream(mpsc::Receiver<Bytes>);

/// Tells of changes from now on, until its reader is gone.
pub(super) fn stream(changes: watch::Receiver<u64>) -> Stream {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(tell(changes, sender));
    Stream(receiver)
}

async fn tell(mut changes: watch::Receiver<u64>, reader: mpsc::Sender<Bytes>) {
    changes.mark_unchanged();
    let mut word = Bytes::from_static(BEGIN.as_bytes());
    loop {
        match timeout(READ_WITHIN, reader.send(word)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
        sleep(CHANGES_EVERY).await;
        let changed = tokio::select! {
            () = reader.closed() => return,
            changed = timeout(ALIVE_EVERY, changes.changed()) => changed,
        };
        word = match changed {
            Ok(Ok(())) => Bytes::from_static(b"event: changed\ndata: 1\n\n"),
            Ok(Err(_)) => return, // the daemon has stopped
            Err(_) => Bytes::from_static(b"event: alive\ndata: 1\n\n"),
        };
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|word| word.map(|word| Ok(Frame::data(word))))
    }
}
