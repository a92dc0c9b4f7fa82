//! Gates and hooks of a daemon that has given up its rights: what is executed, by whom, and what becomes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::kit::place::{Place, chmod, is_root, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};
use crate::rights::SECCOMP;

/// A place with a shell script in it.
fn place_with(name: &str, script: &str) -> (Place, PathBuf) {
    let place = Place::new();
    place.write(name, &format!("#!/bin/sh\n{script}\n"));
    let path = place.config().with_file_name(name);
    chmod(&path, 0o755);
    (place, path)
}

fn folder(place: &Place) -> PathBuf {
    place.config().parent().expect("it lies in a folder").to_owned()
}

/// What the kernel says of a process.
fn of_process(id: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(key, value)| (key.to_owned(), value.trim().replace('\t', " "))).collect()
}

/// The runner of a daemon: its only child.
/// The one of the daemon's children that runs programs.
fn runner_of(daemon: u32) -> String {
    let children = fs::read_to_string(format!("/proc/{daemon}/task/{daemon}/children")).expect("our child");
    let runs = |child: &&str| {
        let line = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
        line.split('\0').any(|word| word == "run-programs")
    };
    children.split_whitespace().find(runs).expect("it has a runner").to_owned()
}

fn is_there(id: &str) -> bool {
    Path::new(&format!("/proc/{id}/stat")).exists()
        && of_process(id).get("State").is_some_and(|s| !s.starts_with('Z'))
}

#[test]
fn a_hook_is_told_of_each_move_and_its_words_are_in_the_log() {
    let (place, script) = place_with(
        "hook",
        "echo $CADENCE_PHASE $CADENCE_NAME $CADENCE_FROM $CADENCE_TO >>\"$(dirname \"$0\")/moves\"; \
         grep -E 'CapEff|NoNewPrivs' /proc/self/status; ls / >/dev/null && echo epoch $CADENCE_EPOCH",
    );
    place.open_to_all();
    let hook = |when: &str| {
        format!("[[hook]]\nname = \"{when}\"\nwhen = \"{when}\"\ncommand = [\"{}\"]\n", script.display())
    };
    let steer = format!("failback = {{ mode = \"auto\" }}\n{}{}", hook("before"), hook("after"));
    let mut steered = Steered::start_at(place, &steer);
    steered.preferred.die();
    steered.wait_for(STANDBY);
    let log = steered.daemon.wait_for_line("hook after (epoch 2): done", AMPLE);
    let line = log.lines().find(|line| line.contains("hook after")).expect("it is there");
    for said in ["CapEff:\\t0000000000000000", "NoNewPrivs:\\t1", "epoch 2"] {
        assert!(line.contains(said), "{said} is not in {line}");
    }
    let moves = fs::read_to_string(folder(&steered.place).join("moves")).expect("the hook wrote it");
    let mut moves: Vec<&str> = moves.lines().collect();
    moves.sort_unstable();
    assert_eq!(moves, [format!("after {NAME} us-east eu-west"), format!("before {NAME} us-east eu-west")]);
}

/// The daemon itself executes nothing, its runner has no right, and neither outlives the other's use.
#[test]
fn programs_are_run_by_a_process_without_rights() {
    let (place, script) = place_with("gate", "echo all is well");
    if is_root() {
        place.replace("[node]", "[node]\nuser = \"nobody\"");
        place.replace("/control.sock", "/run/control.sock");
    }
    let gate =
        format!("[[gate]]\nname = \"switch\"\ninterval = \"200ms\"\nexec = [\"{}\"]\n", script.display());
    let text = place.text() + &gate;
    fs::write(place.config(), text).expect("our folder");
    let daemon = place.started();
    wait_until("the gate is green", AMPLE, || place.status_json()["gates"][0]["light"] == "green");
    assert_eq!(place.status_json()["gates"][0]["says"], "all is well");
    let runner = runner_of(daemon.id());
    let (of_daemon, of_runner) = (of_process(&daemon.id().to_string()), of_process(&runner));
    assert_eq!(of_daemon["Uid"], of_runner["Uid"]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(of_runner[set], "0000000000000000", "{set}");
    }
    assert_eq!((&*of_runner["NoNewPrivs"], &*of_runner["Seccomp"]), ("1", "0"));
    assert_eq!(of_daemon["Seccomp"], SECCOMP);
    // Somebody ends it: gates are unknown, which is told, and the answers go on.
    let id = Pid::from_raw(runner.parse().expect("a number")).expect("a process");
    kill_process(id, Signal::KILL).expect("our child");
    wait_until("the gate is unknown", AMPLE, || place.status_json()["gates"][0]["light"] == "unknown");
    let status = place.status_json();
    let part =
        status["parts"].as_array().and_then(|parts| parts.iter().find(|part| part["part"] == "runner"));
    assert_eq!(part.map(|part| part["healthy"].clone()), Some(false.into()), "{status}");
    assert!(
        status["gates"][0]["says"].as_str().is_some_and(|says| says.contains("is gone; a restart")),
        "{status}"
    );
}

#[test]
fn what_runs_ends_with_the_daemon() {
    let (place, script) = place_with("gate", "echo $$ >\"$(dirname \"$0\")/pid\"; sleep 1000");
    place.open_to_all();
    let gate = format!(
        "[[gate]]\nname = \"slow\"\ninterval = \"50m\"\ntimeout = \"50m\"\nexec = [\"{}\"]\n",
        script.display()
    );
    fs::write(place.config(), place.text() + &gate).expect("our folder");
    let daemon = place.started();
    let pid = folder(&place).join("pid");
    let read = || fs::read_to_string(&pid).unwrap_or_default().trim().to_owned();
    wait_until("the program runs", AMPLE, || !read().is_empty());
    let (program, runner) = (read(), runner_of(daemon.id()));
    assert!(is_there(&program) && is_there(&runner));
    daemon.kill();
    wait_until("both are gone", AMPLE, || !is_there(&program) && !is_there(&runner));
}

#[test]
fn a_move_waits_for_a_hook_that_must_succeed_and_an_operator_is_told() {
    let (place, script) =
        place_with("promote", "[ -e \"$(dirname \"$0\")/ready\" ] || { echo no replica; exit 4; }");
    let steer = format!(
        "failback = {{ mode = \"manual\" }}\n[[hook]]\nname = \"promote\"\nwhen = \"before\"\nmust_succeed = true\n\
         command = [\"{}\"]\n",
        script.display()
    );
    let mut steered = Steered::start_at(place, &steer);
    let epoch = steered.place.epoch();
    steered.preferred.die();
    let log = steered.daemon.wait_for_line("hook promote (epoch 2): failed: it ended with 4", AMPLE);
    assert!(log.contains("no replica"), "{log}");
    wait_until("it is held", AMPLE, || {
        steered.place.status_json()["names"][0]["wait"]["hold"]["hook"] == "promote"
    });
    assert_eq!((steered.answered(), steered.place.epoch()), (vec![steered.preferred.address()], epoch));
    let shown = steered.place.status();
    assert!(
        text_of(&shown.output.stdout).contains("hook promote, which must succeed, keeps eu-west waiting")
    );
    steered.place.write("ready", "");
    steered.wait_for(STANDBY);
}

#[test]
fn a_gate_keeps_a_name_out_until_it_is_green() {
    let (place, script) =
        place_with("lag", "[ -e \"$(dirname \"$0\")/fresh\" ] || { echo 48 s behind; exit 1; }");
    let steer = format!(
        "failback = {{ mode = \"manual\" }}\n[[gate]]\nname = \"lag\"\nregion = \"{STANDBY}\"\ninterval = \"300ms\"\n\
         exec = [\"{}\"]\n",
        script.display()
    );
    let mut steered = Steered::start_at(place, &steer);
    wait_until("the gate is red before it matters", AMPLE, || {
        let shown = steered.place.status();
        text_of(&shown.output.stdout)
            .contains("no region could take over from us-east now: gate lag says 48 s behind")
    });
    steered.preferred.die();
    wait_until("it is held", AMPLE, || {
        steered.place.status_json()["names"][0]["wait"]["hold"]["gate"] == "lag"
    });
    assert_eq!(steered.answered(), [steered.preferred.address()]);
    steered.place.write("fresh", "");
    steered.wait_for(STANDBY);
    // And an operator is refused as well, with the gate's word.
    steered.preferred.revive();
    steered.wait_until_proven();
    let mut command = steered.place.program("failback");
    command.args([NAME, "--reason", "a test", "--yes"]);
    steered.place.ended(command).assert_code(0);
    steered.wait_for(PREFERRED);
}

#[test]
fn a_program_or_a_secret_that_is_not_there_is_named_with_its_line() {
    let place = Place::new();
    let text = place.text();
    let with = |tables: &str| fs::write(place.config(), format!("{text}{tables}")).expect("our folder");
    with("[[gate]]\nname = \"switch\"\nexec = [\"/no/such/program\"]\n");
    place.refused(&["cadence-dns.toml:", "there is no program /no/such/program"]);
    with("[[hook]]\nname = \"tell\"\nwhen = \"after\"\ncommand = [\"/etc/passwd\"]\n");
    place.refused(&["/etc/passwd may not be executed", "chmod +x"]);
    with(
        "[[hook]]\nname = \"tell\"\nwhen = \"after\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"gone\"\n",
    );
    place.refused(&["cannot read the secret in", "/gone"]);
}
