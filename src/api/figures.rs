//! What is counted since the start, as plain data that the shells hand in.

use std::collections::BTreeMap;

use super::heartbeats::{Beat, BeatOutcome};
use super::part::PartStatus;
use super::status::DnsStatus;
use crate::answer::{QueryType, ReplyCode};
use crate::model::{Moment, RegionId};
use crate::policy::Cause;

/// How many took no longer than each bound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramFigures {
    /// Each bound in seconds, ascending, with how many took no longer.
    pub buckets: Vec<(f64, u64)>,
    /// How long all took together, in seconds.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

/// What was asked over one protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryFigures {
    /// The protocol: `udp`, `tcp`, `tls` or `https`.
    pub protocol: &'static str,
    /// Replies of every kind that there was.
    pub replies: Vec<(QueryType, ReplyCode, u64)>,
    /// How long queries took, from when a worker had them until it had given the replies back to the system.
    pub durations: HistogramFigures,
}

/// What the shells have counted and how they do, known without the controller.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellFigures {
    /// The time by the wall clock.
    pub now: Moment,
    /// What became of all messages.
    pub dns: DnsStatus,
    /// The same by protocol.
    pub queries: Vec<QueryFigures>,
    /// Every DNS worker, and the log.
    pub parts: Vec<PartStatus>,
    /// Changes of answers, in the order of [`Cause::ALL`](crate::policy::Cause::ALL); those of a group are one.
    pub changes: [u64; Cause::ALL.len()],
    /// What the process takes; none where the system does not say.
    pub process: Option<ProcessFigures>,
}

/// What the API has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ApiFigures {
    /// Responses by the hundreds of their status, from 1xx to 5xx.
    pub responses: [u64; 5],
    /// Connections that were hung up on, for their client had too many.
    pub turned_away: u64,
    /// Probes that came faster than they were kept.
    pub beats_lost: u64,
}

/// What the process takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessFigures {
    /// Processor time of all threads, in seconds.
    pub cpu_seconds: f64,
    /// Memory that is resident, in octets; none where the system does not say.
    pub resident_octets: Option<u64>,
    /// Memory that is mapped, in octets; none where the system does not say.
    pub virtual_octets: Option<u64>,
    /// Descriptors that are open; none where the system does not say.
    pub open_descriptors: Option<u64>,
    /// Descriptors that there may be; none without a limit.
    pub descriptors_max: Option<u64>,
}

/// What a part of a probe took, at the most, in seconds: from a machine nearby to the longest usual timeout.
const PROBE_BOUNDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// A part of a probe that has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbePhase {
    /// Until it is connected: TCP, and the TLS handshake where there is one.
    Connect,
    /// Until the head of the response is there; all of a probe that has no such parts.
    Processing,
    /// Until the end of the body.
    Transfer,
}

/// What the probes of a region saw.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeFigures {
    /// The region, or `witness/` and the name of a witness.
    pub region: RegionId,
    /// Probes by outcome, in the order of [`BeatOutcome::ALL`].
    pub outcomes: [u64; 4],
    /// Failures by their label.
    pub failures: BTreeMap<&'static str, u64>,
    /// How long the phases of probes that passed took, in the order of [`ProbePhase::ALL`].
    pub phases: [HistogramFigures; 3],
}

impl HistogramFigures {
    fn of_probes() -> HistogramFigures {
        let buckets = PROBE_BOUNDS.map(|bound| (bound, 0)).to_vec();
        HistogramFigures { buckets, ..HistogramFigures::default() }
    }

    fn add(&mut self, seconds: f64) {
        self.buckets.iter_mut().filter(|(bound, _)| seconds <= *bound).for_each(|(_, count)| *count += 1);
        self.sum += seconds;
        self.count += 1;
    }
}

impl ProbePhase {
    /// All of them, in the order of time.
    pub const ALL: [ProbePhase; 3] = [ProbePhase::Connect, ProbePhase::Processing, ProbePhase::Transfer];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            ProbePhase::Connect => "connect",
            ProbePhase::Processing => "processing",
            ProbePhase::Transfer => "transfer",
        }
    }
}

impl ProbeFigures {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(region: RegionId) -> ProbeFigures {
        let phases = ProbePhase::ALL.map(|_| HistogramFigures::of_probes());
        ProbeFigures { region, outcomes: [0; 4], failures: BTreeMap::new(), phases }
    }

    /// A probe has ended, perhaps with a failure of this label.
    pub fn add(&mut self, beat: &Beat, failure: Option<&'static str>) {
        for (count, outcome) in self.outcomes.iter_mut().zip(BeatOutcome::ALL) {
            *count += u64::from(outcome == beat.outcome);
        }
        if let Some(failure) = failure {
            *self.failures.entry(failure).or_default() += 1;
        }
        if beat.outcome != BeatOutcome::Pass {
            return; // how long a failure takes is a matter of timeouts
        }
        let [connect, processing, transfer] = &mut self.phases;
        match (beat.connect, beat.response) {
            (Some(connected), Some(responded)) => {
                connect.add(connected);
                processing.add((responded - connected).max(0.0));
                transfer.add((beat.seconds - responded).max(0.0));
            }
            (Some(connected), None) => {
                connect.add(connected);
                processing.add((beat.seconds - connected).max(0.0));
            }
            (None, Some(_) | None) => processing.add(beat.seconds),
        }
    }
}
