//! What an operator reads about an answer, story by story.

use super::tree::render;
use crate::api::{Explanation, Question};
use crate::cli::tests::Story;
use crate::model::{Name, RecordType};
use crate::policy::{Order, Target};

trait Explained {
    /// The tree about a name.
    fn explained(&self, name: &str, rtype: Option<RecordType>, client: Option<&str>) -> String;

    /// The tree about the steered name.
    fn app(&self) -> String {
        self.explained("app.example.com", None, None)
    }
}

impl Explained for Story {
    fn explained(&self, name: &str, rtype: Option<RecordType>, client: Option<&str>) -> String {
        let client = client.map(|client| client.parse().expect("an address"));
        let question = Question { name: name.parse().expect("a name"), rtype, client };
        render(&Explanation::of(&self.controller, &question, &self.settings, self.now))
    }
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
