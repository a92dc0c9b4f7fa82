//! When a check is due: from start to start, spread and jittered, without drift.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::health::Pace;
use crate::model::CheckId;
use crate::policy::INTERVAL_JITTER_PERCENT;

/// How far a start may stray from the interval, each way: many name servers must not probe in step.
const JITTER: f64 = INTERVAL_JITTER_PERCENT as f64 / 100.0;

/// The first round is spread over no more than this, so that a restarted name server soon knows its regions.
const FIRST_ROUND_MAX: Duration = Duration::from_secs(1);

/// How often a check is probed, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) interval: Duration,
    pub(super) recheck: Duration,
    pub(super) timeout: Duration,
}

impl Times {
    pub(super) fn of(probe: &config::Probe) -> Times {
        let config::Probe { interval, recheck, timeout, .. } = *probe;
        Times { interval, recheck, timeout }
    }
}

/// The starts of one check.
#[derive(Debug)]
pub(super) struct Timetable {
    times: Times,
    /// Makes the jitter of this check different from that of all others, here and elsewhere.
    seed: u64,
    starts: u64,
    /// The start that the next one is counted from: when it should have been, lest lateness adds up.
    last: Option<Instant>,
    /// The latest start of all, which rechecks are counted from: also one that was asked for.
    latest: Option<Instant>,
    /// Nothing starts before: the first start, the end of the probe in flight, the change of pace.
    earliest: Instant,
}

impl Timetable {
    /// The first start lies within the first interval or second, whichever is shorter, at a phase of the check's own.
    pub(super) fn new(check: &CheckId, times: Times, seed: u64, now: Instant) -> Timetable {
        let phase = fraction(&(check, seed));
        let earliest = now + times.interval.min(FIRST_ROUND_MAX).mul_f64(phase);
        let seed = hash(&(check, seed));
        Timetable { times, seed, starts: 0, last: None, latest: None, earliest }
    }

    /// It goes on from a start that another process made then, instead of with a first round.
    pub(super) fn after(self, last: Instant, now: Instant) -> Timetable {
        Timetable { last: Some(last), latest: Some(last), earliest: now, ..self }
    }

    /// The latest start, as it counts for the next one.
    pub(super) fn latest(&self) -> Option<Instant> {
        self.latest
    }

    /// What it goes by.
    pub(super) fn times(&self) -> Times {
        self.times
    }

    /// It goes by others from its last start on: whatever they are, and however often they change, no start is put off
    /// because of that.
    pub(super) fn set_times(&mut self, times: Times) {
        self.times = times;
    }

    /// When the next probe should start.
    pub(super) fn due(&self, pace: Pace) -> Instant {
        let from = match pace {
            Pace::Steady => self.last,
            Pace::Recheck => self.latest,
        };
        from.map_or(self.earliest, |from| (from + self.gap(pace)).max(self.earliest))
    }

    /// The probe that was due starts now. Returns how late that is.
    ///
    /// A start that is far too late (we were stopped, or starved) begins a new count, or a second probe would
    /// follow on its heels.
    pub(super) fn start(&mut self, pace: Pace, now: Instant) -> Duration {
        let due = self.due(pace);
        let late = now.saturating_duration_since(due);
        let on_time = late <= self.gap(pace).mul_f64(JITTER);
        self.last = Some(if on_time { due } else { now });
        self.latest = self.last;
        self.starts += 1;
        late
    }

    /// A probe that was asked for starts now. Unless one was due anyway, the steady schedule stays as it was; a recheck that
    /// follows from it keeps its distance, or two looks at the same moment would count as two.
    pub(super) fn start_asked(&mut self, pace: Pace, now: Instant) -> Duration {
        if self.due(pace) <= now {
            return self.start(pace, now);
        }
        self.latest = Some(now);
        Duration::ZERO
    }

    /// Nothing starts before `now`: a probe was in flight until now, or nobody knew of the new pace.
    pub(super) fn not_before(&mut self, now: Instant) {
        self.earliest = self.earliest.max(now);
    }

    /// One draw for each start, so that a change of pace and back changes nothing.
    ///
    /// A recheck only ever comes early: the time to detect a failure counts on it.
    fn gap(&self, pace: Pace) -> Duration {
        let draw = fraction(&(self.seed, self.starts));
        match pace {
            Pace::Steady => self.times.interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * draw),
            Pace::Recheck => self.times.recheck.mul_f64(1.0 - JITTER * draw),
        }
    }
}

/// Evenly from 0 to 1, always the same for the same `thing`.
fn fraction(thing: &impl Hash) -> f64 {
    f64::from(u32::try_from(hash(thing) >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

fn hash(thing: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(interval_ms: u64, recheck_ms: u64) -> Times {
        let timeout = Duration::from_secs(1);
        Times {
            interval: Duration::from_millis(interval_ms),
            recheck: Duration::from_millis(recheck_ms),
            timeout,
        }
    }

    fn table(number: u16, times: Times, now: Instant) -> Timetable {
        let check = CheckId { region: "fra".into(), probe: number, address: [192, 0, 2, 1].into() };
        Timetable::new(&check, times, 7, now)
    }

    fn share(part: Duration, whole: Duration) -> f64 {
        part.as_secs_f64() / whole.as_secs_f64()
    }

    #[test]
    fn each_start_follows_the_last_by_the_interval_give_or_take_a_tenth() {
        let mut table = table(0, times(5_000, 1_000), Instant::now());
        let mut gaps = Vec::new();
        let mut last = table.due(Pace::Steady);
        for _ in 0..1_000 {
            table.start(Pace::Steady, last);
            let due = table.due(Pace::Steady);
            gaps.push(share(due - last, table.times().interval));
            last = due;
        }
        assert!(gaps.iter().all(|gap| (0.9..=1.1).contains(gap)), "{gaps:?}");
        let mean = gaps.iter().sum::<f64>() / 1_000.0;
        assert!((0.99..=1.01).contains(&mean), "starts drift: {mean} intervals apart");
        assert!(gaps.iter().any(|gap| *gap < 0.92) && gaps.iter().any(|gap| *gap > 1.08), "no jitter");
    }

    #[test]
    fn a_recheck_is_never_late() {
        let mut table = table(0, times(5_000, 1_000), Instant::now());
        let mut last = table.due(Pace::Recheck);
        for _ in 0..1_000 {
            table.start(Pace::Recheck, last);
            let due = table.due(Pace::Recheck);
            let gap = share(due - last, Duration::from_secs(1));
            assert!((0.9..=1.0).contains(&gap), "{gap}");
            last = due;
        }
    }

    #[test]
    fn the_first_round_is_spread_over_the_first_second() {
        let now = Instant::now();
        let starts = |interval| {
            let table = move |number| table(number, times(interval, 50), now);
            (0..400).map(move |number| table(number).due(Pace::Steady) - now)
        };
        let quarters = |whole: Duration, interval| {
            let mut counts = [0; 4];
            starts(interval).for_each(|start| counts[(share(start, whole) * 4.0).min(3.0) as usize] += 1);
            counts
        };
        for (interval, whole) in [(5_000, 1_000), (100, 100)] {
            let whole = Duration::from_millis(whole);
            assert!(starts(interval).all(|start| start <= whole));
            let counts = quarters(whole, interval);
            assert!(counts.iter().all(|count| (70..=130).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn a_little_lateness_is_made_up_for_and_a_lot_is_forgotten() {
        let mut table = table(0, times(1_000, 1_000), Instant::now());
        let due = table.due(Pace::Steady);
        assert_eq!(table.start(Pace::Steady, due + Duration::from_millis(50)), Duration::from_millis(50));
        assert!(table.due(Pace::Steady) <= due + Duration::from_millis(1_100));

        let due = table.due(Pace::Steady);
        let now = due + Duration::from_secs(60);
        assert_eq!(table.start(Pace::Steady, now), Duration::from_secs(60));
        assert!(table.due(Pace::Steady) >= now + Duration::from_millis(900));
    }

    #[test]
    fn a_recheck_keeps_its_distance_from_a_probe_that_was_asked_for() {
        let mut table = table(0, times(5_000, 1_000), Instant::now());
        let start = table.due(Pace::Steady);
        table.start(Pace::Steady, start);
        let steady = table.due(Pace::Steady);
        let asked = start + Duration::from_millis(3_000);
        assert_eq!(table.start_asked(Pace::Steady, asked), Duration::ZERO);
        assert_eq!(table.due(Pace::Steady), steady);
        let recheck = table.due(Pace::Recheck);
        assert!(
            recheck >= asked + Duration::from_millis(900) && recheck <= asked + Duration::from_millis(1_000)
        );
        table.start(Pace::Recheck, recheck);
        assert!(table.due(Pace::Steady) > recheck, "and then on from there");
    }

    #[test]
    fn a_change_of_pace_counts_from_the_last_start() {
        let mut table = table(0, times(5_000, 1_000), Instant::now());
        let start = table.due(Pace::Steady);
        table.start(Pace::Steady, start);
        let steady = table.due(Pace::Steady);
        table.not_before(start + Duration::from_millis(20));
        assert!(table.due(Pace::Recheck) <= start + Duration::from_millis(1_000));
        assert_eq!(table.due(Pace::Steady), steady, "back again, as if nothing had been");

        table.not_before(start + Duration::from_millis(3_000));
        assert_eq!(table.due(Pace::Recheck), start + Duration::from_millis(3_000), "at once: long due");
        assert_eq!(table.start(Pace::Recheck, start + Duration::from_millis(3_000)), Duration::ZERO);
    }

    #[test]
    fn whoever_goes_on_from_a_start_of_another_keeps_its_distance() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let new = || table(0, times(5_000, 1_000), now);
        let last = now.checked_sub(second * 2).expect("the machine runs for longer");
        let due = new().after(last, now).due(Pace::Steady) - now;
        assert!((second * 5 / 2..=second * 7 / 2).contains(&due), "{due:?}");
        assert_eq!(new().after(last, now).due(Pace::Recheck), now, "long due");
        let last = now.checked_sub(second * 60).expect("the machine runs for longer");
        assert_eq!(new().after(last, now).due(Pace::Steady), now, "long due");
    }

    #[test]
    fn other_times_hold_from_the_last_start_on() {
        let mut table = table(0, times(5_000, 1_000), Instant::now());
        let start = table.due(Pace::Steady);
        table.set_times(times(60_000, 1_000));
        assert_eq!(table.due(Pace::Steady), start, "the first round is not put off");
        table.start(Pace::Steady, start);
        let steady = share(table.due(Pace::Steady) - start, Duration::from_secs(60));
        assert!((0.9..=1.1).contains(&steady), "{steady}");
        table.set_times(times(2_000, 500));
        let steady = share(table.due(Pace::Steady) - start, Duration::from_secs(2));
        assert!((0.9..=1.1).contains(&steady), "{steady}");
        let recheck = share(table.due(Pace::Recheck) - start, Duration::from_millis(500));
        assert!((0.9..=1.0).contains(&recheck), "{recheck}");
    }
}
