//! Networks that are cut: between nodes, between members of etcd, one way, and around one node.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::wait_until;
use crate::slow::Delay;
use crate::world::{ALL, SETTLED, Settings, World};

const SECOND: Duration = Duration::from_secs(1);

/// See `deaths`.
const FOUND: Duration = Duration::from_secs(6);

/// It holds, and says so; nothing happens to its answers.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_node_that_is_cut_off_holds_and_follows_when_it_is_back() {
    let world = World::new();
    let cut = world.isolate(2);
    wait_until("ns3 says that it is cut off", 20 * SECOND, || {
        world.nodes[2].status()["cluster"]["state"] == "cut-off"
    });
    println!("ns3 says so {:?} after it was cut off", cut.elapsed());
    let dead = world.sicken(0, true);
    let moved = world.wait_for("b", &[0, 1], dead, FOUND + 10 * SECOND);
    println!("the others move {moved:?} after region a died");
    world.history.assert_only("a", &[2], cut, Instant::now());
    let mended = world.mend();
    let followed = world.wait_for("b", &[2], mended, 10 * SECOND);
    println!("ns3 follows {followed:?} after the network was whole");
    world.assert_agreement(&ALL, cut, mended + followed[0] + SECOND / 10);
    let epochs = world.epochs(&ALL);
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}

/// It leaves the dead region on its own after a minute; the others have left it long ago, to the same.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_node_that_is_cut_off_for_long_leaves_a_dead_region_by_itself() {
    let world = World::new();
    let cut = world.isolate(2);
    let dead = world.sicken(0, true);
    world.wait_for("b", &[0, 1], dead, FOUND + 10 * SECOND);
    let moved = world.wait_for("b", &[2], cut, 90 * SECOND);
    println!("ns3 moves by itself after {moved:?}");
    assert!((55 * SECOND..80 * SECOND).contains(&moved[0]), "{moved:?}");
    assert_eq!(world.nodes[2].status()["cluster"]["state"], "alone");
    let mended = world.mend();
    wait_until("all decide together", 20 * SECOND, || {
        ALL.iter().all(|node| world.nodes[*node].status()["cluster"]["state"] == "together")
    });
    wait_until("all answer by one epoch", 10 * SECOND, || {
        let epochs = world.epochs(&ALL);
        epochs.iter().all(|epoch| *epoch == epochs[0])
    });
    world.assert_agreement(&ALL, cut, mended);
    for node in ALL {
        assert_eq!(world.history.regions(node, mended), ["b"], "nothing moves because of the healing");
    }
}

/// Of the two outside one says up and one says down: nobody moves, and it is told.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_region_that_one_node_does_not_see_stays() {
    let world = World::with(Settings { first_in_a: true, ..Settings::default() });
    let cut = world.history.note("n3 does not see region a");
    world.cut_between("n3", "region-a");
    wait_until("all say that the vantages are split", 20 * SECOND, || {
        world.nodes.iter().all(|node| node.status().to_string().contains("split vantage"))
    });
    std::thread::sleep(10 * SECOND); // an interval in which nothing may move
    world.history.assert_only("a", &ALL, cut, Instant::now());
    world.mend();
    world.wait_until_together(&ALL);
    world.assert_agreement(&ALL, cut, cut);
}

/// Two of three are enough to leave it.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_region_that_most_nodes_do_not_see_is_left() {
    let world = World::new();
    let cut = world.history.note("n2 and n3 do not see region a");
    world.cut_between("n2", "region-a");
    world.cut_between("n3", "region-a");
    let moved = world.wait_for("b", &ALL, cut, FOUND);
    let first = *moved.iter().min().expect("three");
    assert!(moved.iter().all(|span| *span - first <= SECOND / 2), "{moved:?}");
    world.assert_agreement(&ALL, cut, cut + *moved.iter().max().expect("three") + SECOND / 10);
}

/// Answers do not wait for a leader; moves do, for a second or two.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn etcd_loses_its_leader_while_a_region_dies() {
    let mut world = World::new();
    let leader = world.etcd.leader(world.nodes[0].site.namespace()).expect("there is one");
    let dead = world.sicken(0, true);
    world.history.note(&format!("the leader of etcd, e{}, is killed", leader + 1));
    world.etcd.members[leader].kill();
    let moved = world.wait_for("b", &ALL, dead, FOUND + 8 * SECOND);
    println!("the leader of etcd and region a die: {moved:?}");
    world.assert_agreement(&ALL, dead, dead + *moved.iter().max().expect("three") + SECOND / 10);
    world.etcd.members[leader].run();
    world.wait_until_agreed(&ALL);
}

/// Members 1 and 3 cannot talk, 2 hears both; then 1 and 2 cannot either.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn members_of_etcd_that_hear_only_some_make_no_two_truths() {
    let world = World::new();
    let began = world.history.note("e1 and e3 do not hear each other");
    world.cut_between("e1", "e3");
    let mut region = "a";
    for round in 0..4 {
        let (sick, next) = if region == "a" { (0, "b") } else { (1, "a") };
        let dead = world.sicken(sick, true);
        let moved = world.wait_for(next, &ALL, dead, FOUND + 10 * SECOND);
        println!("round {round}: {moved:?}");
        let settled = dead + *moved.iter().max().expect("three") + SETTLED;
        world.sicken(sick, false);
        std::thread::sleep(settled.saturating_duration_since(Instant::now()));
        match round {
            0 => {
                world.history.note("e1 hears nobody");
                world.cut_between("e1", "e2");
            }
            1 => {
                world.mend();
                world.history.note("e2 does not hear e1, which hears it");
                world.network.cut_way("e1", "e2");
            }
            _ => {}
        }
        let epochs = world.epochs(&ALL);
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "round {round}: {epochs:?}");
        // A region that was sick is steady again before it is needed.
        wait_until("both regions are up", 30 * SECOND, || {
            world.nodes[0].status()["regions"]
                .as_array()
                .is_some_and(|all| all.iter().all(|one| one["state"] == "up"))
        });
        region = match world.history.last(0) {
            Some(Ok(now)) => now,
            other => panic!("{other:?}"),
        };
    }
    world.mend();
    world.wait_until_together(&ALL);
    world.history.assert_answered(&ALL, began, Instant::now());
}

/// No etcd at all: answers stay for a minute; then each node leaves a dead region by itself, to the same. When etcd is back,
/// nothing moves because of that.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn etcd_is_lost_altogether() {
    let world = World::new();
    let lost = world.history.note("etcd stands still");
    world.etcd.members.iter().for_each(|member| member.signal(Signal::STOP));
    let dead = world.sicken(0, true);
    let moved = world.wait_for("b", &ALL, dead, 90 * SECOND);
    println!("etcd and region a are lost: {moved:?}");
    assert!(moved.iter().all(|span| (55 * SECOND..80 * SECOND).contains(span)), "{moved:?}");
    world.history.note("etcd goes on");
    world.etcd.members.iter().for_each(|member| member.signal(Signal::CONT));
    wait_until("all decide together, by one epoch", 30 * SECOND, || {
        let epochs = world.epochs(&ALL);
        let is_together = |node: &usize| world.nodes[*node].status()["cluster"]["state"] == "together";
        ALL.iter().all(is_together) && epochs.iter().all(|epoch| *epoch == epochs[0])
    });
    let last = dead + *moved.iter().max().expect("three") + SECOND / 10;
    world.assert_agreement(&ALL, lost, last);
    for node in ALL {
        assert_eq!(world.history.regions(node, last), ["b"], "nothing moves because of the healing");
    }
}

/// An etcd that answers after two seconds is none; queries do not notice.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn etcd_takes_two_seconds_for_each_answer() {
    let delay = Delay::default();
    let world = World::with(Settings { delay: Some(delay.clone()), ..Settings::default() });
    let slow = world.history.note("etcd takes two seconds");
    delay.set(SECOND);
    std::thread::sleep(20 * SECOND); // an interval in which nothing may move
    world.history.assert_only("a", &ALL, slow, Instant::now());
    delay.set(Duration::ZERO);
    world.history.note("etcd is as it was");
    wait_until("all decide together", 30 * SECOND, || {
        ALL.iter().all(|node| world.nodes[*node].status()["cluster"]["state"] == "together")
    });
    let dead = world.sicken(0, true);
    let moved = world.wait_for("b", &ALL, dead, FOUND);
    world.assert_agreement(&ALL, slow, dead + *moved.iter().max().expect("three") + SECOND / 10);
}
