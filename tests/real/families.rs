//! What happens to one family of addresses, or to our own sight of it, and what must follow: a flip within `detect`, or none.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::wait_until;
use crate::watch::Watch;
use crate::world::{AMPLE, EU_WEST, QUICK, US_EAST, World};

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_node_without_ipv6_sees_a_region_die() {
    let (world, watch) = proven_world();
    world.home.namespace().command("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    wait_for_endpoints(&world, "IPv6 is not probed", |address, endpoint| {
        !address.contains(':') || endpoint["doubt"] == "not-probed"
    });
    let outage = Instant::now();
    world.network().cut(US_EAST);
    flips(&world, &watch, outage);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_standby_whose_ipv6_is_dead_takes_over() {
    let (world, watch) = proven_world();
    world.network().cut_family(EU_WEST, "ipv6");
    let dead = world.standby().addresses()[1].clone();
    wait_for_endpoints(&world, "the standby's IPv6 is down", |address, endpoint| {
        address != dead || endpoint["state"] == "down"
    });
    let outage = Instant::now();
    world.network().cut(US_EAST);
    flips(&world, &watch, outage);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_region_that_loses_all_ipv4_is_left_though_its_ipv6_is_well() {
    let (world, watch) = proven_world();
    let outage = Instant::now();
    world.network().cut_family(US_EAST, "ipv4");
    flips(&world, &watch, outage);
}

/// Neither is told by the far end itself, so it takes a witness.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_region_that_a_router_calls_unreachable_is_left() {
    let (world, watch) = proven_world();
    let outage = Instant::now();
    world.network().reject(US_EAST, "with icmpx host-unreachable");
    flips(&world, &watch, outage);
}

/// A packet filter of our own answers every connection with RST, in the name of each far end, all at once.
#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn a_filter_of_our_own_that_refuses_everything_flips_nothing() {
    let (world, watch) = proven_world();
    let home = world.home.namespace();
    home.command("nft add table inet t");
    home.command("nft add chain inet t out { type filter hook output priority 0 ; }");
    home.command("nft add rule inet t out oifname eth0 meta l4proto tcp reject with tcp reset");
    serves_the_same_for(&watch, world.nameserver.budget * 2);
    home.command("nft flush chain inet t out");
    world.wait_until_proven();
    assert_eq!(watch.regions(), [US_EAST], "our own filter has moved the answer");
}

fn proven_world() -> (World, Watch) {
    let world = World::new(US_EAST, QUICK);
    let watch = world.watch();
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    (world, watch)
}

/// Waits until every endpoint is as it should be, by its address and what `status` says of it.
fn wait_for_endpoints(world: &World, what: &str, is_so: impl Fn(&str, &Value) -> bool) {
    wait_until(what, AMPLE, || {
        let status = world.nameserver.status();
        let regions = status["regions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut endpoints = regions.iter().flat_map(|region| region["endpoints"].as_array()).flatten();
        !regions.is_empty()
            && endpoints.all(|endpoint| is_so(endpoint["address"].as_str().unwrap_or_default(), endpoint))
    });
}

/// Once, and in time.
fn flips(world: &World, watch: &Watch, outage: Instant) {
    let allowed = world.nameserver.detect_allowed();
    let flipped = watch.wait_for(EU_WEST, AMPLE) - outage;
    println!("flipped after {flipped:.2?}, allowed are {allowed:.2?}");
    assert!(flipped <= allowed, "the answer flipped after {flipped:?}, allowed are {allowed:?}");
    serves_since_the_flip(watch, world.nameserver.budget);
}

/// It neither goes back nor on.
fn serves_since_the_flip(watch: &Watch, span: Duration) {
    let from = Instant::now();
    wait_until("the time in which it would have gone back is over", span * 2, || {
        assert_eq!(watch.regions(), [US_EAST, EU_WEST], "one flip");
        from.elapsed() > span
    });
}

fn serves_the_same_for(watch: &Watch, span: Duration) {
    let from = Instant::now();
    wait_until("the time in which it would have flipped is over", span * 2, || {
        assert_eq!(watch.regions(), [US_EAST], "it is not the region's fault");
        from.elapsed() > span
    });
}
