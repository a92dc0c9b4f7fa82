//! The rules that never bend, checked after every event of every history.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use cadence_dns::controller::{Controller, Effect, Event, Parameters};
use cadence_dns::health::{ProbeOutcome, Region, State};
use cadence_dns::model::{CheckId, Family, Moment, Name, RegionId};
use cadence_dns::policy::{Decision, Hold, Steer};

use super::resolver;

/// The window of the flip limit.
const HOUR: Duration = Duration::from_secs(3600);

/// What an onlooker remembers, across restarts too.
#[derive(Clone)]
pub(crate) struct Watch {
    regions: BTreeMap<RegionId, Region>,
    steers: BTreeMap<Name, Steer>,
    /// The last decision on each name.
    before: BTreeMap<Name, Decision>,
    /// When each name changed its region.
    flips: BTreeMap<Name, Vec<Moment>>,
    /// When probes of each region failed.
    failures: BTreeMap<RegionId, Vec<Moment>>,
    /// Whether the last probe of each check passed.
    passed: BTreeMap<CheckId, bool>,
}

impl Watch {
    pub(crate) fn new(parameters: &Parameters) -> Watch {
        Watch {
            regions: parameters.regions.iter().map(|region| (region.id.clone(), region.clone())).collect(),
            steers: parameters.steers.iter().map(|steer| (steer.name.clone(), steer.clone())).collect(),
            before: BTreeMap::new(),
            flips: BTreeMap::new(),
            failures: BTreeMap::new(),
            passed: BTreeMap::new(),
        }
    }

    /// After a start, with or without a saved state.
    pub(crate) fn started(&mut self, controller: &Controller, effects: &[Effect], now: Moment) {
        assert!(matches!(effects.first(), Some(Effect::Publish(_))), "the first thing is to answer");
        for decision in controller.decisions() {
            if let Some(before) = self.before.get(&decision.name) {
                // A region that is down is served whole, and whether it still is depends on how fresh the evidence is.
                let whole = before.verdict().is_some_and(|verdict| verdict.state == State::Down);
                let (before, after) = (&before.standing, &decision.standing);
                let same = whole || before.region != after.region || before.addresses == after.addresses;
                assert!(same, "a start goes on with {:?}, not {:?}", before.addresses, after.addresses);
            }
            self.judge(decision, now);
            resolver::ask(controller.table(), decision);
        }
    }

    /// After an event.
    pub(crate) fn handled(
        &mut self,
        event: &Event,
        controller: &Controller,
        effects: &[Effect],
        now: Moment,
    ) {
        self.remember(event, now);
        if effects.is_empty() {
            let same = |decision: &Decision| self.before[&decision.name].standing == decision.standing;
            assert!(controller.decisions().iter().all(same), "a change without effects");
            return;
        }
        let mut changed = false;
        for decision in controller.decisions() {
            changed |= self.before.get(&decision.name).is_none_or(|before| {
                before.standing.addresses != decision.standing.addresses || before.ttl != decision.ttl
            });
            self.judge(decision, now);
        }
        let published = effects.iter().any(|effect| matches!(effect, Effect::Publish(_)));
        assert_eq!(published, changed, "what is published is what has changed");
        if published {
            controller.decisions().iter().for_each(|decision| resolver::ask(controller.table(), decision));
        }
    }

    fn remember(&mut self, event: &Event, now: Moment) {
        let Event::Observed(seen) = event else { return };
        match seen.outcome {
            ProbeOutcome::Ours(_) => return,
            ProbeOutcome::Heard(_) | ProbeOutcome::Silent(_) => {
                self.failures.entry(seen.check.region.clone()).or_default().push(now)
            }
            ProbeOutcome::Pass => {}
        }
        self.passed.insert(seen.check.clone(), seen.outcome == ProbeOutcome::Pass);
    }

    fn judge(&mut self, decision: &Decision, now: Moment) {
        let region = &self.regions[&decision.standing.region];
        serves_the_region(decision, region);
        if let Some(before) = self.before.get(&decision.name) {
            epochs_only_grow(before, decision);
            if before.standing.region != decision.standing.region {
                self.judge_flip(before, decision, now);
                self.flips.entry(decision.name.clone()).or_default().push(now);
            }
        }
        self.before.insert(decision.name.clone(), decision.clone());
    }

    fn judge_flip(&self, before: &Decision, after: &Decision, now: Moment) {
        let (name, steer) = (&after.name, &self.steers[&after.name]);
        let (left, taken) = (&self.regions[&before.standing.region], &self.regions[&after.standing.region]);
        let verdict = |region: &Region| after.derivation.verdict_on(&region.id).expect("it was read").state;
        assert_eq!(verdict(taken), State::Up, "{name}: only a region that is up takes over");
        match verdict(left) {
            State::Unknown => panic!("{name}: left {} though nobody knows about it", left.id),
            State::Down => assert!(
                self.failures_of(left, now) >= 2,
                "{name}: left {} after {} failed probe",
                left.id,
                self.failures_of(left, now)
            ),
            State::Up => self.judge_failback(steer, left, taken),
        }
        let flips = self.flips.get(name).map_or(&[][..], Vec::as_slice);
        let recent = flips.iter().filter(|at| now.since(**at) < HOUR).count();
        assert!(recent < steer.max_flips_per_hour as usize, "{name}: one flip too many within the hour");
        let rested = flips.last().is_none_or(|last| now.since(*last) >= steer.dwell);
        assert!(rested, "{name}: {} flips within the dwell", taken.id);
    }

    /// Failed probes that a verdict of now may rest on.
    fn failures_of(&self, region: &Region, now: Moment) -> usize {
        let row = |check: &cadence_dns::health::Check| {
            let window = check.rules.brownout.map_or(Duration::ZERO, |brownout| brownout.window);
            window.max(check.rules.stale_after() * 2)
        };
        let memory = region.checks.iter().map(row).max().unwrap_or_default();
        let failures = self.failures.get(&region.id).map_or(&[][..], Vec::as_slice);
        failures.iter().filter(|at| now.since(**at) <= memory).count()
    }

    fn judge_failback(&self, steer: &Steer, left: &Region, taken: &Region) {
        let rank = |region: &Region| steer.regions.iter().position(|id| *id == region.id);
        assert!(rank(taken) < rank(left), "{}: left {} that is up for a worse one", steer.name, left.id);
        let fit = |address: &IpAddr| {
            let mut checks = taken.checks.iter().filter(|check| check.covers(*address));
            checks.all(|check| self.passed.get(&check.id).copied().unwrap_or(false))
        };
        let fit = taken.addresses.iter().filter(|address| fit(address)).count();
        assert!(fit >= taken.min_up, "{}: failed back to {}, which fails just now", steer.name, taken.id);
    }
}

/// Never empty, never mixed, and something in every family that the region has.
fn serves_the_region(decision: &Decision, region: &Region) {
    let (name, addresses) = (&decision.name, &decision.standing.addresses);
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
    let (name, old, new) = (&after.name, &before.standing, &after.standing);
    let same = old.region == new.region && old.addresses == new.addresses;
    let grown = new.epoch.checked_sub(old.epoch);
    let expected = if same { grown == Some(0) } else { grown == Some(1) };
    assert!(expected, "{name}: epoch {} then {}, same answer: {same}", old.epoch, new.epoch);
}

/// Whether a decision waits for this.
pub(crate) fn waits_for(decision: &Decision, hold: Hold) -> bool {
    decision.derivation.wait.as_ref().is_some_and(|wait| wait.hold == hold)
}
