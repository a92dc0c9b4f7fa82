//! What a probe of another schedule would have met.

use std::time::Duration;

use super::history::{History, Kind, Sample, Track};
use crate::health::{Failure, Phase, ProbeOutcome, Timings};
use crate::model::Moment;

/// A recorded probe stands for one that would have started this much of a gap after it, or before it.
pub(super) const NEAR_PERCENT: u32 = 15;

/// A check as other settings look at it: where in its track they are.
#[derive(Debug, Clone)]
pub(super) struct Meeting<'h> {
    history: &'h History,
    track: Option<&'h Track>,
    timeout: Duration,
    /// The first sample that started after the last probe.
    next: usize,
}

impl<'h> Meeting<'h> {
    pub(super) fn new(history: &'h History, track: Option<&'h Track>, timeout: Duration) -> Meeting<'h> {
        Meeting { history, track, timeout, next: 0 }
    }

    /// The recorded start that is nearest to a moment, within two others.
    pub(super) fn start_near(&self, earliest: Moment, wanted: Moment, latest: Moment) -> Option<Moment> {
        let samples = self.track?.samples.get(self.next..)?;
        let within = samples.iter().map(|sample| sample.start).skip_while(|start| *start < earliest);
        let within = within.take_while(|start| *start <= latest);
        within.min_by_key(|start| start.since(wanted).max(wanted.since(*start)))
    }

    /// A probe that starts now: what it sees, and how long it takes. `last` is the start of the one before.
    pub(super) fn probe(&mut self, last: Option<Moment>, now: Moment) -> (ProbeOutcome, Timings) {
        let Some(track) = self.track else { return not_recorded() };
        let first = self.next;
        let passed = track.samples[first..].iter().take_while(|sample| sample.start <= now).count();
        self.next = first + passed;
        if let Some(met) = self.met(track, first, last, now) {
            return self.seen(met);
        }
        let Some(before) = self.next.checked_sub(1) else { return not_recorded() };
        if track.is_gap_after(before) && now.since(track.samples[before].start) > track.gap_max / 3 {
            return not_recorded();
        }
        self.seen(between(track, before, now))
    }

    /// The failure that was recorded since the last probe, and that hits this one; or the probe that starts just now.
    fn met(&self, track: &'h Track, first: usize, last: Option<Moment>, now: Moment) -> Option<&'h Sample> {
        let taken = &track.samples[first..self.next];
        if let Some(same) = taken.last().filter(|sample| sample.start == now) {
            return Some(same);
        }
        let last = last?;
        taken.iter().enumerate().rev().find_map(|(index, sample)| {
            let before = track.samples.get((first + index).checked_sub(1)?)?;
            let gap = sample.start.since(before.start);
            let gap = gap + gap * NEAR_PERCENT / 100;
            let is_met =
                sample.kind.is_failure() && (now.since(last) <= gap || now.since(sample.start) < gap);
            is_met.then_some(sample)
        })
    }

    fn seen(&self, sample: &Sample) -> (ProbeOutcome, Timings) {
        let timings = sample.timings();
        match sample.kind {
            Kind::Pass if timings.total > self.timeout => {
                let connected = timings.connect.is_some_and(|connect| connect <= self.timeout);
                let phase = if connected { Phase::Response } else { Phase::Connect };
                let timings = Timings { total: self.timeout, ..timings };
                (ProbeOutcome::failed(Failure::Timeout(phase)), timings)
            }
            Kind::Pass | Kind::Heard | Kind::Silent | Kind::Ours => {
                let outcome = self.history.outcome(sample);
                let total = match outcome.failure() {
                    Some(Failure::Timeout(_)) => self.timeout,
                    Some(_) | None => timings.total.min(self.timeout),
                };
                (outcome, Timings { total, ..timings })
            }
        }
    }
}

/// What stands for a moment between a sample and the next one.
fn between(track: &Track, before: usize, now: Moment) -> &Sample {
    let earlier = &track.samples[before];
    let Some(later) = track.samples.get(before + 1) else { return earlier };
    let is_past_the_middle = now.since(earlier.start) * 2 >= later.start.since(earlier.start);
    let lasting = |index: usize| track.row_of(index).is_some();
    match (earlier.kind.is_failure(), later.kind.is_failure()) {
        (false, true) if lasting(before + 1) && is_past_the_middle => later,
        (true, false) if !lasting(before) || is_past_the_middle => later,
        _ => earlier,
    }
}

fn not_recorded() -> (ProbeOutcome, Timings) {
    (ProbeOutcome::Ours("nothing was recorded".into()), Timings::default())
}
