//! What a reload keeps, moves, refuses and tells.

use std::time::Duration;

use std::net::IpAddr;

use cadence_dns::controller::{
    Command, CommandId, Commit, Controller, Done, Effect, Event, HookEnded, HookOutcome, HookRun, Kept,
    Parameters, ProposalId, Refusal, Reload, ReloadedZone, Reply, Terms, What, compile_zones,
};
use cadence_dns::health::{Observation, ProbeOutcome, Timings};
use cadence_dns::model::{Moment, Name, RegionId};
use cadence_dns::policy::{Affected, AtExpiry, Decision, Order, SafetyRule, Target};
use cadence_dns::scenario;
use cadence_dns::simulator::BEGINNING;
use cadence_dns::zone::{self, MasterFile, Zone};

const CONFIG: &str = r#"
    [[region]]
    name = "us-east"
    addresses = ["192.0.2.10"]
    [[region.probe]]
    tcp = 443

    [[region]]
    name = "eu-west"
    addresses = ["198.51.100.10"]
    [[region.probe]]
    tcp = 443

    [[steer]]
    name = "a.example.com"
    regions = ["us-east", "eu-west"]

    [[steer]]
    name = "b.example.com"
    regions = ["eu-west", "us-east"]
"#;

const ZONE: &str = "@ 60 IN SOA ns1 admin 7 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n";

fn parameters(text: &str) -> Parameters {
    scenario::of_text("c.toml", text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn zone(parameters: &Parameters) -> Zone {
    let origin: Name = "example.com".parse().expect("a name");
    let steered = parameters.steers.iter().flat_map(|steer| steer.names.iter().cloned()).collect();
    let master = MasterFile { file: "z", text: ZONE.as_bytes() };
    let accepted = zone::parse(&origin, &master, &steered, &mut zone::no_include);
    accepted.unwrap_or_else(|problems| panic!("{problems:?}")).zone
}

/// A name server whose disk does what it is told when it is told.
struct Server {
    controller: Controller,
    now: Moment,
    reload: u64,
    configured: Vec<CommandId>,
    replies: Vec<Reply>,
    reports: Vec<String>,
    runs: Vec<HookRun>,
    commits: Vec<ProposalId>,
    /// Commits come by hand.
    by_hand: bool,
}

impl Server {
    fn start(text: &str) -> Server {
        let parameters = parameters(text);
        let zones = [zone(&parameters)];
        let (controller, _) = Controller::start(parameters, &zones, None, BEGINNING);
        let mut server = Server {
            controller,
            now: BEGINNING,
            reload: 100,
            configured: Vec::new(),
            replies: Vec::new(),
            reports: Vec::new(),
            runs: Vec::new(),
            commits: Vec::new(),
            by_hand: false,
        };
        server.pass(10, &[]);
        server
    }

    /// Everything passes but these addresses.
    fn pass(&mut self, seconds: u64, dead: &[&str]) {
        let dead: Vec<IpAddr> = dead.iter().map(|text| text.parse().expect("an address")).collect();
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            let checks: Vec<_> = self.controller.states().keys().cloned().collect();
            for check in checks {
                let outcome = match dead.contains(&check.address) {
                    true => ProbeOutcome::failed(cadence_dns::health::Failure::Refused),
                    false => ProbeOutcome::Pass,
                };
                let vantage = self.controller.parameters().vantage.clone();
                let timings = Timings::default();
                let seen = Observation { check, vantage, outcome, timings, certificate_expires: None };
                self.take(Event::Observed(seen));
            }
            self.take(Event::TimePassed);
        }
    }

    fn take(&mut self, event: Event) {
        for effect in self.controller.handle(event, self.now) {
            match effect {
                Effect::Commit(id, _) if self.by_hand => self.commits.push(id),
                Effect::Commit(id, _) => self.take(Event::Committed(id, Commit::Durable)),
                Effect::Configure(id) => self.configured.push(id),
                Effect::Reply(reply) => self.replies.push(reply),
                Effect::Report(report) => self.reports.push(report.to_string()),
                Effect::RunHook(run) => self.runs.push(run),
                Effect::Note(_)
                | Effect::Transact(_)
                | Effect::Publish(_)
                | Effect::Persist
                | Effect::Pace(..)
                | Effect::ProbeNow(_)
                | Effect::Verify { .. } => {}
            }
        }
    }

    fn reload_on(&mut self, text: &str, terms: Terms) -> Result<Done, Refusal> {
        let parameters = parameters(text);
        let zone = zone(&parameters);
        let tables = compile_zones(&[zone], &parameters.steers);
        self.reload += 1;
        let reload = Reload {
            id: CommandId(self.reload),
            author: "anna".into(),
            reason: "a test".into(),
            expires: self.now,
            terms,
            kept: Kept::between(self.controller.parameters(), &parameters),
            zones: tables.into_iter().map(|table| ReloadedZone { table, changed: false }).collect(),
            affected: Affected::default(),
            hash: "abc".into(),
            changes: ["something".to_owned()].into(),
            parameters,
        };
        self.take(Event::Reload(Box::new(reload)));
        let is_ours = |reply: &Reply| reply.id == CommandId(self.reload);
        let reply = self.replies.iter().position(is_ours).map(|place| self.replies.remove(place));
        reply.map_or(Err(Refusal::Expired), |reply| reply.outcome)
    }

    fn reload(&mut self, text: &str) -> Done {
        let terms = Terms { break_glass: vec![SafetyRule::ReloadShare], ..Terms::default() };
        self.reload_on(text, terms).unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    fn order(&mut self, order: Order) {
        let what = What::Order {
            order,
            starts: None,
            lasts: Duration::from_secs(600),
            at_expiry: AtExpiry::Automatic,
        };
        let (id, terms) = (CommandId(1), Terms::default());
        let (author, reason) = ("anna".to_owned(), "a test".to_owned());
        self.take(Event::Command(Command { id, author, reason, expires: self.now, what, terms }));
    }

    /// Such as `a.example.com us-east 1`.
    fn answers(&self) -> Vec<String> {
        let shown = |decision: &Decision| {
            let names: Vec<String> = decision.names.iter().map(Name::to_string).collect();
            format!("{} {} {}", names.join("+"), decision.standing.region, decision.standing.epoch)
        };
        self.controller.decisions().iter().map(shown).collect()
    }

    fn serial(&self) -> u32 {
        let origin: Name = "example.com".parse().expect("a name");
        self.controller.table().serial_of(&origin).expect("a zone").0
    }
}

fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

#[test]
fn the_same_again_changes_nothing() {
    let mut server = Server::start(CONFIG);
    let (answers, states, serial) = (server.answers(), server.controller.states().clone(), server.serial());
    let verdicts = server.controller.verdicts().clone();
    assert!(server.reload(CONFIG).names.is_empty());
    assert_eq!((server.answers(), server.serial()), (answers, serial));
    assert_eq!(server.controller.states(), &states, "what was seen still counts");
    assert_eq!(server.controller.verdicts(), &verdicts);
    assert_eq!(server.configured, [CommandId(101)]);
}

#[test]
fn names_come_go_and_come_back_with_an_epoch_of_their_own() {
    let mut server = Server::start(CONFIG);
    let without_b = CONFIG.split("[[steer]]\n    name = \"b").next().expect("a text").to_owned();
    server.pass(60, &["192.0.2.10"]);
    assert_eq!(server.answers(), ["a.example.com eu-west 2", "b.example.com eu-west 1"]);
    let serial = server.serial();
    server.reload(&without_b);
    assert_eq!(server.answers(), ["a.example.com eu-west 2"]);
    server.reload(CONFIG);
    assert_eq!(server.answers(), ["a.example.com eu-west 2", "b.example.com eu-west 2"]);
    assert!(server.serial() >= serial);
}

#[test]
fn a_region_that_is_renamed_keeps_its_standing() {
    let mut server = Server::start(CONFIG);
    server.pass(60, &["192.0.2.10"]);
    server.order(Order::Drain(Target::Region("us-east".into())));
    let down_since = server.controller.verdicts()[&RegionId::from("us-east")].since;
    server.reload(&with(&[("us-east", "us-old"), ("eu-west", "eu-new")]));
    assert_eq!(server.answers(), ["a.example.com eu-new 2", "b.example.com eu-new 1"]);
    let verdict = &server.controller.verdicts()[&RegionId::from("us-old")];
    assert_eq!((verdict.state, verdict.since), (cadence_dns::health::State::Down, down_since));
    let orders: Vec<String> = server.controller.overrides().iter().map(|o| o.order.to_string()).collect();
    assert_eq!(orders, ["drain us-old"], "an order goes with its region");
}

#[test]
fn a_region_in_service_that_vanishes_is_left_for_the_best() {
    let third =
        "\n[[region]]\nname = \"ap-south\"\naddresses = [\"203.0.113.10\"]\n[[region.probe]]\ntcp = 443\n";
    let three = with(&[("[\"us-east\", \"eu-west\"]", "[\"us-east\", \"eu-west\", \"ap-south\"]")]) + third;
    let mut server = Server::start(&three);
    server.pass(60, &["198.51.100.10"]);
    assert_eq!(server.answers()[0], "a.example.com us-east 1");
    // The first in the order is down, so it is not taken.
    let without = with(&[("[\"us-east\", \"eu-west\"]", "[\"eu-west\", \"ap-south\"]")]) + third;
    let done = server.reload(&without);
    assert_eq!(server.answers()[0], "a.example.com ap-south 2");
    assert_eq!(done.names[0].to.as_str(), "ap-south");
}

#[test]
fn other_addresses_of_the_region_in_service_are_served_at_once() {
    let mut server = Server::start(CONFIG);
    let serial = server.serial();
    server.reload(&with(&[("\"192.0.2.10\"", "\"192.0.2.12\"")]));
    assert_eq!(server.answers(), ["a.example.com us-east 2", "b.example.com eu-west 1"]);
    let served = &server.controller.decisions()[0].standing.addresses;
    assert_eq!(
        **served,
        ["192.0.2.12".parse::<IpAddr>().expect("one")],
        "nothing is known of it, and it is served"
    );
    assert_eq!(server.serial(), serial + 1, "secondaries are told");
    server.pass(1, &["192.0.2.12"]);
    assert_eq!(server.answers()[0], "a.example.com us-east 2", "no move on one probe");
    server.pass(60, &["192.0.2.12"]);
    assert_eq!(server.answers()[0], "a.example.com eu-west 3");
}

#[test]
fn names_that_join_have_an_epoch_that_none_of_them_had() {
    let mut server = Server::start(CONFIG);
    assert_eq!(server.answers(), ["a.example.com us-east 1", "b.example.com eu-west 1"]);
    let first = CONFIG.split("[[steer]]").next().expect("a text").to_owned();
    let group =
        "[[steer]]\nnames = [\"a.example.com\", \"b.example.com\"]\nregions = [\"us-east\", \"eu-west\"]\n";
    server.reload(&(first + group));
    let answers = server.answers();
    assert_eq!(answers, ["a.example.com+b.example.com eu-west 2"], "one of them has another answer now");
}

#[test]
fn what_waits_goes_on_waiting() {
    let mut server = Server::start(CONFIG);
    server.pass(60, &["192.0.2.10"]);
    server.pass(30, &[]);
    let wait = server.controller.decisions()[0].derivation.wait.clone().expect("a failback is due");
    server.reload(&with(&[("tcp = 443", "tcp = 443\n    interval = \"4s\"")]));
    assert_eq!(server.controller.decisions()[0].derivation.wait.as_ref(), Some(&wait));
    server.pass(280, &[]);
    assert_eq!(server.answers()[0], "a.example.com us-east 3", "it fails back when it should have");
}

#[test]
fn a_dry_run_changes_nothing_and_a_share_too_large_is_refused() {
    let mut server = Server::start(CONFIG);
    let other = with(&[("192.0.2.1", "203.0.113.1"), ("198.51.100.10", "203.0.113.20")]);
    let refused = server.reload_on(&other, Terms::default()).expect_err("every name goes elsewhere");
    let told = refused.to_string();
    assert!(
        told.contains("reload-share: of 2 steered names, 0 would be gone and 2 answered otherwise"),
        "{told}"
    );
    let terms = Terms { dry_run: true, break_glass: vec![SafetyRule::ReloadShare], ..Terms::default() };
    let done = server.reload_on(&other, terms).expect("it is only looked at");
    assert_eq!((done.dry_run, done.names.len()), (true, 2));
    assert_eq!(server.answers(), ["a.example.com us-east 1", "b.example.com eu-west 1"]);
    assert!(server.configured.is_empty());
}

#[test]
fn overrides_about_what_is_gone_are_told() {
    let mut server = Server::start(CONFIG);
    server.order(Order::Pin { name: "b.example.com".parse().expect("a name"), region: "us-east".into() });
    let done = server.reload(&CONFIG.replace("b.example.com", "c.example.com"));
    assert_eq!(done.notes.len(), 1, "{:?}", done.notes);
    assert!(done.notes[0].contains("is about nothing any more"), "{:?}", done.notes);
}

#[test]
fn while_a_change_is_made_durable_the_reload_waits() {
    let mut server = Server::start(CONFIG);
    server.by_hand = true;
    server.order(Order::Drain(Target::Region("us-east".into())));
    assert_eq!(server.commits.len(), 1);
    assert!(server.reload_on(CONFIG, Terms::default()).is_err(), "no reply yet");
    assert!(server.configured.is_empty());
    let first = server.commits.remove(0);
    server.take(Event::Committed(first, Commit::Durable));
    assert_eq!(server.commits.len(), 1, "now it is proposed");
    // Meanwhile nothing else moves.
    server.order(Order::Drain(Target::Region("eu-west".into())));
    let reload = server.commits.remove(0);
    server.take(Event::Committed(reload, Commit::Volatile));
    assert_eq!(server.configured.len(), 1);
    assert_eq!(server.answers()[0], "a.example.com eu-west 2");
    let reply = server.replies.iter().find(|reply| reply.id == CommandId(server.reload)).expect("it is told");
    assert!(!reply.outcome.as_ref().expect("it holds").durable);
}

#[test]
fn a_move_that_waits_for_its_hook_goes_on_waiting_if_it_still_can_be_made() {
    let hook = "[[hook]]\nname = \"promote\"\nwhen = \"before\"\ncommand = [\"/bin/promote\"]\nmust_succeed = true\n";
    let with_hook = CONFIG.to_owned() + hook;
    let mut server = Server::start(&with_hook);
    server.pass(60, &["192.0.2.10"]);
    let run = server.runs.remove(0);
    let interval = with_hook.replace("tcp = 443", "tcp = 443\n    interval = \"4s\"");
    server.reload(&interval);
    server.pass(3, &["192.0.2.10"]);
    assert!(server.runs.is_empty(), "it is not run twice");
    let (name, output) = (run.names[0].clone(), String::new());
    let ended = HookEnded {
        run: run.run,
        hook: run.hook,
        name,
        epoch: run.epoch,
        outcome: HookOutcome::Done,
        output,
    };
    server.take(Event::HookEnded(ended));
    assert_eq!(server.answers()[0], "a.example.com eu-west 2");
    // Without the hook nobody waits any more.
    let mut server = Server::start(&with_hook);
    server.pass(60, &["192.0.2.10"]);
    assert_eq!(server.answers()[0], "a.example.com us-east 1");
    server.reload(CONFIG);
    assert_eq!(server.answers()[0], "a.example.com eu-west 2");
}
