//! When each check is probed: the paces that the controller asks for, on simulated time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::controller::{Kept, Parameters};
use crate::health::{Check, Observation, Pace, ProbeOutcome, Rules, Timings};
use crate::model::{CheckId, Moment, VantageId};

/// The first probes are spread over this, or the interval if that is shorter.
const FIRST_ROUND: Duration = Duration::from_secs(1);

/// What is out there, as a probe meets it.
pub trait Outside {
    /// What a probe that starts now will see, and how long it takes.
    fn probe(&mut self, start: ProbeStart<'_>) -> (ProbeOutcome, Duration);

    /// When the certificate expires that an address shows, if it shows one.
    fn certificate(&self, _address: IpAddr) -> Option<Moment> {
        None
    }
}

/// A probe that starts.
#[derive(Debug, Clone, Copy)]
pub struct ProbeStart<'p> {
    /// The number of the node that looks.
    pub node: usize,
    /// The check that it belongs to.
    pub check: &'p CheckId,
    /// The longest that it takes.
    pub timeout: Duration,
}

/// Probes every check, never twice at once.
#[derive(Clone)]
pub struct Prober {
    node: usize,
    vantage: VantageId,
    slots: Vec<Slot>,
    stuck: bool,
}

/// One check and its next probe.
#[derive(Clone)]
struct Slot {
    check: CheckId,
    rules: Rules,
    pace: Pace,
    number: u64,
    starts: u64,
    last_start: Option<Moment>,
    earliest: Moment,
    /// One more probe is wanted now.
    wanted: bool,
    in_flight: Option<Flight>,
    /// When the next probe starts, or the one in flight ends: what the rest of the slot says, worked out once.
    next: Moment,
}

/// A probe under way.
#[derive(Clone)]
struct Flight {
    ends: Moment,
    outcome: ProbeOutcome,
    lasts: Duration,
}

impl Prober {
    /// Its first probes are spread over a second.
    pub fn new<'c>(
        node: usize,
        vantage: &VantageId,
        checks: impl Iterator<Item = &'c Check>,
        now: Moment,
    ) -> Prober {
        // Nodes start at moments of their own.
        let numbers = (node as u64 * 13)..;
        let slots = checks.zip(numbers).map(|(check, number)| Slot::new(&check.id, check.rules, number, now));
        let slots = slots.collect();
        Prober { node, vantage: vantage.clone(), slots, stuck: false }
    }

    /// Other checks. Those that stay go on as they are, also what is in flight of them; where their times are others, these
    /// hold from the last start on.
    pub fn renew(&mut self, kept: &Kept, parameters: &Parameters, now: Moment) {
        let mut before: BTreeMap<CheckId, Slot> =
            std::mem::take(&mut self.slots).into_iter().map(|slot| (slot.check.clone(), slot)).collect();
        let of_regions = parameters.regions.iter().flat_map(|region| &region.checks);
        let checks = of_regions.chain(&parameters.witnesses).zip((self.node as u64 * 13)..);
        let slot = |(check, number): (&Check, u64)| {
            let same = kept.checks.get(&check.id).and_then(|was| before.remove(was));
            match same.filter(|slot| slot.check == check.id) {
                Some(slot) => slot.by(check.rules, now),
                None => Slot::new(&check.id, check.rules, number, now),
            }
        };
        self.slots = checks.map(slot).collect();
    }

    /// Stops in the middle of everything, or starts again.
    pub fn set_stuck(&mut self, stuck: bool, now: Moment) {
        self.stuck = stuck;
        for slot in &mut self.slots {
            slot.in_flight = None;
            slot.not_before(now);
        }
    }

    /// What `Effect::Pace` asks for: a faster pace brings the next start forward, to now at the earliest.
    pub fn set_pace(&mut self, check: &CheckId, pace: Pace, now: Moment) {
        for slot in self.slots.iter_mut().filter(|slot| slot.check == *check) {
            slot.pace = pace;
            slot.not_before(now);
        }
    }

    /// What `Effect::ProbeNow` asks for: one probe at once; after the one in flight, if there is one.
    pub fn probe_now(&mut self, check: &CheckId, now: Moment) {
        for slot in self.slots.iter_mut().filter(|slot| slot.check == *check) {
            slot.wanted = true;
            slot.not_before(now);
        }
    }

    /// The process stood still: what is in flight ends now, and proves nothing.
    pub fn stood_still(&mut self, now: Moment) {
        for slot in &mut self.slots {
            if let Some(flight) = &mut slot.in_flight {
                flight.outcome = ProbeOutcome::Ours("this node stood still".into());
                flight.ends = now;
            }
            slot.not_before(now);
        }
    }

    /// When the next probe starts or ends.
    pub fn next(&self) -> Option<Moment> {
        self.slots.iter().filter(|_| !self.stuck).map(|slot| slot.next).min()
    }

    /// Does what is due by now: probes start, and those that end are returned.
    pub fn run(&mut self, outside: &mut impl Outside, now: Moment) -> Vec<Observation> {
        let mut seen = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| !self.stuck && slot.next <= now) {
            match slot.in_flight.take() {
                None => slot.start(self.node, outside, now),
                Some(Flight { outcome, lasts, .. }) => {
                    slot.earliest = now;
                    slot.next = slot.due();
                    seen.push(Observation {
                        check: slot.check.clone(),
                        vantage: self.vantage.clone(),
                        outcome,
                        timings: Timings { total: lasts, ..Timings::default() },
                        certificate_expires: outside.certificate(slot.check.address),
                    });
                }
            }
        }
        seen
    }
}

impl Slot {
    fn new(check: &CheckId, rules: Rules, number: u64, now: Moment) -> Slot {
        let phase = f64::from(u32::try_from(number * 37 % 100).expect("below 100")) / 100.0;
        let earliest = now + rules.interval.min(FIRST_ROUND).mul_f64(phase);
        Slot {
            check: check.clone(),
            rules,
            pace: Pace::Steady,
            number,
            starts: 0,
            last_start: None,
            earliest,
            wanted: false,
            in_flight: None,
            next: earliest,
        }
    }

    /// By these rules from its last start on.
    fn by(mut self, rules: Rules, now: Moment) -> Slot {
        if std::mem::replace(&mut self.rules, rules) != rules {
            self.not_before(now);
        }
        self
    }

    fn not_before(&mut self, now: Moment) {
        self.earliest = self.earliest.max(now);
        self.next = self.due();
    }

    fn due(&self) -> Moment {
        match (&self.in_flight, self.last_start) {
            (Some(flight), _) => flight.ends,
            (None, _) if self.wanted => self.earliest,
            (None, Some(last)) => (last + self.gap()).max(self.earliest),
            (None, None) => self.earliest,
        }
    }

    /// Jittered as the real prober does it: rechecks only ever come early.
    fn gap(&self) -> Duration {
        let draw =
            f64::from(u32::try_from((self.number * 31 + self.starts * 17) % 101).expect("small")) / 100.0;
        match self.pace {
            Pace::Steady => self.rules.interval.mul_f64(0.9 + 0.2 * draw),
            Pace::Recheck => self.rules.recheck.mul_f64(1.0 - 0.1 * draw),
        }
    }

    fn start(&mut self, node: usize, outside: &mut impl Outside, now: Moment) {
        let start = ProbeStart { node, check: &self.check, timeout: self.rules.timeout };
        let (outcome, lasts) = outside.probe(start);
        self.wanted = false;
        self.starts += 1;
        self.last_start = Some(now);
        self.in_flight = Some(Flight { ends: now + lasts, outcome, lasts });
        self.next = self.due();
    }
}
