//! What is out there, as a probe meets it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use cadence_dns::health::{Failure, Phase, ProbeOutcome};
use cadence_dns::model::Family;

/// What a probe of a healthy address takes.
const LATENCY: Duration = Duration::from_millis(10);

/// How an address behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It answers at once.
    Up,
    /// Nothing listens.
    Refuses,
    /// It swallows every packet.
    Hangs,
    /// It answers with this status.
    Answers(u16),
    /// It answers well, after this long.
    Slow(Duration),
}

/// Every address, and our own way to them.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// Those that are not up.
    conditions: BTreeMap<IpAddr, Condition>,
    /// How many of the next probes are lost on the way, though all is well.
    losses: BTreeMap<IpAddr, u32>,
    /// What this node cannot reach at all.
    cut_off: BTreeSet<Family>,
    /// This node has no descriptors left.
    exhausted: bool,
}

impl World {
    /// From now on the address behaves like this.
    pub(crate) fn set(&mut self, address: IpAddr, condition: Condition) {
        self.losses.remove(&address);
        self.conditions.insert(address, condition);
    }

    /// The next probes of the address get no reply.
    pub(crate) fn lose(&mut self, address: IpAddr, probes: u32) {
        self.losses.insert(address, probes);
    }

    /// Takes this node's network away, or gives it back.
    pub(crate) fn cut_off(&mut self, family: Family, lost: bool) {
        if lost {
            self.cut_off.insert(family);
        } else {
            self.cut_off.remove(&family);
        }
    }

    /// Takes this node's descriptors away, or gives them back.
    pub(crate) fn exhaust(&mut self, exhausted: bool) {
        self.exhausted = exhausted;
    }

    /// What a probe that starts now will see, and how long it takes.
    pub(crate) fn probe(&mut self, address: IpAddr, timeout: Duration) -> (ProbeOutcome, Duration) {
        let lost = (ProbeOutcome::failed(Failure::Timeout(Phase::Connect)), timeout);
        if self.exhausted {
            return (ProbeOutcome::Ours("too many open files".into()), Duration::ZERO);
        }
        if self.cut_off.contains(&Family::of(address)) {
            return lost;
        }
        if let Some(left) = self.losses.get_mut(&address).filter(|left| **left > 0) {
            *left -= 1;
            return lost;
        }
        match self.conditions.get(&address).copied().unwrap_or(Condition::Up) {
            Condition::Up => (ProbeOutcome::Pass, LATENCY.min(timeout)),
            Condition::Refuses => (ProbeOutcome::failed(Failure::Refused), Duration::from_millis(1)),
            Condition::Hangs => lost,
            Condition::Answers(status) => {
                (ProbeOutcome::failed(Failure::Status(status)), LATENCY.min(timeout))
            }
            Condition::Slow(span) if span < timeout => (ProbeOutcome::Pass, span),
            Condition::Slow(_) => (ProbeOutcome::failed(Failure::Timeout(Phase::Response)), timeout),
        }
    }
}
