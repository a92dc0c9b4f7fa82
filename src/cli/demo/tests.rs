//! The demo without its sockets: what was seen goes in, the timeline comes out.

use std::path::Path;
use std::time::Duration;

use super::plan::Plan;
use super::show::{Intro, closing, event};
use super::story::{Deed, Event, Story};
use super::watch::{Answer, Seen};
use super::{SECONDS_MIN, seconds, stage};
use crate::api::{CheckStatus, EndpointStatus, NameStatus, RegionStatus, Source, Status, WaitStatus};
use crate::config;
use crate::health::{Failure, Health, State};
use crate::model::{Moment, Ttl};
use crate::policy::{Hold, Rule};

fn plan(length: u64) -> Plan {
    let parsed = config::parse("demo.toml", &stage::config(5300, 5380, 8000), Path::new("/tmp/demo"), 1)
        .expect("the demo's own configuration is right");
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    Plan::of(&parsed.config, Some(Duration::from_secs(length))).expect("it can fail over")
}

const EAST: &[&str] = &["127.0.0.11", "127.0.0.12"];
const WEST: &[&str] = &["127.0.0.21", "127.0.0.22"];

fn answer(addresses: &[&str], ttl: u64) -> Result<Answer, String> {
    let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    Ok(Answer { addresses, ttl: Ttl::from_secs(ttl).expect("a small TTL") })
}

fn server(addresses: &[&str], ttl: u64) -> Seen {
    Seen::Server(answer(addresses, ttl))
}

fn client(addresses: &[&str], ttl: u64) -> Seen {
    Seen::Client(answer(addresses, ttl))
}

/// `us-east` in this state, with a single check of this health; `eu-west` is up.
fn status(east: (State, &str), health: Health, failure: Option<Failure>, left: Option<f64>) -> Seen {
    let mut status = Status::new("demo", Source::Live, Moment::default());
    let region = |name: &str, state: State, why: &str, endpoints: Vec<EndpointStatus>| {
        let (region, why) = (name.into(), why.into());
        RegionStatus {
            region,
            state,
            doubt: None,
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
        label: None,
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
        degraded: None,
        checks: vec![check],
        votes: Vec::new(),
    };
    let west = region("eu-west", State::Up, "up: 2/2 up", Vec::new());
    status.regions = vec![west, region("us-east", east.0, east.1, vec![endpoint])];
    status.names = vec![name(left)];
    Seen::Status(Ok(Box::new(status)))
}

fn name(left: Option<f64>) -> NameStatus {
    let wait =
        |left| WaitStatus { to: "us-east".into(), hold: Hold::Failback, until: None, left: Some(left) };
    NameStatus {
        name: "cadence.example.com".parse().expect("a name"),
        regions: Vec::new(),
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
    let mut show = |events: Vec<Event>| events.iter().for_each(|what| text.push_str(&event(what, false)));
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
        (2, server(EAST, 2)),
        (2, client(EAST, 2)),
        (2, status((State::Unknown, "unknown"), Health::UNSEEN, None, None)),
        (740, server(EAST, 5)),
        (760, status(up(), well, None, None)),
        (1003, client(EAST, 1)), // counts down
        (2004, client(EAST, 5)), // the cache has asked again
        (4004, client(EAST, 3)),
        (4760, server(EAST, 5)), // long enough quiet, but the cache will ask again soon
        (6900, client(EAST, 1)),
        (7004, client(EAST, 5)), // it has asked again: dies
        (7550, status(up(), Health::Up { failures: 1 }, Some(Failure::Refused), None)),
        (7560, server(EAST, 2)),
        (8540, server(&EAST[1..], 2)),
        (8900, status(down(), Health::Down { passes: 0 }, Some(Failure::Refused), None)),
        (8910, server(WEST, 5)),
        (11_990, client(EAST, 1)),
        (12_010, client(WEST, 5)),
        (15_610, server(WEST, 5)), // returns
        (15_800, status(down(), Health::Down { passes: 1 }, None, None)),
        (16_300, status(up(), well, None, Some(4.99))),
        (16_310, server(WEST, 2)),
        (16_800, status(up(), well, None, Some(4.5))),
        (17_020, client(WEST, 2)), // asked again, but no region is dead any more
        (17_300, status(up(), well, None, Some(3.99))),
        (21_290, status(up(), well, None, None)),
        (21_300, server(EAST, 5)),
        (23_020, client(EAST, 5)),
        (23_040, server(EAST, 5)),
    ]
}

#[test]
fn a_whole_cycle() {
    let mut story = Story::new(plan(40));
    insta::assert_snapshot!(play(&mut story, whole_cycle()), @r"
      0.00          server   cadence.example.com is us-east: 127.0.0.11 127.0.0.12, TTL 2s
      0.00          client   behind the cache it is us-east too: 127.0.0.11 127.0.0.12, TTL 2s
      0.00          status   eu-west is up: 2/2 up
      0.74          server   TTL 2s -> 5s: no change is near
      0.76          status   us-east is up: 2/2 up

      7.00          demo     US-EAST DIES: its servers are gone, connections are refused
      7.00          client   the cache keeps us-east for up to 5s more
      7.55   +0.55  status   first failed probe: 127.0.0.11, connection refused (1 of 3 in a row)
      7.56   +0.56  server   TTL 5s -> 2s: a change may be near, so caches shall ask sooner
      8.54   +1.54  server   still us-east, now as 127.0.0.12, TTL 2s
      8.90   +1.90  status   us-east is down: 0/2 up, 1 needed, connection refused
      8.91   +1.91  server   FLIP: cadence.example.com is eu-west: 127.0.0.21 127.0.0.22, TTL 5s
     12.01   +5.01  client   CLIENT MOVED: the cache says eu-west: 127.0.0.21 127.0.0.22, TTL 5s

     15.61          demo     US-EAST RETURNS: its servers listen again
     15.80   +0.19  status   first probe that passes: 127.0.0.11 (1 of 2 in a row)
     16.30   +0.69  status   us-east is up: 2/2 up
     16.30   +0.69  status   failback hold: the name may not go to us-east yet, 5 s to go
     16.31   +0.70  server   TTL 5s -> 2s: a change may be near, so caches shall ask sooner
     17.30   +1.69  status   failback hold: 4 s to go
     21.30   +5.69  server   FAILBACK: cadence.example.com is us-east: 127.0.0.11 127.0.0.12, TTL 5s
     23.02   +7.41  client   CLIENT BACK: the cache says us-east: 127.0.0.11 127.0.0.12, TTL 5s

    Cycle 1, from the death until                     BUDGET   MEASURED
      first failed probe                              1.60 s     0.55 s  kept
      the region is declared down                     3.60 s     1.90 s  kept
      the name server answers with the next region    3.60 s     1.91 s  kept
      the client behind the cache gets it             7.60 s     5.01 s  kept
    from the return until
      the name server answers with it again                      5.69 s
      the client behind the cache gets it                        7.41 s
    budget = interval 1s + 10% + timeout 500ms + 2 × 500ms + witness 1s = 3.6s to detect
             max(1.6s + ttl 5s + 1s, 3.6s + ttl_suspect 2s + 1s) = 7.6s
             up to dwell 3s more if the next region has itself just come up

     23.04          demo     no time for another cycle; everything keeps answering until 40 s
    ");
    assert_eq!(story.missing(), Vec::<&str>::new());
    insta::assert_snapshot!(closing(&story, false).trim_start(), @r"
    Done: flip and failback were seen in real answers, also behind the cache.
    10 questions to the name server and 10 through the cache, each answered with the addresses of one region.
    Name server, resolver, regions and their folder are gone.
    ");
}

#[test]
fn the_introduction() {
    let plan = plan(40);
    let intro = Intro {
        plan: &plan,
        server: "127.0.0.1:5300".parse().expect("an address"),
        resolver: "127.0.0.1:5301".parse().expect("an address"),
        api: "127.0.0.1:5380".parse().expect("an address"),
        region_port: 8000,
        program: "/usr/bin/cadence-dns".into(),
        config: "/tmp/demo/cadence-dns.toml".into(),
    };
    insta::assert_snapshot!(intro.render(false), @r"
    cadence-dns demo: a region dies, and the name moves to the next one

      us-east  127.0.0.11 127.0.0.12   real HTTP servers on port 8000, preferred
      eu-west  127.0.0.21 127.0.0.22   real HTTP servers on port 8000, takes over
      server   127.0.0.1:5300   answers for cadence.example.com with one region,
               TTL 5s, and 2s while a change may be near
      client   asks 127.0.0.1:5301, a resolver with a cache, which asks the name server
      probes   GET /health at each address every 1s, every 500ms after a failure;
               3 failures in a row are down, 2 passes are up

    Try meanwhile, in another terminal:

      dig @127.0.0.1 -p 5300 cadence.example.com +noall +answer
      dig @127.0.0.1 -p 5301 cadence.example.com +noall +answer
      /usr/bin/cadence-dns status --config /tmp/demo/cadence-dns.toml
      curl -s http://127.0.0.1:5380/api/v1/status
      /usr/bin/cadence-dns check --config /tmp/demo/cadence-dns.toml
      less /tmp/demo/cadence-dns.toml

    Or look at http://127.0.0.1:5380/ in a browser: the page changes by itself.

     SECONDS   AFTER  SEEN BY  WHAT
    ");
}

#[test]
fn what_was_not_in_an_answer_was_not_seen() {
    let mut story = Story::new(plan(40));
    let quiet = || status((State::Up, "up: 2/2 up"), Health::Up { failures: 0 }, None, None);
    let looks = |at| [(at, quiet()), (at, server(EAST, 5)), (at, client(EAST, 5))];
    let text = play(&mut story, [0, 5000, 15_000, 20_000, 60_000].into_iter().flat_map(looks).collect());
    assert!(text.contains("US-EAST DIES") && text.contains("US-EAST RETURNS"), "{text}");
    assert_eq!(text.matches("NOT SEEN").count(), 6, "{text}");
    let missing = ["the flip", "the flip behind the cache", "the failback", "the failback behind the cache"];
    assert_eq!(story.missing(), missing);
    assert!(closing(&story, false).contains("not seen: the flip, the flip behind the cache, the"));
}

#[test]
fn a_flip_that_stays_at_the_server_is_not_seen_behind_the_cache() {
    let mut story = Story::new(plan(40));
    let mut script = whole_cycle();
    let is_west = |reply: &Result<Answer, String>| [answer(WEST, 5), answer(WEST, 2)].contains(reply);
    script.retain(|(_, seen)| !matches!(seen, Seen::Client(reply) if is_west(reply)));
    play(&mut story, script);
    assert!(story.missing().contains(&"the flip behind the cache"), "{:?}", story.missing());
}

#[test]
fn a_cache_that_asks_between_death_and_flip_is_told() {
    let mut story = Story::new(plan(40));
    let mut script = whole_cycle();
    script.truncate(11);
    script.extend([(8000, client(EAST, 1)), (8010, client(EAST, 2)), (9000, client(EAST, 1))]);
    let text = play(&mut story, script);
    assert_eq!(text.matches("the cache has asked again: still us-east, TTL 2s").count(), 1, "{text}");
}

#[test]
fn a_cache_that_never_shows_the_whole_ttl_does_not_stop_the_play() {
    let mut story = Story::new(plan(60));
    let quiet = || status((State::Up, "up: 2/2 up"), Health::Up { failures: 0 }, None, None);
    play(&mut story, vec![(0, quiet()), (0, server(EAST, 5)), (0, client(EAST, 3))]);
    assert_eq!(story.due(Duration::from_secs(9)), None);
    assert_eq!(story.due(Duration::from_secs(10)), Some(Deed::Kill));
}

#[test]
fn a_region_is_not_killed_before_everything_is_proven() {
    for proven in [State::Up, State::Unknown] {
        let mut story = Story::new(plan(40));
        let script = vec![(0, status((proven, "as told"), Health::UNSEEN, None, None)), (0, server(EAST, 2))];
        play(&mut story, script);
        assert_eq!(story.due(Duration::from_secs(120)), None, "the client has seen nothing yet");
        play(&mut story, vec![(10, client(EAST, 5))]);
        let due = (proven == State::Up).then_some(Deed::Kill);
        assert_eq!(story.due(Duration::from_secs(120)), due);
    }
}

#[test]
fn bad_answers_are_told_once_and_all_counted() {
    let mut story = Story::new(plan(40));
    let mixed = || server(&[EAST[0], WEST[0]], 5);
    let lost = || Seen::Server(Err("no answer within 500ms".into()));
    let refused = || Seen::Client(Err("an empty answer, response code 2".into()));
    let script = vec![
        (0, server(EAST, 5)),
        (20, mixed()),
        (40, mixed()),
        (60, lost()),
        (80, lost()),
        (90, refused()),
        (95, refused()),
    ];
    insta::assert_snapshot!(play(&mut story, script), @r"
    0.00          server   cadence.example.com is us-east: 127.0.0.11 127.0.0.12, TTL 5s
    0.02          server   NOT OF ONE REGION: 127.0.0.11 127.0.0.21, TTL 5s
    0.06          server   NO ADDRESS: no answer within 500ms
    0.09          client   NO ADDRESS: an empty answer, response code 2
    ");
    assert_eq!(story.questions(), [(5, 4), (2, 2)]);
}

#[test]
fn the_same_trouble_is_told_once() {
    let mut story = Story::new(plan(40));
    let mute = || Seen::Status(Err("no status within 200ms".into()));
    let text = play(&mut story, vec![(0, mute()), (20, mute()), (40, server(EAST, 5)), (60, mute())]);
    assert_eq!(text.matches("no status within 200ms").count(), 1, "{text}");
}

#[test]
fn a_second_cycle_starts_only_if_it_can_be_seen_to_its_end() {
    let last = |length| {
        let mut story = Story::new(plan(length));
        play(&mut story, whole_cycle());
        story.due(Duration::from_secs(28))
    };
    assert_eq!(last(40), None);
    assert_eq!(last(70), Some(Deed::Kill));
}

#[test]
fn colour_only_where_it_is_wanted() {
    let trouble = &Story::new(plan(40)).trouble(Duration::ZERO, "no")[0];
    assert!(event(trouble, true).contains("\x1b[1;31mno\x1b[0m"));
    assert!(!event(trouble, false).contains('\x1b'));
}

#[test]
fn a_length_that_no_cycle_fits_into_is_refused_with_the_reason() {
    assert_eq!(seconds("40"), Ok(40));
    for (text, reason) in
        [("34", "at least 35: a region"), ("x", "whole number"), ("-1", "whole number"), ("86401", "Ctrl-C")]
    {
        let error = seconds(text).expect_err("it is refused");
        assert!(error.contains(reason), "{text}: {error}");
    }
    assert!(plan(40).longest() <= Duration::from_secs(SECONDS_MIN), "{:?}", plan(40).longest());
}
