//! Name servers that decide together.

use std::time::Duration;

use super::{Condition, Link, Nobody, Simulator};
use crate::scenario;

const CONFIG: &str = r#"
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
    address = "203.0.113.1"
    tcp = 443

    [[steer]]
    name = "cadence.example.com"
    regions = ["us-east", "eu-west"]
"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn three() -> Simulator<Nobody> {
    let parameters = scenario::of_text("c.toml", CONFIG).expect("a good configuration");
    let mut simulator = Simulator::start_nodes(&parameters, 3);
    run(&mut simulator, 30);
    simulator
}

fn run(simulator: &mut Simulator<Nobody>, span: u64) {
    let until = simulator.now + seconds(span);
    simulator.run_until(until);
}

fn east_becomes(simulator: &mut Simulator<Nobody>, condition: Condition) {
    simulator.world.set("192.0.2.10".parse().expect("an address"), condition);
}

/// What each node answers, as `eu-west 10`.
fn answers(simulator: &Simulator<Nobody>) -> Vec<String> {
    let answer = |node: &super::Node<Nobody>| {
        let standing = &node.controller()?.decisions()[0].standing;
        Some(format!("{} {}", standing.region, standing.epoch))
    };
    simulator.nodes.iter().map(|node| answer(node).unwrap_or_else(|| "away".into())).collect()
}

#[test]
fn they_agree_from_the_start() {
    assert_eq!(answers(&three()), ["us-east 10"; 3]);
}

#[test]
fn they_leave_a_dead_region_together() {
    let mut simulator = three();
    east_becomes(&mut simulator, Condition::Refuses);
    run(&mut simulator, 10);
    assert_eq!(answers(&simulator), ["eu-west 20"; 3]);
}

#[test]
fn one_that_is_cut_off_stays_and_follows_later() {
    let mut simulator = three();
    simulator.register.set_link(2, Link::Down);
    east_becomes(&mut simulator, Condition::Refuses);
    run(&mut simulator, 20);
    assert_eq!(answers(&simulator), ["eu-west 20", "eu-west 20", "us-east 10"]);
    run(&mut simulator, 60);
    assert_eq!(answers(&simulator), ["eu-west 20", "eu-west 20", "eu-west 13"], "alone after a minute");
    simulator.register.set_link(2, Link::Up);
    run(&mut simulator, 3);
    assert_eq!(answers(&simulator), ["eu-west 20"; 3]);
}
