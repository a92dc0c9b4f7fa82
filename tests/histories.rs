//! The rules that never bend, over random histories of random topologies.
//!
//! A history is a scenario in the language of `tests/scenarios`, made from a seed. `simulator::Watch` asserts after every
//! event what must always hold; here are the rules that compare two moments, or two histories. A history that breaks a rule
//! is cut down to the lines that it takes, and printed as the text of a scenario; `CADENCE_DNS_SEED=…` plays its seed again.
//!
//! `CADENCE_DNS_HISTORIES` says how many; without it 1,000 in a debug build and 40,000 in a release build, which take a
//! minute or two on two cores.

mod simulator;

#[path = "histories/dice.rs"]
mod dice;
#[path = "histories/partitions.rs"]
mod partitions;
#[path = "scenarios/play.rs"]
#[allow(dead_code, reason = "stories have expectations, histories have none")]
mod play;
#[path = "histories/random.rs"]
mod random;
#[path = "histories/rules.rs"]
mod rules;
#[path = "histories/tripwire.rs"]
mod tripwire;
#[path = "histories/year.rs"]
mod year;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use random::Topology;

/// So many histories are played in each topology: reading a configuration takes as long as playing one.
const HISTORIES_OF_A_TOPOLOGY: u64 = 50;

fn histories() -> u64 {
    let wanted = std::env::var("CADENCE_DNS_HISTORIES").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(if cfg!(debug_assertions) { 1_000 } else { 40_000 })
}

#[test]
fn no_history_breaks_a_rule() {
    std::panic::set_hook(Box::new(|_| {})); // what breaks is told once, at the end, by the shortest story
    if let Ok(seed) = std::env::var("CADENCE_DNS_SEED") {
        let seed = seed.parse().expect("CADENCE_DNS_SEED is a number");
        return check(&Topology::of(seed / HISTORIES_OF_A_TOPOLOGY), seed).unwrap_or_else(|told| fail(&told));
    }
    let (next, topologies) = (AtomicU64::new(0), histories().div_ceil(HISTORIES_OF_A_TOPOLOGY));
    let broken = AtomicU64::new(u64::MAX);
    let began = Instant::now();
    let work = || {
        while broken.load(Ordering::Relaxed) == u64::MAX {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= topologies {
                return;
            }
            let topology = Topology::of(number);
            for seed in number * HISTORIES_OF_A_TOPOLOGY..(number + 1) * HISTORIES_OF_A_TOPOLOGY {
                if check(&topology, seed).is_err() {
                    broken.fetch_min(seed, Ordering::Relaxed);
                }
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
        let topology = Topology::of(broken / HISTORIES_OF_A_TOPOLOGY);
        fail(&rules::shortest(&topology, broken).expect("it broke before"));
    }
    println!("{} histories in {:.0?}", topologies * HISTORIES_OF_A_TOPOLOGY, began.elapsed());
}

fn check(topology: &Topology, seed: u64) -> Result<(), String> {
    rules::check(topology, &random::history(topology, seed), seed)
}

fn fail(told: &str) -> ! {
    drop(std::panic::take_hook());
    panic!("{told}")
}
