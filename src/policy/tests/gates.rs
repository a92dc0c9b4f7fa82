//! What passes a gate, and what does not.

use super::*;
use crate::health::MinUp;
use crate::policy::gate::*;

fn at(second: u64) -> Moment {
    Moment::from_millis(second * 1000)
}

fn gate(id: &str, region: Option<&str>, proof: Proof, policy: GatePolicy) -> Gate {
    let region = region.map(RegionId::from);
    Gate { id: id.into(), region, names: Vec::new(), proof, policy, stale_after: Duration::from_secs(15) }
}

fn reply() -> Proof {
    Proof::Reply { of_data: false }
}

/// `red b` and the like: a gate of this colour before a region, or before all (`red`). Blocked by the policy.
fn gates(words: &str, policy: GatePolicy) -> Gates {
    let words: Vec<(&str, Option<&str>)> = words
        .split(", ")
        .map(|word| word.split_once(' ').map_or((word, None), |(light, region)| (light, Some(region))))
        .collect();
    let mut gates = Gates::new(
        words.iter().enumerate().map(|(n, (_, r))| gate(&format!("g{n}"), *r, reply(), policy)).collect(),
    );
    for (number, (light, _)) in words.iter().enumerate() {
        let (seen, when) = match *light {
            "green" => (Seen::Fine("well".into()), at(990)),
            "stale" => (Seen::Fine("well".into()), at(984)),
            "red" => (Seen::Unfit("off".into()), at(990)),
            "deaf" => (Seen::Blind("no answer within 2 s".into()), at(990)),
            _ => continue,
        };
        assert!(gates.note(&format!("g{number}").as_str().into(), seen, when));
    }
    gates
}

/// With `served` in service, the regions in this state and these gates: the region, the rule, and what is waited for.
fn check_with(served: &str, letters: &str, gates: &Gates, down_since: u64, steer: &Steer, expected: &str) {
    let verdicts = with(letters, served, |verdict| verdict.since = at(down_since));
    let decision = decide(
        steer,
        Some(&standing(served)),
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates },
        NOW,
    );
    let wait = decision.derivation.wait.as_ref().map(|Wait { to, hold, until }| {
        let until = until.map(|until| format!(" until {}", until.as_millis() / 1000)).unwrap_or_default();
        format!(", {hold} to {to}{until}")
    });
    let (region, rule) = (&decision.standing.region, decision.derivation.rule.label());
    let found = format!("{region} {rule}{}", wait.unwrap_or_default());
    assert_eq!(found, expected, "{served} in service, {letters}");
}

fn check_gated(served: &str, letters: &str, words: &str, policy: GatePolicy, expected: &str) {
    check_with(served, letters, &gates(words, policy), 900, &steer(Failback::Auto), expected);
}

const BLOCK: GatePolicy = GatePolicy::Block;
const WARN: GatePolicy = GatePolicy::Warn;

/// Down since 900, and it is 1000.
fn block_for(seconds: u64) -> GatePolicy {
    GatePolicy::BlockFor(Duration::from_secs(seconds))
}

#[test]
fn an_escape_passes_no_gate_that_blocks() {
    check_gated("a", "DUU", "green b", BLOCK, "b failed-over");
    check_gated("a", "DUU", "red b", BLOCK, "c failed-over");
    check_gated("a", "DUU", "red b, red c", BLOCK, "a held, gate g0 to b");
    check_gated("a", "DUU", "red", BLOCK, "a held, gate g0 to b");
    check_gated("a", "DUD", "red b", BLOCK, "a held, gate g0 to b");
    check_gated("a", "DUD", "red c", BLOCK, "b failed-over");
    check_gated("a", "DDD", "red b", BLOCK, "a fail-open");
}

#[test]
fn unknown_is_not_green() {
    for light in ["none", "stale", "deaf"] {
        check_gated("a", "DUD", &format!("{light} b"), BLOCK, "a held, gate g0 to b");
    }
}

#[test]
fn a_gate_that_warns_keeps_nobody() {
    check_gated("a", "DUU", "red b", WARN, "b failed-over");
    check_gated("b", "UUU", "red a", WARN, "a preferred");
}

#[test]
fn a_gate_that_blocks_for_a_time_opens_to_an_escape() {
    check_gated("a", "DUD", "red b", block_for(100), "b failed-over");
    check_gated("a", "DUD", "red b", block_for(101), "a held, gate g0 to b until 1001");
    check_gated("a", "DUU", "red b, red c", block_for(101), "a held, gate g0 to b until 1001");
    check_gated("b", "UUD", "red a", block_for(1), "b failed-over, gate g0 to a");
}

#[test]
fn of_several_gates_before_a_region_the_last_to_open_is_waited_for() {
    let mut all = vec![gate("long", Some("b"), reply(), block_for(200))];
    all.push(gate("short", Some("b"), reply(), block_for(150)));
    let check = |gates: Vec<Gate>, expected: &str| {
        check_with("a", "DUD", &Gates::new(gates), 900, &steer(Failback::Auto), expected);
    };
    check(all.clone(), "a held, gate long to b until 1100");
    all.push(gate("ever", Some("b"), reply(), BLOCK));
    check(all, "a held, gate ever to b");
}

#[test]
fn a_voluntary_move_passes_no_gate_that_blocks() {
    check_gated("b", "UUU", "red a", BLOCK, "b failed-over, gate g0 to a");
    check_gated("c", "UUU", "red a", BLOCK, "b failed-over, gate g0 to a");
    check_gated("c", "UUU", "red a, red b", BLOCK, "c failed-over, gate g0 to a");
    check_gated("b", "UUU", "green a", BLOCK, "a preferred");
    check_gated("a", "UUU", "red", BLOCK, "a preferred");
    let manual = gates("red a", BLOCK);
    check_with("b", "UUU", &manual, 900, &steer(Failback::Manual), "b failed-over, manual failback to a");
}

#[test]
fn a_region_that_nothing_is_known_about_is_behind_its_gate_as_well() {
    let accepts = Steer { accepts_unproven: true, ..steer(Failback::Auto) };
    check_with("a", "DD?", &gates("red c", BLOCK), 900, &accepts, "a held, gate g0 to c");
    check_with("a", "DD?", &gates("red b", BLOCK), 900, &accepts, "c freeze");
}

#[test]
fn a_gate_of_other_names_concerns_nobody_else() {
    let mut other = gate("other", None, reply(), BLOCK);
    other.names = vec!["www.example.com".parse().expect("a name")];
    let check = |gate: Gate, expected: &str| {
        check_with("a", "DUD", &Gates::new(vec![gate]), 900, &steer(Failback::Auto), expected);
    };
    check(other.clone(), "b failed-over");
    other.names.push("cadence.example.com".parse().expect("a name"));
    check(other, "a held, gate other to b");
}

#[test]
fn an_answer_is_never_taken_away_by_a_gate() {
    let verdicts = verdicts("DUU");
    let closed = gates("red", BLOCK);
    let first = decide(
        &steer(Failback::Auto),
        None,
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: &closed },
        NOW,
    );
    assert_eq!(first.standing.region.as_str(), "b", "the very first answer comes from nowhere");
    let held = decide(
        &steer(Failback::Auto),
        Some(&standing("a")),
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: &closed },
        NOW,
    );
    assert_eq!((&*held.standing.addresses, held.standing.epoch), (&addresses("a")[..], 7));
}

#[test]
fn a_command_is_told_which_gates_forbid_it() {
    let verdicts = verdicts("UUU");
    let gates = gates("red b, deaf, green b, red c", BLOCK);
    let facts = Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: &gates };
    let (steer, before) = (steer(Failback::Auto), standing("a"));
    let told = |to: &str| -> Vec<String> {
        let views = crate::policy::forbidding(&steer, &before, &to.into(), facts, NOW);
        views.iter().map(GateView::headline).collect()
    };
    assert_eq!(told("b"), ["gate g0 says off", "gate g1 is unknown: no answer within 2 s"]);
    assert_eq!(told("c"), ["gate g1 is unknown: no answer within 2 s", "gate g3 says off"]);
}

#[test]
fn the_derivation_has_every_gate_and_the_headline_the_one_that_counts() {
    let verdicts = verdicts("DUU");
    let gates = gates("red b, green c, red c", BLOCK);
    let decision = decide(
        &steer(Failback::Auto),
        Some(&standing("a")),
        Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: &gates },
        NOW,
    );
    let views: Vec<String> = decision
        .derivation
        .gates
        .iter()
        .map(|view| format!("{} {} {}", view.region, view.gate, view.light))
        .collect();
    assert_eq!(views, ["b g0 red", "c g1 green", "c g2 red"]);
    let headline = decision.derivation.headline(&"a".into());
    assert!(headline.starts_with("held out of b by gate g0 says off; a "), "{headline}");
}

#[test]
fn enough_endpoints_must_be_up() {
    let check = |letters: &str, least: MinUp, expected: &str| {
        let gates = Gates::new(vec![gate("room", Some("b"), Proof::Capacity(least), BLOCK)]);
        let verdicts = changed(super::verdicts(letters), "b", |verdict| {
            verdict.endpoints[0].state = State::Down;
            verdict.state = State::Up;
        });
        let (light, says) = gates.judged(gates.iter().next().expect("one"), &"b".into(), &verdicts, NOW);
        assert_eq!(format!("{light}: {says}"), expected);
    };
    check("DUU", MinUp::Count(1), "green: 1 of 2 IPv4 endpoints are up, 1 needed");
    check("DUU", MinUp::Percent(51), "red: 1 of 2 IPv4 endpoints are up, 2 needed");
    check("DDU", MinUp::Count(1), "red: 0 of 2 IPv4 endpoints are up, 1 needed");
}

/// A replica in b of a primary in a. The primary was seen at these seconds at these positions; the replica is seen at 1000.
struct Pair {
    primary: &'static [(u64, u64)],
    /// a is down since then.
    down_since: Option<u64>,
    replica: Database,
}

const REPLICA: Database = Database {
    system: 7,
    in_recovery: true,
    position: Lsn(500),
    behind: Some(Duration::from_millis(200)),
    receives: true,
};

impl Pair {
    fn judge(&self, rules: DatabaseRules) -> String {
        let all = [gate("p", Some("a"), Proof::Database(DatabaseRules::default()), BLOCK)];
        let replica = gate("r", Some("b"), Proof::Database(rules), BLOCK);
        let mut gates = Gates::new(all.into_iter().chain([replica]).collect());
        for (second, position) in self.primary {
            let seen = Database {
                in_recovery: false,
                position: Lsn(*position),
                behind: None,
                receives: false,
                ..REPLICA
            };
            gates.note(&"p".into(), Seen::Database(seen), at(*second));
        }
        gates.note(&"r".into(), Seen::Database(self.replica), NOW);
        let letters = if self.down_since.is_some() { "DUU" } else { "UUU" };
        let verdicts = with(letters, "a", |a| a.since = at(self.down_since.unwrap_or_default()));
        let gate = gates.iter().nth(1).expect("two");
        let (light, says) = gates.judged(gate, &"b".into(), &verdicts, NOW);
        format!("{light}: {says}")
    }
}

const LAG: DatabaseRules = DatabaseRules { role: None, lag: Some(Duration::from_secs(10)), lag_bytes: None };
const BYTES: DatabaseRules = DatabaseRules { role: None, lag: None, lag_bytes: Some(100) };

#[test]
fn the_role_of_a_server() {
    let check = |role, in_recovery, expected: &str| {
        let rules = DatabaseRules { role, ..DatabaseRules::default() };
        let pair =
            Pair { primary: &[(999, 500)], down_since: None, replica: Database { in_recovery, ..REPLICA } };
        assert_eq!(pair.judge(rules), expected);
    };
    check(None, true, "green: replica, 0.2 s and 0 bytes behind");
    check(None, false, "green: primary, at 0/1F4");
    check(Some(Role::Replica), true, "green: replica, 0.2 s and 0 bytes behind");
    check(Some(Role::Replica), false, "red: it is a primary, not a replica");
    check(Some(Role::Primary), true, "red: it is a replica, not a primary");
    check(Some(Role::Primary), false, "green: primary, at 0/1F4");
}

#[test]
fn a_replica_that_receives_is_as_far_behind_as_it_says_or_as_is_proven() {
    let check = |primary: &'static [(u64, u64)], behind: Option<u64>, expected: &str| {
        let replica = Database { behind: behind.map(Duration::from_secs), ..REPLICA };
        assert_eq!(Pair { primary, down_since: None, replica }.judge(LAG), expected, "{primary:?}");
    };
    check(&[(995, 400), (999, 500)], Some(0), "green: replica, 0 s and 0 bytes behind");
    check(&[(995, 400), (999, 550)], Some(1), "green: replica, 1 s and 50 bytes behind");
    check(&[(999, 500)], Some(48), "red: replay lag 48 s > 10 s");
    // It is cut off, and does not know yet: the primary has written on since 980.
    check(&[(975, 500), (980, 501), (999, 900)], Some(0), "red: replay lag 19 s > 10 s");
    check(&[(975, 500), (995, 501), (999, 900)], Some(0), "green: replica, 4 s and 400 bytes behind");
    check(&[(999, 500)], None, "green: replica, 0 s and 0 bytes behind");
    check(&[(985, 500), (986, 501), (999, 501)], None, "red: replay lag 14 s > 10 s");
    check(&[(986, 501), (999, 501)], None, "red: replay lag 13 s > 10 s");
    check(&[(999, 501)], None, "unknown: it lacks more of its primary in a than was watched");
    check(&[], Some(3), "green: replica, 3 s behind");
    check(&[], None, "unknown: no gate knows the position of its primary");
}

#[test]
fn broken_replication_is_red_while_the_primary_works() {
    let check = |primary: &'static [(u64, u64)], down_since, expected: &str| {
        let replica = Database { receives: false, behind: Some(Duration::ZERO), ..REPLICA };
        assert_eq!(Pair { primary, down_since, replica }.judge(LAG), expected, "{primary:?}");
    };
    let broken = "red: replication is broken: it receives nothing from a";
    check(&[(999, 500)], None, broken);
    check(&[(999, 500)], Some(990), broken); // the region's front is down, its database is not
    check(&[], None, "red: it receives from no primary, and no gate knows one");
    check(&[(970, 500)], None, "unknown: its primary in a was last seen 30 s before");
}

#[test]
fn of_a_dead_primary_the_last_that_was_known_counts() {
    let check = |primary: &'static [(u64, u64)], rules, expected: &str| {
        let replica = Database { receives: false, behind: Some(Duration::ZERO), ..REPLICA };
        let pair = Pair { primary, down_since: Some(700), replica };
        assert_eq!(pair.judge(rules), expected, "{primary:?}");
    };
    check(&[(690, 400), (695, 500)], LAG, "green: replica, 0 s and 0 bytes behind");
    check(&[(690, 500), (695, 550)], LAG, "green: replica, 5 s and 50 bytes behind");
    check(&[(680, 500), (690, 520), (695, 550)], LAG, "red: replay lag 15 s > 10 s");
    // Long idle, then a burst that never arrived: it lacks a moment, not the hours before.
    check(&[(100, 500), (690, 500), (695, 900)], LAG, "green: replica, 5 s and 400 bytes behind");
    check(&[(695, 550)], LAG, "unknown: it lacks more of its primary in a than was watched");
    check(&[(600, 500)], LAG, "unknown: its primary in a was last seen 400 s before");
    check(&[(695, 600)], BYTES, "green: replica, 100 bytes behind");
    check(&[(695, 601)], BYTES, "red: replay lag 101 bytes > 100 bytes");
}

#[test]
fn octets_need_a_primary_that_is_known() {
    let check = |primary: &'static [(u64, u64)], expected: &str| {
        assert_eq!(Pair { primary, down_since: None, replica: REPLICA }.judge(BYTES), expected);
    };
    check(&[(999, 500)], "green: replica, 0.2 s and 0 bytes behind");
    check(&[(999, 601)], "red: replay lag 101 bytes > 100 bytes");
    check(&[(970, 500)], "unknown: its primary in a was last seen 30 s before");
    check(&[], "unknown: no gate knows the position of its primary");
}

#[test]
fn what_was_known_of_a_primary_is_forgotten_with_it() {
    // It was restored from an older copy: its log is another one.
    let pair = Pair { primary: &[(990, 900), (999, 450)], down_since: None, replica: REPLICA };
    assert_eq!(pair.judge(BYTES), "green: replica, 0.2 s and 0 bytes behind");
    let mut gates = Gates::new(vec![gate("p", Some("a"), Proof::Database(DatabaseRules::default()), BLOCK)]);
    for second in 0..1000 {
        let seen = Database { in_recovery: false, position: Lsn(second), ..REPLICA };
        gates.note(&"p".into(), Seen::Database(seen), at(second));
    }
    assert!(format!("{gates:?}").len() < 16_384, "as much is remembered as anybody asks for");
    assert!(!gates.note(&"gone".into(), Seen::Fine(String::new()), NOW), "a reload took it");
}
