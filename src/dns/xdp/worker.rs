//! One thread for each queue of the interface: it answers the frames of its ring in place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::frame;
use super::program::QUERY_MAX_OCTETS;
use super::rings::{Queue, Rings};
use crate::answer::Counter;
use crate::dns::Tables;
use crate::dns::counters::Tally;
use crate::dns::datagram::{DatagramBatch, Datagrams};
use crate::dns::udp::{BATCHES_BETWEEN_LOOKS, LOOK_UP_EVERY, PAUSE_AFTER_ERROR};

/// The work of the thread that calls this: answers until `stop`. After a panic it may be called again: the rings stay.
pub(in crate::dns) fn work(
    queue: Queue,
    tables: Tables,
    datagrams: Arc<Datagrams>,
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
) -> impl FnMut() {
    let mut rings = queue.start();
    move || serve(&mut rings, &tables, &datagrams, &stop, &tally)
}

fn serve(rings: &mut Rings, tables: &Tables, datagrams: &Datagrams, stop: &AtomicBool, tally: &Tally) {
    let mut tables = tables.cache();
    let mut batches = 0_u32;
    // The reply is written over the query, which is read from here meanwhile.
    let mut kept = [0; QUERY_MAX_OCTETS];
    while !stop.load(Ordering::Relaxed) {
        let received = rings.receive();
        batches = batches.wrapping_add(1);
        if received == 0 || batches.is_multiple_of(BATCHES_BETWEEN_LOOKS) {
            datagrams.overflow.look(rings.drops(), tally, || "the rings of AF_XDP".to_owned());
        }
        let table = tables.load(); // also when nothing came: a table that is out of date is let go
        if received > 0 {
            let begin = Instant::now();
            let mut answering = DatagramBatch::begin(table, datagrams, tally);
            rings.answer(|frame, octets| answer(frame, octets, &mut kept, &mut answering));
            // Before they leave: a client that has its reply finds it counted.
            let mut counted = answering.counted();
            counted.add(Counter::Xdp, counted[Counter::Queries]);
            tally.add(counted);
            tally.took(begin.elapsed(), counted[Counter::Queries]);
        }
        if rings.turn(LOOK_UP_EVERY).is_err() {
            thread::sleep(PAUSE_AFTER_ERROR);
        }
    }
}

/// Makes of a frame with a query the frame with its reply; returns its length, or nothing for silence.
fn answer(
    frame: &mut [u8],
    octets: usize,
    kept: &mut [u8; QUERY_MAX_OCTETS],
    answering: &mut DatagramBatch<'_>,
) -> Option<usize> {
    let came = &frame[..octets];
    let layout = frame::read(came)?;
    let query = layout.query(came);
    let kept = kept.get_mut(..query.len())?;
    kept.copy_from_slice(query);
    let reply_octets = answering.answer(layout.source(came), kept, layout.room(frame))?;
    Some(layout.turn_round(frame, reply_octets))
}
