//! What `decide` does with any evidence.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::decide::{Facts, decide};
use super::*;
use crate::health::{Ballot, Doubt, EndpointVerdict, MinUp, RegionVote, Vote};
use crate::model::Family;

const NOW: Moment = Moment::from_millis(1_000_000);

/// Every way a region can be: up, up and failing just now, down, unknown for want of probes or of fresh ones.
const LETTERS: [char; 5] = ['U', 's', 'D', 'n', '?'];

fn steer(failback: Failback) -> Steer {
    Steer {
        names: ["cadence.example.com".parse().expect("a name")].into(),
        regions: ["a".into(), "b".into(), "c".into()].into(),
        ttl: Ttl::from_secs(30).expect("a small TTL"),
        ttl_suspect: Ttl::from_secs(10).expect("a small TTL"),
        failback,
        dwell: Duration::ZERO,
        max_flips_per_hour: 3,
        accepts_unproven: false,
        rto: None,
    }
}

/// One of [`LETTERS`] for each of the regions a, b and c, which have two addresses each, all of them alike.
fn verdicts(letters: &str) -> Verdicts {
    ["a", "b", "c"]
        .into_iter()
        .zip(letters.chars())
        .map(|(id, letter)| (id.into(), verdict(id, letter)))
        .collect()
}

fn verdict(id: &str, letter: char) -> Arc<Verdict> {
    let (state, doubt) = match letter {
        'U' | 's' => (State::Up, None),
        'D' => (State::Down, None),
        'n' => (State::Unknown, Some(Doubt::Unproven)),
        _ => (State::Unknown, Some(Doubt::Stale)),
    };
    let suspect = letter == 's';
    let ballot = Ballot { vote: Vote::Up, suspect, ..Ballot::absent(&"v".into()) };
    let endpoint = |address| EndpointVerdict {
        address,
        state,
        doubt,
        suspect,
        degraded: None,
        ballots: vec![ballot.clone()],
        word: None,
    };
    Arc::new(Verdict {
        region: id.into(),
        state,
        doubt,
        since: Moment::default(),
        proven: None,
        recovered: None,
        steady: letter == 'U',
        families: vec![Family::Ipv4],
        needed: 1,
        min_up: MinUp::Count(1),
        votes: vec![RegionVote { vantage: "v".into(), vote: Vote::Up }],
        endpoints: addresses(id).map(endpoint).into(),
        word: None,
    })
}

fn addresses(id: &str) -> [IpAddr; 2] {
    let network = id.as_bytes()[0];
    [[192, 0, network, 1].into(), [192, 0, network, 2].into()]
}

fn standing(region: &str) -> Standing {
    let addresses = addresses(region).into();
    Standing {
        region: region.into(),
        addresses,
        epoch: 7,
        since: Moment::default(),
        flips: Flips::default(),
        kept: false,
    }
}

fn decided(served: &str, letters: &str, steer: &Steer) -> Decision {
    let before = (served != "-").then(|| standing(served));
    decide(
        steer,
        before.as_ref(),
        Facts { verdicts: &verdicts(letters), overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    )
}

/// With `served` in service and the regions in this state, automatic failback gives this region by this rule.
fn check(served: &str, letters: &str, expected: &str) {
    let decision = decided(served, letters, &steer(Failback::Auto));
    let found = format!("{} {}", decision.standing.region, decision.derivation.rule.label());
    assert_eq!(found, expected, "{served} in service, {letters}");
}

#[test]
fn the_very_first_start_serves_the_preferred_region() {
    check("-", "nnn", "a unproven");
    check("-", "nUU", "a unproven");
    check("-", "UUU", "a preferred");
    check("-", "DUU", "b failed-over");
    check("-", "DnU", "c failed-over");
    check("-", "Dnn", "b unproven");
    check("-", "DDD", "a fail-open");
}

#[test]
fn a_region_that_is_up_is_served() {
    check("a", "UUU", "a preferred");
    check("a", "UDD", "a preferred");
    check("a", "s?D", "a preferred");
    check("b", "DUU", "b failed-over");
    check("b", "?UU", "b failed-over");
}

#[test]
fn a_region_that_is_down_is_left_for_the_first_that_is_up() {
    check("a", "DUU", "b failed-over");
    check("a", "DDU", "c failed-over");
    check("a", "D?U", "c failed-over");
    check("a", "DsD", "b failed-over");
    check("a", "DsU", "c failed-over");
    check("c", "UsD", "a preferred");
    check("c", "UUD", "a preferred");
    check("c", "?UD", "b failed-over");
}

#[test]
fn without_a_region_that_is_up_the_last_answer_stays() {
    check("a", "DDD", "a fail-open");
    check("b", "DDD", "b fail-open");
    check("a", "D?D", "a none-proven");
    check("b", "nDD", "b none-proven");
}

#[test]
fn what_nobody_knows_about_is_not_left() {
    check("a", "?UU", "a freeze");
    check("b", "U?U", "b freeze");
    check("a", "nUU", "a unproven");
}

#[test]
fn a_better_region_that_passes_gets_the_name_back() {
    check("c", "UUU", "a preferred");
    check("c", "DUU", "b failed-over");
    check("c", "sUU", "b failed-over");
    check("b", "sUU", "b failed-over");
}

#[test]
fn every_change_has_its_cause() {
    let cause = |served: &str, letters| {
        Cause::of(&standing(served), &decided(served, letters, &steer(Failback::Auto)))
    };
    assert_eq!(cause("a", "DUU"), Cause::Escape);
    assert_eq!(cause("c", "UUD"), Cause::Escape, "to a better one, and because it must");
    assert_eq!(cause("b", "UUU"), Cause::Failback);
    assert_eq!(cause("c", "DUU"), Cause::Failback, "to a better one than before");
    assert_eq!(cause("d", "UUU"), Cause::Configuration);
    assert!(Cause::ALL.iter().enumerate().all(|(place, cause)| cause.index() == place));
}

#[test]
fn a_region_that_was_taken_from_the_name_is_left_at_once() {
    let mut steer = steer(Failback::Manual);
    steer.regions.remove(0);
    let decision = decide(
        &steer,
        Some(&standing("a")),
        Facts { verdicts: &verdicts("U??"), overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    assert_eq!((decision.standing.region.as_str(), decision.standing.epoch), ("b", 8));
    assert_eq!(decision.standing.flips.within_hour(NOW), 0, "an operator did it");
}

/// The table above `decide`, over every evidence and every region in service.
#[test]
fn every_row_of_the_table() {
    let words = LETTERS
        .iter()
        .flat_map(|a| LETTERS.iter().flat_map(move |b| LETTERS.iter().map(move |c| [*a, *b, *c])));
    for word in words {
        for (index, served) in ["a", "b", "c"].into_iter().enumerate() {
            let decision = decided(served, &word.iter().collect::<String>(), &steer(Failback::Auto));
            let first = |wanted| word.iter().position(|letter| *letter == wanted);
            let expected = match word[index] {
                'D' => first('U').or(first('s')).unwrap_or(index),
                'U' | 's' => word[..index].iter().position(|letter| *letter == 'U').unwrap_or(index),
                _ => index,
            };
            let region = ["a", "b", "c"][expected];
            assert_eq!(decision.standing.region.as_str(), region, "{served} in service, {word:?}");
            let flipped = expected != index;
            assert_eq!(decision.standing.epoch, 7 + u64::from(flipped));
            assert_eq!(decision.standing.flips.within_hour(NOW), usize::from(flipped));
            assert_eq!(&*decision.standing.addresses, addresses(region));
            let again = decide(
                &steer(Failback::Auto),
                Some(&decision.standing),
                Facts { verdicts: &verdicts_of(word), overrides: Overrides::NONE, gates: Gates::NONE },
                NOW,
            );
            assert_eq!(again.standing, decision.standing, "equal evidence, {word:?}");
        }
    }
}

fn verdicts_of(word: [char; 3]) -> Verdicts {
    verdicts(&word.iter().collect::<String>())
}

#[test]
fn of_several_holds_the_first_to_end_is_waited_for() {
    let delayed = |seconds| steer(Failback::Delayed(Duration::from_secs(seconds)));
    let wait = |decision: Decision| decision.derivation.wait.map(|wait| (wait.to.to_string(), wait.until));
    let mut evidence = verdicts("UUU");
    let since = |id: &str, seconds: u64| {
        let up_since = Moment::from_millis(seconds * 1000);
        Arc::new(Verdict { since: up_since, ..Verdict::clone(&verdict(id, 'U')) })
    };
    evidence.insert("a".into(), since("a", 900));
    evidence.insert("b".into(), since("b", 800));
    let held = decide(
        &delayed(300),
        Some(&standing("c")),
        Facts { verdicts: &evidence, overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    assert_eq!(wait(held), Some(("b".into(), Some(Moment::from_millis(1_100_000)))));
    let on_the_way = decide(
        &delayed(200),
        Some(&standing("c")),
        Facts { verdicts: &evidence, overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    assert_eq!(on_the_way.standing.region.as_str(), "b");
    assert_eq!(wait(on_the_way), Some(("a".into(), Some(Moment::from_millis(1_100_000)))));
}

#[test]
fn the_ttl_is_short_while_a_change_may_be_near() {
    let ttl =
        |served: &str, letters: &str, failback| decided(served, letters, &steer(failback)).ttl.as_secs();
    assert_eq!(ttl("a", "UUU", Failback::Auto), 30);
    assert_eq!(ttl("a", "UDD", Failback::Auto), 30);
    for letters in ["sUU", "?UU", "nUU", "DDD"] {
        assert_eq!(ttl("a", letters, Failback::Auto), 10, "{letters}");
    }
    // Up since 0 s, and it is 1000 s: the change comes within 30 s, within 31 s, never.
    assert_eq!(ttl("b", "UUU", Failback::Delayed(Duration::from_secs(1030))), 10);
    assert_eq!(ttl("b", "UUU", Failback::Delayed(Duration::from_secs(1031))), 30);
    assert_eq!(ttl("b", "UUU", Failback::Manual), 30);
}

#[test]
fn a_hold_wakes_when_it_ends_and_a_steady_ttl_before_that() {
    let steer = steer(Failback::Delayed(Duration::from_secs(1100)));
    let decision = decided("b", "UUU", &steer);
    assert_eq!(decision.derivation.wait.as_ref().map(|wait| wait.hold.clone()), Some(Hold::Failback));
    assert_eq!(decision.due(&steer, NOW), Some(Moment::from_millis(1_070_000)));
    assert_eq!(decision.due(&steer, Moment::from_millis(1_070_000)), Some(Moment::from_millis(1_100_000)));
}

/// The same letters, with what differs about one region.
fn with(letters: &str, id: &str, change: impl FnOnce(&mut Verdict)) -> Verdicts {
    changed(verdicts(letters), id, change)
}

fn changed(mut verdicts: Verdicts, id: &str, change: impl FnOnce(&mut Verdict)) -> Verdicts {
    let mut changed = Verdict::clone(&verdicts[&RegionId::from(id)]);
    change(&mut changed);
    verdicts.insert(id.into(), Arc::new(changed));
    verdicts
}

/// With `served` in service, this region by this rule, and what it waits for.
fn check_facts(served: &str, verdicts: &Verdicts, steer: &Steer, expected: &str) {
    let decision = decide(
        steer,
        Some(&standing(served)),
        Facts { verdicts, overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    let wait = decision.derivation.wait.as_ref();
    let wait = wait.and_then(|wait| wait.until.map(|until| format!(" until {}", until.as_millis() / 1000)));
    let found = format!(
        "{} {}{}",
        decision.standing.region,
        decision.derivation.rule.label(),
        wait.unwrap_or_default()
    );
    assert_eq!(found, expected, "{served} in service");
}

fn recovered_at(second: u64) -> impl FnOnce(&mut Verdict) {
    move |verdict| verdict.recovered = Some(Moment::from_millis(second * 1000))
}

#[test]
fn an_escape_waits_for_no_limit_and_no_dwell() {
    let strict = Steer {
        dwell: Duration::from_secs(3600),
        max_flips_per_hour: 1,
        ..steer(Failback::Delayed(Duration::from_secs(300)))
    };
    let mut before = standing("b");
    before.flips = before.flips.and(NOW, &strict);
    let verdicts = verdicts("UDU");
    let decision = decide(
        &strict,
        Some(&before),
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    assert_eq!(decision.standing.region.as_str(), "a");
    assert_eq!(decision.derivation.wait, None);
}

#[test]
fn a_region_that_has_just_come_up_is_escaped_to_only_when_there_is_no_other() {
    let steer = Steer { dwell: Duration::from_secs(60), ..steer(Failback::Auto) };
    check_facts("c", &with("UUD", "a", recovered_at(990)), &steer, "b failed-over");
    check_facts("c", &with("UsD", "a", recovered_at(990)), &steer, "b failed-over");
    check_facts("c", &with("UDD", "a", recovered_at(990)), &steer, "c held until 1050");
    check_facts("c", &with("UDD", "a", recovered_at(940)), &steer, "a preferred");
}

#[test]
fn of_two_that_have_just_come_up_the_first_to_be_old_enough_is_waited_for() {
    let steer = Steer { dwell: Duration::from_secs(60), ..steer(Failback::Auto) };
    let both = changed(with("UUD", "a", recovered_at(990)), "b", recovered_at(980));
    check_facts("c", &both, &steer, "c held until 1040");
}

#[test]
fn a_region_that_is_not_approved_comes_after_one_that_was_always_up() {
    check_facts("b", &verdicts("UDU"), &steer(Failback::Manual), "c failed-over");
    check_facts("b", &verdicts("UDs"), &steer(Failback::Manual), "a preferred");
    let delayed = steer(Failback::Delayed(Duration::from_secs(300)));
    check_facts(
        "b",
        &with("UDU", "a", |a| a.since = Moment::from_millis(900_000)),
        &delayed,
        "c failed-over",
    );
    check_facts("a", &with("DUU", "b", recovered_at(900)), &delayed, "c failed-over");
    check_facts("b", &verdicts("UDU"), &delayed, "a preferred");
}

#[test]
fn a_fully_healthy_region_is_preferred_where_there_is_a_choice() {
    let degrade = |verdict: &mut Verdict| {
        let ipv6 = EndpointVerdict {
            address: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
            state: State::Down,
            ..verdict.endpoints[0].clone()
        };
        verdict.endpoints.push(ipv6);
    };
    check_facts("a", &with("DUU", "b", degrade), &steer(Failback::Auto), "c failed-over");
    check_facts("a", &with("DUD", "b", degrade), &steer(Failback::Auto), "b failed-over");
    check_facts("a", &with("DUs", "b", degrade), &steer(Failback::Auto), "b failed-over");
    check_facts("b", &with("UUU", "a", degrade), &steer(Failback::Auto), "a preferred");
}

#[test]
fn an_unprobed_last_resort_waits_until_all_before_it_are_proven_down() {
    let unprobed = |verdict: &mut Verdict| verdict.votes.clear();
    check_facts("a", &with("DDU", "c", unprobed), &steer(Failback::Auto), "c failed-over");
    check_facts("a", &with("D?U", "c", unprobed), &steer(Failback::Auto), "a none-proven");
    check_facts("a", &with("?DU", "c", unprobed), &steer(Failback::Auto), "a freeze");
    check_facts("c", &with("?DU", "c", unprobed), &steer(Failback::Auto), "c failed-over");
}

#[test]
fn what_is_not_known_takes_over_only_where_an_operator_accepts_it() {
    let accepts = Steer { accepts_unproven: true, ..steer(Failback::Auto) };
    check_facts("a", &verdicts("DD?"), &accepts, "c freeze");
    check_facts("a", &verdicts("DsD"), &accepts, "b failed-over");
    check_facts("a", &verdicts("DDD"), &accepts, "a fail-open");
    check_facts("a", &verdicts("?U?"), &accepts, "a freeze");
}

#[test]
fn a_renamed_region_is_recognised_by_its_addresses() {
    let mut before = standing("b");
    before.region = "old-b".into();
    let verdicts = verdicts("DU?");
    let decision = decide(
        &steer(Failback::Manual),
        Some(&before),
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    assert_eq!((decision.standing.region.as_str(), decision.standing.epoch), ("b", 7));
    let verdicts = self::verdicts("DDU");
    let decision = decide(
        &steer(Failback::Manual),
        Some(&before),
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: Gates::NONE },
        NOW,
    );
    assert_eq!((decision.standing.region.as_str(), decision.standing.epoch), ("c", 8));
}

#[test]
fn a_name_whose_region_is_gone_takes_the_best_by_evidence() {
    let mut gone = standing("a");
    gone.region = "gone".into();
    gone.addresses = [IpAddr::from([203, 0, 113, 1])].into();
    let taken = |letters| {
        let verdicts = verdicts(letters);
        decide(
            &steer(Failback::Manual),
            Some(&gone),
            Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: Gates::NONE },
            NOW,
        )
        .standing
        .region
    };
    assert_eq!(taken("DsU").as_str(), "c");
    assert_eq!(taken("Ds?").as_str(), "b");
    assert_eq!(taken("D?D").as_str(), "b");
    assert_eq!(taken("DDD").as_str(), "a");
}

mod gates;
mod orders;
