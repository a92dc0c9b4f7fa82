//! What an operator does with a daemon at work: looks at it, sends a name back, looks at what a dead one left behind.

use serde_json::Value;

use crate::kit::place::{Ended, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

/// After a flip only an operator brings the name back.
const MANUAL: &str = "failback = { mode = \"manual\" }\nrto = \"10s\"";

/// The preferred region has died and returned, and the name waits for an operator.
fn waiting_for_an_operator() -> Steered {
    let mut steered = Steered::start(MANUAL);
    steered.preferred.die();
    steered.wait_for(STANDBY);
    steered.preferred.revive();
    steered.wait_until_proven();
    wait_until("the name waits for an operator", AMPLE, || {
        steered.place.status_json()["names"][0]["wait"]["hold"] == "manual-failback"
    });
    steered
}

fn failback(steered: &Steered, arguments: &[&str]) -> Ended {
    let mut command = steered.place.program("failback");
    command.args(arguments).arg("--yes");
    steered.place.ended(command)
}

#[test]
fn a_name_goes_back_by_hand() {
    let mut steered = waiting_for_an_operator();
    let before = steered.place.epoch();
    assert_eq!(steered.answered(), [steered.standby.address()], "it stays until somebody says so");

    let without_reason = failback(&steered, &[NAME]);
    without_reason.assert_code(2);
    let unknown = failback(&steered, &["www.example.net", "--reason", "a typo"]);
    unknown.assert_code(1);
    let text = text_of(&unknown.output.stderr);
    assert!(text.contains("www.example.net"), "what is not steered is not named: {text}");
    assert_eq!(steered.answered(), [steered.standby.address()], "a refusal changes nothing");

    let done = failback(&steered, &[NAME, "--reason", "us-east was repaired"]);
    done.assert_code(0);
    assert!(text_of(&done.output.stdout).contains(PREFERRED), "{done:?}");
    steered.wait_for(PREFERRED);
    assert!(steered.place.epoch() > before, "epochs grow with every change of the answer");
    let log = steered.daemon.wait_for_line("us-east was repaired", AMPLE);
    let line = log.lines().find(|line| line.contains("us-east was repaired")).unwrap_or_default();
    let author = format!("uid {}", rustix::process::geteuid().as_raw());
    assert!(line.contains(NAME) && line.contains(&author), "who did what is not in: {line}");

    steered.daemon.signal(rustix::process::Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    failback(&steered, &[NAME, "--reason", "too late"]).assert_code(3);
}

/// What programs read. A key that goes, or another type, breaks them: then the schema has to have another name.
#[test]
fn the_json_of_status_keeps_its_shape() {
    let steered = waiting_for_an_operator();
    let status = steered.place.status_json();
    assert_eq!(status["schema"], "cadence-dns/status/v1");
    let mut lines = Vec::new();
    shape("", &status, &mut lines);
    lines.sort();
    lines.dedup();
    insta::assert_snapshot!(lines.join("\n"));
}

/// `path: type` for each value; the elements of an array are laid upon each other.
fn shape(path: &str, value: &Value, lines: &mut Vec<String>) {
    let mut leaf = |kind: &str| lines.push(format!("{path}: {kind}"));
    match value {
        Value::Null => leaf("null"),
        Value::Bool(_) => leaf("boolean"),
        Value::Number(_) => leaf("number"),
        Value::String(_) => leaf("string"),
        Value::Array(values) if values.is_empty() => leaf("empty array"),
        Value::Array(values) => values.iter().for_each(|value| shape(&format!("{path}[]"), value, lines)),
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| shape(&format!("{path}.{key}"), value, lines));
        }
    }
}

#[test]
fn what_a_killed_daemon_left_behind_is_shown_and_marked_as_old() {
    let Steered { place, daemon, preferred, standby } = waiting_for_an_operator();
    let live = place.status_json();
    daemon.kill();
    drop((preferred, standby));
    let old = place.status();
    old.assert_code(3);
    let text = text_of(&old.output.stdout);
    assert!(text.starts_with("OLD: the daemon does not answer"), "{text}");
    for word in [NAME, PREFERRED, STANDBY, "ns1"] {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
    let saved = place.status_json();
    assert_eq!((&live["source"], &saved["source"]), (&"live".into(), &"saved".into()));
    for key in ["name", "region", "addresses", "epoch", "since"] {
        assert_eq!(saved["names"][0][key], live["names"][0][key], "{key}");
    }
    assert_eq!(saved["started"], Value::Null, "nothing runs");
}
