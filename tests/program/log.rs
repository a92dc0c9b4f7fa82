//! The log: what changed and why, and how much of it is wanted.

use crate::kit::place::{Place, text_of};
use crate::kit::query::PATIENCE;
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

/// The line of a flip names the regions, the epoch and the reason, down to what the last probe saw.
#[test]
fn a_flip_is_told_in_one_line_with_its_reason() {
    let mut steered = Steered::start("failback = { mode = \"auto\" }");
    steered.preferred.die();
    steered.wait_for(STANDBY);
    let log = steered.daemon.wait_for_line(&format!("{NAME}: {PREFERRED} -> {STANDBY}"), AMPLE);
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains(&format!("{PREFERRED} -> {STANDBY}"))).collect();
    let [line] = lines[..] else { panic!("one line for one flip: {lines:#?}") };
    for word in ["WARN", "epoch", &format!("{PREFERRED} down"), "connection refused", "decision.changed"] {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}

/// Probes that only repeat what is known say nothing.
#[test]
fn what_does_not_change_is_not_told() {
    let steered = Steered::start("failback = { mode = \"auto\" }");
    let lines = steered.daemon.log().lines().count();
    let seen = || steered.place.status_json()["regions"][0]["endpoints"][0]["checks"][0]["seen"].clone();
    for _ in 0..5 {
        let before = seen();
        crate::kit::process::wait_until("another probe has passed", AMPLE, || seen() != before);
    }
    assert_eq!(steered.daemon.log().lines().count(), lines, "{}", steered.daemon.log());
}

#[test]
fn the_level_comes_from_the_environment() {
    let log_at = |level: &str| {
        let place = Place::new();
        let mut command = place.program("run");
        command.env("CADENCE_DNS_LOG", level);
        let mut daemon = place.started_by(command);
        daemon.signal(rustix::process::Signal::TERM);
        daemon.wait_for_end(PATIENCE);
        daemon.log()
    };
    assert!(log_at("").contains("answering on"), "by default it tells of its start");
    assert_eq!(log_at("off"), "");
    assert_eq!(log_at("error"), "", "nothing is wrong");
    assert!(log_at("info").contains("answering on"));
    assert!(log_at("error,cadence_dns=info").contains("answering on"), "a level for each part");
}

#[test]
fn a_level_that_is_none_is_refused_with_the_variable_and_what_would_be_right() {
    let place = Place::new();
    let mut command = place.program("run");
    command.env("CADENCE_DNS_LOG", "cadence_dns=loud");
    let refused = place.ended(command);
    refused.assert_code(1);
    let text = text_of(&refused.output.stderr);
    for word in ["CADENCE_DNS_LOG=cadence_dns=loud", "info"] {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}
