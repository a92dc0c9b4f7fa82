//! Name servers and regions that die, alone and together.

use std::time::{Duration, Instant};

use crate::world::{ALL, SETTLED, Settings, World};

const SECOND: Duration = Duration::from_secs(1);

/// A region that is cut off is found so soon, with the settings of these tests: an interval, three timeouts, and some of it
/// for a machine that does other things.
const FOUND: Duration = Duration::from_secs(6);

/// All nodes answer otherwise within this of each other.
const ALL_AT_ONCE: Duration = Duration::from_millis(500);

/// What is between the first and the last.
fn spread(spans: &[Duration]) -> Duration {
    *spans.iter().max().expect("some") - *spans.iter().min().expect("some")
}

#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_region_dies() {
    let world = World::new();
    let began = world.history.note("all is well");
    let dead = world.lose_region("a");
    let moved = world.wait_for("b", &ALL, dead, FOUND);
    println!("region a dies: {moved:?}");
    assert!(spread(&moved) <= ALL_AT_ONCE, "{moved:?}");
    let epochs = world.epochs(&ALL);
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    let mended = world.mend();
    let back = world.wait_for("a", &ALL, mended, 20 * SECOND);
    assert!(spread(&back) <= ALL_AT_ONCE, "{back:?}");
    world.assert_agreement(&ALL, began, Instant::now());
    for node in ALL {
        assert_eq!(world.history.regions(node, began), ["a", "b", "a"], "one move there, and one back");
    }
    // What was apart is the time of the moves themselves.
    let apart = world.history.disagreement(&ALL, began, Instant::now());
    println!("they answered differently for {apart:?} in two moves");
    assert!(apart <= 2 * ALL_AT_ONCE);
}

#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_region_says_503() {
    let world = World::new();
    let sick = world.sicken(0, true);
    let moved = world.wait_for("b", &ALL, sick, FOUND);
    println!("region a says 503: {moved:?}");
    assert!(spread(&moved) <= ALL_AT_ONCE, "{moved:?}");
    world.assert_agreement(&ALL, sick, sick + moved[0].max(moved[1]).max(moved[2]) + SECOND / 10);
}

/// Those that are left go on, and whoever comes back follows.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_name_server_dies() {
    let mut world = World::new();
    let killed = world.history.note("ns3 is killed");
    world.nodes[2].kill();
    let dead = world.lose_region("a");
    let moved = world.wait_for("b", &[0, 1], dead, FOUND);
    println!("ns3 is dead, and region a dies: {moved:?}");
    assert!(spread(&moved) <= ALL_AT_ONCE, "{moved:?}");
    world.history.assert_answered(&[0, 1], killed, Instant::now());
    world.history.note("ns3 starts");
    world.nodes[2].run();
    let started = Instant::now();
    world.wait_for("b", &[2], started, 20 * SECOND);
    std::thread::sleep(SETTLED); // an interval in which nothing else may be answered
    let last = Instant::now() - SETTLED;
    world.assert_agreement(&ALL, last, last);
    let epochs = world.epochs(&ALL);
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}

/// Both others are outside.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_region_dies_with_a_name_server_in_it() {
    let world = World::with(Settings { first_in_a: true, ..Settings::default() });
    world.network.cut("n1");
    let dead = world.lose_region("a");
    let moved = world.wait_for("b", &[1, 2], dead, FOUND);
    println!("region a dies with ns1 in it: {moved:?}");
    assert!(spread(&moved) <= ALL_AT_ONCE, "{moved:?}");
    world.mend();
    world.wait_until_agreed(&ALL);
    world.history.assert_answered(&[1, 2], dead, Instant::now());
}

/// The one that is left hears the world, and no other node: it moves after a minute, and says so.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn both_peers_and_a_region_die_at_once() {
    let mut world = World::new();
    let dead = world.lose_region("a");
    world.nodes[0].kill();
    world.nodes[2].kill();
    world.history.note("ns1 and ns3 are killed");
    let moved = world.wait_for("b", &[1], dead, 90 * SECOND);
    println!("both peers and region a die: {moved:?}");
    assert!(moved[0] >= 55 * SECOND, "{moved:?}: it must wait");
    assert!(moved[0] <= 80 * SECOND, "{moved:?}");
    world.history.assert_answered(&[1], dead, Instant::now());
    assert_eq!(world.nodes[1].status()["cluster"]["state"], "alone");
    // The others come back, and follow.
    let back = world.history.note("ns1 and ns3 start");
    world.nodes[0].run();
    world.nodes[2].run();
    world.wait_for("b", &ALL, back, 30 * SECOND);
    world.wait_until_agreed(&ALL);
}
