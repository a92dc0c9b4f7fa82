//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::files::Files;
use super::segments::Segments;
use super::{Watch, Wish};
use crate::recording::{Probe, ProbeBlock};

/// A block is written when it has so many octets, some hundreds of probes …
const BLOCK_OCTETS: usize = 4096;

/// … or when its first probe has waited for so long.
const BLOCK_EVERY: Duration = Duration::from_secs(10);

/// All that the thread owns.
pub(super) struct Worker<F> {
    segments: Segments<F>,
    wishes: Receiver<Wish>,
    watch: Arc<Watch>,
    block: ProbeBlock,
    due: Option<Instant>,
}

impl<F: Files> Worker<F> {
    pub(super) fn new(segments: Segments<F>, wishes: Receiver<Wish>, watch: Arc<Watch>) -> Worker<F> {
        Worker { segments, wishes, watch, block: ProbeBlock::default(), due: None }
    }

    /// Until it is told to stop, or nobody can tell it any more.
    pub(super) fn run(mut self) {
        self.watched(Segments::open).ok(); // the next block tries again
        loop {
            let wait = self.due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            match self.wishes.recv_timeout(wait.min(BLOCK_EVERY)) {
                Ok(Wish::Write(probe)) => self.take(&probe),
                Ok(Wish::Renew(max_size, checks)) => {
                    self.write();
                    self.segments.renew(max_size, &checks);
                }
                Ok(Wish::Stop(done)) => {
                    self.write();
                    done.send(()).ok(); // who has given up needs no word
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.write(),
            }
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.write();
            }
        }
    }

    fn take(&mut self, probe: &Probe) {
        if !self.block.push(probe) {
            self.write();
            if !self.block.push(probe) {
                return self.watch.lose(1); // never: an empty block takes every probe
            }
        }
        self.due.get_or_insert(Instant::now() + BLOCK_EVERY);
        if self.block.octets() >= BLOCK_OCTETS {
            self.write();
        }
    }

    fn write(&mut self) {
        self.due = None;
        let probes = self.block.probes();
        if probes == 0 {
            return;
        }
        let block = self.block.take();
        if self.watched(|segments| segments.write(&block)).is_err() {
            self.watch.lose(probes);
        }
    }

    fn watched(&mut self, work: impl FnOnce(&mut Segments<F>) -> io::Result<()>) -> io::Result<()> {
        self.watch.begins();
        let result = work(&mut self.segments);
        self.watch.ended(result.as_ref().map(drop).map_err(ToString::to_string));
        result
    }
}
