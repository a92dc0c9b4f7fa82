//! What an operator reads about an answer, story by story.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::tree::render;
use crate::answer::Identity;
use crate::api::{Explanation, Question};
use crate::config::{self, Config, DnsSettings};
use crate::controller::{
    Command, CommandId, Commit, Controller, Effect, Event, HistoryEntry, Parameters, Terms, What,
};
use crate::health::{Failure, Member, Observation, Phase, ProbeOutcome, Timings};
use crate::model::{Moment, Name, RecordType};
use crate::policy::{AtExpiry, Order, Target};
use crate::zone::{self, MasterFile, Zone};

const NOW: Moment = Moment::from_millis(1_795_363_200_000);

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
struct Story {
    controller: Controller,
    settings: DnsSettings,
    now: Moment,
    /// Addresses and regions that refuse, or `all`: everything is silent, as when our own network is gone.
    failing: BTreeSet<&'static str>,
    history: Vec<(u64, HistoryEntry)>,
}

impl Story {
    fn begin() -> Story {
        let parsed = config::parse("c.toml", CONFIG, Path::new("."), 1);
        let Config { dns, regions, witnesses, alone, steers, safety, node, .. } =
            parsed.expect("a good configuration").config;
        let parameters = Parameters {
            members: vec![Member { vantage: node.name.clone(), region: None }],
            vantage: node.name,
            identity: Identity::default(),
            alone,
            witnesses,
            regions,
            steers,
            safety,
        };
        let (controller, _) = Controller::start(parameters, &[zone()], None, NOW);
        Story { controller, settings: dns, now: NOW, failing: BTreeSet::new(), history: Vec::new() }
    }

    /// Probes everything every second for so many seconds.
    fn pass(mut self, seconds: u64) -> Story {
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

    fn take(&mut self, event: Event) {
        for effect in self.controller.handle(event, self.now) {
            if let Effect::Commit(id, _) = effect {
                self.take(Event::Committed(id, Commit::Durable));
            } else if let Effect::Report(report) = effect {
                let entry = HistoryEntry::of(&report, &"ns1".into(), self.now);
                let number = self.history.len() as u64 + 1;
                self.history.extend(entry.map(|entry| (number, entry)));
            }
        }
    }

    fn fails(mut self, what: &'static str) -> Story {
        self.failing.insert(what);
        self
    }

    fn works(mut self, what: &'static str) -> Story {
        self.failing.remove(what);
        self
    }

    fn ordered(mut self, order: Order) -> Story {
        let lasts = Duration::from_secs(3600);
        let what = What::Order { order, starts: None, lasts, at_expiry: AtExpiry::Automatic };
        let (id, author, reason) = (CommandId(1), "alice".to_owned(), "its users cannot log in".to_owned());
        let expires = self.now + Duration::from_secs(10);
        self.take(Event::Command(Command { id, author, reason, expires, what, terms: Terms::default() }));
        self
    }

    fn explained(&self, name: &str, rtype: Option<RecordType>, client: Option<&str>) -> String {
        let client = client.map(|client| client.parse().expect("an address"));
        let question = Question { name: name.parse().expect("a name"), rtype, client };
        render(&Explanation::of(&self.controller, &question, &self.settings, self.now))
    }

    fn app(&self) -> String {
        self.explained("app.example.com", None, None)
    }
}

fn zone() -> Zone {
    let origin: Name = "example.com".parse().expect("a name");
    let master = MasterFile { file: "example.com.zone", text: ZONE.as_bytes() };
    let steered = BTreeSet::from(["app.example.com".parse().expect("a name")]);
    let accepted = zone::parse(&origin, &master, &steered, &mut zone::no_include);
    accepted.unwrap_or_else(|problems| panic!("{}", problems[0])).zone
}

#[test]
fn the_preferred_region_with_an_address_that_fails_just_now() {
    let story = Story::begin().pass(10).fails("192.0.2.11").pass(1);
    insta::assert_snapshot!(story.app());
}

#[test]
fn failed_over_and_held_by_the_failback() {
    let story = Story::begin().pass(10).fails("us-east").pass(10).works("us-east").pass(100);
    insta::assert_snapshot!(story.app());
}

#[test]
fn an_escape_that_is_held() {
    let story = Story::begin().pass(10).fails("us-east").pass(5).fails("eu-west").pass(5);
    insta::assert_snapshot!(story.works("us-east").pass(5).app());
}

#[test]
fn frozen_for_want_of_evidence() {
    let story = Story::begin().pass(10).fails("all").pass(10);
    insta::assert_snapshot!(story.app());
}

/// A grey region: its probes pass, and an operator knows better.
#[test]
fn drained_by_an_operator() {
    let drain = Order::Drain(Target::Region("us-east".into()));
    insta::assert_snapshot!(Story::begin().pass(10).ordered(drain).pass(5).app());
}

#[test]
fn pinned_by_an_operator() {
    let pin = Order::Pin { name: "app.example.com".parse().expect("a name"), region: "eu-west".into() };
    insta::assert_snapshot!(Story::begin().pass(10).ordered(pin).pass(5).app());
}

#[test]
fn fail_open() {
    let story = Story::begin().pass(10).fails("us-east").fails("eu-west").pass(10);
    insta::assert_snapshot!(story.app());
}

#[test]
fn before_the_first_probe() {
    insta::assert_snapshot!(Story::begin().app());
}

#[test]
fn a_past_epoch() {
    let story = Story::begin().pass(10).fails("us-east").pass(10).works("us-east").pass(100);
    let name: Name = "app.example.com".parse().expect("a name");
    let past = Explanation::past(&name, 2, &story.history).expect("it is in the history");
    insta::assert_snapshot!(render(&past));
    assert!(Explanation::past(&name, 7, &story.history).is_none());
    assert!(Explanation::past(&"else.example.com".parse().expect("a name"), 2, &story.history).is_none());
}

#[test]
fn names_that_are_not_steered() {
    let story = Story::begin().pass(10);
    let explained = |(name, rtype): (&str, &str)| {
        let rtype = RecordType::from_mnemonic(rtype.as_bytes());
        let tree = story.explained(name, rtype, None);
        // Below the way through the zones the decision is as always.
        tree.lines().take_while(|line| !line.contains("decision: ")).collect::<Vec<_>>().join("\n")
    };
    let questions = [
        ("www.example.com", "A"),
        ("ns1.example.com", "A"),
        ("ns1.example.com", "MX"),
        ("a.wild.example.com", "TXT"),
        ("nowhere.example.com", "A"),
        ("away.example.com", "A"),
        ("a.sub.example.com", "A"),
        ("app.example.com", "TXT"),
        ("www.example.org", "A"),
    ];
    insta::assert_snapshot!(questions.map(explained).join("\n\n"));
}

#[test]
fn clients_that_are_answered_or_not() {
    let story = Story::begin().pass(10);
    let explained = |client| story.explained("ns1.example.com", None, Some(client));
    let clients = ["192.0.2.7", "192.0.2.200", "2001:db8:1:2ff::7", "203.0.113.1"];
    insta::assert_snapshot!(clients.map(explained).join("\n"));
}

/// Every rule that fires is explained as the one, and exactly one does.
#[test]
fn one_rule_fires() {
    let stories = [
        Story::begin(),
        Story::begin().pass(10),
        Story::begin().pass(10).fails("us-east").pass(10),
        Story::begin().pass(10).fails("all").pass(10),
        Story::begin().pass(10).fails("us-east").fails("eu-west").pass(10),
    ];
    let fired = stories.map(|story| {
        let question =
            Question { name: "app.example.com".parse().expect("a name"), rtype: None, client: None };
        let explanation = Explanation::of(&story.controller, &question, &story.settings, story.now);
        let rules = explanation.decision.expect("it is steered").rules;
        let mut fired = rules.into_iter().filter(|rule| rule.fired);
        let rule = fired.next().expect("one fires").rule;
        assert_eq!(fired.next(), None);
        rule
    });
    assert_eq!(fired, ["unproven", "preferred", "failed-over", "freeze", "fail-open"]);
}

/// Programs read it back as it was.
#[test]
fn the_json_is_the_whole_tree() {
    let story = Story::begin().pass(10).fails("us-east").pass(10);
    let question = Question { name: "app.example.com".parse().expect("a name"), rtype: None, client: None };
    let explanation = Explanation::of(&story.controller, &question, &story.settings, story.now);
    let json = serde_json::to_string(&explanation).expect("plain data");
    assert!(json.starts_with("{\"schema\":\"cadence-dns/explanation/v1\""), "{json}");
    assert_eq!(serde_json::from_str::<Explanation>(&json).expect("what was written"), explanation);
}
