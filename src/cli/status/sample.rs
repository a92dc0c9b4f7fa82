//! A status as a daemon would give it, for the tests of all that shows one.

use std::time::Duration;

use crate::api::{
    BudgetStatus, CheckStatus, DnsStatus, EndpointStatus, LimitedStatus, NameStatus, RegionStatus,
    STATUS_SCHEMA, Source, Status, WaitStatus, Warning,
};
use crate::health::{Failure, Health, State};
use crate::model::{Moment, Ttl};
use crate::policy::{Hold, Rule};

/// When the samples are looked at.
pub(in crate::cli) const NOW: Moment = Moment::from_millis(1_795_363_451_000);

/// So many seconds before that.
pub(in crate::cli) fn ago(seconds: u64) -> Moment {
    Moment::from_millis(NOW.as_millis() - seconds * 1000)
}

fn check(health: Health, failure: Option<Failure>) -> CheckStatus {
    CheckStatus {
        vantage: "ns1".into(),
        probe: 0,
        label: None,
        health,
        seen: Some(ago(2)),
        age: Some(2.0),
        latency: Some(0.012),
        connect: None,
        last_failure: failure.clone().map(|failure| (ago(2), failure)),
        failure,
        certificate_expires: None,
        trouble: None,
    }
}

fn region(name: &str, address: &str, state: State, why: &str, check: CheckStatus) -> RegionStatus {
    let address = address.parse().expect("an address");
    let endpoint = EndpointStatus {
        address,
        state,
        doubt: None,
        suspect: false,
        degraded: None,
        checks: vec![check],
        votes: Vec::new(),
    };
    let (region, why) = (name.into(), why.into());
    RegionStatus {
        region,
        state,
        doubt: None,
        since: ago(764),
        why,
        min_up: Some(1),
        families: Vec::new(),
        degraded: Vec::new(),
        endpoints: vec![endpoint],
    }
}

/// A name that has left a dead region twelve minutes ago.
pub(in crate::cli) fn failed_over() -> Status {
    let mut status = Status::new("ns1", Source::Live, NOW);
    assert_eq!(status.schema, STATUS_SCHEMA);
    status.version = "1.0.0".into();
    status.started = Some(ago(3_553_964));
    status.names = vec![NameStatus {
        name: "cadence.example.com".parse().expect("a name"),
        region: "eu-west".into(),
        regions: vec!["us-east".into(), "eu-west".into()],
        addresses: vec![
            "192.0.2.20".parse().expect("an address"),
            "2001:db8::20".parse().expect("an address"),
        ],
        ttl: Ttl::from_secs(30),
        epoch: 17,
        since: ago(764),
        rule: Rule::FailedOver { from: "us-east".into() },
        why: "failed over: us-east down: 0/1 up, 1 needed, connection refused".into(),
        wait: Some(WaitStatus {
            to: "us-east".into(),
            hold: Hold::Failback,
            until: Some(NOW + Duration::from_secs(101)),
            left: Some(101.0),
        }),
        flips_within_hour: 1,
        budget: Some(BudgetStatus {
            total: 37.0,
            detect: 11.0,
            rto: Some(45.0),
            derivation: "5s + 2s".into(),
        }),
    }];
    status.regions = vec![
        region("eu-west", "192.0.2.20", State::Up, "up: 1/1 up", check(Health::Up { failures: 0 }, None)),
        region(
            "us-east",
            "192.0.2.10",
            State::Down,
            "down: 0/1 up, 1 needed, connection refused",
            check(Health::Down { passes: 1 }, Some(Failure::Refused)),
        ),
    ];
    status.dns = Some(DnsStatus {
        queries: 5000,
        noerror: 4000,
        nxdomain: 300,
        refused: 20,
        other: 1,
        dropped: 9,
        limited: LimitedStatus { dropped: 300, slipped: 330, badcookie: 40 },
        truncated: 7,
        unsent: 2,
        xdp: 4500,
        overflowed: 3,
    });
    status.warnings = vec![Warning { text: "region us-east is down".into(), help: "look at it".into() }];
    status
}
