//! The rules that never bend, over any history: random regions, random troubles, random restarts.
//!
//! What must hold after every single event is asserted by `simulator::Watch`, which watches the stories of
//! `scenarios.rs` too; here are the histories, and the rules that compare two of them.

mod simulator;

#[path = "rules/histories.rs"]
mod histories;
#[path = "rules/reloads.rs"]
mod reloads;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use cadence_dns::api::Status;
use cadence_dns::controller::{Controller, Event, Parameters, Saved};
use cadence_dns::health::{ProbeOutcome, State};
use cadence_dns::model::{Family, Name, RegionId};
use cadence_dns::policy::Decision;
use proptest::prelude::*;

use histories::{
    Noise, Step, gated, gated_history, history, isolations, noise, observation, parameters, play,
};
use simulator::{BEGINNING, Simulator};

/// After this much calm everything is believed to be what it is.
const CALM: Duration = Duration::from_secs(45);

/// A history is hundreds of events, so an eighth of what is usual is plenty; `PROPTEST_CASES` asks for more.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 8, ..usual }
}

proptest! {
    #![proptest_config(cases())]

    /// Never empty, never mixed, epochs only grow, no flip on one probe or on none, flip limit and dwell: the watch
    /// looks on.
    #[test]
    fn no_history_breaks_a_rule(parameters in parameters(), history in history()) {
        let mut simulator = Simulator::start(parameters.clone());
        play(&mut simulator, &parameters, &history);
        simulator.run_until(simulator.now + CALM);
    }

    /// The same, with results that no prober could have seen, and of checks that nobody knows.
    /// Whatever gates show and hooks do: an answer is never empty, no gate is passed, and no name is left on a dead region
    /// but for their sake.
    #[test]
    fn no_gate_and_no_hook_breaks_a_rule(parameters in gated(), history in gated_history()) {
        let mut simulator = Simulator::start(parameters.clone());
        play(&mut simulator, &parameters, &history);
        simulator.run_until(simulator.now + CALM);
    }

    #[test]
    fn no_observation_breaks_a_rule(parameters in parameters(), noise in noise()) {
        let mut simulator = Simulator::start(parameters.clone());
        let now = simulator.now;
        simulator.us_mut().set_prober_stuck(true, now);
        for Noise { check, outcome, after } in noise {
            simulator.run_until(simulator.now + after);
            let (seen, now) = (observation(&parameters, check, &outcome), simulator.now);
            simulator.us_mut().observe(seen, now);
        }
    }

    /// Whatever order the times come in: nothing panics, nothing is empty, epochs grow.
    #[test]
    fn no_order_of_times_breaks_the_controller(
        parameters in parameters(),
        noise in noise(),
        times in prop::collection::vec(0..7_200_000_u64, 1..200),
    ) {
        let (mut controller, _) = Controller::start(parameters.clone(), &[], None, BEGINNING);
        for (Noise { check, outcome, .. }, time) in noise.iter().zip(times) {
            let now = BEGINNING + Duration::from_millis(time);
            let before = epochs(&controller);
            controller.handle(Event::Observed(observation(&parameters, *check, outcome)), now);
            controller.handle(Event::TimePassed, now);
            prop_assert!(before.iter().zip(epochs(&controller)).all(|(before, after)| *before <= after));
            prop_assert!(controller.decisions().iter().all(|decision| !decision.standing.addresses.is_empty()));
        }
    }

    /// A reload by itself moves nothing, whatever happened before: every name keeps its answer, its epoch and its wait, and
    /// every check what is known of it.
    #[test]
    fn a_reload_of_the_same_changes_nothing(parameters in parameters(), before in history(), after in history()) {
        let mut simulator = Simulator::start(parameters.clone());
        play(&mut simulator, &parameters, &before);
        simulator.run_until(simulator.now + CALM);
        simulator.time_passes();
        let known = known(&simulator);
        simulator.reload(&parameters);
        simulator.run_until(simulator.now + Duration::from_millis(100)); // a disk that hangs has had its time
        prop_assert_eq!(self::known(&simulator), known);
        play(&mut simulator, &parameters, &after);
        simulator.run_until(simulator.now + CALM);
    }

    /// From any configuration to any other, in the middle of anything: no name is without an answer, epochs grow, no epoch
    /// has two meanings, and no rule is broken afterwards; the watch looks on.
    #[test]
    fn no_reload_breaks_a_rule(
        first in parameters(),
        others in prop::collection::vec((parameters(), history()), 1..4),
        before in history(),
    ) {
        let mut simulator = Simulator::start(first.clone());
        play(&mut simulator, &first, &before);
        for (parameters, history) in others {
            simulator.reload(&parameters);
            simulator.run_until(simulator.now + Duration::from_millis(100));
            play(&mut simulator, &parameters, &history);
        }
        simulator.run_until(simulator.now + CALM);
    }

    /// A restart that loses nothing is not seen: neither at once nor in all that follows.
    #[test]
    fn a_restart_without_a_gap_changes_nothing(
        parameters in parameters(),
        before in history(),
        after in history(),
    ) {
        let mut simulator = Simulator::start(parameters.clone());
        play(&mut simulator, &parameters, &before);
        simulator.run_until(simulator.now + CALM);
        simulator.time_passes();
        let mut twin = simulator.restarted_twin();
        prop_assert_eq!(status(&twin), status(&simulator));
        let after: Vec<Step> = after.into_iter().filter(|step| !step.trouble.is_restart()).collect();
        play(&mut simulator, &parameters, &after);
        play(&mut twin, &parameters, &after);
        prop_assert_eq!(answers(&twin), answers(&simulator));
    }

    /// Another configuration takes over what was saved: a region that the name may still have is not left without
    /// evidence, and epochs grow.
    #[test]
    fn a_reload_breaks_no_rule(old in parameters(), new in parameters(), history in history()) {
        let mut simulator = Simulator::start(old.clone());
        play(&mut simulator, &old, &history);
        simulator.run_until(simulator.now + CALM);
        let before = answers(&simulator);
        let saved: Saved = simulator.controller().expect("it runs").saved(simulator.now);
        let (controller, _) = Controller::start(new.clone(), &[], Some(saved), simulator.now);
        for decision in controller.decisions() {
            prop_assert!(!decision.standing.addresses.is_empty());
            let Some(last) = before.iter().find(|last| last.name == *decision.name()) else { continue };
            let now = Answer::of(decision);
            prop_assert!(now == *last || now.epoch > last.epoch, "{now:?} after {last:?}");
            let left = decision.derivation.verdict_on(&last.region).filter(|_| now.region != last.region);
            prop_assert!(left.is_none_or(|left| left.state != State::Unknown), "{now:?} after {last:?}");
        }
    }

    /// When nothing has happened nothing is done.
    #[test]
    fn unchanged_evidence_has_no_effects(parameters in parameters(), history in history()) {
        let mut simulator = Simulator::start(parameters.clone());
        play(&mut simulator, &parameters, &history);
        simulator.run_until(simulator.now + CALM);
        simulator.time_passes();
        let before = status(&simulator);
        prop_assert_eq!(simulator.time_passes(), 0, "effects of no time at all");
        prop_assert_eq!(status(&simulator), before);
    }

    /// All is well and stays so: no probe has any effect, whatever the order of the probes.
    #[test]
    fn passes_of_what_is_up_have_no_effects(parameters in parameters(), checks in prop::collection::vec(0..64_usize, 1..50)) {
        let mut simulator = Simulator::start(parameters.clone());
        simulator.run_until(simulator.now + CALM);
        for check in checks {
            let seen = observation(&parameters, check, &ProbeOutcome::Pass);
            let now = simulator.now;
            prop_assert_eq!(simulator.us_mut().observe(seen, now), 0);
        }
    }

    /// All has been well, then our network goes, and comes back shaky. It is gone for long enough that two regions
    /// could be seen to fail; a shorter loss is told from theirs by nobody.
    #[test]
    fn an_isolated_node_never_flips(parameters in parameters(), isolations in isolations()) {
        prop_assume!(is_comparable(&parameters));
        let parameters = with_room_for_losses(parameters);
        let mut simulator = Simulator::start(parameters.clone());
        for isolation in isolations {
            simulator.run_until(simulator.now + CALM);
            let before = answers(&simulator);
            isolation.begin(&mut simulator);
            simulator.run_until(simulator.now + isolation.lasts);
            prop_assert_eq!(&before, &answers(&simulator), "in {:?}", isolation);
            isolation.end(&mut simulator, &parameters);
            simulator.run_until(simulator.now + CALM);
            prop_assert_eq!(&before, &answers(&simulator), "after {:?}", isolation);
        }
    }

    /// A region in service that nobody knows about is not left, however long that takes.
    #[test]
    fn unknown_never_flips(parameters in parameters(), history in history(), silence in 0..1_000_u64) {
        let mut simulator = Simulator::start(parameters.clone());
        play(&mut simulator, &parameters, &history);
        simulator.run_until(simulator.now + CALM);
        let now = simulator.now;
        simulator.us_mut().set_prober_stuck(true, now);
        simulator.run_until(simulator.now + CALM);
        let before = answers(&simulator);
        simulator.run_until(simulator.now + Duration::from_secs(silence));
        let unknown = |answer: &&Answer| !is_known(&simulator, &answer.region);
        let after = answers(&simulator);
        for (before, after) in before.iter().zip(&after).filter(|(before, _)| unknown(before)) {
            prop_assert_eq!(before, after);
        }
    }
}

/// What resolvers would see, and the count of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    name: Name,
    region: RegionId,
    addresses: Vec<IpAddr>,
    epoch: u64,
}

impl Answer {
    fn of(decision: &Decision) -> Answer {
        let standing = &decision.standing;
        Answer {
            name: decision.name().clone(),
            region: standing.region.clone(),
            addresses: standing.addresses.to_vec(),
            epoch: standing.epoch,
        }
    }
}

fn answers(simulator: &Simulator) -> Vec<Answer> {
    let controller = simulator.controller().expect("it is back by now");
    controller.decisions().iter().map(Answer::of).collect()
}

/// All that an operator would read, but for the time of the start.
/// What is answered, why, and what is known of each region.
fn known(simulator: &Simulator) -> (Vec<String>, Vec<String>) {
    let controller = simulator.controller().expect("it is back by now");
    let answer = |decision: &Decision| {
        let Decision { standing, ttl, derivation, .. } = decision;
        format!("{standing:?} {ttl} {:?} {:?}", derivation.rule, derivation.wait)
    };
    let verdicts = controller.verdicts().values();
    let verdicts =
        verdicts.map(|verdict| format!("{} {:?} {}", verdict.region, verdict.state, verdict.since));
    (controller.decisions().iter().map(answer).collect(), verdicts.collect())
}

fn status(simulator: &Simulator) -> Status {
    let status = simulator.us().status(simulator.now).expect("it is back by now");
    Status { started: None, ..status }
}

fn is_known(simulator: &Simulator, region: &RegionId) -> bool {
    let regions = status(simulator).regions;
    regions.iter().any(|status| status.region == *region && status.state != State::Unknown)
}

fn epochs(controller: &Controller) -> Vec<u64> {
    controller.decisions().iter().map(|decision| decision.standing.epoch).collect()
}

/// A check that is one failure short of a brown-out is worn out by the first probe that our network loses. The losses
/// after three isolations shall not bring it there.
fn with_room_for_losses(mut parameters: Parameters) -> Parameters {
    let checks = parameters.regions.iter_mut().flat_map(|region| &mut region.checks);
    for brownout in checks.filter_map(|check| check.rules.brownout.as_mut()) {
        brownout.failures = brownout.failures.map(|failures| failures.max(5));
    }
    parameters
}

/// Each family that is probed at all is probed at two addresses: with one there is nothing to compare with.
fn is_comparable(parameters: &Parameters) -> bool {
    let probed = |family: Family| {
        let checks = parameters.regions.iter().flat_map(|region| &region.checks);
        let addresses = checks.map(|check| check.id.address).filter(|address| Family::of(*address) == family);
        addresses.collect::<BTreeSet<IpAddr>>().len()
    };
    Family::ALL.into_iter().all(|family| probed(family) != 1)
}
