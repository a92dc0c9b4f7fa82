//! The recorded months once more, by the production code and under any settings.

use std::collections::VecDeque;
use std::time::Duration;

use super::history::{Coverage, History, Kind};
use super::schedule::Schedule;
use crate::controller::{Commit, Controller, Effect, Event, Parameters};
use crate::health::{ProbeOutcome, State};
use crate::model::{Moment, RegionId, Ttl};
use crate::policy::{Failback, Steer};

/// The daemon tells the controller this often that time went by.
const TICK: Duration = Duration::from_secs(1);

/// The window of the flip limit, and a little more.
const FLIPS_REMEMBERED: Duration = Duration::from_secs(3_700);

/// Calm of less than this is not worth passing over.
const SKIPPED_MIN: Duration = Duration::from_secs(60);

/// What was answered, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// When the recording begins.
    pub from: Moment,
    /// When it ends.
    pub until: Moment,
    /// For each steer, in the order of the configuration: its answers, the oldest first.
    pub stays: Vec<Vec<Stay>>,
}

/// One answer of a steer, which lasts until the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Since when.
    pub from: Moment,
    /// The region in service.
    pub region: RegionId,
    /// For how long caches keep it.
    pub ttl: Ttl,
    /// Why, in one line.
    pub why: String,
}

/// Plays a history by some parameters. `progress` is told how far it is, now and then.
#[must_use]
pub fn replay(
    history: &History,
    coverage: &Coverage,
    parameters: &Parameters,
    progress: &mut dyn FnMut(Moment),
) -> Course {
    play(Run::start(history, coverage, parameters), coverage, progress)
}

fn play(mut run: Run<'_>, coverage: &Coverage, progress: &mut dyn FnMut(Moment)) -> Course {
    let mut steps = 0_u32;
    while run.step() {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(1 << 14) {
            progress(run.now);
        }
    }
    progress(coverage.until);
    Course { from: coverage.from, until: coverage.until, stays: run.stays }
}

struct Run<'h> {
    controller: Controller,
    schedule: Schedule<'h>,
    /// In the time of the recording.
    now: Moment,
    until: Moment,
    next_tick: Moment,
    /// Calm that was passed over: by so much the controller's clock is behind.
    skipped: Duration,
    trouble: Trouble,
    stays: Vec<Vec<Stay>>,
    events: VecDeque<Event>,
}

/// What keeps calm from being passed over.
struct Trouble {
    /// When anything but a pass was recorded that these settings could meet, and where nothing is recorded.
    recorded: Vec<Moment>,
    next: usize,
    /// Since when no probe failed.
    calm_since: Moment,
    /// Since when no region went up or down, and no name moved.
    settled_since: Moment,
    /// After so long without a failed probe no check remembers one.
    calm_after: Duration,
    /// After so long without a move no rule remembers one.
    settled_after: Duration,
    /// So long before trouble the schedule must be the recorded one again.
    margin: Duration,
}

impl<'h> Run<'h> {
    fn start(history: &'h History, coverage: &Coverage, parameters: &Parameters) -> Run<'h> {
        let now = coverage.from;
        let (controller, effects) = Controller::start(without_gates(parameters), &[], None, now);
        let mut run = Run {
            controller,
            schedule: Schedule::new(history, parameters, now),
            now,
            until: coverage.until,
            next_tick: now + TICK,
            skipped: Duration::ZERO,
            trouble: Trouble::new(history, parameters, now),
            stays: vec![Vec::new(); parameters.steers.len()],
            events: VecDeque::new(),
        };
        run.perform(effects);
        run.note_stays();
        run
    }

    /// Goes on to the next thing that happens; false at the end.
    fn step(&mut self) -> bool {
        let wake = self.controller.wake_at().map(|at| at + self.skipped);
        let next = [self.schedule.next(), wake].into_iter().flatten().fold(self.next_tick, Moment::min);
        if next > self.until {
            return false;
        }
        self.now = next.max(self.now);
        if self.next_tick <= self.now || wake.is_some_and(|at| at <= self.now) {
            self.next_tick = self.now + TICK;
            self.take(Event::TimePassed);
            self.skip_calm();
        }
        let mut ended = Vec::new();
        self.schedule.run(self.now, &mut ended);
        for observation in ended {
            if observation.outcome != ProbeOutcome::Pass {
                self.trouble.calm_since = self.now;
            }
            self.take(Event::Observed(observation));
        }
        true
    }

    fn take(&mut self, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            let effects = self.controller.handle(event, self.now.before(self.skipped));
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Commit(id, _) => self.events.push_back(Event::Committed(id, Commit::Durable)),
                Effect::Publish(_) => self.note_stays(),
                Effect::Pace(check, pace) => self.schedule.set_pace(&check, pace, self.now),
                Effect::ProbeNow(check) => self.schedule.probe_now(&check, self.now),
                Effect::Report(_) => self.trouble.settled_since = self.now,
                Effect::RunHook(_)
                | Effect::Configure(_)
                | Effect::Note(_)
                | Effect::Transact(_)
                | Effect::Persist
                | Effect::Verify { .. }
                | Effect::Reply(_) => {}
            }
        }
    }

    fn note_stays(&mut self) {
        for (decision, stays) in self.controller.decisions().iter().zip(&mut self.stays) {
            let (region, ttl) = (&decision.standing.region, decision.ttl);
            if stays.last().is_some_and(|last| last.region == *region && last.ttl == ttl) {
                continue;
            }
            let moved = stays.last().is_none_or(|last| last.region != *region);
            let why = if moved { decision.derivation.headline(region) } else { String::new() };
            stays.push(Stay { from: self.now, region: region.clone(), ttl, why });
        }
    }

    /// Where every check passes, nothing waits and nothing is remembered, time makes no difference: it is passed over up to
    /// the next trouble. The controller's clock stands still meanwhile.
    fn skip_calm(&mut self) {
        let Some(until) = self.trouble.next_after(self.now) else { return };
        let until = until.min(self.until).before(self.trouble.margin);
        let span = until.since(self.now);
        let is_calm = span >= SKIPPED_MIN
            && self.trouble.is_forgotten(self.now)
            && self.controller.wake_at().is_none()
            && self.schedule.is_steady()
            && self.controller.verdicts().values().all(|verdict| verdict.state == State::Up);
        if is_calm {
            self.skipped += span;
            self.now = self.now + span;
            self.next_tick = self.next_tick + span;
            self.trouble.calm_since = self.trouble.calm_since + span;
            self.trouble.settled_since = self.trouble.settled_since + span;
            self.schedule.skip(span);
        }
    }
}

/// What gates showed and hooks did is not recorded, so the past is played without them.
fn without_gates(parameters: &Parameters) -> Parameters {
    Parameters { gates: Vec::new(), hooks: Vec::new(), ..parameters.clone() }
}

impl Trouble {
    fn new(history: &History, parameters: &Parameters, now: Moment) -> Trouble {
        let checks = || {
            let of_regions = parameters.regions.iter().flat_map(|region| &region.checks);
            of_regions.chain(&parameters.witnesses)
        };
        let mut recorded = Vec::new();
        for check in checks() {
            let Some(track) = history.track(&check.id) else {
                recorded.push(now);
                continue;
            };
            for (index, sample) in track.samples.iter().enumerate() {
                let is_pass = sample.kind == Kind::Pass && sample.timings().total <= check.rules.timeout;
                if !is_pass || track.is_gap_after(index) {
                    recorded.push(sample.start);
                }
            }
        }
        recorded.sort_unstable();
        recorded.dedup();
        let longest = |of: fn(&crate::health::Rules) -> Duration| {
            checks().map(|check| of(&check.rules)).max().unwrap_or_default()
        };
        let window = longest(|rules| rules.brownout.map_or(Duration::ZERO, |brownout| brownout.window));
        let interval = longest(|rules| rules.interval);
        let remembered = |steer: &Steer| match steer.failback {
            Failback::Delayed(after) => steer.dwell.max(after),
            Failback::Auto | Failback::Manual => steer.dwell,
        };
        let remembered = parameters.steers.iter().map(remembered).max().unwrap_or_default();
        Trouble {
            recorded,
            next: 0,
            calm_since: now,
            settled_since: now,
            calm_after: window + window / 10 + interval * 4,
            settled_after: remembered.max(FLIPS_REMEMBERED) + interval * 4,
            margin: interval * 5,
        }
    }

    /// The next trouble that is recorded, until every check may have met it; none at its end.
    fn next_after(&mut self, now: Moment) -> Option<Moment> {
        while self.recorded.get(self.next).is_some_and(|at| *at + self.margin <= now) {
            self.next += 1;
        }
        self.recorded.get(self.next).copied()
    }

    fn is_forgotten(&self, now: Moment) -> bool {
        now.since(self.calm_since) >= self.calm_after && now.since(self.settled_since) >= self.settled_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::tests::{history, parameters, recorded};

    /// Hours of calm around an outage and a lost probe: to pass them over changes nothing.
    #[test]
    fn calm_that_is_passed_over_makes_no_difference() {
        let (east, west) =
            (recorded(5_000, 4_000, &[(1_500, 1_560), (3_000, 3_000)]), recorded(5_000, 4_000, &[]));
        let (history, parameters) = (history(&[&east, &west]), parameters());
        let checks = parameters.regions.iter().flat_map(|region| &region.checks).map(|check| &check.id);
        let coverage = history.coverage(checks).expect("probes");
        let run = || Run::start(&history, &coverage, &parameters);
        let quick = run();
        let mut whole = run();
        whole.trouble.calm_after = Duration::MAX;
        let (mut seen_quick, mut seen_whole) = (0, 0);
        let quick = play(quick, &coverage, &mut |_| seen_quick += 1);
        let whole = play(whole, &coverage, &mut |_| seen_whole += 1);
        assert_eq!(quick.stays, whole.stays);
        assert!(quick.stays[0].iter().any(|stay| stay.region.as_str() == "west"), "{:?}", quick.stays);
        assert!(seen_quick < seen_whole, "{seen_quick} of {seen_whole}: nothing was passed over");
    }
}
