//! What is out there, as a probe of each node meets it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::prober::{Outside, ProbeStart};
use crate::health::{Failure, Phase, ProbeOutcome};
use crate::model::{Family, Moment};

/// What a probe of a healthy address takes.
const LATENCY: Duration = Duration::from_millis(10);

/// How an address behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
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
    /// One of two backends is broken: every second probe is answered with 503.
    Alternates,
}

/// What is wrong with a node's own network.
#[derive(Debug, Clone, Default)]
struct Outlook {
    /// What it sends is lost.
    cut_off: BTreeSet<Family>,
    /// It has no such address, or no route.
    without: BTreeSet<Family>,
    /// It has no descriptors left.
    exhausted: bool,
    /// Something near it refuses every connection.
    forged: bool,
    /// How addresses behave towards it alone.
    conditions: BTreeMap<IpAddr, Condition>,
}

/// Every address, and each node's way to them.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Those that are not up.
    conditions: BTreeMap<IpAddr, Condition>,
    /// How many of the next probes are lost on the way, though all is well.
    losses: BTreeMap<IpAddr, u32>,
    /// When the certificates expire that addresses show.
    certificates: BTreeMap<IpAddr, Moment>,
    /// Probes of addresses that alternate.
    turns: BTreeMap<IpAddr, u32>,
    /// Of every hundred thousand packets, so many are lost at random.
    loss: u32,
    dice: u64,
    outlooks: BTreeMap<usize, Outlook>,
}

impl World {
    /// From now on the address behaves like this.
    pub fn set(&mut self, address: IpAddr, condition: Condition) {
        self.losses.remove(&address);
        self.conditions.insert(address, condition);
    }

    /// From now on the address behaves like this towards one node; being up, as towards everybody.
    pub fn set_for(&mut self, node: usize, address: IpAddr, condition: Condition) {
        let conditions = &mut self.outlook(node).conditions;
        if condition == Condition::Up {
            conditions.remove(&address);
        } else {
            conditions.insert(address, condition);
        }
    }

    /// From now on the address shows a certificate that expires then.
    pub fn certify(&mut self, address: IpAddr, expires: Moment) {
        self.certificates.insert(address, expires);
    }

    /// How the address behaves.
    pub fn condition(&self, address: IpAddr) -> Condition {
        self.conditions.get(&address).copied().unwrap_or(Condition::Up)
    }

    /// The next probes of the address get no reply.
    pub fn lose(&mut self, address: IpAddr, probes: u32) {
        self.losses.insert(address, probes);
    }

    /// Every packet is lost with this chance, in hundred-thousandths; a probe sends several, and TCP repeats them.
    pub fn lose_at_random(&mut self, loss: u32, seed: u64) {
        (self.loss, self.dice) = (loss, seed);
    }

    /// Takes a node's network away, or gives it back.
    pub fn cut_off(&mut self, node: usize, family: Family, lost: bool) {
        toggle(&mut self.outlook(node).cut_off, family, lost);
    }

    /// Takes a node's addresses of a family away, so that it cannot even try, or gives them back.
    pub fn take_family(&mut self, node: usize, family: Family, taken: bool) {
        toggle(&mut self.outlook(node).without, family, taken);
    }

    /// Takes a node's descriptors away, or gives them back.
    pub fn exhaust(&mut self, node: usize, exhausted: bool) {
        self.outlook(node).exhausted = exhausted;
    }

    /// Puts a middlebox near a node that refuses every connection, or takes it away.
    pub fn forge(&mut self, node: usize, forged: bool) {
        self.outlook(node).forged = forged;
    }

    /// Everything that is wrong with the nodes themselves is over.
    pub fn make_well(&mut self) {
        self.outlooks.clear();
        self.losses.clear();
    }

    /// Whether a node's own network and limits are as they should be.
    pub fn is_well(&self, node: usize) -> bool {
        self.outlooks.get(&node).is_none_or(|outlook| {
            outlook.cut_off.is_empty() && outlook.without.is_empty() && !outlook.exhausted && !outlook.forged
        })
    }

    fn outlook(&mut self, node: usize) -> &mut Outlook {
        self.outlooks.entry(node).or_default()
    }

    fn meet(&mut self, node: usize, address: IpAddr, timeout: Duration) -> (ProbeOutcome, Duration) {
        let lost = (ProbeOutcome::Silent(Failure::Timeout(Phase::Connect)), timeout);
        let family = Family::of(address);
        if let Some(outlook) = self.outlooks.get(&node) {
            if outlook.exhausted {
                return (ProbeOutcome::Ours("too many open files".into()), Duration::ZERO);
            }
            if outlook.without.contains(&family) {
                return (ProbeOutcome::Ours(format!("no route by {family}")), Duration::ZERO);
            }
            if outlook.cut_off.contains(&family) {
                return lost;
            }
            if outlook.forged {
                return (ProbeOutcome::Heard(Failure::Refused), Duration::from_millis(1));
            }
        }
        if let Some(left) = self.losses.get_mut(&address).filter(|left| **left > 0) {
            *left -= 1;
            return lost;
        }
        if self.loss > 0 && self.is_lost_at_random(timeout) {
            return lost;
        }
        let answered = |status| (ProbeOutcome::Heard(Failure::Status(status)), LATENCY.min(timeout));
        let own = self.outlooks.get(&node).and_then(|outlook| outlook.conditions.get(&address)).copied();
        match own.unwrap_or_else(|| self.condition(address)) {
            Condition::Up => (ProbeOutcome::Pass, LATENCY.min(timeout)),
            Condition::Refuses => (ProbeOutcome::Heard(Failure::Refused), Duration::from_millis(1)),
            Condition::Hangs => lost,
            Condition::Answers(status) => answered(status),
            Condition::Slow(span) if span < timeout => (ProbeOutcome::Pass, span),
            Condition::Slow(_) => (ProbeOutcome::Heard(Failure::Timeout(Phase::Response)), timeout),
            Condition::Alternates => {
                let turns = self.turns.entry(address).or_default();
                *turns += 1;
                if turns.is_multiple_of(2) {
                    answered(503)
                } else {
                    (ProbeOutcome::Pass, LATENCY.min(timeout))
                }
            }
        }
    }

    /// A probe connects: SYN and its answer; what is lost is sent again after a second, then after two more. With a
    /// timeout of two seconds it has two tries, and fails when a packet of each is lost. What is lost after the
    /// handshake is sent again within a fifth of a second, so it costs time, not the probe.
    fn is_lost_at_random(&mut self, timeout: Duration) -> bool {
        let tries =
            1 + usize::from(timeout > Duration::from_secs(1)) + usize::from(timeout > Duration::from_secs(3));
        (0..tries).all(|_| self.draw() || self.draw())
    }

    fn draw(&mut self) -> bool {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % 100_000) < u64::from(self.loss)
    }
}

impl Outside for World {
    fn probe(&mut self, start: ProbeStart<'_>) -> (ProbeOutcome, Duration) {
        self.meet(start.node, start.check.address, start.timeout)
    }

    fn certificate(&self, address: IpAddr) -> Option<Moment> {
        self.certificates.get(&address).copied()
    }
}

fn toggle(set: &mut BTreeSet<Family>, family: Family, there: bool) {
    if there {
        set.insert(family);
    } else {
        set.remove(&family);
    }
}
