//! What operators do to nodes on quiet days: upgrade them, one after the other, and let one of them only watch.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{ALL, Settings, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn all_nodes_are_upgraded_one_after_the_other() {
    let world = World::new();
    let epochs = world.epochs(&ALL);
    let began = world.history.note("all is well");
    for node in ALL {
        let output = world.nodes[node].command(&["upgrade", "--output", "json"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ns{}: {said}", node + 1);
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_ne!(told["predecessor"], told["process"], "another process answers: {told}");
        world.wait_until_together(&ALL);
    }
    // Every query was answered, and all the time alike.
    world.assert_agreement(&ALL, began, began);
    assert_eq!(world.epochs(&ALL), epochs, "nothing has moved");
    let dead = world.lose_region("a");
    let moved = world.wait_for("b", &ALL, dead, 6 * SECOND);
    println!("after three upgrades region a dies: {moved:?}");
}

/// One of two that see the region down is the one that answers nobody.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_node_that_answers_nobody_has_a_vote() {
    let servers = [0, 1];
    let world = World::with(Settings { third_is_witness: true, ..Settings::default() });
    let began = world.history.note("ns1 does not hear region a");
    world.network.cut_way("region-a", "n1");
    std::thread::sleep(4 * SECOND); // an interval in which nothing may move
    for node in servers {
        assert_eq!(world.history.regions(node, began), ["a"], "one of three does not decide");
    }
    let cut = world.history.note("nor does ns3");
    world.network.cut_way("region-a", "n3");
    let moved = world.wait_for("b", &servers, cut, 8 * SECOND);
    println!("two of three do not hear region a, one of them a witness: {moved:?}");
    world.history.assert_answered(&servers, began, Instant::now());
}
