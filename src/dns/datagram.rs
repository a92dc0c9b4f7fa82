//! One datagram: a query in, a reply out, for UDP sockets and AF_XDP rings alike.

use std::net::IpAddr;

use super::clock::wall_clock;
use super::counters::Counters;
use crate::answer::{AnswerTable, QueryContext, ResponsePolicy, Transport, respond};
use crate::model::Moment;

/// Answers the datagrams of one batch, all from one table and at one time, and counts them.
pub(super) struct DatagramBatch<'b> {
    table: &'b AnswerTable,
    policy: &'b ResponsePolicy,
    now: Moment,
    counted: Counters,
}

impl<'b> DatagramBatch<'b> {
    pub(super) fn begin(table: &'b AnswerTable, policy: &'b ResponsePolicy) -> DatagramBatch<'b> {
        DatagramBatch { table, policy, now: wall_clock(), counted: Counters::default() }
    }

    /// Writes the reply to a query that says it came from `address`; returns its length, or nothing for silence.
    pub(super) fn answer(&mut self, address: IpAddr, query: &[u8], reply: &mut [u8]) -> Option<usize> {
        let DatagramBatch { table, policy, now, .. } = *self;
        let context = QueryContext { transport: Transport::Udp, address, now, idle: None, policy };
        let outcome = respond(table, query, &context, reply);
        self.counted.count(outcome, reply);
        outcome.octets()
    }

    /// What has been counted.
    pub(super) fn counted(&self) -> Counters {
        self.counted
    }
}
