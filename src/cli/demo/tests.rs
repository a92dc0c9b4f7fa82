//! The demo without its sockets: what was seen goes in, the timeline comes out.

use std::path::Path;
use std::time::Duration;

use super::event::{Answer, Deed, Event, Seen};
use super::show::{Intro, closing, line};
use super::story::{Plan, Story};
use super::{SECONDS_MIN, seconds, stage};
use crate::api::{CheckStatus, EndpointStatus, NameStatus, RegionStatus, Source, Status, WaitStatus};
use crate::config;
use crate::health::{Failure, Health, State};
use crate::model::{Moment, Ttl};
use crate::policy::{Hold, Rule};

fn plan(length: u64) -> Plan {
    let parsed = config::parse("demo.toml", &stage::config(5300, 8000), Path::new("/tmp/demo"), 1)
        .expect("the demo's own configuration is right");
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    Plan::of(&parsed.config, Some(Duration::from_secs(length))).expect("it can fail over")
}

const EAST: &[&str] = &["127.0.0.11", "127.0.0.12"];
const WEST: &[&str] = &["127.0.0.21", "127.0.0.22"];

fn answer(addresses: &[&str], ttl: u64) -> Seen {
    let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    Seen::Answer(Answer { addresses, ttl: Ttl::from_secs(ttl).expect("a small TTL") })
}

/// `us-east` in this state, with a single check of this health; `eu-west` is up.
fn status(east: (State, &str), health: Health, failure: Option<Failure>, left: Option<f64>) -> Seen {
    let mut status = Status::new("demo", Source::Live, Moment::default());
    let region = |name: &str, state: State, why: &str, endpoints: Vec<EndpointStatus>| {
        let (region, why) = (name.into(), why.into());
        RegionStatus {
            region,
            state,
            since: Moment::default(),
            why,
            min_up: Some(1),
            families: Vec::new(),
            degraded: Vec::new(),
            endpoints,
        }
    };
    let check = CheckStatus {
        vantage: "demo".into(),
        probe: 0,
        health,
        seen: Some(Moment::default()),
        age: Some(0.0),
        latency: None,
        connect: None,
        failure,
        last_failure: None,
        certificate_expires: None,
        trouble: None,
    };
    let address = EAST[0].parse().expect("an address");
    let endpoint = EndpointStatus {
        address,
        state: east.0,
        doubt: None,
        suspect: false,
        checks: vec![check],
        votes: Vec::new(),
    };
    let west = region("eu-west", State::Up, "up: 2/2 up", Vec::new());
    status.regions = vec![west, region("us-east", east.0, east.1, vec![endpoint])];
    status.names = vec![name(left)];
    Seen::Status(Box::new(status))
}

fn name(left: Option<f64>) -> NameStatus {
    let wait =
        |left| WaitStatus { to: "us-east".into(), hold: Hold::Failback, until: None, left: Some(left) };
    NameStatus {
        name: "cadence.example.com".parse().expect("a name"),
        region: "us-east".into(),
        addresses: Vec::new(),
        ttl: None,
        epoch: 1,
        since: Moment::default(),
        rule: Rule::Preferred,
        why: String::new(),
        wait: left.map(wait),
        flips_within_hour: 0,
        budget: None,
    }
}

/// Plays observations, each at its millisecond, and does what the story wants done.
fn play(story: &mut Story, script: Vec<(u64, Seen)>) -> String {
    let mut text = String::new();
    let mut show = |events: Vec<Event>| events.iter().for_each(|event| text.push_str(&line(event, false)));
    for (millis, seen) in script {
        let now = Duration::from_millis(millis);
        show(story.take(now, &seen));
        if let Some(deed) = story.due(now) {
            show(story.done(deed, now));
        }
    }
    text
}

fn whole_cycle() -> Vec<(u64, Seen)> {
    let up = || (State::Up, "up: 2/2 up");
    let down = || (State::Down, "down: 0/2 up, 1 needed, connection refused");
    let well = Health::Up { failures: 0 };
    vec![
        (2, answer(EAST, 2)),
        (2, status((State::Unknown, "unknown"), Health::UNSEEN, None, None)),
        (740, answer(EAST, 5)),
        (760, status(up(), well, None, None)),
        (4760, answer(EAST, 5)), // dies
        (5310, status(up(), Health::Up { failures: 1 }, Some(Failure::Refused), None)),
        (5320, answer(EAST, 2)),
        (6300, answer(&EAST[1..], 2)),
        (6660, status(down(), Health::Down { passes: 0 }, Some(Failure::Refused), None)),
        (6670, answer(WEST, 5)),
        (9759, answer(WEST, 5)),
        (9761, answer(WEST, 5)),   // the last answer of 4.76 s has lived for 5 s
        (13_270, answer(WEST, 5)), // returns
        (13_500, status(down(), Health::Down { passes: 1 }, None, None)),
        (14_000, status(up(), well, None, Some(4.99))),
        (14_010, answer(WEST, 2)),
        (14_500, status(up(), well, None, Some(4.5))),
        (15_000, status(up(), well, None, Some(3.99))),
        (18_990, status(up(), well, None, None)),
        (19_000, answer(EAST, 5)),
        (19_020, answer(EAST, 5)),
    ]
}

#[test]
fn a_whole_cycle() {
    let mut story = Story::new(plan(30));
    insta::assert_snapshot!(play(&mut story, whole_cycle()), @r"
      0.00          answer   cadence.example.com is us-east: 127.0.0.11 127.0.0.12, TTL 2s
      0.00          status   eu-west is up: 2/2 up
      0.74          answer   TTL 2s -> 5s: all is quiet
      0.76          status   us-east is up: 2/2 up

      4.76          demo     US-EAST DIES: its servers are gone, connections are refused
      5.31   +0.55  status   first failed probe: 127.0.0.11, connection refused (1 of 3 in a row)
      5.32   +0.56  answer   TTL 5s -> 2s: a change may be near, so caches keep answers less long
      6.30   +1.54  answer   still us-east, now as 127.0.0.12, TTL 2s
      6.66   +1.90  status   us-east is down: 0/2 up, 1 needed, connection refused
      6.67   +1.91  answer   FLIP: cadence.example.com is eu-west: 127.0.0.21 127.0.0.22, TTL 5s
      9.76   +5.00  answer   caches that keep to the TTL have let go of us-east; clients are on eu-west

     13.27          demo     US-EAST RETURNS: its servers listen again
     13.50   +0.23  status   first probe that passes: 127.0.0.11 (1 of 2 in a row)
     14.00   +0.73  status   us-east is up: 2/2 up
     14.00   +0.73  status   failback hold: us-east must prove itself first, 5 s to go
     14.01   +0.74  answer   TTL 5s -> 2s: a change may be near, so caches keep answers less long
     15.00   +1.73  status   failback hold: 4 s to go
     19.00   +5.73  answer   FAILBACK: cadence.example.com is us-east: 127.0.0.11 127.0.0.12, TTL 5s

    Cycle 1                                           BUDGET   MEASURED
    from the death to the flip                        2.50 s     1.91 s  kept
    from the death to the last cached answer          6.50 s     5.00 s  kept
    from the return to the failback                              5.73 s
    budget = 1s + 500ms + 2 × 500ms = 2.5s to detect
             max(1.5s + ttl 5s, 2.5s + ttl_suspect 2s) = 6.5s

     19.02          demo     no time for another cycle; the name server answers until 30 s
    ");
    assert_eq!(story.missing(), Vec::<&str>::new());
    insta::assert_snapshot!(closing(&story, false).trim_start(), @r"
    Done: flip and failback were seen in real answers over UDP.
    12 questions, each answered with the addresses of one region.
    Name server, regions and their folder are gone.
    ");
}

#[test]
fn the_introduction() {
    let plan = plan(30);
    let intro = Intro {
        plan: &plan,
        server: "127.0.0.1:5300".parse().expect("an address"),
        region_port: 8000,
        program: "/usr/bin/cadence-dns".into(),
        config: "/tmp/demo/cadence-dns.toml".into(),
    };
    insta::assert_snapshot!(intro.render(false), @r"
    cadence-dns demo: a region dies, and the name moves to the next one

      us-east     127.0.0.11 127.0.0.12   real HTTP servers on port 8000, preferred
      eu-west     127.0.0.21 127.0.0.22   real HTTP servers on port 8000, takes over
      name server 127.0.0.1:5300   answers for cadence.example.com
      probes      GET /health on each address every 1s, every 500ms while something fails;
                  3 failures in a row are down, 2 passes are up
      TTL         5s, and 2s from the first failed probe on

    Try meanwhile, in another terminal:

      dig @127.0.0.1 -p 5300 cadence.example.com +noall +answer
      /usr/bin/cadence-dns status --config /tmp/demo/cadence-dns.toml
      /usr/bin/cadence-dns check --config /tmp/demo/cadence-dns.toml
      less /tmp/demo/cadence-dns.toml

     SECONDS   AFTER  SEEN IN  WHAT
    ");
}

#[test]
fn what_was_not_in_an_answer_was_not_seen() {
    let mut story = Story::new(plan(30));
    let quiet = || status((State::Up, "up: 2/2 up"), Health::Up { failures: 0 }, None, None);
    let script =
        [0, 5000, 14_000, 20_000, 40_000].into_iter().flat_map(|at| [(at, quiet()), (at, answer(EAST, 5))]);
    let text = play(&mut story, script.collect());
    assert!(text.contains("US-EAST DIES") && text.contains("US-EAST RETURNS"), "{text}");
    assert_eq!(text.matches("NOT SEEN").count(), 3, "{text}");
    assert_eq!(story.missing(), ["the flip", "the failback"]);
    assert!(closing(&story, false).contains("not seen: the flip and the failback"));
}

#[test]
fn a_region_is_not_killed_before_everything_is_proven() {
    let mut story = Story::new(plan(30));
    let unproven = status((State::Unknown, "unknown"), Health::UNSEEN, None, None);
    play(&mut story, vec![(0, unproven), (0, answer(EAST, 2)), (60_000, answer(EAST, 2))]);
    assert_eq!(story.due(Duration::from_secs(120)), None);
}

#[test]
fn bad_answers_are_told_once_and_all_counted() {
    let mut story = Story::new(plan(30));
    let mixed = || answer(&[EAST[0], WEST[0]], 5);
    let lost = || Seen::NoAnswer("no answer within 500ms".into());
    let script = vec![(0, answer(EAST, 5)), (20, mixed()), (40, mixed()), (60, lost()), (80, lost())];
    insta::assert_snapshot!(play(&mut story, script), @r"
    0.00          answer   cadence.example.com is us-east: 127.0.0.11 127.0.0.12, TTL 5s
    0.02          answer   NOT OF ONE REGION: 127.0.0.11 127.0.0.21, TTL 5s
    0.06          answer   NO ADDRESS: no answer within 500ms
    ");
    assert_eq!(story.questions(), (5, 4));
}

#[test]
fn a_second_cycle_starts_only_if_it_can_be_seen_to_its_end() {
    let last = |length| {
        let mut story = Story::new(plan(length));
        play(&mut story, whole_cycle());
        story.due(Duration::from_secs(24))
    };
    assert_eq!(last(30), None);
    assert_eq!(last(60), Some(Deed::Kill));
}

#[test]
fn colour_only_where_it_is_wanted() {
    let event = &Story::new(plan(30)).take(Duration::ZERO, &Seen::Trouble("no".into()))[0];
    assert!(line(event, true).contains("\x1b[1;31mno\x1b[0m"));
    assert!(!line(event, false).contains('\x1b'));
}

#[test]
fn a_length_that_no_cycle_fits_into_is_refused_with_the_reason() {
    assert_eq!(seconds("30"), Ok(30));
    for (text, reason) in
        [("24", "at least 25: a region"), ("x", "whole number"), ("-1", "whole number"), ("86401", "Ctrl-C")]
    {
        let error = seconds(text).expect_err("it is refused");
        assert!(error.contains(reason), "{text}: {error}");
    }
    assert!(plan(30).longest() <= Duration::from_secs(SECONDS_MIN), "{:?}", plan(30).longest());
}
