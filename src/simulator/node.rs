//! One name server: its controller, its prober and its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::api::Status;
use crate::controller::{
    Command, CommandId, Commit, Controller, Effect, Event, HookEnded, HookOutcome, HookRun, Kept, Parameters,
    Reload, ReloadedZone, Reply, Terms, Transaction, What, compile_zones,
};
use crate::health::Observation;
use crate::model::{CheckId, GateId, HookId, Moment, Name};
use crate::policy::{Affected, SafetyRule, Seen};
use crate::zone::Zone;

use super::clock::NodeClock;
use super::disk::{Disk, DiskState, read_back};
use super::onlooker::{Handled, Onlooker};
use super::prober::Prober;
use super::world::World;
use super::zones::zones;

/// The daemon tells the controller this often that time went by.
const TICK: Duration = Duration::from_secs(1);

/// A name server and what it leaves behind.
pub struct Node<O> {
    number: usize,
    /// What it decides by.
    pub parameters: Parameters,
    zones: Vec<Zone>,
    daemon: Daemon,
    clock: NodeClock,
    /// What outlives it.
    pub disk: Disk,
    /// What an operator would have read, oldest first.
    pub journal: Vec<(Moment, String)>,
    /// Who looks on.
    pub watch: O,
    /// What became of the last command.
    pub reply: Option<Reply>,
    commands: u64,
    /// The configuration that a reload brings, once it holds.
    next: Option<Parameters>,
    /// What those who ask at the gates see, whenever they do.
    gates: BTreeMap<GateId, Seen>,
    /// The hooks that fail.
    failing_hooks: BTreeSet<HookId>,
    /// What it wants written into the register.
    transactions: Vec<Transaction>,
    /// It has started since anybody asked.
    has_started: bool,
}

/// Whether the name server runs.
enum Daemon {
    Runs { controller: Box<Controller>, prober: Prober, tick: Moment, frozen_until: Option<Moment> },
    Away { until: Moment, power_lost: bool },
}

impl<O: Onlooker> Node<O> {
    /// A name server that never ran before starts now.
    pub fn start(number: usize, parameters: Parameters, now: Moment) -> Node<O> {
        let mut node = Node {
            number,
            watch: O::new(&parameters),
            zones: zones(&parameters.steers),
            parameters,
            daemon: Daemon::Away { until: now, power_lost: false },
            clock: NodeClock::default(),
            disk: Disk::new(),
            journal: Vec::new(),
            reply: None,
            commands: 0,
            next: None,
            gates: BTreeMap::new(),
            failing_hooks: BTreeSet::new(),
            transactions: Vec::new(),
            has_started: false,
        };
        node.boot(now);
        node
    }

    /// None while it is away.
    pub fn controller(&self) -> Option<&Controller> {
        match &self.daemon {
            Daemon::Runs { controller, .. } => Some(controller),
            Daemon::Away { .. } => None,
        }
    }

    /// All that an operator would read; none while it is away.
    pub fn status(&self, now: Moment) -> Option<Status> {
        self.controller().map(|controller| Status::of(controller, self.clock.of(now)))
    }

    /// `kill -9`, and a new start after a while: only what is on disk survives. Or the power fails, and what was not on
    /// the disk itself is lost.
    pub fn restart_after(&mut self, gap: Duration, power_lost: bool, now: Moment) {
        self.note(now, if power_lost { "the power fails" } else { "killed" });
        self.daemon = Daemon::Away { until: now + gap, power_lost };
        if gap.is_zero() {
            self.boot(now);
        }
    }

    /// The next start has another configuration.
    pub fn configure(&mut self, parameters: Parameters) {
        self.zones = zones(&parameters.steers);
        self.watch.configured(&parameters);
        self.parameters = parameters;
    }

    /// Another configuration is to hold from now on, without a restart; one that is away has it at its next start.
    pub fn reload(&mut self, parameters: Parameters, now: Moment) {
        if matches!(self.daemon, Daemon::Away { .. }) {
            return self.configure(parameters);
        }
        self.commands += 1;
        let tables = compile_zones(&zones(&parameters.steers), &parameters.steers);
        let reload = Reload {
            id: CommandId(self.commands),
            author: "operator".into(),
            reason: "a story".into(),
            expires: self.clock.of(now) + Duration::from_secs(10),
            terms: Terms { break_glass: vec![SafetyRule::ReloadShare], ..Terms::default() },
            kept: Kept::between(&self.parameters, &parameters),
            zones: tables.into_iter().map(|table| ReloadedZone { table, changed: true }).collect(),
            affected: Affected::default(),
            hash: String::new(),
            changes: Default::default(),
            parameters: parameters.clone(),
        };
        self.next = Some(parameters);
        self.handle(Event::Reload(Box::new(reload)), now);
    }

    /// Somebody sets the clock, by milliseconds: back if positive. A daemon that runs does not follow.
    pub fn set_clock_back(&mut self, millis: i64) {
        if millis != 0 {
            self.watch.clock_was_set();
        }
        self.clock.set_back(millis, matches!(self.daemon, Daemon::Runs { .. }));
    }

    /// No probe starts or ends any more; or they do again.
    pub fn set_prober_stuck(&mut self, stuck: bool, now: Moment) {
        if let Daemon::Runs { prober, .. } = &mut self.daemon {
            prober.set_stuck(stuck, now);
        }
    }

    /// The process is stopped for a while, as by SIGSTOP.
    pub fn stand_still(&mut self, span: Duration, now: Moment) {
        if let Daemon::Runs { frozen_until, .. } = &mut self.daemon {
            *frozen_until = Some(now + span);
        }
    }

    /// A gate shows this whenever it is asked from now on; none: nobody asks any more.
    pub fn set_gate(&mut self, gate: &GateId, seen: Option<Seen>) {
        match seen {
            Some(seen) => drop(self.gates.insert(gate.clone(), seen)),
            None => drop(self.gates.remove(gate)),
        }
    }

    /// A hook fails from now on, or works.
    pub fn set_hook(&mut self, hook: &HookId, fails: bool) {
        if fails {
            self.failing_hooks.insert(hook.clone());
        } else {
            self.failing_hooks.remove(hook);
        }
    }

    /// A check is probed at once, for a reason of the prober's own.
    pub fn probe_now(&mut self, check: &CheckId, now: Moment) {
        if let Daemon::Runs { prober, .. } = &mut self.daemon {
            prober.probe_now(check, now);
        }
    }

    /// The disk fails, or works again.
    pub fn set_disk(&mut self, state: DiskState) {
        self.disk.set(state);
    }

    /// An operator's command.
    pub fn fail_back(&mut self, name: &Name, now: Moment) {
        self.obey(What::FailBack(name.clone()), Terms::default(), now);
    }

    /// Another command of an operator.
    pub fn obey(&mut self, what: What, terms: Terms, now: Moment) {
        self.commands += 1;
        let command = Command {
            id: CommandId(self.commands),
            author: "operator".into(),
            reason: "a story".into(),
            expires: self.clock.of(now) + Duration::from_secs(10),
            what,
            terms,
        };
        self.handle(Event::Command(command), now);
    }

    /// What it wants written into the register.
    pub fn take_transactions(&mut self) -> Vec<Transaction> {
        std::mem::take(&mut self.transactions)
    }

    /// Whether it has started since this was asked last.
    pub fn has_started_again(&mut self) -> bool {
        std::mem::take(&mut self.has_started)
    }

    /// Until when it takes in nothing, if it was stopped.
    pub fn stands_still_until(&self) -> Option<Moment> {
        match &self.daemon {
            Daemon::Runs { frozen_until, .. } => *frozen_until,
            Daemon::Away { .. } => None,
        }
    }

    /// What it takes for now.
    pub fn time(&self, now: Moment) -> Moment {
        self.clock.of(now)
    }

    /// When something happens here by itself.
    pub fn next(&self) -> Moment {
        match &self.daemon {
            Daemon::Away { until, .. } => *until,
            Daemon::Runs { frozen_until: Some(until), .. } => *until,
            Daemon::Runs { controller, prober, tick, .. } => {
                let wake_at = controller.wake_at().map(|at| self.clock.time_of(at));
                let all = [prober.next(), wake_at, self.disk.next()];
                all.into_iter().flatten().fold(*tick, Moment::min)
            }
        }
    }

    /// Does what is due.
    pub fn live(&mut self, world: &mut World, now: Moment) {
        let clock = self.clock.clone();
        let Daemon::Runs { controller, prober, tick, frozen_until } = &mut self.daemon else {
            return self.boot(now);
        };
        if frozen_until.is_some_and(|until| until > now) {
            return;
        }
        if frozen_until.take().is_some() {
            prober.stood_still(now);
            self.watch.stood_still();
        }
        let seen = prober.run(world, now);
        let woken = controller.wake_at().is_some_and(|at| clock.time_of(at) <= now);
        let ticks = *tick <= now || woken;
        if ticks {
            *tick = now + TICK;
        }
        for id in self.disk.overdue(now) {
            self.handle(Event::Committed(id, Commit::Volatile), now);
        }
        if ticks {
            self.handle(Event::TimePassed, now);
            for (gate, seen) in self.gates.clone() {
                self.handle(Event::Gated(gate, seen), now);
            }
        }
        for observation in seen {
            self.handle(Event::Observed(observation), now);
        }
    }

    fn boot(&mut self, now: Moment) {
        let power_lost = matches!(self.daemon, Daemon::Away { power_lost: true, .. });
        let lost = power_lost || !self.disk.is_whole();
        let saved = if power_lost { self.disk.after_power_loss() } else { self.disk.after_kill() };
        self.clock.start();
        let clock = self.clock.of(now);
        let (controller, effects) = Controller::start(self.parameters.clone(), &self.zones, saved, clock);
        self.disk.make_durable(controller.saved(clock));
        let of_regions = self.parameters.regions.iter().flat_map(|region| &region.checks);
        let checks = of_regions.chain(&self.parameters.witnesses);
        let prober = Prober::new(self.number, &self.parameters.vantage, checks, now);
        self.note(now, "started");
        self.has_started = true;
        self.transactions.clear();
        self.daemon =
            Daemon::Runs { controller: Box::new(controller), prober, tick: now + TICK, frozen_until: None };
        self.perform(&effects, now);
        let Daemon::Runs { controller, .. } = &self.daemon else { return };
        self.watch.started(controller, &effects, lost, now);
    }

    /// Takes in an event; returns how much there was to do.
    pub fn handle(&mut self, event: Event, now: Moment) -> usize {
        let clock = self.clock.of(now);
        let Daemon::Runs { controller, prober, frozen_until: None, .. } = &mut self.daemon else { return 0 };
        let effects = controller.handle(event.clone(), clock);
        let next = self.next.take_if(|_| matches!(effects.first(), Some(Effect::Configure(_))));
        if let Some(parameters) = next {
            prober.renew(&Kept::between(&self.parameters, &parameters), &parameters, now);
            self.zones = zones(&parameters.steers);
            self.watch.configured(&parameters);
            self.parameters = parameters;
        }
        let seen = Handled { event: &event, controller, effects: &effects };
        self.watch.handled(seen, clock, now);
        for event in self.perform(&effects, now) {
            self.handle(event, now);
        }
        effects.len()
    }

    /// A probe result out of nowhere. Returns how much there was to do about it.
    pub fn observe(&mut self, observation: Observation, now: Moment) -> usize {
        self.handle(Event::Observed(observation), now)
    }

    /// What follows at once.
    fn perform(&mut self, effects: &[Effect], now: Moment) -> Vec<Event> {
        let clock = self.clock.of(now);
        let mut follows = Vec::new();
        for effect in effects {
            let Daemon::Runs { controller, prober, .. } = &mut self.daemon else { break };
            match effect {
                Effect::Commit(id, changes) => {
                    let commit = self.disk.commit(*id, changes, now);
                    follows.extend(commit.map(|commit| Event::Committed(*id, commit)));
                }
                Effect::Note(changes) => self.disk.note(changes, now),
                Effect::Transact(transaction) => self.transactions.push(transaction.clone()),
                Effect::Publish(_) => self.watch.publishes(&self.disk, controller, clock),
                Effect::Persist => self.disk.persist(controller.saved(clock)),
                Effect::Pace(check, pace) => prober.set_pace(check, *pace, now),
                Effect::ProbeNow(check) => prober.probe_now(check, now),
                Effect::RunHook(run) => follows.push(Event::HookEnded(self.run_hook(run))),
                Effect::Verify { id, .. } => {
                    follows.push(Event::Verified(*id, Ok("the listener of the simulator".into())));
                }
                Effect::Report(report) => self.journal.push((now, report.to_string())),
                Effect::Reply(reply) => self.reply = Some(reply.clone()),
                Effect::Configure(_) => {} // done before anybody looks on
            }
        }
        follows
    }

    /// Hooks take no time here.
    fn run_hook(&self, run: &HookRun) -> HookEnded {
        let fails = self.failing_hooks.contains(&run.hook);
        let outcome = if fails { HookOutcome::Failed("it ended with 1".into()) } else { HookOutcome::Done };
        HookEnded {
            run: run.run,
            hook: run.hook.clone(),
            name: run.names[0].clone(),
            epoch: run.epoch,
            outcome,
            output: format!("{} to {}", run.from, run.to),
        }
    }

    fn note(&mut self, now: Moment, text: &str) {
        self.journal.push((now, text.into()));
    }

    /// The same node with a controller that has just been started from what this one would save.
    ///
    /// # Panics
    /// While it is away.
    pub fn restarted_twin(&self, now: Moment) -> Node<O> {
        let Daemon::Runs { controller, prober, tick, .. } = &self.daemon else { panic!("it is away") };
        let saved = controller.saved(self.clock.of(now));
        let (controller, effects) = Controller::start(
            self.parameters.clone(),
            &self.zones,
            Some(read_back(&saved)),
            self.clock.of(now),
        );
        let mut twin = Node {
            number: self.number,
            parameters: self.parameters.clone(),
            zones: zones(&self.parameters.steers),
            daemon: Daemon::Runs {
                controller: Box::new(controller),
                prober: prober.clone(),
                tick: *tick,
                frozen_until: None,
            },
            clock: self.clock.clone(),
            disk: self.disk.clone(),
            journal: Vec::new(),
            watch: self.watch.clone(),
            reply: None,
            commands: 0,
            next: None,
            gates: self.gates.clone(),
            failing_hooks: self.failing_hooks.clone(),
            transactions: Vec::new(),
            has_started: false,
        };
        twin.disk.persist(saved);
        twin.perform(&effects, now);
        twin
    }
}
