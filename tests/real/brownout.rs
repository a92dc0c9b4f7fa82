//! A region that half works: every second backend behind HAProxy is broken, though its own checks do not notice.

use std::time::{Duration, Instant};

use crate::process::wait_until;
use crate::world::{AMPLE, EU_WEST, QUICK, Settings, US_EAST, World};

/// Twelve intervals, as by default.
const WINDOW: Duration = Duration::from_secs(6);

const HALF: Settings = Settings {
    probe: "interval = \"500ms\"\nrecheck = \"200ms\"\ntimeout = \"500ms\"\nfall = 3\nrise = 2\n\
            brownout = { window = \"6s\" }",
    ..QUICK
};

/// Never three failures in a row, so that only their share tells.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn every_second_backend_broken_is_left_and_not_taken_again_before_it_is_well() {
    let mut world = World::new(US_EAST, HALF);
    let watch = world.watch();
    // Two backends, and one check that meets them by turns.
    world.preferred_mut().lose_an_instance();
    world.home.namespace().command("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    let from = Instant::now();
    wait_until("what has failed meanwhile is out of the window", AMPLE, || from.elapsed() > WINDOW);

    let broken = Instant::now();
    world.preferred().break_one_instance();
    // Passes of before are in the window at first.
    let allowed = WINDOW * 2 + world.nameserver.detect_allowed();
    let flipped = watch.wait_for(EU_WEST, AMPLE) - broken;
    println!("every second probe failing: flipped after {flipped:.2?}, allowed are {allowed:.2?}");
    assert!(flipped <= allowed, "the answer flipped after {flipped:?}, allowed are {allowed:?}");
    let from = Instant::now();
    wait_until("two windows have passed", AMPLE, || {
        assert_eq!(watch.regions(), [US_EAST, EU_WEST], "half of its probes fail");
        from.elapsed() > WINDOW * 2
    });

    world.preferred().repair();
    watch.wait_for(US_EAST, AMPLE);
    assert_eq!(watch.regions(), [US_EAST, EU_WEST, US_EAST]);
}
