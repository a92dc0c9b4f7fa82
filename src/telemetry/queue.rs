//! The queue between the threads that log and the one that writes.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem::take;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use super::line::one_line;

/// What may wait to be written: about 5,000 events of 200 octets.
pub(super) const QUEUE_MAX_OCTETS: usize = 1 << 20;

/// A write that takes longer means that the reader is stuck: the log counts as unhealthy.
const WRITE_MAX: Duration = Duration::from_secs(1);

/// The queue, shared by all that log, the writer, and those that watch it.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A line was queued.
    queued: Condvar,
    /// The writer has written all that was queued.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// The sum of their lengths.
    octets: usize,
    /// Events that were not written since the start.
    dropped: u64,
    /// Those of them that the log itself has told.
    told: u64,
    /// Since when the writer writes one line; none while it waits for one.
    writing_since: Option<Instant>,
    writer_ended: bool,
}

impl Shared {
    /// The state. Nothing that holds the lock can panic halfway, so a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Queues a line, or drops and counts it when there is no room. Never waits for the writer.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.0.state();
        if state.octets + line.len() > QUEUE_MAX_OCTETS || state.writer_ended {
            state.dropped += 1;
            return;
        }
        state.octets += line.len();
        state.lines.push_back(line);
        drop(state);
        self.0.queued.notify_one();
    }

    /// Starts the thread that writes, for as long as the program runs. `tell` is called with the number of dropped
    /// events once the reader is back; it may log.
    pub(super) fn start_writer(
        &self,
        output: impl Write + AsFd + Send + 'static,
        tell: impl Fn(u64) + Send + 'static,
    ) -> io::Result<()> {
        let queue = self.clone();
        thread::Builder::new().name("log".into()).spawn(move || queue.write_all(output, tell)).map(drop)
    }

    fn write_all(&self, mut output: impl Write + AsFd, tell: impl Fn(u64)) {
        let _ended = Ended(self);
        loop {
            let line = self.next();
            let written = write(&mut output, &line);
            let untold = self.written(&line, written.is_ok());
            if untold > 0 {
                tell(untold);
            }
        }
    }

    /// Waits for the next line.
    fn next(&self) -> Vec<u8> {
        let mut state = self.0.state();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.writing_since = Some(Instant::now());
                return line;
            }
            self.0.idle.notify_all();
            state = self.0.queued.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes what became of a line. Returns how many dropped ones are to be told now: once the reader is back, and
    /// has taken half of the queue, so that there is room to tell it.
    fn written(&self, line: &[u8], is_written: bool) -> u64 {
        let mut state = self.0.state();
        state.octets -= line.len();
        state.writing_since = None;
        if !is_written {
            state.dropped += 1;
            return 0;
        }
        if state.octets > QUEUE_MAX_OCTETS / 2 {
            return 0;
        }
        let untold = state.dropped - state.told;
        state.told = state.dropped;
        untold
    }

    /// Waits until all that is queued has been written, or the time is over.
    pub(super) fn flush(&self, limit: Duration) {
        let unfinished = |state: &mut State| {
            let writes = !state.lines.is_empty() || state.writing_since.is_some();
            writes && !state.writer_ended
        };
        drop(self.0.idle.wait_timeout_while(self.0.state(), limit, unfinished));
    }

    pub(super) fn monitor(&self) -> LogMonitor {
        LogMonitor(self.clone())
    }
}

/// Tells when the writer has ended, also by a panic.
struct Ended<'q>(&'q Queue);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.0.state().writer_ended = true;
        self.0.0.idle.notify_all();
    }
}

/// Writes a whole line, also to an output that another process has made non-blocking.
fn write(output: &mut (impl Write + AsFd), line: &[u8]) -> io::Result<()> {
    let mut rest = line;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(octets) => rest = &rest[octets..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(output, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

/// Watches the log, from any thread.
#[derive(Clone)]
pub struct LogMonitor(Queue);

impl LogMonitor {
    /// Events that were not written since the start, because the queue was full or the write failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.0.state().dropped
    }

    /// Whether the log is written: its thread lives, and no single write has taken longer than a second so far.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let state = self.0.0.state();
        let is_stuck = state.writing_since.is_some_and(|since| since.elapsed() > WRITE_MAX);
        !state.writer_ended && !is_stuck
    }
}

/// Gathers what the formatter writes of one event, and queues it as one line.
pub(super) struct LineWriter<'q> {
    queue: &'q Queue,
    escape_may_pass: bool,
    event: Vec<u8>,
}

impl LineWriter<'_> {
    pub(super) fn new(queue: &Queue, escape_may_pass: bool) -> LineWriter<'_> {
        LineWriter { queue, escape_may_pass, event: Vec::new() }
    }
}

impl Write for LineWriter<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.event.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter<'_> {
    fn drop(&mut self) {
        let event = take(&mut self.event);
        if !event.is_empty() {
            self.queue.push(one_line(&event, self.escape_may_pass));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use super::*;

    /// How long anything on this machine may take at the worst.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A queue at work, the reader of what it writes, and what it tells of dropped events.
    fn queue_and_reader() -> (Queue, UnixStream, mpsc::Receiver<u64>) {
        let (output, reader) = UnixStream::pair().expect("descriptors");
        reader.set_read_timeout(Some(PATIENCE)).expect("above zero");
        let queue = Queue::default();
        let (tell, told) = mpsc::channel();
        queue
            .start_writer(output, move |untold| {
                let _ = tell.send(untold);
            })
            .expect("a thread");
        (queue, reader, told)
    }

    fn line(number: u64) -> Vec<u8> {
        format!("{number:0>99}\n").into_bytes()
    }

    /// The number of lines that are more than the queue and the socket's buffers can hold.
    const TOO_MANY: u64 = 100_000;

    #[test]
    fn a_reader_that_is_stuck_costs_lines_and_no_time() {
        let (queue, mut reader, told) = queue_and_reader();
        (0..TOO_MANY).for_each(|number| queue.push(line(number))); // returns although the reader is stuck
        let dropped = queue.monitor().dropped();
        assert!(dropped > 0 && queue.0.state().octets <= QUEUE_MAX_OCTETS);
        let mut octets = vec![0; ((TOO_MANY - dropped) * 100) as usize];
        reader.read_exact(&mut octets).expect("all that was not dropped");
        let numbers = octets.chunks(100).map(|line| String::from_utf8_lossy(line).trim().parse::<u64>().ok());
        let numbers: Vec<u64> = numbers.map(|number| number.expect("whole lines")).collect();
        assert!(numbers.is_sorted(), "in their order");
        assert_eq!(told.recv_timeout(PATIENCE), Ok(dropped), "told once the reader is back");
    }

    #[test]
    fn what_was_dropped_is_due_to_be_told_once_the_reader_is_back() {
        let queue = Queue::default();
        (0..TOO_MANY).for_each(|number| queue.push(line(number)));
        let dropped = queue.monitor().dropped();
        let mut told = Vec::new();
        while queue.0.state().octets > 0 {
            let line = queue.next();
            told.extend(Some(queue.written(&line, true)).filter(|untold| *untold > 0));
        }
        assert_eq!(told, [dropped], "once, all of them");
    }

    #[test]
    fn the_last_lines_are_written_before_the_end_unless_the_reader_is_stuck() {
        let (queue, mut reader, _told) = queue_and_reader();
        queue.push(line(1));
        queue.flush(PATIENCE);
        let mut octets = [0; 100];
        reader.set_nonblocking(true).expect("our socket");
        reader.read_exact(&mut octets).expect("it is there already");
        (0..TOO_MANY).for_each(|number| queue.push(line(number)));
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            queue.flush(Duration::from_millis(50));
            done.send(())
        });
        ended.recv_timeout(PATIENCE).expect("the deadline ends the flush");
    }

    #[test]
    fn a_reader_that_is_gone_is_counted_and_harmless() {
        let (queue, reader, _told) = queue_and_reader();
        drop(reader);
        (0..3).for_each(|number| queue.push(line(number)));
        queue.flush(PATIENCE);
        assert_eq!((queue.monitor().dropped(), queue.monitor().is_healthy()), (3, true));
    }

    #[test]
    fn a_write_that_does_not_end_is_unhealthy() {
        let queue = Queue::default();
        queue.push(line(1));
        assert!(queue.monitor().is_healthy());
        let _ = queue.next();
        assert!(queue.monitor().is_healthy(), "it has only begun");
        queue.0.state().writing_since = Instant::now().checked_sub(2 * WRITE_MAX);
        assert!(!queue.monitor().is_healthy());
    }
}
