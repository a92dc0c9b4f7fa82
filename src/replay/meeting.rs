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

    /// The first recorded start within two moments that came after as long a pause as is wanted, or nearly so: the probe
    /// itself, not one of those that followed in haste.
    pub(super) fn start_after_pause(
        &self,
        earliest: Moment,
        latest: Moment,
        pause: Duration,
    ) -> Option<Moment> {
        let samples = &self.track?.samples;
        let first = self.next + samples.get(self.next..)?.partition_point(|sample| sample.start < earliest);
        let mut within = (first..samples.len()).take_while(|index| samples[*index].start <= latest);
        let is_after_pause = |index: &usize| {
            let before = index.checked_sub(1).map(|before| samples[before].start);
            before.is_some_and(|before| samples[*index].start.since(before) * 4 >= pause * 3)
        };
        within.find(is_after_pause).map(|index| samples[index].start)
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
        let failures = || {
            taken.iter().enumerate().rev().filter(|(_, sample)| sample.kind.is_failure()).filter_map(
                |(index, sample)| {
                    let before = track.samples.get((first + index).checked_sub(1)?)?;
                    let gap = sample.start.since(before.start);
                    Some((sample, gap + gap * NEAR_PERCENT / 100))
                },
            )
        };
        let is_as_fast = |gap: Duration| last.is_some_and(|last| now.since(last) <= gap);
        let met = failures().find(|(_, gap)| is_as_fast(*gap)).map(|(sample, _)| sample);
        let same = taken.last().filter(|sample| sample.start == now);
        let late = || failures().find(|(sample, gap)| last.is_some() && now.since(sample.start) < *gap);
        met.or(same).or_else(|| late().map(|(sample, _)| sample))
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
    let last_pass = || track.samples[..before].iter().rev().find(|sample| sample.kind == Kind::Pass);
    match (earlier.kind.is_failure(), later.kind.is_failure()) {
        (false, true) if lasting(before + 1) && is_past_the_middle => later,
        // Two accidents, and nothing in between.
        (true, true) if track.row_of(before).is_none() => last_pass().unwrap_or(earlier),
        (true, false) if !lasting(before) || is_past_the_middle => later,
        _ => earlier,
    }
}

fn not_recorded() -> (ProbeOutcome, Timings) {
    (ProbeOutcome::Ours("nothing was recorded".into()), Timings::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::tests::{EAST, at, check, history, recorded_as};

    /// Probes of another schedule, in seconds from the beginning: `.` passes, `x` fails, `?` is not known.
    fn check_probes(recorded: &str, timeout: u64, starts: &[f64], expected: &str) {
        let history = history(&[&recorded_as(recorded)]);
        let track = history.track(&check(EAST).id);
        let mut meeting = Meeting::new(&history, track, Duration::from_millis(timeout));
        let mut last = None;
        let mut met = String::new();
        for start in starts {
            let now = at((start * 1_000.0) as u64);
            met.push(match meeting.probe(last, now).0 {
                ProbeOutcome::Pass => '.',
                ProbeOutcome::Heard(_) | ProbeOutcome::Silent(_) => 'x',
                ProbeOutcome::Ours(_) => '?',
            });
            last = Some(now);
        }
        assert_eq!(met, expected, "{recorded} at {starts:?}");
    }

    #[test]
    fn the_same_schedule_meets_the_same() {
        let starts: Vec<f64> = (0..8).map(|probe| f64::from(probe) * 5.0).collect();
        check_probes("..x..xxx", 2_000, &starts, "..x..xxx");
    }

    #[test]
    fn a_lost_probe_is_met_once_by_a_faster_schedule() {
        check_probes("..x..", 2_000, &[0.0, 4.0, 7.0, 9.5, 10.5, 11.0, 12.0, 15.0], "....x...");
        check_probes("..x..", 2_000, &[0.0, 4.0, 8.0, 12.0, 15.0], "...x.");
    }

    #[test]
    fn two_lost_probes_are_two_for_a_faster_schedule() {
        check_probes("..xx..", 2_000, &[0.0, 4.0, 8.0, 11.0, 13.0, 15.0, 17.0, 20.0], "...x.x..");
    }

    #[test]
    fn a_slower_schedule_meets_a_lost_probe_as_often_as_its_gaps_allow() {
        check_probes(".x.....", 2_000, &[0.0, 20.0], "..");
        check_probes("...x...", 2_000, &[0.0, 19.0], ".x");
        check_probes("...x...", 2_000, &[0.0, 20.0], "..");
    }

    #[test]
    fn lasting_trouble_begins_and_ends_halfway() {
        let starts: Vec<f64> = (0..14).map(|probe| 1.0 + f64::from(probe) * 2.0).collect();
        // Failures at 10, 15 and 20 s: dead from 7.5 s to 22.5 s.
        check_probes("..xxx..", 2_000, &starts, "....xxxxxxx...");
    }

    #[test]
    fn where_nothing_is_recorded_nothing_is_known() {
        check_probes("..              ..", 2_000, &[0.0, 5.0, 30.0, 60.0, 80.0, 85.0], "..??..");
    }

    /// `s` is a pass that took 1.5 s.
    #[test]
    fn a_pass_that_took_longer_than_the_timeout_fails() {
        check_probes(".s.", 2_000, &[0.0, 5.0, 10.0], "...");
        check_probes(".s.", 1_000, &[0.0, 5.0, 10.0], ".x.");
    }
}
