//! A simulated week of tripwires: far ends that close idle connections, and lost packets.

use std::collections::BTreeMap;
use std::time::Duration;

use cadence_dns::health::Tripwire;
use cadence_dns::model::{CheckId, Moment};

use super::play::read_config;
use super::simulator::{BEGINNING, Simulator};
use super::year::hours;

const HOUR: Duration = Duration::from_secs(3600);

const REGIONS: &str = r#"
[[region]]
name = "us-east"
addresses = ["192.0.2.10", "192.0.2.11"]
[[region.probe]]
url = "http://cadence.example.com/health"
tripwire = true
recheck = "50ms"
timeout = "2s"
fall = 2
[[region]]
name = "eu-west"
addresses = ["198.51.100.10", "198.51.100.11"]
[[region.probe]]
url = "http://cadence.example.com/health"
tripwire = true
recheck = "50ms"
timeout = "2s"
fall = 2
[[steer]]
name = "cadence.example.com"
regions = ["us-east", "eu-west"]
"#;

/// A wire of a check, and when its far end is tired of it.
struct Wire {
    check: CheckId,
    wire: Tripwire,
    patience: Duration,
}

/// Far ends that close idle connections after 1, 10, 60 and 350 seconds (as Nginx, HAProxy and cloud load balancers do),
/// with one packet of a hundred lost: each loss is one probe more, and no answer changes.
#[test]
fn idle_timeouts_and_lost_packets_flip_nothing() {
    let parameters = read_config("tripwire.toml", REGIONS);
    let checks: Vec<CheckId> =
        parameters.regions.iter().flat_map(|region| &region.checks).map(|check| check.id.clone()).collect();
    let mut simulator = Simulator::start(parameters);
    simulator.world.lose_at_random(1_000, 7);
    let patience = [1, 10, 60, 350].map(Duration::from_secs);
    let mut due: BTreeMap<(Moment, usize), ()> = BTreeMap::new();
    let mut wires: Vec<Wire> = Vec::new();
    for (check, patience) in checks.into_iter().zip(patience) {
        due.insert((BEGINNING + patience, wires.len()), ());
        wires.push(Wire { check, wire: Tripwire::new(BEGINNING), patience });
    }
    let (end, mut losses) = (BEGINNING + HOUR * hours(), 0);
    while let Some(((now, number), ())) = due.pop_first().filter(|((at, _), ())| *at < end) {
        simulator.run_until(now);
        let Wire { check, wire, patience } = &mut wires[number];
        simulator.us_mut().probe_now(check, now);
        let opened = wire.opens();
        wire.lost(opened, now);
        losses += 1;
        due.insert((wire.opens() + *patience, number), ());
    }
    simulator.run_until(end);
    let told = |what: &str| simulator.us().journal.iter().filter(|(_, line)| line.contains(what)).count();
    let flips = told("us-east -> eu-west") + told("eu-west -> us-east");
    println!(
        "{} days, {losses} losses of tripwires, 1 % of the packets lost: {flips} false flips",
        hours() / 24
    );
    assert!(losses > 1_000, "only {losses} losses");
    assert_eq!(flips, 0);
}
