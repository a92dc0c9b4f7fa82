//! Random partitions of a cluster: links that fail one way or both, an etcd that is gone or slow, name servers that are
//! killed, lose power, stand still, have full disks and wrong clocks, operators on several sides, regions that die.
//!
//! No epoch has two meanings, anywhere; none goes back at any node; a minority raises one only by the rule for those that
//! are cut off for long; and two seconds after everything is well, all of them answer the same.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cadence_dns::controller::{ClusterEvent, Controller, Numbers, Parameters, Togetherness};
use cadence_dns::model::{Moment, Name};
use cadence_dns::scenario::{Step, Topologies};
use cadence_dns::simulator::Simulator;

use super::dice::Dice;
use super::play::{Player, read_config};
use super::simulator::{BEGINNING, Watch};

/// So many nodes have a vote at most.
const NODES: [usize; 6] = [2, 3, 3, 3, 4, 5];

/// All have found each other by then.
const START: u64 = 10_000;

/// Within this all agree, once everything is well.
const HEALING: Duration = Duration::from_secs(2);

/// A move is everybody's so soon, also one that is made just then.
const ADOPTION: Duration = Duration::from_millis(500);

/// So long after an operator's word a name may have moved by it.
const ORDERED: Duration = Duration::from_secs(4);

/// A witness or two, two or three regions of one or two addresses.
const CONFIGS: [&str; 3] = [
    r#"
[[region]]
name = "us-east"
addresses = ["192.0.2.10"]
[[region.probe]]
tcp = 443
interval = "1s"
recheck = "500ms"
timeout = "400ms"
[[region]]
name = "eu-west"
addresses = ["198.51.100.10"]
[[region.probe]]
tcp = 443
interval = "1s"
recheck = "500ms"
timeout = "400ms"
[[witness]]
name = "w1"
address = "203.0.113.1"
tcp = 53
[[steer]]
name = "cadence.example.com"
regions = ["us-east", "eu-west"]
failback = { mode = "auto" }
dwell = "0s"
max_flips_per_hour = 50
"#,
    r#"
[[region]]
name = "us-east"
addresses = ["192.0.2.10", "192.0.2.11"]
[[region.probe]]
tcp = 443
interval = "1s"
recheck = "500ms"
timeout = "400ms"
[[region]]
name = "eu-west"
addresses = ["198.51.100.10", "198.51.100.11"]
[[region.probe]]
tcp = 443
interval = "1s"
recheck = "500ms"
timeout = "400ms"
[[region]]
name = "ap-south"
addresses = ["192.0.2.130"]
[[region.probe]]
tcp = 443
interval = "1s"
recheck = "500ms"
timeout = "400ms"
[[witness]]
name = "w1"
address = "203.0.113.1"
tcp = 53
[[witness]]
name = "w2"
address = "203.0.113.2"
tcp = 53
[[steer]]
name = "cadence.example.com"
regions = ["us-east", "eu-west", "ap-south"]
failback = { mode = "delayed", after = "10s" }
dwell = "10s"
[[steer]]
name = "api.cadence.example.com"
regions = ["eu-west", "us-east"]
failback = { mode = "manual" }
"#,
    r#"
[[region]]
name = "us-east"
addresses = ["192.0.2.10"]
[[region.probe]]
tcp = 443
[[region]]
name = "eu-west"
addresses = ["198.51.100.10"]
[[region.probe]]
tcp = 443
[[witness]]
name = "w1"
address = "203.0.113.1"
tcp = 53
[[steer]]
name = "cadence.example.com"
regions = ["us-east", "eu-west"]
"#,
];

/// One schedule: name servers, and what happens to them and around them.
struct Schedule {
    config: &'static str,
    nodes: usize,
    lines: Vec<(u64, String)>,
}

impl Schedule {
    fn of(seed: u64) -> Schedule {
        let mut dice = Dice::of(seed.wrapping_mul(0x9e6c_63d0_876a_46d1) ^ 0x7a57);
        let (config, nodes) = (*dice.one_of(&CONFIGS), *dice.one_of(&NODES));
        let mut lines = Vec::new();
        for node in 1..=nodes {
            if dice.chance(25) {
                lines.push((0, format!("ns{node} stands in {}", dice.one_of(&["us-east", "eu-west"]))));
            }
        }
        let mut at = START;
        for _ in 0..dice.number(2, 14) {
            at += *dice.one_of(&[0, 50, 400, 900, 1500, 3000, 7000, 20_000, 65_000]);
            at += dice.number(0, 400);
            let node = dice.number(1, nodes as u64 + 1);
            lines.push((at, event(node, seed.is_multiple_of(2), &mut dice)));
        }
        Schedule { config, nodes, lines }
    }

    fn shown(&self, seed: u64, why: &str) -> String {
        let story: Vec<String> = self.lines.iter().map(|(at, what)| format!("{at}ms {what}")).collect();
        let first = format!("0s {} name servers vote", self.nodes);
        format!("# seed {seed}: {why}\n{}---\n{first}\n{}\n", self.config.trim_start(), story.join("\n"))
    }
}

/// Either the disks or the clocks are wrong, not both: as in the histories of one name server.
fn event(node: u64, with_disks: bool, dice: &mut Dice) -> String {
    let region = *dice.one_of(&["us-east", "us-east", "eu-west"]);
    match dice.number(0, 100) {
        0..12 => format!("ns{node} is not heard of"),
        12..20 => format!("ns{node} is heard but deaf"),
        20..28 => format!("ns{node} hears but is not heard"),
        28..36 => format!("ns{node} is heard of again"),
        36..42 => format!("ns{node} loses its network"),
        42..46 => format!("ns{node} has its network back"),
        46..60 => format!("{region} {}", dice.one_of(&["refuses", "hangs", "is up", "is up"])),
        60..66 => format!("at ns{node} {region} {}", dice.one_of(&["hangs", "refuses", "is up"])),
        66..72 => format!("at ns{node} we stand still for {}ms", dice.number(100, 30_000)),
        72..80 => format!("at ns{node} restart after {}ms", dice.number(0, 40_000)),
        80..83 if with_disks => {
            format!("at ns{node} our disk is {}", dice.one_of(&["full", "back"]))
        }
        80..83 => format!("at ns{node} our clock is set {} 1h", dice.one_of(&["back", "forward"])),
        83..87 => (*dice.one_of(&["etcd is gone", "etcd is slow 2s", "etcd is slow 200ms"])).to_owned(),
        87..92 => (*dice.one_of(&["etcd is back", "etcd is fast"])).to_owned(),
        92..96 => format!(
            "at ns{node} an operator says failover cadence.example.com to {region} for {}s",
            dice.number(5, 90)
        ),
        96..98 => format!("at ns{node} an operator says clear all"),
        _ => format!("at ns{node} an operator says freeze all for {}s", dice.number(5, 60)),
    }
}

/// A name, and one of its epochs.
type Told = (Name, u64);

/// What an epoch means, and the number of the node that said so first.
type Meaning = (Arc<[IpAddr]>, usize);

/// What must hold between the nodes, at every moment.
#[derive(Default)]
struct Between {
    /// What each epoch of a name meant, and who said so first.
    meant: BTreeMap<Told, Meaning>,
    /// When an operator last said something, at any node.
    ordered: Option<Moment>,
    /// The epochs of each node when it was looked at last.
    epochs: Vec<Vec<u64>>,
}

impl Between {
    /// Whether a node has another epoch than when it was looked at last.
    fn has_moved(&mut self, node: usize, controller: &Controller) -> bool {
        let epochs = || controller.decisions().iter().map(|decision| decision.standing.epoch);
        self.epochs.resize(self.epochs.len().max(node + 1), Vec::new());
        let known = &mut self.epochs[node];
        let has_moved = !epochs().eq(known.iter().copied());
        if has_moved {
            *known = epochs().collect();
        }
        has_moved
    }

    fn look(&mut self, simulator: &Simulator<Watch>) {
        for (number, node) in simulator.nodes.iter().enumerate() {
            let Some(controller) = node.controller() else { continue };
            if !self.has_moved(number, controller) {
                continue;
            }
            for decision in controller.decisions() {
                let (standing, name) = (&decision.standing, decision.name());
                let key = (name.clone(), standing.epoch);
                if let Some((addresses, first)) = self.meant.get(&key) {
                    assert_eq!(
                        *addresses,
                        standing.addresses,
                        "{name}: epoch {} means one thing at ns{}, another at ns{}",
                        standing.epoch,
                        first + 1,
                        number + 1
                    );
                    continue;
                }
                if Numbers::giver(standing.epoch) == Some(number) && standing.epoch > 10 {
                    let state = controller.cluster(node.time(simulator.now)).map(|view| view.state);
                    let is_ordered = self.ordered.is_some_and(|at| simulator.now.since(at) < ORDERED);
                    let is_alone = state == Some(Togetherness::Alone) || was_alone(node, simulator.now);
                    assert!(
                        is_ordered || is_alone,
                        "{name}: ns{} gave epoch {} on its own, and is {state:?}",
                        number + 1,
                        standing.epoch
                    );
                }
                self.meant.insert(key, (Arc::clone(&standing.addresses), number));
            }
        }
    }
}

/// Whether the node was alone when the moment began, and is not any more.
fn was_alone(node: &cadence_dns::simulator::Node<Watch>, now: Moment) -> bool {
    let told = node.journal.iter().rev().take_while(|(at, _)| *at == now);
    told.into_iter().any(|(_, text)| *text == ClusterEvent::NotAlone.to_string())
}

fn play(schedule: &Schedule) -> Result<(), String> {
    let parameters: Parameters = read_config("schedule.toml", schedule.config);
    let mut player = Player::new(Topologies { first: parameters.clone(), others: BTreeMap::new() });
    player.simulator = Simulator::start_nodes(&parameters, schedule.nodes);
    let rules = || {
        let mut between = Between::default();
        for (at, what) in &schedule.lines {
            let until = BEGINNING + Duration::from_millis(*at);
            watch(&mut player.simulator, &mut between, until);
            if what.contains("operator") {
                between.ordered = Some(player.simulator.now);
            }
            let step = Step::read(0, &format!("{at}ms {what}")).map_err(|mistake| mistake.found)?;
            step.map_or(Ok(()), |step| player.play(&step)).map_err(|mistake| mistake.found)?;
        }
        heals(&mut player.simulator, &mut between)
    };
    let outcome = catch_unwind(AssertUnwindSafe(rules)).unwrap_or_else(|panic| {
        Err(panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without a text".into()))
    });
    outcome.map_err(|why| format!("{why}\n{}", told(&player.simulator)))
}

/// What each name server told, as comments of a story.
fn told(simulator: &Simulator<Watch>) -> String {
    let mut lines = Vec::new();
    for (number, node) in simulator.nodes.iter().enumerate() {
        for (at, text) in &node.journal {
            lines.push((*at, format!("# {:>9}ms ns{}: {text}", at.since(BEGINNING).as_millis(), number + 1)));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect::<Vec<String>>().join("\n")
}

fn watch(simulator: &mut Simulator<Watch>, between: &mut Between, until: Moment) {
    between.look(simulator);
    while simulator.step(until) {
        between.look(simulator);
    }
}

/// Everything is well again, and every process runs. After that all agree, and go on agreeing.
fn heals(simulator: &mut Simulator<Watch>, between: &mut Between) -> Result<(), String> {
    let long = simulator.now + Duration::from_secs(45); // who is away comes back, who stands still goes on
    watch(simulator, between, long);
    simulator.world.make_well();
    simulator.register.set_down(false);
    let now = simulator.now;
    simulator.register.set_slow(Duration::ZERO, now);
    for node in 0..simulator.nodes.len() {
        simulator.part(node, false);
        simulator.nodes[node].set_disk(super::simulator::DiskState::Works);
    }
    let healed = simulator.now + HEALING;
    let end = healed + Duration::from_secs(20);
    let mut apart_since = None;
    loop {
        let answers = answers(simulator);
        let agree = answers.iter().all(|answer| *answer == answers[0]);
        apart_since = if agree { None } else { apart_since.or(Some(simulator.now)) };
        if let Some(since) = apart_since
            && simulator.now >= healed
            && simulator.now.since(since) > ADOPTION
        {
            return Err(format!(
                "they disagree at {:?} after healing: {answers:?}",
                simulator.now.since(healed)
            ));
        }
        if !simulator.step(end) {
            return Ok(());
        }
        between.look(simulator);
    }
}

/// What each node answers, and by which epochs.
fn answers(simulator: &Simulator<Watch>) -> Vec<String> {
    let answer = |node: &cadence_dns::simulator::Node<Watch>| {
        let controller = node.controller()?;
        let told = controller.decisions().iter().map(|decision| {
            let standing = &decision.standing;
            format!("{} {:?} {}", standing.region, standing.addresses, standing.epoch)
        });
        Some(told.collect::<Vec<String>>().join("; "))
    };
    simulator.nodes.iter().map(|node| answer(node).unwrap_or_else(|| "away".into())).collect()
}

/// The schedule that breaks a rule with as few lines as it takes.
fn shortest(seed: u64) -> Option<String> {
    let mut schedule = Schedule::of(seed);
    let mut why = play(&schedule).err()?;
    let mut index = 0;
    while index < schedule.lines.len() {
        let removed = schedule.lines.remove(index);
        match play(&schedule) {
            Err(still) => why = still,
            Ok(()) => {
                schedule.lines.insert(index, removed);
                index += 1;
            }
        }
    }
    Some(schedule.shown(seed, &why))
}

/// `CADENCE_DNS_SCHEDULES` says how many; `CADENCE_DNS_SCHEDULE=…` plays a seed again, and cuts it down.
fn schedules() -> u64 {
    let wanted = std::env::var("CADENCE_DNS_SCHEDULES").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(if cfg!(debug_assertions) { 100 } else { 10_000 })
}

#[test]
fn no_partition_breaks_a_rule() {
    std::panic::set_hook(Box::new(|_| {})); // what breaks is told once, at the end, by the shortest story
    if let Ok(seed) = std::env::var("CADENCE_DNS_SCHEDULE") {
        let seed = seed.parse().expect("CADENCE_DNS_SCHEDULE is a number");
        if let Some(told) = shortest(seed) {
            drop(std::panic::take_hook());
            panic!("{told}");
        }
        return;
    }
    let (next, broken, began) = (AtomicU64::new(0), AtomicU64::new(u64::MAX), Instant::now());
    let work = || {
        while broken.load(Ordering::Relaxed) == u64::MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules() {
                return;
            }
            if play(&Schedule::of(seed)).is_err() {
                broken.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    let workers = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let broken = broken.into_inner();
    if broken != u64::MAX {
        let told = shortest(broken).expect("it broke before");
        drop(std::panic::take_hook());
        panic!("{told}");
    }
    println!("{} schedules of partitions in {:.0?}", schedules(), began.elapsed());
}
