//! A prober that gets no processor: what it misses is its own fault, so nothing flips; and a death is still noticed.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Process, wait_until};
use crate::watch::Watch;
use crate::world::{AMPLE, EU_WEST, QUICK, Settings, US_EAST, World};

/// One address that falls takes its region down: nothing but `fall` stands between starvation and a flip.
const TOUCHY: Settings = Settings { min_up: "100%", ..QUICK };

/// How long the daemon is stopped, by turns: within the timeout of a probe, about as long, beyond it, and longer than
/// evidence is fresh.
const STOPPED: [Duration; 4] = [
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_millis(1400),
    Duration::from_millis(4000),
];

/// How long it may run in between: less than three probes of a row take.
const RUNS: Duration = Duration::from_millis(300);

/// Busy loops beside it, on the same processor and with the same right to it.
const BUSY: usize = 24;

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_daemon_that_is_stopped_again_and_again_flips_nothing() {
    let (world, watch) = quiet_world();
    for stopped in STOPPED.into_iter().cycle().take(STOPPED.len() * 2) {
        world.nameserver.signal(Signal::STOP);
        pass(stopped);
        world.nameserver.signal(Signal::CONT);
        pass(RUNS);
    }
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    pass(world.nameserver.budget);
    assert_eq!(watch.regions(), [US_EAST], "what it missed has moved the answer");
}

/// All of it at the lowest priority, so that tests beside this one are not starved as well.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_daemon_beside_busy_loops_flips_nothing_but_a_dead_region() {
    let (world, watch) = quiet_world();
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

fn quiet_world() -> (World, Watch) {
    let world = World::new(US_EAST, TOUCHY);
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
