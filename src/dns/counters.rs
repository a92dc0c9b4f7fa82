//! What has been answered so far, counted without a lock.

use std::ops::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::durations::{DurationCounts, Durations};
use super::protocol::Protocol;
use crate::answer::{Counter, Outcome, ReplyCode, ReplyKind};

/// A number for each [`Counter`]: of one batch, or the sum over all workers and transports since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters([u64; Counter::COUNT]);

/// What one worker has counted. It alone writes here, any thread may read.
#[repr(align(128))] // two cache lines, which processors fetch together: workers do not slow each other down
pub(super) struct Tally {
    counts: [AtomicU64; Counter::COUNT],
    kinds: [AtomicU64; ReplyKind::COUNT],
    durations: Durations,
    protocol: Protocol,
}

/// What was asked over one protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtocolFigures {
    /// Which.
    pub protocol: Protocol,
    /// Replies of every kind that there was.
    pub replies: Vec<(ReplyKind, u64)>,
    /// How long queries took, from when a worker had them until it had given the replies back to the system.
    pub durations: DurationCounts,
}

impl Counters {
    /// Adds to one counter.
    pub(super) fn add(&mut self, counter: Counter, amount: u64) {
        self.0[counter.index()] += amount;
    }

    /// Counts a message by what became of it; `reply` is where its reply was written.
    pub(super) fn count(&mut self, outcome: Outcome, kind: Option<ReplyKind>, reply: &[u8]) {
        self.add(Counter::Queries, 1);
        match outcome {
            Outcome::Reply(_) => self.count_reply(kind, reply),
            Outcome::Silence => self.add(Counter::Dropped, 1),
            Outcome::Dropped => self.add(Counter::LimitedDropped, 1),
            Outcome::Slipped(_) => self.add(Counter::LimitedSlipped, 1),
            Outcome::Challenged(_) => self.add(Counter::LimitedBadcookie, 1),
        }
    }

    fn count_reply(&mut self, kind: Option<ReplyKind>, reply: &[u8]) {
        let code = match kind.map(|kind| kind.code) {
            Some(ReplyCode::NoError) => Counter::Noerror,
            Some(ReplyCode::NxDomain) => Counter::Nxdomain,
            Some(ReplyCode::Refused) => Counter::Refused,
            Some(
                ReplyCode::FormErr
                | ReplyCode::NotImp
                | ReplyCode::YxDomain
                | ReplyCode::BadVers
                | ReplyCode::BadCookie,
            )
            | None => Counter::Other,
        };
        self.add(code, 1);
        self.add(Counter::Truncated, u64::from(reply.get(2).copied().unwrap_or_default() >> 1 & 1));
    }

    /// The sum over some workers.
    pub(super) fn sum(tallies: &[Arc<Tally>]) -> Counters {
        let of = |counter: Counter| tallies.iter().map(|tally| tally.get(counter)).sum();
        Counters(Counter::ALL.map(of))
    }
}

impl Index<Counter> for Counters {
    type Output = u64;

    fn index(&self, counter: Counter) -> &u64 {
        &self.0[counter.index()]
    }
}

impl IntoIterator for Counters {
    type Item = (Counter, u64);
    type IntoIter = std::iter::Zip<
        std::array::IntoIter<Counter, { Counter::COUNT }>,
        std::array::IntoIter<u64, { Counter::COUNT }>,
    >;

    /// Every counter once, in the order of [`Counter::ALL`].
    fn into_iter(self) -> Self::IntoIter {
        Counter::ALL.into_iter().zip(self.0)
    }
}

impl ProtocolFigures {
    /// What all workers of each protocol have counted, in the order of their first workers.
    pub(super) fn of(tallies: &[Arc<Tally>]) -> Vec<ProtocolFigures> {
        let mut protocols: Vec<Protocol> = Vec::new();
        for tally in tallies {
            if !protocols.contains(&tally.protocol) {
                protocols.push(tally.protocol);
            }
        }
        let figures = |protocol| {
            let mut durations = DurationCounts::default();
            let of_protocol = || tallies.iter().filter(move |tally| tally.protocol == protocol);
            of_protocol().for_each(|tally| tally.durations.add_to(&mut durations));
            let count = |kind: ReplyKind| -> u64 {
                of_protocol().map(|tally| tally.kinds[kind.index()].load(Ordering::Relaxed)).sum()
            };
            let replies = ReplyKind::all().map(|kind| (kind, count(kind)));
            ProtocolFigures {
                protocol,
                replies: replies.filter(|(_, count)| *count > 0).collect(),
                durations,
            }
        };
        protocols.into_iter().map(figures).collect()
    }
}

impl Tally {
    /// Nothing has been counted yet.
    pub(super) fn new(protocol: Protocol) -> Tally {
        Tally {
            counts: [const { AtomicU64::new(0) }; Counter::COUNT],
            kinds: [const { AtomicU64::new(0) }; ReplyKind::COUNT],
            durations: Durations::default(),
            protocol,
        }
    }

    /// Counts a reply by what it is.
    pub(super) fn count_kind(&self, kind: Option<ReplyKind>) {
        if let Some(kind) = kind {
            let sum = &self.kinds[kind.index()];
            sum.store(sum.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// So many queries took so long, each.
    pub(super) fn took(&self, took: Duration, queries: u64) {
        self.durations.add(took, queries);
    }

    /// Adds what was counted, once for each batch. There is one writer, so no locked addition is needed.
    pub(super) fn add(&self, counted: Counters) {
        for (sum, amount) in self.counts.iter().zip(counted.0) {
            if amount > 0 {
                sum.store(sum.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
            }
        }
    }

    /// What one counter stands at.
    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.counts[counter.index()].load(Ordering::Relaxed)
    }

    /// Adds to one counter alone.
    pub(super) fn add_to(&self, counter: Counter, amount: u64) {
        if amount > 0 {
            let sum = &self.counts[counter.index()];
            sum.store(sum.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DnsStatus;

    /// Programs read these names: each counter under its own, and none twice.
    #[test]
    fn status_shows_every_counter_under_its_name() {
        let tally = Arc::new(Tally::new(Protocol::Udp));
        for (counter, count) in Counter::ALL.into_iter().zip(1..) {
            tally.add_to(counter, count);
        }
        let status: DnsStatus =
            Counters::sum(&[Arc::clone(&tally), Arc::new(Tally::new(Protocol::Tcp))]).into_iter().collect();
        insta::assert_snapshot!(serde_json::to_string(&status).expect("numbers"), @r#"{"queries":1,"noerror":2,"nxdomain":3,"refused":4,"other":5,"dropped":6,"limited":{"dropped":7,"slipped":8,"badcookie":9},"truncated":10,"unsent":11,"xdp":12,"overflowed":13}"#);
    }
}
