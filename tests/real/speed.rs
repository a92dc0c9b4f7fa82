//! The fastest flip: from a refused connection to a changed answer over UDP.

use std::time::{Duration, Instant};

use crate::region::Failure;
use crate::world::{AMPLE, EU_WEST, Settings, US_EAST, World};

const FASTEST: Settings = Settings {
    probe: "interval = \"100ms\"\nrecheck = \"100ms\"\ntimeout = \"100ms\"\nfall = 2\nrise = 2",
    min_up: "50%",
    steer: "ttl = \"1s\"\nttl_suspect = \"1s\"\nfailback = { mode = \"auto\" }\ndwell = \"0s\"\n\
            max_flips_per_hour = 1000",
    max_age: Duration::from_secs(30),
};

const TRIALS: usize = 20;

/// How often the answer is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(1);

/// Prints the figures; on a busy machine only `detect` is a promise.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn flips_after_a_refused_connection() {
    let mut world = World::new(US_EAST, FASTEST);
    let watch = world.watch_server(&world.nameserver, WATCH_EVERY);
    let mut times: Vec<Duration> = (0..TRIALS)
        .map(|_| {
            world.wait_until_proven();
            watch.wait_for(US_EAST, AMPLE);
            let refused = Instant::now();
            world.fail(Failure::BalancerKilled);
            let flipped = watch.wait_for(EU_WEST, AMPLE) - refused;
            world.heal(Failure::BalancerKilled);
            flipped
        })
        .collect();
    watch.wait_for(US_EAST, AMPLE);
    assert_eq!(watch.regions().len(), 2 * TRIALS + 1, "nothing but a flip and a failback each");
    times.sort();
    let (median, max) = (times[TRIALS / 2], times[TRIALS - 1]);
    println!("refused connection to changed answer, {TRIALS} trials: median {median:.0?}, max {max:.0?}");
    let allowed = world.nameserver.detect_allowed();
    assert!(max <= allowed, "a flip took {max:?}, allowed are {allowed:?}: {times:?}");
}
