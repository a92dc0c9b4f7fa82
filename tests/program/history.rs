//! What an operator asks after an outage: what was decided, why, by whom; and whether anybody has changed what is told.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::kit::place::{Ended, PROGRAM, Place, text_of};
use crate::kit::process::{Here, Process, wait_until};
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

/// Only an operator brings the name back.
const MANUAL: &str = "failback = { mode = \"manual\" }";

/// Every change of the evidence moves the name.
const RESTLESS: &str = "failback = { mode = \"auto\" }";

fn run(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--config").arg(place.config());
    place.ended(command)
}

/// What a command prints that succeeds.
fn said(place: &Place, arguments: &[&str]) -> String {
    let ended = run(place, arguments);
    ended.assert_code(0);
    text_of(&ended.output.stdout)
}

fn complained(ended: &Ended) -> String {
    text_of(&ended.output.stderr)
}

fn files(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.state().join("history")).expect("the daemon has made it");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// How a part of the program does, by `status`.
fn part(place: &Place, name: &str) -> Value {
    let status = place.status_json();
    let parts = status["parts"].as_array().cloned().unwrap_or_default();
    parts.into_iter().find(|part| part["part"] == name).unwrap_or(Value::Null)
}

/// us-east died, was repaired, and somebody has brought the name back, at the second try.
fn after_an_outage() -> Steered {
    let mut steered = Steered::start(MANUAL);
    steered.preferred.die();
    steered.wait_for(STANDBY);
    let refused = run(&steered.place, &["failback", NAME, "--reason", "too early", "--yes"]);
    refused.assert_code(1);
    steered.preferred.revive();
    steered.wait_until_proven();
    said(&steered.place, &["failback", NAME, "--reason", "us-east was repaired", "--yes"]);
    steered.wait_for(PREFERRED);
    steered
}

#[test]
fn the_last_hour_is_one_command_with_and_without_a_daemon() {
    let mut steered = after_an_outage();
    let place = &steered.place;
    let last_hour = said(place, &["history", "--since", "1h"]);
    let wanted = [
        "daemon.started",
        "us-east: up -> down: 0/1 up, 1 needed, connection refused",
        "us-east -> eu-west (epoch 2): failed over",
        "command.refused",
        "too early",
        "command.accepted",
        "us-east was repaired",
        "eu-west -> us-east (epoch 3)",
    ];
    let mut rest = last_hour.as_str();
    for word in wanted {
        let at = rest.find(word).unwrap_or_else(|| panic!("{word:?} does not come next:\n{last_hour}"));
        rest = &rest[at..];
    }
    assert!(last_hour.lines().all(|line| line.contains("  #")), "one line an entry:\n{last_hour}");

    let of_standby = said(place, &["history", "--region", STANDBY]);
    assert!(of_standby.contains("(epoch 2)") && !of_standby.contains("us-east: up -> down"), "{of_standby}");
    let of_name = said(place, &["history", NAME]);
    assert!(of_name.contains("(epoch 2)") && of_name.contains("us-east: up -> down"), "{of_name}");
    let of_other = run(place, &["history", "other.example.com"]);
    of_other.assert_code(0);
    assert!(!text_of(&of_other.output.stdout).contains("epoch"), "{of_other:?}");

    let json = said(place, &["history", "--output", "json"]);
    for (line, number) in json.lines().zip(1..) {
        let entry: Value = serde_json::from_str(line).expect("one document a line");
        assert_eq!((&entry["number"], &entry["node"]), (&number.into(), &"ns1".into()));
        let is_decision = entry["kind"] == "decision.changed";
        assert_eq!(is_decision, entry["grounds"]["shape"] == "decision-v1" && entry["bad"] == true, "{line}");
    }

    steered.daemon.signal(Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    let after_the_end = said(&steered.place, &["history", "--since", "1h"]);
    assert!(after_the_end.starts_with(&last_hour), "nothing is lost:\n{after_the_end}");
    assert!(after_the_end.trim_end().ends_with("stopped in order"), "{after_the_end}");
}

#[test]
fn an_incident_can_be_told_from_it() {
    let steered = after_an_outage();
    let told = said(&steered.place, &["history", "--since", "1h", "--incident"]);
    for word in [
        "First: us-east: up -> down",
        "## Where each name was",
        "| us-east | 1 |",
        "| eu-west | 2 |",
        "| us-east | 3 |",
        "## Who did what",
        "| us-east was repaired |",
        "## Timeline",
    ] {
        assert!(told.contains(word), "{word:?} is not in:\n{told}");
    }
}

#[test]
fn an_answer_is_explained_now_and_then() {
    let mut steered = after_an_outage();
    let now = said(&steered.place, &["explain", NAME, "--client", "192.0.2.7"]);
    for word in ["fired: preferred", "* 1. us-east, in service", "client 192.0.2.7 is answered", "epoch 3"] {
        assert!(now.contains(word), "{word:?} is not in:\n{now}");
    }
    let json = said(&steered.place, &["explain", NAME, "AAAA", "--output", "json"]);
    let json: Value = serde_json::from_str(&json).expect("one document");
    assert_eq!((&json["schema"], &json["code"]), (&"cadence-dns/explanation/v1".into(), &"NOERROR".into()));
    assert_eq!(json["path"][0]["found"], "no-data");
    assert!(said(&steered.place, &["explain", "www.example.net"]).contains("REFUSED"));
    let unknown = run(&steered.place, &["explain", NAME, "NOSUCH"]);
    unknown.assert_code(1);
    assert!(complained(&unknown).contains("is no record type"), "{unknown:?}");

    steered.daemon.signal(Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    let then = said(&steered.place, &["explain", NAME, "--at", "2"]);
    for word in ["fired: failed-over", "decision: eu-west, epoch 2", "answers 127.", "connection refused"] {
        assert!(then.contains(word), "{word:?} is not in:\n{then}");
    }
    let never = run(&steered.place, &["explain", NAME, "--at", "77"]);
    never.assert_code(1);
    assert!(complained(&never).contains("no epoch 77"), "{never:?}");
    run(&steered.place, &["explain", NAME]).assert_code(3);
    run(&steered.place, &["explain", NAME, "--at", "2", "--client", "192.0.2.7"]).assert_code(2);
}

#[test]
fn who_changes_the_history_is_found_by_file_and_line() {
    let mut steered = after_an_outage();
    steered.daemon.signal(Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    let place = &steered.place;
    let whole = said(place, &["audit", "verify"]);
    let (_, noted) = whole.trim_end().rsplit_once("note ").expect("what to note");
    said(place, &["audit", "verify", "--noted", noted]);

    let [file] = &files(place)[..] else { panic!("one file") };
    let text = fs::read_to_string(file).expect("readable");
    let line = text.lines().position(|line| line.contains("too early")).expect("it was refused") + 1;
    fs::write(file, text.replace("too early", "too lately")).expect("our folder");
    let broken = run(place, &["audit", "verify"]);
    broken.assert_code(1);
    let place_of_it = format!("{}:{line}: ", file.display());
    assert!(complained(&broken).contains(&place_of_it), "{place_of_it} is not in {broken:?}");

    // Without the newest lines the chain is whole, and who has noted the last one knows.
    let (_, last) = text.trim_end().rsplit_once('\n').expect("several lines");
    fs::write(file, text.strip_suffix(&format!("{last}\n")).expect("the last line")).expect("our folder");
    said(place, &["audit", "verify"]);
    let cut = run(place, &["audit", "verify", "--noted", noted]);
    cut.assert_code(1);
    assert!(complained(&cut).contains("written anew, or cut off"), "{cut:?}");
    run(place, &["audit", "verify", "--noted", "nonsense"]).assert_code(2);
}

#[test]
fn new_entries_are_followed() {
    let mut steered = Steered::start(RESTLESS);
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = steered.place.program("history");
    command.args([NAME, "--follow", "--since", "0s"]);
    let following = Process::start(&Here, "history", folder.path(), command);
    steered.preferred.die();
    steered.wait_for(STANDBY);
    following.wait_for_line("us-east -> eu-west (epoch 2)", AMPLE);
    steered.preferred.revive();
    steered.wait_for(PREFERRED);
    following.wait_for_line("eu-west -> us-east (epoch 3)", AMPLE);
    following.kill();
}

/// kill -9 while decisions come fast: what is there is whole, and goes on.
#[test]
fn killed_again_and_again_the_chain_is_whole() {
    let Steered { place, mut daemon, mut preferred, standby } = Steered::start(RESTLESS);
    for round in 0..6_u64 {
        preferred.die();
        std::thread::sleep(Duration::from_millis(40 * round)); // any moment will do
        daemon.kill();
        preferred.revive();
        daemon = place.started();
    }
    daemon.signal(Signal::TERM);
    daemon.wait_for_end(AMPLE);
    said(&place, &["audit", "verify"]);
    let killed = said(&place, &["history"]).matches("after a run that was killed").count();
    assert_eq!(killed, 6, "each start is told, and how the run before ended");
    drop(standby);
}

/// What cannot be written is kept, told, and written as soon as it can be; nobody waits for it.
#[test]
fn without_a_place_for_the_history_all_goes_on() {
    let place = Place::new();
    fs::create_dir(place.state()).expect("our folder");
    let in_the_way = place.state().join("history");
    fs::write(&in_the_way, "a file where the folder should be").expect("our folder");
    let mut steered = Steered::start_at(place, RESTLESS);
    steered.preferred.die();
    steered.wait_for(STANDBY);
    wait_until("status tells", AMPLE, || part(&steered.place, "history")["healthy"] == false);
    let trouble = part(&steered.place, "history");
    assert!(trouble["trouble"].as_str().is_some_and(|why| why.contains("kept in memory")), "{trouble}");
    let screen = text_of(&steered.place.status().output.stdout);
    assert!(screen.contains("! the history is kept in memory"), "{screen}");
    steered.preferred.revive();
    steered.wait_for(PREFERRED);

    // Landlock lets the daemon make no folder: whoever clears the way makes it.
    fs::remove_file(&in_the_way).expect("our folder");
    fs::create_dir(&in_the_way).expect("our folder");
    wait_until("the history is written", AMPLE, || part(&steered.place, "history")["healthy"] == true);
    let written = said(&steered.place, &["history"]);
    for word in ["daemon.started", "us-east -> eu-west (epoch 2)", "eu-west -> us-east (epoch 3)"] {
        assert_eq!(written.matches(word).count(), 1, "{word:?} is not there once:\n{written}");
    }
    said(&steered.place, &["audit", "verify"]);
    steered.daemon.wait_for_line("the history can be written again", AMPLE);
}
