//! What an operator orders beats what probes say.

use super::*;
use crate::health::Says;

const ALL: [&str; 3] = ["a", "b", "c"];

fn order(id: u64, order: Order) -> Override {
    Override {
        shared: false,
        id: OverrideId(id),
        order,
        author: "alice".into(),
        reason: "a test".into(),
        made: NOW,
        starts: None,
        expires: NOW + Duration::from_secs(3600),
        at_expiry: AtExpiry::Automatic,
    }
}

/// `drain a`, `up b`, `down b`, `pin c`, `freeze`, `freeze in a`; several are parted by commas.
fn orders(text: &str) -> Overrides {
    let parsed = |(number, word): (usize, &str)| {
        let words: Vec<&str> = word.split_whitespace().collect();
        let region = |region: &str| Target::Region(region.into());
        order(
            number as u64,
            match words.as_slice() {
                ["drain", address] if address.contains('.') => {
                    Order::Drain(Target::Address(address.parse().expect("an address")))
                }
                ["drain", name] => Order::Drain(region(name)),
                ["up", name] => Order::ForceUp(region(name)),
                ["down", name] => Order::ForceDown(region(name)),
                ["pin", name] => Order::Pin {
                    name: "cadence.example.com".parse().expect("a name"),
                    region: (*name).into(),
                },
                ["freeze"] => Order::Freeze(Scope::All),
                ["freeze", "in", name] => Order::Freeze(Scope::InRegion((*name).into())),
                _ => panic!("{word:?} is no order"),
            },
        )
    };
    text.split(", ").filter(|word| !word.is_empty()).enumerate().map(parsed).collect()
}

fn decided_under(text: &str, served: &str, letters: &str) -> Decision {
    let facts = Facts { verdicts: &verdicts(letters), overrides: &orders(text), gates: Gates::NONE };
    decide(&steer(Failback::Auto), (served != "-").then(|| standing(served)).as_ref(), facts, NOW)
}

fn check(text: &str, served: &str, letters: &str, expected: &str) {
    let Decision { standing, derivation, .. } = decided_under(text, served, letters);
    let got = format!("{} {}", standing.region, derivation.rule.label());
    assert_eq!(got, expected, "{text}: {letters} after {served}");
}

#[test]
fn a_pin_beats_everything() {
    check("pin c", "a", "UUU", "c pinned");
    check("pin c", "a", "UUD", "c pinned");
    check("pin c", "-", "UUU", "c pinned");
    check("pin c, freeze", "a", "UUU", "c pinned");
    check("pin b, pin c", "a", "UUU", "c pinned");
    check("pin c, drain c", "a", "UUU", "c pinned");
    check("pin elsewhere", "a", "UUU", "a preferred");
}

#[test]
fn what_a_pin_keeps_waiting_comes_when_it_ends() {
    let decision = decided_under("pin c", "c", "UUU");
    let wait =
        decision.derivation.wait.as_ref().map(|wait| (wait.to.as_str(), wait.hold.clone(), wait.until));
    assert_eq!(wait, Some(("a", Hold::Pin, Some(NOW + Duration::from_secs(3600)))));
    assert_eq!(decided_under("pin a", "a", "UUU").derivation.wait, None);
}

#[test]
fn a_freeze_keeps_the_answer_also_in_an_outage() {
    check("freeze", "a", "DUU", "a frozen");
    check("freeze in a", "a", "DUU", "a frozen");
    check("freeze in b", "a", "DUU", "b failed-over");
    check("freeze", "-", "UUU", "a preferred");
    let before = Standing { addresses: [addresses("a")[1]].into(), ..standing("a") };
    let facts = Facts { verdicts: &verdicts("UUU"), overrides: &orders("freeze"), gates: Gates::NONE };
    let decision = decide(&steer(Failback::Auto), Some(&before), facts, NOW);
    assert_eq!(decision.standing, before, "address by address");
}

#[test]
fn a_drained_region_is_left_for_one_that_is_up() {
    check("drain a", "a", "UUU", "b failed-over");
    check("drain a", "a", "?UU", "b failed-over");
    check("drain a", "a", "UDU", "c failed-over");
    check("drain a", "a", "U?D", "a draining");
    check("drain a", "b", "UUU", "b failed-over");
    check("drain a, drain b", "a", "UUU", "c failed-over");
    check("drain a, drain b, drain c", "a", "UUU", "a draining");
    check("drain a", "-", "UUU", "b failed-over");
}

#[test]
fn a_drained_region_is_entered_only_where_nothing_else_works() {
    check("drain b", "a", "DUU", "c failed-over");
    check("drain b", "a", "DUD", "b draining");
    check("drain b", "a", "D?D", "a none-proven");
}

#[test]
fn an_operators_word_counts_as_proof() {
    check("down a", "a", "UUU", "b failed-over");
    check("down a, down b, down c", "a", "UUU", "a fail-open");
    check("up b", "a", "DDD", "b failed-over");
    check("up b", "a", "D?D", "b failed-over");
    check("up a", "a", "DUU", "a preferred");
    check("down a, up a", "a", "UUU", "a preferred");
}

#[test]
fn a_move_that_was_ordered_is_no_automatic_one() {
    for text in ["pin c", "drain a", "down a"] {
        assert_eq!(decided_under(text, "a", "UUU").standing.flips.within_hour(NOW), 0, "{text}");
    }
    assert_eq!(decided_under("", "a", "DUU").standing.flips.within_hour(NOW), 1);
}

#[test]
fn a_drained_address_is_served_only_where_its_family_has_no_other() {
    let decision = decided_under("drain 192.0.97.1", "a", "UUU");
    assert_eq!(
        (decision.standing.region.as_str(), &*decision.standing.addresses),
        ("a", &[addresses("a")[1]][..])
    );
    check("drain 192.0.97.1, drain 192.0.97.2", "a", "UUU", "b failed-over");
    let last = decided_under("drain 192.0.97.1, drain 192.0.97.2", "a", "UDD");
    assert_eq!((last.standing.region.as_str(), last.standing.addresses.len()), ("a", 2));
}

#[test]
fn a_name_that_is_kept_leaves_only_a_dead_region() {
    let kept = Standing { kept: true, ..standing("b") };
    let decided = |letters: &str| {
        let facts = Facts { verdicts: &verdicts(letters), overrides: Overrides::NONE, gates: Gates::NONE };
        decide(&steer(Failback::Auto), Some(&kept), facts, NOW)
    };
    let stays = decided("UUU");
    let wait = stays.derivation.wait.map(|wait| (wait.to, wait.hold.clone(), wait.until));
    assert_eq!((stays.standing.kept, wait), (true, Some(("a".into(), Hold::Kept, None))));
    let escaped = decided("UDU");
    assert_eq!((escaped.standing.region.as_str(), escaped.standing.kept), ("a", false));
}

#[test]
fn a_release_does_what_is_waited_for() {
    let released = |failback, standing: &Standing, letters: &str| {
        let facts = Facts { verdicts: &verdicts(letters), overrides: Overrides::NONE, gates: Gates::NONE };
        release_now(&steer(failback), standing, facts, NOW)
            .map(|decision| decision.standing.region.to_string())
    };
    assert_eq!(released(Failback::Manual, &standing("b"), "UUU").as_deref(), Some("a"));
    assert_eq!(released(Failback::Manual, &standing("a"), "UUU"), None);
    assert_eq!(released(Failback::Manual, &standing("b"), "DUU"), None);
}

#[test]
fn an_order_takes_the_place_of_one_about_the_same() {
    let kept = |text: &str, then: &str| {
        let then = orders(then).iter().next().expect("one").as_ref().clone();
        let all = orders(text).with(Arc::new(Override { id: OverrideId(9), ..then }));
        all.iter().map(|known| known.order.to_string()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(kept("drain a", "down a"), "force-down a");
    assert_eq!(kept("drain a", "drain b"), "drain a, drain b");
    assert_eq!(kept("pin b, freeze", "pin c"), "freeze all, pin cadence.example.com to c");
}

fn breached(text: &str, served: &str, letters: &str) -> Vec<String> {
    let (verdicts, overrides) = (verdicts(letters), orders(text));
    let facts = Facts { verdicts: &verdicts, overrides: Overrides::NONE, gates: Gates::NONE };
    let then = Facts { overrides: &overrides, ..facts };
    let steer = steer(Failback::Auto);
    let before = decide(&steer, Some(&standing(served)), facts, NOW);
    let after = decide(&steer, Some(&before.standing), then, NOW);
    let all = breaches(Safety::default(), &steer, &before, &after, facts, then);
    all.iter().map(|breach| breach.rule.to_string()).collect()
}

#[test]
fn safety_forbids_what_hurts() {
    assert_eq!(breached("pin b", "a", "UUU"), [""; 0]);
    assert_eq!(breached("pin b", "a", "UDU"), ["target-down"]);
    assert_eq!(breached("pin b", "a", "U?U"), [""; 0]);
    assert_eq!(breached("drain a", "a", "UUU"), [""; 0]);
    assert_eq!(breached("drain a", "a", "UDD"), ["min-serving"]);
    assert_eq!(breached("drain a, drain b, drain c", "a", "UUU"), ["min-serving"]);
    assert_eq!(breached("up b", "a", "DDD"), ["target-down"]);
}

/// Whatever is ordered, and whatever probes say, there is an answer, and it is of one region.
#[test]
fn no_order_empties_or_mixes_an_answer() {
    let words =
        ["", "drain a", "drain b", "down a", "up c", "pin b", "freeze", "drain 192.0.97.1", "freeze in a"];
    for first in words {
        for second in words {
            let text =
                [first, second].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ");
            for served in ["-", "a", "b", "c"] {
                for number in 0..LETTERS.len().pow(3) {
                    let letter = |place: u32| LETTERS[number / LETTERS.len().pow(place) % LETTERS.len()];
                    let letters: String = (0..3).map(letter).collect();
                    let Standing { region, addresses: given, .. } =
                        decided_under(&text, served, &letters).standing;
                    let index = ALL.iter().position(|known| *known == region.as_str()).expect("a region");
                    assert!(
                        !given.is_empty() && given.iter().all(|a| addresses(ALL[index]).contains(a)),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_said_of_a_region_is_told() {
    let decision = decided_under("drain a", "a", "UUU");
    assert_eq!(
        decision.derivation.headline(&"b".into()),
        "failed over: a drained by alice: \"a test\"",
        "who and why"
    );
    let verdict = decision.derivation.verdict_on(&"a".into()).expect("read");
    assert_eq!(verdict.word.as_ref().map(|word| word.says), Some(Says::Drained));
}

#[test]
fn what_an_order_changes_is_no_flip() {
    for (text, served, letters) in
        [("pin c", "a", "UUU"), ("drain a", "a", "UUU"), ("down a", "a", "UUU"), ("pin c", "a", "DUU")]
    {
        let decision = decided_under(text, served, letters);
        assert_eq!(Cause::of(&standing(served), &decision), Cause::Order, "{text}");
    }
    assert_eq!(Cause::of(&standing("a"), &decided_under("freeze", "a", "UUU")), Cause::Addresses);
}
