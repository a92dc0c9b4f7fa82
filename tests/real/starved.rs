//! A prober that gets no processor: what it misses is its own fault, so nothing flips; and a death is still noticed.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Process, wait_until};
use crate::region::Failure;
use crate::watch::Watch;
use crate::world::{AMPLE, EU_WEST, QUICK, Settings, US_EAST, World};

/// One address that falls takes its region down: nothing but `fall` stands between starvation and a flip.
const TOUCHY: Settings = Settings { min_up: "100%", ..QUICK };

/// How long the daemon runs in between: less than the timeout of a probe, so that none ends in it that found the region slow.
const RUNS: Duration = Duration::from_millis(300);

/// How long the region's answers may take to arrive while the daemon is stopped, and how long it stays so after that: more
/// than the timeout together.
const ANSWERS: Duration = Duration::from_millis(200);
const SLEEPS: Duration = Duration::from_millis(400);

/// Three failures in a row would be enough.
const TURNS: usize = 8;

/// Busy loops beside it, on the same processor and with the same right to it.
const BUSY: usize = 24;

/// Each time in the middle of a handshake. The answer has come when it wakes up, and there is more to say; but by the clock
/// the time of the probe is over.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_daemon_that_is_stopped_again_and_again_flips_nothing() {
    let (mut world, watch) = quiet(World::with_tls(US_EAST, TOUCHY));
    for _ in 0..TURNS {
        world.fail(Failure::BalancerFrozen);
        pass(RUNS);
        world.nameserver.signal(Signal::STOP);
        world.heal(Failure::BalancerFrozen);
        pass(ANSWERS);
        world.fail(Failure::BalancerFrozen);
        pass(SLEEPS);
        world.nameserver.signal(Signal::CONT);
    }
    world.heal(Failure::BalancerFrozen);
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    assert_eq!(watch.regions(), [US_EAST], "what it missed has moved the answer");
}

/// All of it at the lowest priority, so that tests beside this one are not starved as well.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_daemon_beside_busy_loops_flips_nothing_but_a_dead_region() {
    let (world, watch) = quiet(World::new(US_EAST, TOUCHY));
    let folder = tempfile::tempdir().expect("the machine has a temporary folder");
    let busy: Vec<Process> = (0..BUSY)
        .map(|number| {
            let mut command = Command::new("nice");
            command.args(["-n", "19", "taskset", "-c", "0", "sh", "-c", "while :; do :; done"]);
            Process::start(world.home.namespace(), &format!("busy-{number}"), folder.path(), command)
        })
        .collect();
    world.nameserver.starve();
    let span = world.nameserver.budget * 2;
    pass(span);
    assert_eq!(watch.regions(), [US_EAST], "starvation has moved the answer");

    // Not in time, for it has none; but with what it gets it finds out.
    world.network().cut(US_EAST);
    watch.wait_for(EU_WEST, AMPLE);
    drop(busy);
    assert_eq!(watch.regions(), [US_EAST, EU_WEST]);
}

fn quiet(world: World) -> (World, Watch) {
    let watch = world.watch();
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    (world, watch)
}

/// Lets time pass, which is what these tests are about.
fn pass(span: Duration) {
    let from = Instant::now();
    wait_until("time passes", AMPLE, || from.elapsed() > span);
}
