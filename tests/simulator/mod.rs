//! The real controller in a simulated world: no sockets, no clock, the same history every time.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod prober;
mod resolver;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use cadence_dns::controller::{Controller, Effect, Event, Parameters, Saved, SavedState};
use cadence_dns::health::{Observation, State};
use cadence_dns::model::{Moment, Name, RegionId};
use cadence_dns::policy::Standing;
use cadence_dns::zone::Zone;

pub(crate) use prober::Prober;
pub(crate) use watch::Watch;
pub(crate) use world::{Condition, World};

/// When every history begins: 2026-11-22T16:00:00Z.
pub(crate) const BEGINNING: Moment = Moment::from_millis(1_795_363_200_000);

/// The daemon tells the controller this often that time went by.
const TICK: Duration = Duration::from_secs(1);

/// A name server, its prober, its disk, and the world.
pub(crate) struct Simulator {
    pub(crate) now: Moment,
    pub(crate) world: World,
    parameters: Parameters,
    zones: Vec<Zone>,
    daemon: Daemon,
    /// How far the name server's clock is behind the time.
    behind: Duration,
    /// The saved state as the last `Persist` left it.
    disk: Option<Saved>,
    /// What an operator would have read, oldest first.
    pub(crate) journal: Vec<(Moment, String)>,
    watch: Watch,
}

/// Whether the name server runs.
enum Daemon {
    Runs { controller: Box<Controller>, prober: Prober, tick: Moment },
    Away { until: Moment },
}

impl Simulator {
    /// A name server that never ran before starts now.
    pub(crate) fn start(parameters: Parameters) -> Simulator {
        let mut simulator = Simulator {
            now: BEGINNING,
            world: World::default(),
            watch: Watch::new(&parameters),
            zones: resolver::zones(&parameters.steers),
            parameters,
            daemon: Daemon::Away { until: BEGINNING },
            behind: Duration::ZERO,
            disk: None,
            journal: Vec::new(),
        };
        simulator.boot();
        simulator
    }

    /// None while the name server is away.
    pub(crate) fn controller(&self) -> Option<&Controller> {
        match &self.daemon {
            Daemon::Runs { controller, .. } => Some(controller),
            Daemon::Away { .. } => None,
        }
    }

    /// `kill -9`, and a new start after a while: only what is on disk survives.
    pub(crate) fn restart_after(&mut self, gap: Duration) {
        self.note("killed");
        self.daemon = Daemon::Away { until: self.now + gap };
        if gap.is_zero() {
            self.boot();
        }
    }

    /// While it is away, somebody sets the clock back.
    pub(crate) fn set_clock_back(&mut self, by: Duration) {
        self.behind += by;
    }

    /// What the name server takes for now.
    fn clock(&self) -> Moment {
        behind(self.now, self.behind)
    }

    /// No probe starts or ends any more; or they do again.
    pub(crate) fn set_prober_stuck(&mut self, stuck: bool) {
        if let Daemon::Runs { prober, .. } = &mut self.daemon {
            prober.set_stuck(stuck, self.now);
        }
    }

    /// Lets time go by until the next thing happens, but not past `limit`. False when nothing happens any more.
    pub(crate) fn step(&mut self, limit: Moment) -> bool {
        let next = self.next();
        if next > limit {
            self.now = limit.max(self.now);
            return false;
        }
        self.now = next.max(self.now);
        match &mut self.daemon {
            Daemon::Away { .. } => self.boot(),
            Daemon::Runs { .. } => self.live(),
        }
        true
    }

    /// Lets time go by.
    pub(crate) fn run_until(&mut self, limit: Moment) {
        while self.step(limit) {}
    }

    /// A probe result out of nowhere. Returns how much there was to do about it.
    pub(crate) fn observe(&mut self, observation: Observation) -> usize {
        self.handle(Event::Observed(observation))
    }

    /// The watchdog, between its ticks. Returns how much there was to do.
    pub(crate) fn time_passes(&mut self) -> usize {
        self.handle(Event::TimePassed)
    }

    /// All that a restart would need; none while it is away.
    pub(crate) fn saved(&self) -> Option<Saved> {
        self.controller().map(|controller| controller.saved(self.clock()))
    }

    /// The same world and prober, with a controller that has just been started from what this one would save.
    ///
    /// # Panics
    /// While the name server is away.
    pub(crate) fn restarted_twin(&self) -> Simulator {
        let Daemon::Runs { controller, prober, tick } = &self.daemon else { panic!("it is away") };
        let saved = controller.saved(self.clock());
        let (controller, effects) =
            Controller::start(self.parameters.clone(), &self.zones, Some(read_back(&saved)), self.clock());
        let daemon = Daemon::Runs { controller: Box::new(controller), prober: prober.clone(), tick: *tick };
        let mut twin = Simulator {
            now: self.now,
            world: self.world.clone(),
            parameters: self.parameters.clone(),
            zones: resolver::zones(&self.parameters.steers),
            daemon,
            behind: self.behind,
            disk: Some(saved),
            journal: Vec::new(),
            watch: self.watch.clone(),
        };
        twin.perform(&effects);
        twin
    }

    fn next(&self) -> Moment {
        match &self.daemon {
            Daemon::Away { until } => *until,
            Daemon::Runs { controller, prober, tick } => {
                let wake_at = controller.wake_at().map(|at| at + self.behind);
                [prober.next(), wake_at].into_iter().flatten().fold(*tick, Moment::min)
            }
        }
    }

    fn live(&mut self) {
        let Daemon::Runs { controller, prober, tick } = &mut self.daemon else { return };
        let seen = prober.run(&mut self.world, self.now);
        let woken = controller.wake_at().is_some_and(|at| at + self.behind <= self.now);
        if *tick <= self.now || woken {
            *tick = self.now + TICK;
            self.handle(Event::TimePassed);
        }
        for observation in seen {
            self.handle(Event::Observed(observation));
        }
    }

    fn boot(&mut self) {
        let saved = self.disk.as_ref().map(read_back);
        let (controller, effects) =
            Controller::start(self.parameters.clone(), &self.zones, saved, self.clock());
        let prober = Prober::new(&self.parameters.vantage, &self.parameters.regions, self.now);
        self.daemon = Daemon::Runs { controller: Box::new(controller), prober, tick: self.now + TICK };
        self.note("started");
        self.perform(&effects);
        let Daemon::Runs { controller, .. } = &self.daemon else { return };
        self.watch.started(controller, &effects, self.now);
    }

    fn handle(&mut self, event: Event) -> usize {
        let clock = self.clock();
        let Daemon::Runs { controller, .. } = &mut self.daemon else { return 0 };
        let effects = controller.handle(event.clone(), clock);
        self.watch.handled(&event, controller, &effects, self.now);
        self.perform(&effects);
        effects.len()
    }

    fn perform(&mut self, effects: &[Effect]) {
        let clock = self.clock();
        let Daemon::Runs { controller, prober, .. } = &mut self.daemon else { return };
        for effect in effects {
            match effect {
                Effect::Record(changes) => {
                    let noted = Saved::with_changes(self.disk.take(), changes.clone());
                    let noted = noted.expect("something was noted");
                    assert_tells_the_same(&noted, &controller.saved(clock), clock);
                    self.disk = Some(noted);
                }
                Effect::Publish(_) => {}
                Effect::Persist => {
                    self.disk = Some(controller.saved(clock));
                }
                Effect::Pace(check, pace) => prober.set_pace(check, *pace, self.now),
                Effect::Report(report) => self.journal.push((self.now, report.to_string())),
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.journal.push((self.now, text.into()));
    }
}

/// What was noted before the publishing is enough for a restart that answers the same.
fn assert_tells_the_same(noted: &Saved, saved: &Saved, now: Moment) {
    let (noted, saved) = (noted.clone().into_state(now), saved.clone().into_state(now));
    let standings = |state: &SavedState| -> BTreeMap<Name, Standing> {
        state.names.iter().map(|saved| (saved.name.clone(), saved.standing.clone())).collect()
    };
    let regions = |state: &SavedState| -> BTreeMap<RegionId, (State, Moment)> {
        state.regions.iter().map(|saved| (saved.region.clone(), (saved.state, saved.since))).collect()
    };
    assert_eq!(standings(&noted), standings(&saved));
    assert_eq!(regions(&noted), regions(&saved));
}

/// As it comes from the disk.
fn read_back(saved: &Saved) -> Saved {
    let json = serde_json::to_string(saved).expect("the state is JSON");
    serde_json::from_str(&json).expect("what was saved is read back")
}

fn behind(now: Moment, by: Duration) -> Moment {
    Moment::from_millis(now.as_millis() - u64::try_from(by.as_millis()).expect("not that far"))
}
