//! One thread for each UDP socket: it takes a batch of queries, answers it, and sends the replies.

use std::io;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::counters::Tally;
use super::datagram::{DatagramBatch, Datagrams};
use super::socket_options::drops;
use super::tables::Tables;
use crate::answer::Counter;

/// How long a quiet worker waits for a datagram before it looks whether it is to stop.
pub(super) const LOOK_UP_EVERY: Duration = Duration::from_millis(200);

/// The pause after an error of the socket: long enough not to spin, short enough to lose no query.
pub(super) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(5);

/// A busy worker looks at what it has lost after so many batches, a quiet one whenever nothing comes.
pub(super) const BATCHES_BETWEEN_LOOKS: u32 = 256;

/// Answers until `stop`.
pub(super) fn serve(
    socket: &UdpSocket,
    tables: &Tables,
    datagrams: &Datagrams,
    stop: &AtomicBool,
    tally: &Tally,
) {
    let mut batches = 0_u32;
    let mut batch = Batch::new();
    let mut tables = tables.cache();
    while !stop.load(Ordering::Relaxed) {
        let received = batch.receive(socket);
        batches = batches.wrapping_add(1);
        if received.is_err() || batches.is_multiple_of(BATCHES_BETWEEN_LOOKS) {
            datagrams.overflow.look(drops(socket), tally, || address(socket));
        }
        let table = tables.load(); // also when nothing came: a table that is out of date is let go
        match received {
            Ok(queries) => {
                let begin = Instant::now();
                let mut answering = DatagramBatch::begin(table, datagrams, tally);
                batch.answer(|source, query, reply| answering.answer(source, query, reply));
                tally.add(answering.counted()); // before they leave: a client that has its reply finds it counted
                tally.add_to(Counter::Unsent, batch.send(socket));
                tally.took(begin.elapsed(), queries as u64);
            }
            Err(error) if is_quiet(&error) => {}
            Err(_) => std::thread::sleep(PAUSE_AFTER_ERROR),
        }
    }
}

/// For the log.
fn address(socket: &UdpSocket) -> String {
    socket.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
}

/// Nothing came in time, or a signal did.
fn is_quiet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
