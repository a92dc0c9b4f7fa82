//! What must flip nothing: a single fault of any kind, and whatever is our own problem.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::wait_until;
use crate::watch::Watch;
use crate::world::{AMPLE, QUICK, Settings, US_EAST, World};

/// One address that falls takes its region down: nothing but `fall` stands between a glitch and a flip.
const TOUCHY: Settings = Settings { min_up: "100%", ..QUICK };

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn one_lost_packet_flips_nothing() {
    let (world, watch) = quiet_world();
    world.network().lose_next_connect(&world.preferred().addresses()[0]);
    wait_until("a probe has lost its SYN", AMPLE, || world.network().has_lost_a_packet());
    serves_the_same_for(&world, &watch);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn one_slow_answer_flips_nothing() {
    let (world, watch) = quiet_world();
    world.preferred().answer_one_probe_after(Duration::from_millis(700));
    wait_until("a probe has met the slow answer", AMPLE, || world.preferred().fault_used_up());
    serves_the_same_for(&world, &watch);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn one_failed_probe_flips_nothing() {
    let (world, watch) = quiet_world();
    world.preferred().fail_one_probe();
    wait_until("a probe has got 503", AMPLE, || world.preferred().fault_used_up());
    serves_the_same_for(&world, &watch);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn both_regions_unreachable_together_freeze_the_answer() {
    let (world, watch) = quiet_world();
    world.cut_all();
    serves_the_same_for(&world, &watch);
    world.network().mend();
    serves_the_same_for(&world, &watch);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_suspended_daemon_flips_nothing_when_it_wakes() {
    let (world, watch) = quiet_world();
    world.nameserver.signal(Signal::STOP);
    watch.wait_for_silence(AMPLE);
    let asleep = Instant::now();
    let night = world.nameserver.budget * 2;
    wait_until("the night is over", AMPLE, || asleep.elapsed() > night);
    world.nameserver.signal(Signal::CONT);
    watch.wait_for(US_EAST, AMPLE);
    serves_the_same_for(&world, &watch);
}

fn quiet_world() -> (World, Watch) {
    let world = World::new(US_EAST, TOUCHY);
    let watch = world.watch();
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    (world, watch)
}

/// Twice the time in which an outage would have flipped the answer.
fn serves_the_same_for(world: &World, watch: &Watch) {
    let (from, span) = (Instant::now(), world.nameserver.budget * 2);
    wait_until("the time in which it would have flipped is over", span * 2, || {
        assert_eq!(watch.regions(), [US_EAST], "a glitch has moved the answer");
        from.elapsed() > span
    });
}
