//! Programs as probes of a daemon that may execute nothing itself.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;

use crate::kit::place::{Place, chmod, is_root};
use crate::kit::process::wait_until;
use crate::kit::query::PATIENCE;

/// A region that a script probes besides; what the script does stands in the place's file `check`.
fn place_with(script: &str) -> Place {
    let place = Place::new();
    place.open_to_all();
    if is_root() {
        place.replace("[node]", "[node]\nuser = \"nobody\"");
        place.replace("/control.sock", "/run/control.sock");
    }
    place.write("check", &format!("#!/bin/sh\n{script}\n"));
    chmod(&check(&place), 0o755);
    let exec = format!("exec = [\"{}\", \"{{address}}\"]\ntimeout = \"1s\"", check(&place).display());
    place.replace("tcp = 9", &exec);
    place
}

fn check(place: &Place) -> PathBuf {
    place.config().with_file_name("check")
}

/// What the only check of the daemon says.
fn seen(place: &Place) -> Value {
    place.status_json()["regions"][0]["endpoints"][0]["checks"][0].clone()
}

fn is_alive(process: &str) -> bool {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = text.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// It runs as the daemon's user without a privilege, and neither Landlock nor the filter of system calls binds it.
#[test]
fn a_program_runs_beside_a_daemon_that_may_execute_nothing() {
    let place = place_with("cat /proc/self/status /etc/hostname > \"${0%/*}/told\" && [ $1 = 192.0.2.10 ]");
    let daemon = place.started();
    wait_until("the region is up", PATIENCE, || place.status_json()["regions"][0]["state"] == "up");
    let told = fs::read_to_string(place.config().with_file_name("told")).expect("it wrote that");
    let line = |key: &str| {
        let line =
            told.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {told}"));
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!((line("NoNewPrivs:").as_str(), line("Seccomp:").as_str()), ("1", "0"));
    assert_eq!(
        (line("CapEff:").as_str(), line("CapBnd:").as_str()),
        ("0000000000000000", "0000000000000000")
    );
    if is_root() {
        assert_eq!(line("Uid:"), "65534");
    }
    drop(daemon);
}

/// Hanging programs are killed one after the other, and with the daemon the last of them goes as well.
#[test]
fn programs_do_not_outlive_the_daemon() {
    let place = place_with("echo $$ >> \"${0%/*}/told\"; sleep 1000");
    let mut daemon = place.started();
    let told = || fs::read_to_string(place.config().with_file_name("told")).unwrap_or_default();
    wait_until("it was started three times", PATIENCE, || told().lines().count() >= 3);
    wait_until("its timeout is told", PATIENCE, || seen(&place)["failure"]["timeout"] == "program");
    daemon.signal(Signal::KILL);
    daemon.wait_for_end(PATIENCE);
    wait_until("all of them are gone", PATIENCE, || !told().lines().any(is_alive));
}

#[test]
fn a_program_that_there_is_not_is_told_before_the_start() {
    let place = place_with("true");
    chmod(&check(&place), 0o644);
    place.refused(&["cadence-dns.toml:", "check is not executable"]);
}
