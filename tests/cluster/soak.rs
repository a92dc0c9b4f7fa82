//! Hours of trouble, at random: cuts, deaths, stopped processes, of nodes, regions and members of etcd.
//!
//! `CADENCE_DNS_SOAK_MINUTES` says for how long, `CADENCE_DNS_SOAK_SEED` which dice; without them a few rounds are played.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::dice::Dice;
use crate::etcd::AMPLE;
use crate::process::wait_until;
use crate::world::{ALL, SETTLED, World};

/// So many rounds where nobody says how long.
const ROUNDS: u32 = 3;

/// A region may be left by probes that were under way when it came back, and that is right.
const PROBES_END: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    RegionDies,
    RegionIsSick,
    /// The node and the first region do not hear each other.
    NodeLosesRegion(usize),
    /// It hears neither etcd nor the other nodes.
    NodeIsCutOff(usize),
    NodeDies(usize),
    NodeStandsStill(usize),
    MemberDies(usize),
    MemberStandsStill(usize),
    /// The member and the other two do not hear each other; nodes hear all of them.
    MemberIsApart(usize),
}

impl Trouble {
    fn any(dice: &mut Dice) -> Trouble {
        let one = usize::try_from(dice.number(0, 3)).expect("a small number");
        *dice.one_of(&[
            Trouble::RegionDies,
            Trouble::RegionIsSick,
            Trouble::NodeLosesRegion(one),
            Trouble::NodeIsCutOff(one),
            Trouble::NodeDies(one),
            Trouble::NodeStandsStill(one),
            Trouble::MemberDies(one),
            Trouble::MemberStandsStill(one),
            Trouble::MemberIsApart(one),
        ])
    }

    fn begins(self, world: &mut World) {
        world.history.note(&format!("{self:?}"));
        match self {
            Trouble::RegionDies => drop(world.lose_region("a")),
            Trouble::RegionIsSick => drop(world.sicken(0, true)),
            Trouble::NodeLosesRegion(node) => world.cut_between(world.nodes[node].site.name, "region-a"),
            Trouble::NodeIsCutOff(node) => drop(world.isolate(node)),
            Trouble::NodeDies(node) => world.nodes[node].kill(),
            Trouble::NodeStandsStill(node) => world.nodes[node].signal(Signal::STOP),
            Trouble::MemberDies(member) => world.etcd.members[member].kill(),
            Trouble::MemberStandsStill(member) => world.etcd.members[member].signal(Signal::STOP),
            Trouble::MemberIsApart(member) => {
                let names: Vec<&str> = world.etcd.members.iter().map(|one| one.site.name).collect();
                let others = names.iter().filter(|name| **name != names[member]);
                others.for_each(|other| world.cut_between(names[member], other));
            }
        }
    }

    fn ends(self, world: &mut World) {
        match self {
            Trouble::RegionIsSick => drop(world.sicken(0, false)),
            Trouble::NodeDies(node) => world.nodes[node].run(),
            Trouble::NodeStandsStill(node) => world.nodes[node].signal(Signal::CONT),
            Trouble::MemberDies(member) => world.etcd.members[member].run(),
            Trouble::MemberStandsStill(member) => world.etcd.members[member].signal(Signal::CONT),
            Trouble::RegionDies
            | Trouble::NodeLosesRegion(_)
            | Trouble::NodeIsCutOff(_)
            | Trouble::MemberIsApart(_) => {} // the network is mended as a whole
        }
    }

    /// The node that cannot answer meanwhile.
    fn silences(self) -> Option<usize> {
        match self {
            Trouble::NodeDies(node) | Trouble::NodeStandsStill(node) => Some(node),
            Trouble::RegionDies
            | Trouble::RegionIsSick
            | Trouble::NodeLosesRegion(_)
            | Trouble::NodeIsCutOff(_)
            | Trouble::MemberDies(_)
            | Trouble::MemberStandsStill(_)
            | Trouble::MemberIsApart(_) => None,
        }
    }

    fn is_of_region(self) -> bool {
        matches!(self, Trouble::RegionDies | Trouble::RegionIsSick)
    }
}

/// One trouble, or two of different kinds at once: most nodes hear each other, and most members.
fn troubles(dice: &mut Dice) -> Vec<Trouble> {
    let first = Trouble::any(dice);
    let second = Trouble::any(dice);
    let is_of_node = |one: Trouble| {
        matches!(one, Trouble::NodeLosesRegion(_) | Trouble::NodeIsCutOff(_)) || one.silences().is_some()
    };
    let is_of_member = |one: Trouble| !is_of_node(one) && !one.is_of_region();
    let both = |is: &dyn Fn(Trouble) -> bool| is(first) && is(second);
    let collide = both(&is_of_node) || both(&is_of_member) || both(&Trouble::is_of_region);
    if dice.chance(50) || collide { vec![first] } else { vec![first, second] }
}

/// What happens, and for how long any two answered differently once it was over.
fn round(world: &mut World, dice: &mut Dice) -> Duration {
    let began = Instant::now();
    let troubles = troubles(dice);
    troubles.iter().for_each(|trouble| trouble.begins(world));
    std::thread::sleep(Duration::from_millis(dice.number(500, 15_000))); // so long it lasts
    let silent: Vec<usize> = troubles.iter().filter_map(|trouble| trouble.silences()).collect();
    let live: Vec<usize> = ALL.into_iter().filter(|node| !silent.contains(node)).collect();
    world.history.assert_answered(&live, began, Instant::now());
    if !troubles.iter().any(|trouble| trouble.is_of_region()) {
        for node in &live {
            assert_eq!(world.history.regions(*node, began), ["a"], "ns{} moved needlessly", node + 1);
        }
    }
    troubles.iter().for_each(|trouble| trouble.ends(world));
    let mended = world.mend();
    std::thread::sleep(PROBES_END); // those that began before
    world.wait_until_well(&ALL);
    wait_until("all are back with the first region", AMPLE, || {
        ALL.iter().all(|node| world.history.last(*node) == Some(Ok("a")))
    });
    let quiet = Instant::now() + SETTLED;
    std::thread::sleep(SETTLED + Duration::from_millis(dice.number(500, 3_000))); // in which nothing may be answered otherwise
    world.assert_agreement(&ALL, quiet, quiet);
    let epochs = world.epochs(&ALL);
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    world.history.disagreement(&ALL, mended, quiet)
}

#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn whatever_happens_they_agree_again() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("CADENCE_DNS_SOAK_SEED").unwrap_or(7);
    let lasts = number("CADENCE_DNS_SOAK_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let mut dice = Dice::of(seed);
    let mut world = World::new();
    let (began, mut apart) = (Instant::now(), Vec::new());
    while lasts.map_or(apart.len() < ROUNDS as usize, |lasts| began.elapsed() < lasts) {
        apart.push(round(&mut world, &mut dice));
    }
    apart.sort();
    println!(
        "{} rounds of trouble with seed {seed} in {:?}: after it they answered differently for {:?} by the median, {:?} at most",
        apart.len(),
        began.elapsed(),
        apart[apart.len() / 2],
        apart[apart.len() - 1]
    );
}
