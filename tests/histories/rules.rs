//! The rules, and the shortest story that breaks one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cadence_dns::model::Family;
use cadence_dns::scenario::{Step, Topologies};

use super::play::Player;
use super::random::{Line, Topology, history};
use super::simulator::{BEGINNING, Simulator};

/// After this much calm everything is believed to be what it is.
const CALM: Duration = Duration::from_secs(45);

/// Plays a history by every rule; what was broken, if one was.
pub(crate) fn check(topology: &Topology, lines: &[Line], seed: u64) -> Result<(), String> {
    let rules = || {
        let mut player = played(topology, lines)?;
        match seed % 100 {
            0 if seed.is_multiple_of(200) => losing_our_network_moves_nothing(&mut player, seed / 200),
            1..10 => the_same_again(topology, lines, &player),
            _ => Ok(()),
        }
    };
    match catch_unwind(AssertUnwindSafe(rules)) {
        Ok(outcome) => outcome,
        Err(panic) => Err(panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without a text".into())),
    }
}

/// The history that breaks a rule with as few lines as it takes, as the text of a scenario.
pub(crate) fn shortest(topology: &Topology, seed: u64) -> Option<String> {
    let mut lines = history(topology, seed);
    let mut why = check(topology, &lines, seed).err()?;
    let mut index = 0;
    while index < lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(index);
        match check(topology, &fewer, seed) {
            Err(still) => (lines, why) = (fewer, still),
            Ok(()) => index += 1,
        }
    }
    let mut text = format!("# seed {seed}: {why}\n{}---\n", topology.config);
    for (at, what) in lines {
        writeln!(text, "{:<10} {what}", format!("{at}ms")).expect("room");
    }
    Some(text)
}

fn played(topology: &Topology, lines: &[Line]) -> Result<Player, String> {
    let first = topology.parameters.clone();
    let mut player = Player::new(Topologies { first, others: BTreeMap::new() });
    for (at, what) in lines {
        let step = Step::read(0, &format!("{at}ms {what}")).map_err(|mistake| mistake.found)?;
        step.map_or(Ok(()), |step| player.play(&step)).map_err(|mistake| mistake.found)?;
    }
    let now = player.simulator.now;
    player.simulator.run_until(now + CALM);
    Ok(player)
}

/// What is answered, and the epochs.
fn answers(simulator: &Simulator) -> Vec<String> {
    let controller = simulator.controller();
    let decisions = controller.map(|controller| controller.decisions()).unwrap_or_default();
    decisions.iter().map(|decision| format!("{:?}", decision.standing)).collect()
}

/// All is well, or one address has been dead for long; then our network goes, or a family of it, the prober, the process or a middlebox, for any time: nothing
/// moves, neither while it lasts nor after it.
fn losing_our_network_moves_nothing(player: &mut Player, seed: u64) -> Result<(), String> {
    let simulator = &mut player.simulator;
    let addresses: Vec<_> = {
        let parameters = &simulator.us().parameters;
        let checks = parameters.regions.iter().flat_map(|region| &region.checks).chain(&parameters.witnesses);
        checks.map(|check| check.id.address).collect()
    };
    addresses.iter().for_each(|address| simulator.world.set(*address, super::simulator::Condition::Up));
    if !addresses.is_empty() && seed.is_multiple_of(2) {
        let dead = addresses[usize::try_from(seed / 12).expect("an index") % addresses.len()];
        simulator.world.set(dead, super::simulator::Condition::Refuses);
    }
    simulator.world.make_well();
    simulator.us_mut().set_disk(super::simulator::DiskState::Works);
    let now = simulator.now;
    simulator.us_mut().set_prober_stuck(false, now);
    // Long enough for every failback, and for the flip limit.
    simulator.run_until(now + Duration::from_secs(3700));
    let alone_and_trusted = simulator.us().parameters.alone == cadence_dns::health::Alone::Trust;
    let before = answers(simulator);
    let now = simulator.now;
    let trouble = seed / 2 % 6;
    match trouble {
        0 => Family::ALL.iter().for_each(|family| simulator.world.cut_off(0, *family, true)),
        1 => simulator.world.cut_off(0, Family::Ipv4, true),
        2 => simulator.world.cut_off(0, Family::Ipv6, true),
        3 => simulator.us_mut().set_prober_stuck(true, now),
        4 => simulator.us_mut().stand_still(Duration::from_secs(seed % 100), now),
        _ => simulator.world.exhaust(0, true),
    }
    simulator.run_until(now + Duration::from_millis(seed % 200_000));
    let during = answers(simulator);
    simulator.world.make_well();
    let now = simulator.now;
    simulator.us_mut().set_prober_stuck(false, now);
    simulator.run_until(now + CALM);
    let after = answers(simulator);
    if alone_and_trusted {
        return Ok(()); // the operator has said that silence is a proof
    }
    if before != during || before != after {
        return Err(format!("our own trouble {trouble} moved {before:?} to {during:?} and then {after:?}"));
    }
    Ok(())
}

/// The same evidence gives the same decisions.
fn the_same_again(topology: &Topology, lines: &[Line], first: &Player) -> Result<(), String> {
    let again = played(topology, lines)?;
    let told = |player: &Player| player.simulator.us().journal.clone();
    if told(first) != told(&again) || answers(&first.simulator) != answers(&again.simulator) {
        return Err(format!("the same history went another way after {:?}", BEGINNING));
    }
    Ok(())
}
