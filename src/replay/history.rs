//! All recorded probes of each check, as compact as a month of them asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::health::{Failure, ProbeOutcome, Timings};
use crate::model::{CheckId, Moment};
use crate::recording::{self, Contents, Unreadable};

/// The most probes that are held: a gigabyte of memory.
const PROBES_MAX: usize = 40_000_000;

/// Missing for so many usual gaps, a probe was not made.
const GAPS_MAX: u32 = 3;

/// And for so long in any case: a timeout, and the pause of a restart.
const GAP_FLOOR: Duration = Duration::from_secs(10);

/// Every probe that was recorded, by its check.
#[derive(Debug, Clone, Default)]
pub struct History {
    tracks: BTreeMap<CheckId, Track>,
    outcomes: Vec<ProbeOutcome>,
    contents: Contents,
    left_out: u64,
}

/// What of a history concerns a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The first probe.
    pub from: Moment,
    /// The last probe.
    pub until: Moment,
    /// All probes of checks that are configured.
    pub probes: u64,
    /// Configured checks without a single probe.
    pub missing: Vec<CheckId>,
    /// Recorded checks that are not configured.
    pub unknown: Vec<CheckId>,
    /// Octets that were damaged.
    pub damaged: u64,
}

/// The probes of one check, in the order of their starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    pub(super) samples: Vec<Sample>,
    /// Longer than this between two starts, and what was in between is not known.
    pub(super) gap_max: Duration,
    /// Rows of three and more failures: the first and the last of each.
    pub(super) lasting: Vec<(usize, usize)>,
}

/// One probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) start: Moment,
    /// In microseconds.
    total: u32,
    /// The same until connected, and one more; 0 for none.
    connect: u32,
    outcome: u16,
    pub(super) kind: Kind,
}

/// What a probe says, without why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pass,
    Heard,
    Silent,
    Ours,
}

/// A row of failures that is long enough was no accident.
pub(super) const LASTING: usize = 3;

impl History {
    /// Adds the probes of a recording.
    ///
    /// # Errors
    /// When it is no recording.
    pub fn add(&mut self, octets: &[u8]) -> Result<(), Unreadable> {
        let mut interned: BTreeMap<String, u16> = BTreeMap::new();
        for (outcome, number) in self.outcomes.iter().zip(0..) {
            interned.insert(format!("{outcome:?}"), number);
        }
        let mut count: usize = self.tracks.values().map(|track| track.samples.len()).sum();
        let History { tracks, outcomes, left_out, .. } = self;
        // Probes of one check follow one another, so the last place is mostly the right one.
        let contents = recording::read(octets, |check, probe| {
            if count >= PROBES_MAX {
                *left_out += 1;
                return;
            }
            count += 1;
            let kind = Kind::of(&probe.outcome);
            let outcome = match kind {
                Kind::Pass => 0,
                Kind::Heard | Kind::Silent | Kind::Ours => intern(&probe.outcome, outcomes, &mut interned),
            };
            let micros = |span: Duration| u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
            let sample = Sample {
                start: probe.at.before(probe.timings.total),
                total: micros(probe.timings.total),
                connect: probe.timings.connect.map_or(0, |span| micros(span).saturating_add(1)),
                outcome,
                kind,
            };
            match tracks.get_mut(check) {
                Some(track) => track.samples.push(sample),
                None => {
                    tracks.insert(check.clone(), Track { samples: vec![sample], ..Track::default() });
                }
            }
        })?;
        self.contents.probes += contents.probes;
        self.contents.damaged += contents.damaged;
        Ok(())
    }

    /// Brings all of it in order, after the last recording was added.
    pub fn finish(&mut self) {
        self.tracks.values_mut().for_each(Track::finish);
    }

    /// Probes that were too many to be held.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What of it concerns these checks; none when nothing does.
    #[must_use]
    pub fn coverage<'c>(&self, checks: impl Iterator<Item = &'c CheckId>) -> Option<Coverage> {
        let (mut probes, mut missing, mut configured) = (0, Vec::new(), Vec::new());
        let (mut from, mut until) = (None, None);
        for check in checks {
            configured.push(check);
            let Some((first, last)) = self.tracks.get(check).and_then(Track::ends) else {
                missing.push(check.clone());
                continue;
            };
            probes += self.tracks[check].samples.len() as u64;
            from = Some(from.map_or(first, |from: Moment| from.min(first)));
            until = Some(until.map_or(last, |until: Moment| until.max(last)));
        }
        let unknown = self.tracks.keys().filter(|check| !configured.contains(check)).cloned().collect();
        let damaged = self.contents.damaged;
        Some(Coverage { from: from?, until: until?, probes, missing, unknown, damaged })
    }

    pub(super) fn track(&self, check: &CheckId) -> Option<&Track> {
        self.tracks.get(check)
    }

    /// The whole of what a probe saw.
    pub(super) fn outcome(&self, sample: &Sample) -> ProbeOutcome {
        match sample.kind {
            Kind::Pass => ProbeOutcome::Pass,
            Kind::Heard | Kind::Silent | Kind::Ours => self.outcomes[usize::from(sample.outcome)].clone(),
        }
    }
}

fn intern(
    outcome: &ProbeOutcome,
    outcomes: &mut Vec<ProbeOutcome>,
    known: &mut BTreeMap<String, u16>,
) -> u16 {
    // Texts that differ each time ("41 s old") are not worth a place each.
    let plain = match outcome {
        ProbeOutcome::Heard(Failure::Stale { pointer, .. }) => ProbeOutcome::failed(Failure::Stale {
            pointer: pointer.clone(),
            got: "not recorded".into(),
            beyond: None,
        }),
        ProbeOutcome::Heard(Failure::JsonMismatch { pointer, .. }) => {
            let got = "something else".into();
            ProbeOutcome::failed(Failure::JsonMismatch { pointer: pointer.clone(), got })
        }
        ProbeOutcome::Silent(Failure::Program { code, .. }) => {
            ProbeOutcome::failed(Failure::Program { code: *code, said: String::new() })
        }
        other @ (ProbeOutcome::Pass
        | ProbeOutcome::Heard(_)
        | ProbeOutcome::Silent(_)
        | ProbeOutcome::Ours(_)) => other.clone(),
    };
    let key = format!("{plain:?}");
    if let Some(number) = known.get(&key) {
        return *number;
    }
    let Ok(number) = u16::try_from(outcomes.len()) else { return u16::MAX };
    outcomes.push(plain);
    known.insert(key, number);
    number
}

impl Kind {
    fn of(outcome: &ProbeOutcome) -> Kind {
        match outcome {
            ProbeOutcome::Pass => Kind::Pass,
            ProbeOutcome::Heard(_) => Kind::Heard,
            ProbeOutcome::Silent(_) => Kind::Silent,
            ProbeOutcome::Ours(_) => Kind::Ours,
        }
    }

    pub(super) fn is_failure(self) -> bool {
        matches!(self, Kind::Heard | Kind::Silent)
    }
}

impl Sample {
    /// How long it took.
    pub(super) fn timings(&self) -> Timings {
        let micros = |micros: u32| Duration::from_micros(u64::from(micros));
        Timings {
            total: micros(self.total),
            connect: self.connect.checked_sub(1).map(micros),
            ..Timings::default()
        }
    }
}

impl Track {
    fn ends(&self) -> Option<(Moment, Moment)> {
        Some((self.samples.first()?.start, self.samples.last()?.start))
    }

    fn finish(&mut self) {
        self.samples.sort_by_key(|sample| sample.start); // restarts with another clock, and files in another order
        self.gap_max = (usual_gap(&self.samples) * GAPS_MAX).max(GAP_FLOOR);
        self.lasting = rows(&self.samples, self.gap_max);
    }

    /// Whether nothing is known between a sample and the next one.
    pub(super) fn is_gap_after(&self, index: usize) -> bool {
        match self.samples.get(index + 1) {
            Some(next) => next.start.since(self.samples[index].start) > self.gap_max,
            None => true,
        }
    }

    /// The lasting row that a sample is in.
    pub(super) fn row_of(&self, index: usize) -> Option<(usize, usize)> {
        let after = self.lasting.partition_point(|(first, _)| *first <= index);
        let row = self.lasting[after.checked_sub(1)?];
        (index <= row.1).then_some(row)
    }
}

/// The gap that most probes keep while all is well: three quarters of all gaps are no longer.
fn usual_gap(samples: &[Sample]) -> Duration {
    let mut gaps: Vec<u64> =
        samples.windows(2).map(|pair| pair[1].start.as_millis() - pair[0].start.as_millis()).collect();
    if gaps.is_empty() {
        return Duration::ZERO;
    }
    let place = (gaps.len() - 1) * 3 / 4;
    let (_, usual, _) = gaps.select_nth_unstable(place);
    Duration::from_millis(*usual)
}

/// Three and more failures in a row, with no pass and no gap among them; faults of our own are passed over.
fn rows(samples: &[Sample], gap_max: Duration) -> Vec<(usize, usize)> {
    let mut rows = Vec::new();
    let mut row: Vec<usize> = Vec::new();
    let mut last = None;
    for (index, sample) in samples.iter().enumerate() {
        let is_after_gap = last.is_some_and(|last| sample.start.since(last) > gap_max);
        last = Some(sample.start);
        if sample.kind == Kind::Pass || is_after_gap {
            rows.extend(lasting(&row));
            row.clear();
        }
        if sample.kind.is_failure() {
            row.push(index);
        }
    }
    rows.extend(lasting(&row));
    rows
}

fn lasting(row: &[usize]) -> Option<(usize, usize)> {
    (row.len() >= LASTING).then(|| (row[0], row[row.len() - 1]))
}
