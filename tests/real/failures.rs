//! Each way in which a region dies: the answer flips within what `check` printed as `detect`, senders lose no more than its
//! whole budget, and when the region is back, so is the answer.

use std::time::{Duration, Instant};

use crate::client::{Delivery, Fate, RATE};
use crate::process::wait_until;
use crate::region::Failure;
use crate::world::{AMPLE, EU_WEST, QUICK, Settings, US_EAST, World};

/// A delivery that began so long before the outage may still be under way when it begins.
const IN_FLIGHT: Duration = Duration::from_millis(500);

/// unbound counts whole seconds: it keeps an answer with a TTL of 2 s for up to 3 s.
const RESOLVER_ROUNDS: Duration = Duration::from_secs(1);

/// The defaults of every setting; only what happens after the flip is shortened.
const DEFAULTS: Settings = Settings {
    probe: "",
    min_up: "50%",
    steer: "failback = { mode = \"delayed\", after = \"2s\" }\ndwell = \"1s\"",
    max_age: Duration::from_secs(30),
};

macro_rules! failures {
    ($($test:ident: $failure:ident of $region:ident;)*) => {$(
        #[test]
        #[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
        fn $test() {
            flips_in_time_and_heals(World::new($region, QUICK), Failure::$failure);
        }
    )*};
}

failures! {
    instances_killed_behind_haproxy: InstancesKilled of US_EAST;
    instances_killed_behind_nginx: InstancesKilled of EU_WEST;
    instances_unavailable_behind_haproxy: Unavailable of US_EAST;
    instances_unavailable_behind_nginx: Unavailable of EU_WEST;
    haproxy_killed: BalancerKilled of US_EAST;
    nginx_killed: BalancerKilled of EU_WEST;
    haproxy_frozen: BalancerFrozen of US_EAST;
    nginx_frozen: BalancerFrozen of EU_WEST;
    network_cut: NetworkCut of US_EAST;
    body_wrong_behind_haproxy: BodyWrong of US_EAST;
    body_wrong_behind_nginx: BodyWrong of EU_WEST;
    time_frozen_behind_haproxy: TimeFrozen of US_EAST;
    time_frozen_behind_nginx: TimeFrozen of EU_WEST;
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn certificate_expired_at_haproxy() {
    flips_in_time_and_heals(World::with_tls(US_EAST, QUICK), Failure::CertificateExpired);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn certificate_expired_at_nginx() {
    flips_in_time_and_heals(World::with_tls(EU_WEST, QUICK), Failure::CertificateExpired);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn network_cut_at_default_settings() {
    flips_in_time_and_heals(World::with_tls(US_EAST, DEFAULTS), Failure::NetworkCut);
}

fn flips_in_time_and_heals(mut world: World, failure: Failure) {
    let (preferred, standby) = (world.preferred().name, world.standby().name);
    let (watch, client) = (world.watch(), world.deliver());
    watch.wait_for(preferred, AMPLE);
    client.wait_for(preferred, AMPLE);
    world.wait_until_proven();

    let outage = Instant::now();
    world.fail(failure);
    let allowed = world.nameserver.detect_allowed() + unnoticed(failure);
    let flipped = watch.wait_for(standby, allowed + AMPLE) - outage;
    client.wait_for(standby, AMPLE);
    let everywhere = world.nameserver.budget * 11 / 10 + unnoticed(failure) + RESOLVER_ROUNDS;
    wait_until("the last cache has the new answer", everywhere * 2, || outage.elapsed() > everywhere);
    let healed = Instant::now();
    world.heal(failure);
    watch.wait_for(preferred, AMPLE);
    client.wait_for(preferred, AMPLE);

    println!(
        "{failure:?} of {preferred}: flipped after {flipped:.2?}, allowed {allowed:.2?}, budget {:.2?}",
        world.nameserver.budget
    );
    assert!(flipped <= allowed, "{failure:?}: the answer flipped after {flipped:?}, allowed are {allowed:?}");
    assert_eq!(watch.regions(), [preferred, standby, preferred], "one flip, one failback");
    let deliveries = client.stop();
    check_senders(&deliveries, everywhere, |began| began > outage && began < healed, standby);
    check_quiet_times(&deliveries, |began| began < outage - IN_FLIGHT || began > healed);
}

/// A frozen clock is no failure before it is stale.
fn unnoticed(failure: Failure) -> Duration {
    if failure == Failure::TimeFrozen { QUICK.max_age } else { Duration::ZERO }
}

/// During the outage: how many went to the dead region, and for how long.
fn check_senders(
    deliveries: &[Delivery],
    allowed: Duration,
    in_outage: impl Fn(Instant) -> bool,
    standby: &'static str,
) {
    let during: Vec<_> = deliveries.iter().filter(|one| in_outage(one.began)).collect();
    let began = during.iter().map(|one| one.began).min().expect("deliveries go on during the outage");
    let hit: Vec<_> = during.iter().filter(|one| one.fate != Fate::Accepted(standby)).collect();
    let limit = (allowed.as_secs_f64() * f64::from(RATE)).ceil();
    let last = hit.iter().map(|one| one.began - began).max().unwrap_or_default();
    println!("    {} of {} deliveries hit, the last after {last:.2?}", hit.len(), during.len());
    assert!(
        hit.len() as f64 <= limit,
        "{} deliveries went to the dead region, allowed are {limit}",
        hit.len()
    );
    assert!(
        last <= allowed,
        "the last delivery went to the dead region after {last:?}, allowed are {allowed:?}"
    );
}

/// Before and after, all is well; and nobody ever gets an empty answer.
fn check_quiet_times(deliveries: &[Delivery], quiet: impl Fn(Instant) -> bool) {
    let unanswered: Vec<_> = deliveries.iter().filter(|one| matches!(one.fate, Fate::NoAddress(_))).collect();
    assert!(unanswered.is_empty(), "the resolver gave no address: {unanswered:?}");
    let lost: Vec<_> =
        deliveries.iter().filter(|one| quiet(one.began) && matches!(one.fate, Fate::Lost(_))).collect();
    assert!(lost.is_empty(), "deliveries were lost while all was well: {lost:?}");
}
