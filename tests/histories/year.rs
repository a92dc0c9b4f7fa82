//! A simulated year of lost packets: what it costs, and what real deaths take meanwhile.

use std::time::Duration;

use cadence_dns::policy::budget;

use super::play::read_config;
use super::simulator::{BEGINNING, Condition, Simulator};

const HOUR: Duration = Duration::from_secs(3600);
const REGIONS: &str = r#"
[[region]]
name = "us-east"
addresses = ["192.0.2.10", "192.0.2.11"]
[[region.probe]]
url = "http://cadence.example.com/health"
[[region]]
name = "eu-west"
addresses = ["198.51.100.10", "198.51.100.11"]
[[region.probe]]
url = "http://cadence.example.com/health"
[[steer]]
name = "cadence.example.com"
regions = ["us-east", "eu-west"]
"#;

/// What a while of loss brought.
struct Outcome {
    false_verdicts: usize,
    false_flips: usize,
}

/// So many hours at a loss of so many hundred-thousandths of the packets.
fn play(loss: u32, hours: u32) -> Outcome {
    let mut simulator = Simulator::start(read_config("year.toml", REGIONS));
    simulator.world.lose_at_random(loss, u64::from(loss));
    simulator.run_until(BEGINNING + HOUR * hours);
    let told = |what: &str| {
        let journal = &simulator.us().journal;
        journal.iter().filter(|(_, line)| line.contains(what)).count()
    };
    Outcome {
        false_verdicts: told("up -> down"),
        false_flips: told("us-east -> eu-west") + told("eu-west -> us-east"),
    }
}

/// A day in a debug build, a fortnight in a release build, and as many days as `CADENCE_DNS_DAYS` says: the figures are
/// printed.
pub(super) fn hours() -> u32 {
    let wanted = std::env::var("CADENCE_DNS_DAYS").ok().and_then(|text| text.parse().ok());
    24 * wanted.unwrap_or(if cfg!(debug_assertions) { 1 } else { 14 })
}

#[test]
fn a_hundredth_of_the_packets_lost_condemns_nothing() {
    let Outcome { false_verdicts, false_flips } = play(1_000, hours());
    println!("1 % loss, {} days: {false_verdicts} false verdicts, {false_flips} false flips", hours() / 24);
    assert_eq!((false_verdicts, false_flips), (0, 0));
}

/// A probe fails with p = (1 - 0.95²)² ≈ 0.0095, and a false verdict takes `fall` of them in a row: p³ for each probe that
/// follows a pass, which is 8.6e-7 × 6.3 million probes of an address in a year ≈ 5, and 20 for four addresses.
#[test]
fn a_twentieth_of_the_packets_lost_flips_nothing() {
    let Outcome { false_verdicts, false_flips } = play(5_000, hours());
    println!("5 % loss, {} days: {false_verdicts} false verdicts, {false_flips} false flips", hours() / 24);
    let expected = 20.0 * f64::from(hours()) / (24.0 * 365.0);
    assert!(
        (false_verdicts as f64) <= expected * 2.0 + 3.0,
        "{false_verdicts} false verdicts, {expected:.1} expected"
    );
    assert_eq!(false_flips, 0);
}

/// Real deaths under 1 % loss are found within `detect`, and two probes more for those that were lost.
#[test]
fn deaths_are_found_in_time_while_packets_are_lost() {
    let parameters = read_config("year.toml", REGIONS);
    let budget = budget(&parameters.steers[0], &parameters.regions).expect("there is a failover");
    let mut simulator = Simulator::start(parameters);
    simulator.world.lose_at_random(1_000, 7);
    let east = ["192.0.2.10", "192.0.2.11"].map(|address| address.parse().expect("an address"));
    let mut took = Vec::new();
    for death in 0..100_u32 {
        let at = BEGINNING + HOUR * (2 * death + 1) + Duration::from_millis(u64::from(death) * 137);
        simulator.run_until(at);
        east.iter().for_each(|address| simulator.world.set(*address, Condition::Hangs));
        let served = |simulator: &Simulator| {
            let decisions = simulator.controller().expect("it runs").decisions();
            decisions[0].standing.region.as_str().to_owned()
        };
        assert_eq!(served(&simulator), "us-east");
        while served(&simulator) == "us-east" {
            simulator.step(at + HOUR);
        }
        took.push(simulator.now.since(at));
        simulator.run_until(at + Duration::from_secs(600));
        east.iter().for_each(|address| simulator.world.set(*address, Condition::Up));
    }
    took.sort_unstable();
    println!("100 deaths at 1 % loss: median {:?}, max {:?}, detect {:?}", took[50], took[99], budget.detect);
    assert!(took[99] <= budget.detect + Duration::from_secs(4), "{:?} of {:?}", took[99], budget.detect);
}
