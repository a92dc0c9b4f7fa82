//! The rules that never bend, checked after every event of every history.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cadence_dns::controller::{
    ClusterEvent, Controller, Effect, Event, Parameters, Report, SavedName, SavedState,
};
use cadence_dns::health::{Check, Passes, ProbeOutcome, Region, State, Verdict, Vote};
use cadence_dns::model::{CheckId, Family, Moment, Name, RegionId};
use cadence_dns::policy::{Decision, Hold, Standing, Steer, forbidding};
use cadence_dns::simulator::{Disk, Handled, Onlooker};

use super::resolver;

/// The window of the flip limit, less what a commit may take: a move counts from its decision, and is seen when adopted.
const HOUR: Duration = Duration::from_millis(3_600_000 - COMMIT_MAX.as_millis() as u64);
const COMMIT_MAX: Duration = Duration::from_millis(60);

/// How much longer than `dwell` a name may stay on a dead region while another is up: a tick of the watchdog, a commit
/// that the disk does not finish, and what the ages of votes add.
const ESCAPE_MAX: Duration = Duration::from_secs(2);

/// What an onlooker remembers, across restarts too.
#[derive(Clone)]
pub(crate) struct Watch {
    regions: BTreeMap<RegionId, Region>,
    /// Each name with its steer.
    steers: BTreeMap<Name, Steer>,
    votes_alone: bool,
    /// The last decision on each name.
    before: BTreeMap<Name, Decision>,
    /// What each epoch of a name meant.
    told: BTreeMap<(Name, u64), Arc<[IpAddr]>>,
    /// The greatest epoch of each name.
    greatest: BTreeMap<Name, u64>,
    /// When each name changed its region by itself.
    flips: BTreeMap<Name, Vec<Moment>>,
    /// When probes of each region failed.
    failures: BTreeMap<RegionId, Vec<Moment>>,
    /// Whether the last probe of each check passed.
    passed: BTreeMap<CheckId, bool>,
    /// Since when a name is on a region that is proven down, while another that is probed is proven up.
    stranded: BTreeMap<Name, Moment>,
    /// Somebody has set the clock, so spans of before and after a start cannot be compared.
    clock_set: bool,
    /// The last event was an operator's command.
    commanded: bool,
    /// Moves that another node has made, by name and epoch: its evidence is not ours.
    followed: BTreeSet<(Name, u64)>,
}

impl Onlooker for Watch {
    fn new(parameters: &Parameters) -> Watch {
        let mut watch = Watch {
            regions: BTreeMap::new(),
            steers: BTreeMap::new(),
            votes_alone: true,
            before: BTreeMap::new(),
            told: BTreeMap::new(),
            greatest: BTreeMap::new(),
            flips: BTreeMap::new(),
            failures: BTreeMap::new(),
            passed: BTreeMap::new(),
            stranded: BTreeMap::new(),
            clock_set: false,
            commanded: false,
            followed: BTreeSet::new(),
        };
        watch.configured(parameters);
        watch
    }

    fn configured(&mut self, parameters: &Parameters) {
        self.regions = parameters.regions.iter().map(|region| (region.id.clone(), region.clone())).collect();
        let of_steer = |steer: &Steer| -> Vec<(Name, Steer)> {
            steer.names.iter().map(|name| (name.clone(), steer.clone())).collect()
        };
        self.steers = parameters.steers.iter().flat_map(of_steer).collect();
        self.votes_alone = parameters.members.len() == 1;
        self.before.clear();
        self.stranded.clear();
    }

    fn clock_was_set(&mut self) {
        self.clock_set = true;
    }

    fn stood_still(&mut self) {
        self.stranded.clear();
    }

    /// After a start, with or without a saved state. If what was decided last is lost, something older is answered, under
    /// an epoch that is greater all the same.
    fn started(&mut self, controller: &Controller, effects: &[Effect], lost: bool, now: Moment) {
        if lost {
            self.before.clear();
            if !self.votes_alone {
                self.greatest.clear(); // the others know what was told last, and tell it in a moment
            }
        }
        let first = effects.iter().find(|effect| !matches!(effect, Effect::Note(_)));
        assert!(matches!(first, Some(Effect::Publish(_))), "the first thing is to answer");
        self.stranded.clear(); // what was known may have grown old, or is proven only by the next probe
        for decision in controller.decisions() {
            self.look_at(decision, now, now);
            resolver::ask(controller.table(), decision);
        }
    }

    fn handled(&mut self, Handled { event, controller, effects }: Handled<'_>, clock: Moment, now: Moment) {
        self.remember(event, now);
        for effect in effects {
            if let Effect::Report(Report::Cluster(ClusterEvent::Followed { name, epoch, .. })) = effect {
                self.followed.insert((name.clone(), *epoch));
            }
        }
        if effects.is_empty() {
            let same = |decision: &Decision| {
                let before = &self.before[decision.name()].standing;
                // A cluster may only have agreed on the number of what is answered anyway.
                before.region == decision.standing.region && before.addresses == decision.standing.addresses
            };
            assert!(controller.decisions().iter().all(same), "a change without effects");
        } else {
            let mut changed = false;
            for decision in controller.decisions() {
                self.no_gate_is_passed(decision, controller, clock);
                changed |= self.before.get(decision.name()).is_none_or(|before| {
                    let is_raised = before.standing.epoch != decision.standing.epoch && !self.votes_alone;
                    before.standing.addresses != decision.standing.addresses
                        || before.ttl != decision.ttl
                        || is_raised
                });
                self.look_at(decision, clock, now);
            }
            let published = effects.iter().any(|effect| matches!(effect, Effect::Publish(_)));
            assert_eq!(published, changed, "what is published is what has changed");
            if published {
                controller
                    .decisions()
                    .iter()
                    .for_each(|decision| resolver::ask(controller.table(), decision));
            }
        }
        self.look_for_stranded(controller, now);
    }

    /// What is on the disk before a table is published is enough for a restart that answers the same.
    fn publishes(&mut self, disk: &Disk, controller: &Controller, clock: Moment) {
        if !disk.is_whole() {
            return;
        }
        let saved: Option<SavedState> = disk.saved().map(|saved| saved.into_state(clock));
        let known = saved.map(|state| standings(&state)).unwrap_or_default();
        for standing in standings(&controller.saved(clock).into_state(clock)) {
            assert!(known.contains(&standing), "{standing:?} is published and not on the disk: {known:?}");
        }
    }
}

impl Watch {
    fn remember(&mut self, event: &Event, now: Moment) {
        self.commanded |= matches!(event, Event::Command(_));
        let Event::Observed(seen) = event else { return };
        if seen.outcome.failure().is_some() {
            self.failures.entry(seen.check.region.clone()).or_default().push(now);
        }
        if !matches!(seen.outcome, ProbeOutcome::Ours(_)) {
            self.passed.insert(seen.check.clone(), seen.outcome == ProbeOutcome::Pass);
        }
    }

    fn look_at(&mut self, decision: &Decision, clock: Moment, now: Moment) {
        let region = &self.regions[&decision.standing.region];
        serves_the_region(decision, region);
        for name in decision.names.iter() {
            self.no_epoch_is_told_twice(name, decision);
        }
        let name = decision.name().clone();
        if let Some(before) = self.before.get(&name) {
            epochs_only_grow(before, decision);
            let is_followed = self.followed.contains(&(name.clone(), decision.standing.epoch));
            if before.standing.region != decision.standing.region && !is_followed {
                self.look_at_flip(before, decision, clock, now);
                if !self.commanded && !is_ordered(before, decision) {
                    self.flips.entry(name.clone()).or_default().push(now);
                }
                self.commanded = false;
                self.stranded.remove(&name);
            }
        }
        for name in decision.names.iter() {
            self.before.insert(name.clone(), decision.clone());
        }
    }

    fn no_epoch_is_told_twice(&mut self, name: &Name, decision: &Decision) {
        let (epoch, addresses) = (decision.standing.epoch, &decision.standing.addresses);
        let told = self.told.entry((name.clone(), epoch)).or_insert_with(|| Arc::clone(addresses));
        assert_eq!(told, addresses, "{name}: epoch {epoch} is told with two meanings");
        let greatest = self.greatest.entry(name.clone()).or_insert(epoch);
        assert!(*greatest <= epoch, "{name}: epoch {epoch} after {greatest}");
        *greatest = epoch;
    }

    /// No name enters a region past a gate that bars, unless somebody breaks the rule on purpose.
    fn no_gate_is_passed(&self, decision: &Decision, controller: &Controller, clock: Moment) {
        let (name, to) = (decision.name(), &decision.standing.region);
        let Some(before) = self.before.get(name).filter(|before| before.standing.region != *to) else {
            return;
        };
        let steer = &self.steers[name];
        let forbidden = forbidding(steer, &before.standing, to, controller.facts(), clock);
        let left = steer.regions.contains(&before.standing.region);
        assert!(forbidden.is_empty() || !left || self.commanded, "{name}: to {to} in spite of {forbidden:?}");
    }

    fn look_at_flip(&self, before: &Decision, after: &Decision, clock: Moment, now: Moment) {
        let (name, steer) = (after.name(), &self.steers[after.name()]);
        let Some(left) = self.regions.get(&before.standing.region) else { return };
        let taken = &self.regions[&after.standing.region];
        let verdict = |region: &Region| -> Arc<Verdict> {
            Arc::clone(after.derivation.verdict_on(&region.id).expect("it was read"))
        };
        let accepted = steer.accepts_unproven && verdict(taken).state == State::Unknown;
        if is_ordered(before, after) {
            return;
        }
        // It was up when the others were asked; by the time that they agreed nobody knew.
        let was_up = verdict(taken).state == State::Unknown && verdict(taken).since > after.standing.since;
        let is_up = verdict(taken).state == State::Up || was_up;
        assert!(accepted || is_up, "{name}: only a region that is up takes over");
        match verdict(left).state {
            _ if self.commanded => {}
            // Something was known when the others were asked; by the time that they agreed nothing was.
            State::Unknown if verdict(left).since > after.standing.since => {}
            State::Unknown => panic!("{name}: left {} though nothing is known about it", left.id),
            State::Down => self.look_at_escape(name, steer, left, &verdict(taken), clock, now),
            State::Up => {
                self.look_at_failback(steer, left, taken);
                if self.clock_set {
                    return;
                }
                let flips = self.flips.get(name).map_or(&[][..], Vec::as_slice);
                let recent = flips.iter().filter(|at| now.since(**at) < HOUR).count();
                assert!(
                    recent < steer.max_flips_per_hour as usize,
                    "{name}: one flip too many within the hour"
                );
                let rested = flips.last().is_none_or(|last| now.since(*last) + COMMIT_MAX >= steer.dwell);
                assert!(rested, "{name}: {} flips within the dwell", taken.id);
            }
        }
    }

    /// Never on one probe, and never onto a region that has just come up.
    fn look_at_escape(
        &self,
        name: &Name,
        steer: &Steer,
        left: &Region,
        taken: &Verdict,
        clock: Moment,
        now: Moment,
    ) {
        let failures = self.failures_of(left, now);
        assert!(failures >= 2 || !self.votes_alone, "{name}: left {} after {failures} failed probe", left.id);
        let young = !self.clock_set && taken.state == State::Up && taken.is_young(steer.dwell, clock);
        assert!(!young, "{name}: {} has just come up", taken.region);
    }

    /// Failed probes that a verdict of now may rest on.
    fn failures_of(&self, region: &Region, now: Moment) -> usize {
        let row = |check: &Check| {
            let window = check.rules.brownout.map_or(Duration::ZERO, |brownout| brownout.window);
            window.max(check.rules.stale_after() * 2)
        };
        let memory = region.checks.iter().map(row).max().unwrap_or_default();
        let failures = self.failures.get(&region.id).map_or(&[][..], Vec::as_slice);
        // A region may have been left only now though it was proven down long ago, when no other was up.
        let proven_long_ago = failures.len() >= 2;
        let recent = failures.iter().filter(|at| now.since(**at) <= memory).count();
        if proven_long_ago { recent.max(2) } else { recent }
    }

    fn look_at_failback(&self, steer: &Steer, left: &Region, taken: &Region) {
        let rank = |region: &Region| steer.regions.iter().position(|id| *id == region.id);
        let name = steer.name();
        assert!(rank(taken) < rank(left), "{name}: left {} that is up for a worse one", left.id);
        if !self.votes_alone {
            return; // others may see it pass
        }
        let fit = |address: &IpAddr| {
            let mut checks = taken.checks.iter().filter(|check| check.covers(*address));
            let passed = |check: &Check| self.passed.get(&check.id).copied().unwrap_or(false);
            match &taken.passes {
                Passes::All => checks.all(passed),
                Passes::Calculated(calculation) => {
                    let passed: BTreeMap<u16, bool> =
                        checks.map(|check| (check.id.probe, passed(check))).collect();
                    let vote = |probe| if passed.get(&probe) == Some(&true) { Vote::Up } else { Vote::Down };
                    calculation.vote(&vote) == Vote::Up
                }
            }
        };
        // Of any family: one may stand in for the other.
        let fit = taken.addresses.iter().filter(|address| fit(address)).count();
        assert!(fit > 0 || taken.checks.is_empty(), "{name}: back to {}, which fails just now", taken.id);
    }

    /// A proven-dead region with a proven-up alternative is left within the dwell, whatever else is broken.
    fn look_for_stranded(&mut self, controller: &Controller, now: Moment) {
        for decision in controller.decisions() {
            let name = decision.name();
            let steer = &self.steers[name];
            let verdicts = controller.verdicts();
            let is = |id: &RegionId, state: State| {
                verdicts.get(id).is_some_and(|verdict| verdict.state == state && !verdict.is_unprobed())
            };
            let another = steer.regions.iter().any(|id| is(id, State::Up));
            let waits = decision.derivation.wait.as_ref().map(|wait| &wait.hold);
            let on_a_word = matches!(waits, Some(Hold::Gate(_) | Hold::Hook(_) | Hold::Cluster));
            let ordered =
                controller.overrides().iter().any(|o| o.order.concerns(steer, &decision.standing.region));
            let ordered = ordered || on_a_word; // either is the operator's own word
            if ordered || !is(&decision.standing.region, State::Down) || !another {
                self.stranded.remove(name);
                continue;
            }
            let since = *self.stranded.entry(name.clone()).or_insert(now);
            let stranded = now.since(since);
            assert!(
                stranded <= steer.dwell + ESCAPE_MAX,
                "{name}: on {} for {stranded:?} though it is down and another is up",
                decision.standing.region
            );
        }
    }
}

/// An operator wants it so.
fn is_ordered(before: &Decision, after: &Decision) -> bool {
    let is_spoken_of =
        |region| after.derivation.verdict_on(region).is_some_and(|verdict| verdict.word.is_some());
    after.derivation.order.is_some()
        || is_spoken_of(&before.standing.region)
        || is_spoken_of(&after.standing.region)
}

/// Never empty, never mixed, and something in every family that the region has.
fn serves_the_region(decision: &Decision, region: &Region) {
    let (name, addresses) = (decision.name(), &decision.standing.addresses);
    assert!(!addresses.is_empty(), "{name}: nothing is answered");
    for address in addresses.iter() {
        assert!(region.addresses.contains(address), "{name}: {address} is not of {}", region.id);
    }
    for family in Family::ALL {
        let of_family = |address: &&IpAddr| Family::of(**address) == family;
        let (has, serves) =
            (region.addresses.iter().any(|a| of_family(&a)), addresses.iter().any(|a| of_family(&a)));
        assert_eq!(has, serves, "{name}: {family} of {}", region.id);
    }
}

fn epochs_only_grow(before: &Decision, after: &Decision) {
    let (name, old, new) = (after.name(), &before.standing, &after.standing);
    let same = old.addresses == new.addresses;
    let fine = if same { new.epoch >= old.epoch } else { new.epoch > old.epoch };
    assert!(fine, "{name}: epoch {} then {}, same answer: {same}", old.epoch, new.epoch);
}

fn standings(state: &SavedState) -> Vec<(Name, RegionId, u64)> {
    let of = |saved: &SavedName| {
        let Standing { region, epoch, .. } = saved.standing.clone();
        (saved.name.clone(), region, epoch)
    };
    let mut all: Vec<_> = state.names.iter().map(of).collect();
    all.sort();
    all
}
