//! One datagram: a query in, a reply out, for UDP sockets and AF_XDP rings alike.

use std::net::SocketAddr;
use std::sync::Arc;

use super::clock::wall_clock;
use super::counters::Counters;
use super::overflow::OverflowWatch;
use super::sources::Sources;
use crate::answer::{AnswerTable, Outcome, QueryContext, ResponsePolicy, Transport, respond};
use crate::model::Moment;

/// What all workers for datagrams share.
pub(super) struct Datagrams {
    /// How every client is answered.
    pub(super) policy: Arc<ResponsePolicy>,
    /// Who is none.
    pub(super) sources: Sources,
    /// What was lost before a worker could take it.
    pub(super) overflow: OverflowWatch,
}

/// Answers the datagrams of one batch, all from one table and at one time, and counts them.
pub(super) struct DatagramBatch<'b> {
    table: &'b AnswerTable,
    datagrams: &'b Datagrams,
    now: Moment,
    counted: Counters,
}

impl<'b> DatagramBatch<'b> {
    pub(super) fn begin(table: &'b AnswerTable, datagrams: &'b Datagrams) -> DatagramBatch<'b> {
        DatagramBatch { table, datagrams, now: wall_clock(), counted: Counters::default() }
    }

    /// Writes the reply to a query that says it came from `source`; returns its length, or nothing for silence.
    pub(super) fn answer(&mut self, source: SocketAddr, query: &[u8], reply: &mut [u8]) -> Option<usize> {
        let Datagrams { policy, sources, .. } = self.datagrams;
        let outcome = if sources.may_ask(source) {
            let (transport, address, now) = (Transport::Udp, source.ip(), self.now);
            respond(self.table, query, &QueryContext { transport, address, now, idle: None, policy }, reply)
        } else {
            Outcome::Silence
        };
        self.counted.count(outcome, reply);
        outcome.octets()
    }

    /// What has been counted.
    pub(super) fn counted(&self) -> Counters {
        self.counted
    }
}
