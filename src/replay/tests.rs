//! Recordings made by hand, for the tests of this room.

use std::net::IpAddr;
use std::time::Duration;

use super::History;
use crate::answer::Identity;
use crate::controller::Parameters;
use crate::health::{
    Alone, Brownout, Check, Failure, Grades, Member, MinUp, Passes, Phase, ProbeOutcome, Region, Rules,
    Timings,
};
use crate::model::{CheckId, Family, Moment, Ttl};
use crate::policy::{Failback, Steer};
use crate::recording::{HEADER, Probe, ProbeBlock, table};

pub(super) const EAST: &str = "east";
pub(super) const WEST: &str = "west";

/// A check of a region and its probes: when each ended, what it saw, and how long it took.
pub(super) type Recorded = (&'static str, Vec<(Moment, ProbeOutcome, Duration)>);

/// So many milliseconds after the beginning.
pub(super) fn at(millis: u64) -> Moment {
    Moment::from_millis(1_795_363_200_000 + millis)
}

pub(super) fn check(region: &str) -> Check {
    let address: IpAddr = [192, 0, 2, if region == EAST { 1 } else { 2 }].into();
    let interval = Duration::from_secs(5);
    let rules = Rules {
        fall: 3,
        rise: 3,
        brownout: Some(Brownout::by_default(interval)),
        interval,
        recheck: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        hears: true,
        grades: Grades::NONE,
    };
    Check {
        id: CheckId { region: region.into(), probe: 0, address },
        label: None,
        endpoint: Some(address),
        rules,
    }
}

/// East is preferred, west takes over.
pub(super) fn parameters() -> Parameters {
    let region = |name: &str| Region {
        id: name.into(),
        addresses: vec![check(name).id.address],
        min_up: MinUp::Count(1),
        families: vec![Family::Ipv4],
        checks: vec![check(name)],
        passes: Passes::All,
    };
    let steer = Steer {
        names: ["app.t".parse().expect("a name")].into(),
        regions: vec![EAST.into(), WEST.into()],
        ttl: Ttl::from_secs(30).expect("a small TTL"),
        ttl_suspect: Ttl::from_secs(10).expect("a small TTL"),
        failback: Failback::Delayed(Duration::from_secs(300)),
        dwell: Duration::from_secs(60),
        max_flips_per_hour: 3,
        accepts_unproven: false,
        rto: None,
    };
    Parameters {
        vantage: "ns1".into(),
        members: vec![Member::server("ns1".into())],
        cluster: None,
        identity: Identity::default(),
        alone: Alone::Freeze,
        witnesses: Vec::new(),
        regions: vec![region(EAST), region(WEST)],
        safety: crate::policy::Safety::default(),
        gates: Vec::new(),
        hooks: Vec::new(),
        steers: vec![steer],
    }
}

/// Probes that many milliseconds apart, which fail from one of them up to another.
pub(super) fn recorded(apart: u64, probes: u64, failing: &[(u64, u64)]) -> Recorded {
    let region = if failing.is_empty() { WEST } else { EAST };
    let took = Duration::from_millis(10);
    let probe = |number: u64| {
        let fails = failing.iter().any(|(first, last)| (*first..=*last).contains(&number));
        let outcome = if fails { ProbeOutcome::failed(Failure::Refused) } else { ProbeOutcome::Pass };
        (at(number * apart) + took, outcome, took)
    };
    (region, (0..probes).map(probe).collect())
}

/// Probes of east, five seconds apart: `.` passes, `s` passes after 1.5 s, `x` is refused, `o` is silent, ` ` is not made.
pub(super) fn recorded_as(probes: &str) -> Recorded {
    let probe = |(number, sign): (u64, char)| {
        let (outcome, millis) = match sign {
            '.' => (ProbeOutcome::Pass, 10),
            's' => (ProbeOutcome::Pass, 1_500),
            'x' => (ProbeOutcome::failed(Failure::Refused), 1),
            'o' => (ProbeOutcome::failed(Failure::Timeout(Phase::Connect)), 2_000),
            _ => return None,
        };
        let took = Duration::from_millis(millis);
        Some((at(number * 5_000) + took, outcome, took))
    };
    (EAST, (0..).zip(probes.chars()).filter_map(probe).collect())
}

/// The same of west.
pub(super) fn recorded_as_west(probes: &str) -> Recorded {
    (WEST, recorded_as(probes).1)
}

/// Through octets, as from the disk.
pub(super) fn history(tracks: &[&Recorded]) -> History {
    let mut history = History::default();
    for (region, probes) in tracks {
        let mut octets = [HEADER, &table(&[check(region).id])].concat();
        let mut block = ProbeBlock::default();
        for (at, outcome, total) in probes {
            let timings =
                Timings { total: *total, connect: Some(Duration::from_millis(1)), ..Timings::default() };
            let probe = Probe { at: *at, check: 0, outcome: outcome.clone(), timings };
            if !block.push(&probe) {
                octets.extend(block.take());
                assert!(block.push(&probe), "an empty block takes every probe");
            }
        }
        octets.extend(block.take());
        history.add(&octets).expect("a recording");
    }
    history.finish();
    history
}

#[test]
fn what_does_not_concern_a_configuration_is_told() {
    let (east, west) = (recorded_as("..."), recorded_as_west("...."));
    let history = history(&[&east, &west]);
    let (here, elsewhere) = (check(EAST).id, CheckId { probe: 9, ..check(EAST).id });
    let coverage = history.coverage([&here, &elsewhere].into_iter()).expect("probes");
    assert_eq!(
        (coverage.probes, coverage.missing, coverage.unknown),
        (3, vec![elsewhere], vec![check(WEST).id])
    );
    assert!(history.coverage([].into_iter()).is_none());
}

/// A second of a daemon whose probes are fast: the region dies at its end.
#[test]
fn the_last_probe_of_a_recording_counts() {
    let mut parameters = parameters();
    for check in parameters.regions.iter_mut().flat_map(|region| &mut region.checks) {
        let (second, tenth) = (Duration::from_secs(1), Duration::from_millis(100));
        (check.rules.interval, check.rules.recheck, check.rules.timeout) = (second, tenth, second);
        (check.rules.fall, check.rules.rise) = (2, 2);
    }
    let took = Duration::from_micros(250);
    let (pass, refused) = (ProbeOutcome::Pass, ProbeOutcome::failed(Failure::Refused));
    let of = |probes: &[(u64, &ProbeOutcome)]| -> Vec<(Moment, ProbeOutcome, Duration)> {
        probes.iter().map(|(millis, outcome)| (at(*millis), (*outcome).clone(), took)).collect()
    };
    let east = (EAST, of(&[(57, &pass), (157, &pass), (1_105, &refused), (1_203, &refused)]));
    let west = (WEST, of(&[(0, &pass), (96, &pass), (1_107, &pass), (1_118, &pass)]));
    let history = history(&[&east, &west]);
    let checks = parameters.regions.iter().flat_map(|region| &region.checks).map(|check| &check.id);
    let coverage = history.coverage(checks).expect("probes");
    let course = super::replay(&history, &coverage, &parameters, &mut |_| {});
    let regions: Vec<&str> = course.stays[0].iter().map(|stay| stay.region.as_str()).collect();
    assert_eq!(regions.last(), Some(&WEST), "{:?}", course.stays);
}
