//! One datagram: a query in, a reply out, for UDP sockets and AF_XDP rings alike.

use std::net::SocketAddr;
use std::sync::Arc;

use super::clock::wall_clock;
use super::counters::{Counters, Tally};
use super::overflow::OverflowWatch;
use super::proxy_protocol::FrontEnds;
use super::sources::Sources;
use crate::answer::{
    AnswerTable, Outcome, QueryContext, ReplyKind, ResponsePolicy, Transport, respond_counted,
};
use crate::model::Moment;

/// What all workers for datagrams share.
pub(super) struct Datagrams {
    /// How every client is answered.
    pub(super) policy: Arc<ResponsePolicy>,
    /// Who asks on behalf of clients.
    pub(super) front_ends: FrontEnds,
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
    tally: &'b Tally,
}

impl<'b> DatagramBatch<'b> {
    pub(super) fn begin(
        table: &'b AnswerTable,
        datagrams: &'b Datagrams,
        tally: &'b Tally,
    ) -> DatagramBatch<'b> {
        DatagramBatch { table, datagrams, now: wall_clock(), counted: Counters::default(), tally }
    }

    /// Writes the reply to a datagram that says it came from `source`; returns its length, or nothing for silence.
    pub(super) fn answer(&mut self, source: SocketAddr, datagram: &[u8], reply: &mut [u8]) -> Option<usize> {
        let (outcome, kind) = self.outcome(source, datagram, reply).unwrap_or((Outcome::Silence, None));
        self.counted.count(outcome, kind, reply);
        self.tally.count_kind(kind);
        outcome.octets()
    }

    /// None for a datagram that nobody sent who waits for a reply.
    fn outcome(
        &self,
        source: SocketAddr,
        datagram: &[u8],
        reply: &mut [u8],
    ) -> Option<(Outcome, Option<ReplyKind>)> {
        let Datagrams { policy, front_ends, sources, .. } = self.datagrams;
        let (client, query) = front_ends.unwrap(source, datagram)?;
        if !sources.may_ask(client) {
            return None;
        }
        let (transport, address, now) = (Transport::Udp, client.ip(), self.now);
        let context = QueryContext { transport, address, now, idle: None, policy };
        Some(respond_counted(self.table, query, &context, reply))
    }

    /// What has been counted.
    pub(super) fn counted(&self) -> Counters {
        self.counted
    }
}
