//! What people and machines do to nodes: orders on two sides, old files, other files, wrong clocks, full disks, restarts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::wait_until;
use crate::world::{ALL, NAME, SETTLED, Settings, World};

const SECOND: Duration = Duration::from_secs(1);

/// See `deaths`.
const FOUND: Duration = Duration::from_secs(6);

fn failover(world: &World, node: usize, region: &str) -> Instant {
    let words =
        ["failover", NAME, "--to", region, "--reason", "a test", "--yes", "--break-glass", "flip-limit"];
    let at = world.history.note(&format!("an operator on ns{}: failover --to {region}", node + 1));
    let output = world.nodes[node].command(&words);
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    println!("{told}");
    at
}

#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn an_order_on_one_node_is_obeyed_by_all() {
    let world = World::new();
    for (node, region) in [(0, "b"), (2, "a"), (1, "b")] {
        let at = failover(&world, node, region);
        let moved = world.wait_for(region, &ALL, at, 5 * SECOND);
        println!("failover on ns{}: {moved:?}", node + 1);
        let (first, last) = (moved.iter().min().expect("three"), moved.iter().max().expect("three"));
        assert!(*last - *first <= SECOND / 2, "{moved:?}");
    }
}

/// The latest counts for all when they meet again.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn of_orders_on_two_sides_the_latest_wins() {
    let world = World::new();
    let cut = world.isolate(2);
    wait_until("ns3 says that it is cut off", 20 * SECOND, || {
        world.nodes[2].status()["cluster"]["state"] == "cut-off"
    });
    let first = failover(&world, 0, "b");
    world.wait_for("b", &[0, 1], first, 5 * SECOND);
    let second = failover(&world, 2, "a");
    world.wait_for("a", &[2], second, 5 * SECOND);
    world.history.assert_only("a", &[2], second, Instant::now());
    let mended = world.mend();
    let moved = world.wait_for("a", &ALL, mended, 15 * SECOND);
    println!("the latest order was obeyed {moved:?} after the network was whole");
    std::thread::sleep((mended + 10 * SECOND).saturating_duration_since(Instant::now())); // an interval to be judged
    world.history.assert_answered(&ALL, cut, Instant::now());
    world.history.assert_only("a", &ALL, mended + SETTLED, Instant::now());
}

/// It follows what is newer, and nothing that it remembers is written over it.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_node_with_an_old_state_follows() {
    let mut world = World::new();
    world.nodes[2].end();
    let (state, old) = (world.nodes[2].folder.join("state"), world.nodes[2].folder.join("old"));
    copy(&state, &old);
    world.nodes[2].run();
    world.wait_until_together(&ALL);
    let dead = world.sicken(0, true);
    world.wait_for("b", &ALL, dead, FOUND);
    let epoch = world.epochs(&ALL)[0];
    world.nodes[2].end();
    world.history.note("ns3 starts with what it knew an epoch ago");
    fs::remove_dir_all(&state).expect("our folder");
    copy(&old, &state);
    world.nodes[2].run();
    let started = Instant::now();
    world.wait_for("b", &[2], started, 20 * SECOND);
    wait_until("ns3 has the epoch of the others", 20 * SECOND, || world.nodes[2].epoch() >= epoch);
    world.history.assert_only("b", &[0, 1], started, Instant::now());
    let epochs = world.epochs(&ALL);
    assert!(epochs.iter().all(|one| *one == epochs[0]), "{epochs:?}");
}

/// The others say so, and go on.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_node_with_another_configuration_is_named() {
    let mut world = World::new();
    world.nodes[2].end();
    let file = world.nodes[2].file();
    let text = fs::read_to_string(&file).expect("our folder");
    fs::write(&file, text.replace("fall = 3", "fall = 4")).expect("our folder");
    world.history.note("ns3 starts with another configuration");
    world.nodes[2].run();
    wait_until("the others name it", 30 * SECOND, || {
        [0, 1].iter().all(|node| {
            world.nodes[*node].status().to_string().contains("ns3 decides by another configuration")
        })
    });
    let dead = world.sicken(0, true);
    let moved = world.wait_for("b", &[0, 1], dead, FOUND);
    println!("with one node of another configuration: {moved:?}");
}

/// It changes nothing about what is decided and answered.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_clock_that_is_wrong_by_an_hour_changes_nothing() {
    let world = World::with(Settings { fake_clock: true, ..Settings::default() });
    let mut from = world.history.note("all is well");
    let mut region = "a";
    for offset in ["+1h", "-1h", "+0"] {
        let jumped = world.history.note(&format!("the clock of ns2 is wrong by {offset}"));
        world.nodes[1].set_clock(offset);
        std::thread::sleep(5 * SECOND); // an interval in which nothing may move
        world.history.assert_only(region, &ALL, jumped, Instant::now());
        let next = if region == "a" { "b" } else { "a" };
        let sick = usize::from(region == "b");
        let dead = world.sicken(sick, true);
        let moved = world.wait_for(next, &ALL, dead, FOUND);
        println!("{offset}: {moved:?}");
        let (first, last) = (moved.iter().min().expect("three"), moved.iter().max().expect("three"));
        assert!(*last - *first <= SECOND / 2, "{moved:?}");
        region = next;
        if region == "b" {
            // Back to where it began.
            let well = world.sicken(sick, false);
            world.wait_for("a", &ALL, well, 30 * SECOND);
            region = "a";
        }
        world.wait_until_together(&ALL);
        world.history.assert_answered(&ALL, from, Instant::now());
        from = Instant::now();
    }
}

/// It goes on from memory, with an alarm.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_full_disk_on_one_node_changes_no_answer() {
    let world = World::with(Settings { small_disk: Some(4096), ..Settings::default() });
    let full = world.history.note("the disk of ns1 is full");
    let file = world.nodes[0].folder.join("state/ballast");
    let _ =
        Command::new("dd").args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", file.display())).output();
    let dead = world.sicken(0, true);
    let moved = world.wait_for("b", &ALL, dead, FOUND + 5 * SECOND);
    println!("with a full disk on ns1: {moved:?}");
    world.assert_agreement(&ALL, full, dead + *moved.iter().max().expect("three") + SECOND / 10);
    let status = world.nodes[0].status().to_string();
    assert!(status.contains("No space left") || status.contains("not durable"), "{status}");
}

/// One after the other, ended as systemd does: a resolver that asks another one misses nothing, and nothing moves.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn nodes_are_restarted_one_after_the_other() {
    let mut world = World::new();
    let began = world.history.note("the restarts begin");
    for node in ALL {
        let others: Vec<usize> = ALL.into_iter().filter(|other| *other != node).collect();
        let from = world.history.note(&format!("ns{} is restarted", node + 1));
        world.nodes[node].end();
        world.nodes[node].run();
        wait_until("it answers again", 20 * SECOND, || {
            world.history.first(node, "a", Instant::now() - SECOND / 10).is_some()
        });
        world.wait_until_together(&ALL);
        world.history.assert_only("a", &others, from, Instant::now());
    }
    for node in ALL {
        assert_eq!(world.history.regions(node, began), ["a"]);
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp is everywhere");
    assert!(copied.success(), "the folder is writable");
}
