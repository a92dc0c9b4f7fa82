//! A name server that lives through a story, for the texts that operators read about it.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;

use crate::answer::Identity;
use crate::config::{self, Config, DnsSettings};
use crate::controller::{
    Command, CommandId, Commit, Controller, Effect, Event, HistoryEntry, Parameters, Terms, What,
};
use crate::health::{Failure, Member, Observation, Phase, ProbeOutcome, Timings};
use crate::model::{Moment, Name};
use crate::policy::{AtExpiry, Order};
use crate::zone::{self, MasterFile, Zone};

/// When every story begins.
pub(super) const NOW: Moment = Moment::from_millis(1_795_363_200_000);

const CONFIG: &str = r#"
[node]
name = "ns1"
[dns]
allow = ["192.0.2.0/24", "2001:db8::/32"]
rate_limit = { exempt = ["192.0.2.128/25"] }
[[zone]]
name = "example.com"
file = "example.com.zone"
[[witness]]
name = "resolver"
address = "203.0.113.53"
tcp = 53
[[region]]
name = "us-east"
addresses = ["192.0.2.10", "192.0.2.11", "2001:db8::10"]
[[region.probe]]
tcp = 443
[[region]]
name = "eu-west"
addresses = ["198.51.100.10"]
[[region.probe]]
tcp = 443
[[steer]]
name = "app.example.com"
regions = ["us-east", "eu-west"]
"#;

const ZONE: &str = "\
$TTL 300
@      SOA   ns1 admin 1 7200 900 86400 60
@      NS    ns1
ns1    A     192.0.2.53
www    CNAME app
away   CNAME www.example.net.
*.wild TXT   \"x\"
sub    NS    ns.example.net.
";

/// A name server, and the world that its probes meet.
pub(super) struct Story {
    pub(super) controller: Controller,
    pub(super) settings: DnsSettings,
    pub(super) now: Moment,
    /// Addresses and regions that refuse, or `all`: everything is silent, as when our own network is gone.
    failing: BTreeSet<&'static str>,
    /// What was written down.
    pub(super) history: Vec<(u64, HistoryEntry)>,
}

impl Story {
    /// It starts for the first time.
    pub(super) fn begin() -> Story {
        let parsed = config::parse("c.toml", CONFIG, Path::new("."), 1);
        let Config { dns, regions, witnesses, alone, steers, safety, node, .. } =
            parsed.expect("a good configuration").config;
        let parameters = Parameters {
            members: vec![Member::server(node.name.clone())],
            cluster: None,
            vantage: node.name,
            identity: Identity::default(),
            alone,
            witnesses,
            regions,
            steers,
            safety,
            gates: Vec::new(),
            hooks: Vec::new(),
        };
        let (controller, _) = Controller::start(parameters, &[zone()], None, NOW);
        Story { controller, settings: dns, now: NOW, failing: BTreeSet::new(), history: Vec::new() }
    }

    /// Probes everything every second for so many seconds.
    pub(super) fn pass(mut self, seconds: u64) -> Story {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            let parameters = self.controller.parameters();
            let of_regions = parameters.regions.iter().flat_map(|region| &region.checks);
            let checks: Vec<_> =
                of_regions.chain(&parameters.witnesses).map(|check| check.id.clone()).collect();
            for check in checks {
                let address = check.address.to_string();
                let outcome = if self.failing.contains("all") {
                    ProbeOutcome::Silent(Failure::Timeout(Phase::Connect))
                } else if self.failing.contains(address.as_str())
                    || self.failing.contains(check.region.as_str())
                {
                    ProbeOutcome::Heard(Failure::Refused)
                } else {
                    ProbeOutcome::Pass
                };
                let timings = Timings { total: Duration::from_millis(12), ..Timings::default() };
                let vantage = "ns1".into();
                let seen = Observation { check, vantage, outcome, timings, certificate_expires: None };
                self.take(Event::Observed(seen));
            }
            self.take(Event::TimePassed);
        }
        self
    }

    /// As the daemon does it: what is committed are further events.
    fn take(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.controller.handle(event, self.now) {
                if let Effect::Commit(id, _) = effect {
                    events.push_back(Event::Committed(id, Commit::Durable));
                } else if let Effect::Report(report) = effect {
                    let entry = HistoryEntry::of(&report, &"ns1".into(), self.now);
                    let number = self.history.len() as u64 + 1;
                    self.history.extend(entry.map(|entry| (number, entry)));
                }
            }
        }
    }

    /// From now on an address, a region or all of it fails.
    pub(super) fn fails(mut self, what: &'static str) -> Story {
        self.failing.insert(what);
        self
    }

    /// It works again.
    pub(super) fn works(mut self, what: &'static str) -> Story {
        self.failing.remove(what);
        self
    }

    /// An operator orders something for an hour.
    pub(super) fn ordered(mut self, order: Order) -> Story {
        let lasts = Duration::from_secs(3600);
        let what = What::Order { order, lasts, at_expiry: AtExpiry::Automatic, starts: None };
        let (id, author, reason) = (CommandId(1), "alice".to_owned(), "its users cannot log in".to_owned());
        let expires = self.now + Duration::from_secs(10);
        self.take(Event::Command(Command { id, author, reason, expires, what, terms: Terms::default() }));
        self
    }
}

fn zone() -> Zone {
    let origin: Name = "example.com".parse().expect("a name");
    let master = MasterFile { file: "example.com.zone", text: ZONE.as_bytes() };
    let steered = BTreeSet::from(["app.example.com".parse().expect("a name")]);
    let accepted = zone::parse(&origin, &master, &steered, &mut zone::no_include);
    accepted.unwrap_or_else(|problems| panic!("{}", problems[0])).zone
}
