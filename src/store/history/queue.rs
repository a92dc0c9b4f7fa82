//! What waits for the disk, up to a limit; between the control thread, which never waits, and the thread that writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::controller::HistoryEntry;
use crate::model::{Moment, VantageId};
use crate::store::error::StoreError;
use crate::store::slot::locked;

/// Entries that are kept in memory: some 64 megabytes at the most.
pub(in crate::store) const ENTRIES_MAX: usize = 65_536;

/// Entries that are written and brought to the disk at a time.
const BATCH: usize = 1024;

/// Told once all is written, or why it cannot be.
pub(super) type Reply = oneshot::Sender<Result<(), StoreError>>;

/// What is to be done next.
pub(super) enum Next {
    /// Write these.
    Write(Vec<HistoryEntry>),
    /// All is written.
    Close(Option<Reply>),
}

/// What waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<HistoryEntry>,
    /// Entries that the thread has and that are not on the disk.
    in_hand: usize,
    lost: Option<Lost>,
    lost_in_all: u64,
    notices: Vec<String>,
    is_closing: bool,
    reply: Option<Reply>,
}

/// Entries in a row that there was no room for.
#[derive(Debug)]
struct Lost {
    count: u64,
    node: VantageId,
    from: Moment,
    to: Moment,
}

impl Lost {
    fn into_entry(self) -> HistoryEntry {
        let Lost { count, node, from, to } = self;
        let text = format!("{count} entries from {from} to {to} are lost: the disk took none for too long");
        HistoryEntry { bad: true, ..HistoryEntry::told(&node, to, "history.lost", text) }
    }
}

/// How many entries the disk has not taken.
pub(super) struct Backlog {
    pub(super) waiting: usize,
    pub(super) lost: u64,
}

impl Queue {
    /// Puts an entry behind all others, if there is room; never waits for the disk.
    pub(super) fn add(&self, entry: HistoryEntry) {
        let mut inner = locked(&self.inner);
        if inner.waiting.len() + inner.in_hand >= ENTRIES_MAX {
            inner.lost_in_all += 1;
            let HistoryEntry { time, node, .. } = entry;
            let lost = inner.lost.get_or_insert(Lost { count: 0, node, from: time, to: time });
            (lost.count, lost.to) = (lost.count + 1, time);
            return;
        }
        if let Some(lost) = inner.lost.take() {
            inner.waiting.push_back(lost.into_entry());
        }
        inner.waiting.push_back(entry);
        self.changed.notify_one();
    }

    /// Waits for something to do.
    pub(super) fn next(&self) -> Next {
        let mut inner = locked(&self.inner);
        loop {
            if inner.waiting.is_empty()
                && let Some(lost) = inner.lost.take()
            {
                inner.waiting.push_back(lost.into_entry());
            }
            if !inner.waiting.is_empty() {
                let count = inner.waiting.len().min(BATCH);
                inner.in_hand = count;
                return Next::Write(inner.waiting.drain(..count).collect());
            }
            if inner.is_closing {
                return Next::Close(inner.reply.take());
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// So many of those in hand are not on the disk yet.
    pub(super) fn set_in_hand(&self, count: usize) {
        locked(&self.inner).in_hand = count;
    }

    /// After a failure: waits until it is worth another try. When it is told to close, there will be none: then whoever
    /// waits for the end.
    pub(super) fn pause(&self, retry_after: Duration) -> Option<Option<Reply>> {
        let inner = locked(&self.inner);
        let waited = self.changed.wait_timeout_while(inner, retry_after, |inner| !inner.is_closing);
        let mut inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        inner.is_closing.then(|| inner.reply.take())
    }

    /// Nothing more comes; all that waits is still written.
    pub(super) fn close(&self, reply: Option<Reply>) {
        let mut inner = locked(&self.inner);
        inner.is_closing = true;
        inner.reply = reply.or_else(|| inner.reply.take());
        self.changed.notify_one();
    }

    /// Something that the log should tell.
    pub(super) fn notice(&self, text: String) {
        locked(&self.inner).notices.push(text);
    }

    /// Takes what the log should tell.
    pub(super) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.inner).notices)
    }

    pub(super) fn backlog(&self) -> Backlog {
        let inner = locked(&self.inner);
        Backlog { waiting: inner.waiting.len() + inner.in_hand, lost: inner.lost_in_all }
    }
}
