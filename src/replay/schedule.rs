//! When each check is probed by other settings: close to the recorded schedule where they allow it.

use std::time::Duration;

use super::history::History;
use super::meeting::{Meeting, NEAR_PERCENT};
use crate::controller::Parameters;
use crate::health::{Check, Observation, Pace, Rules};
use crate::model::{CheckId, Moment, VantageId};
use crate::policy::INTERVAL_JITTER_PERCENT;

/// All checks.
#[derive(Debug, Clone)]
pub(super) struct Schedule<'h> {
    vantage: VantageId,
    slots: Vec<Slot<'h>>,
}

/// One check, its next probe, and the recording of it. Times are those of the recording.
#[derive(Debug, Clone)]
struct Slot<'h> {
    check: CheckId,
    rules: Rules,
    pace: Pace,
    meeting: Meeting<'h>,
    last_start: Option<Moment>,
    earliest: Moment,
    wanted: bool,
    in_flight: Option<(Moment, Observation)>,
    next: Moment,
}

impl<'h> Schedule<'h> {
    pub(super) fn new(history: &'h History, parameters: &Parameters, from: Moment) -> Schedule<'h> {
        let checks = parameters.regions.iter().flat_map(|region| &region.checks).chain(&parameters.witnesses);
        let slots = checks.map(|check| Slot::new(history, check, from)).collect();
        Schedule { vantage: parameters.vantage.clone(), slots }
    }

    /// When the next probe starts or ends; never when nothing is probed.
    pub(super) fn next(&self) -> Option<Moment> {
        self.slots.iter().map(|slot| slot.next).min()
    }

    /// Does what is due: probes start, and those that end are handed out.
    pub(super) fn run(&mut self, now: Moment, ended: &mut Vec<Observation>) {
        for slot in self.slots.iter_mut().filter(|slot| slot.next <= now) {
            match slot.in_flight.take() {
                None => slot.start(&self.vantage, now),
                Some((_, observation)) => {
                    slot.earliest = now;
                    slot.next = slot.due();
                    ended.push(observation);
                }
            }
        }
    }

    pub(super) fn set_pace(&mut self, check: &CheckId, pace: Pace, now: Moment) {
        for slot in self.slots.iter_mut().filter(|slot| slot.check == *check) {
            slot.pace = pace;
            slot.not_before(now);
        }
    }

    pub(super) fn probe_now(&mut self, check: &CheckId, now: Moment) {
        for slot in self.slots.iter_mut().filter(|slot| slot.check == *check) {
            slot.wanted = true;
            slot.not_before(now);
        }
    }

    /// Whether no check is looked at more often than usual.
    pub(super) fn is_steady(&self) -> bool {
        self.slots.iter().all(|slot| slot.pace == Pace::Steady && slot.last_start.is_some())
    }

    /// Nothing happens for this long: all that is planned is so much later.
    pub(super) fn skip(&mut self, span: Duration) {
        for slot in &mut self.slots {
            slot.last_start = slot.last_start.map(|last| last + span);
            slot.earliest = slot.earliest + span;
            slot.in_flight = slot.in_flight.take().map(|(ends, seen)| (ends + span, seen));
            slot.next = slot.next + span;
        }
    }
}

impl<'h> Slot<'h> {
    fn new(history: &'h History, Check { id, rules, .. }: &Check, from: Moment) -> Slot<'h> {
        let meeting = Meeting::new(history, history.track(id), rules.timeout);
        let next = meeting.start_near(from, from, from + rules.interval).unwrap_or(from);
        Slot {
            check: id.clone(),
            rules: *rules,
            pace: Pace::Steady,
            meeting,
            last_start: None,
            earliest: next,
            wanted: false,
            in_flight: None,
            next,
        }
    }

    fn not_before(&mut self, now: Moment) {
        self.earliest = self.earliest.max(now);
        self.next = self.due();
    }

    fn due(&self) -> Moment {
        match (&self.in_flight, self.last_start) {
            (Some((ends, _)), _) => *ends,
            (None, Some(last)) if !self.wanted => {
                let (gap, least) = match self.pace {
                    Pace::Steady => (self.rules.interval, 100 - INTERVAL_JITTER_PERCENT),
                    Pace::Recheck => (self.rules.recheck, 90),
                };
                let of = |percent: u32| last + gap * percent / 100;
                let (earliest, wanted) = (of(least).max(self.earliest), of(100));
                let latest = of(100 + NEAR_PERCENT).max(self.earliest);
                let recorded = self.meeting.start_after_pause(earliest, latest, gap);
                let recorded = recorded.or_else(|| self.meeting.start_near(earliest, wanted, latest));
                recorded.unwrap_or_else(|| self.closer(wanted, of(least), gap)).max(self.earliest)
            }
            (None, Some(_) | None) => self.earliest,
        }
    }

    /// Where the recording has no probe within the jitter: as far towards its next one as the jitter allows, so that two
    /// schedules of one pace meet after a few probes.
    fn closer(&self, wanted: Moment, earliest: Moment, gap: Duration) -> Moment {
        let (before, after) = (wanted.before(gap / 2), wanted + gap / 2);
        match self.meeting.start_near(before, wanted, after) {
            Some(recorded) if recorded < wanted => earliest,
            Some(_) if self.pace == Pace::Steady => wanted + gap * INTERVAL_JITTER_PERCENT / 100,
            Some(_) | None => wanted,
        }
    }

    fn start(&mut self, vantage: &VantageId, now: Moment) {
        let (outcome, timings) = self.meeting.probe(self.last_start, now);
        self.wanted = false;
        self.last_start = Some(now);
        let ends = now + timings.total;
        let check = self.check.clone();
        let observation =
            Observation { check, vantage: vantage.clone(), outcome, timings, certificate_expires: None };
        self.in_flight = Some((ends, observation));
        self.next = ends;
    }
}
