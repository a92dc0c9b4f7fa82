//! What programs read of commands that judge files.

use std::process::Command;

use serde_json::Value;

use crate::kit::place::{PROGRAM, Place, text_of};

fn read(place: &Place, command: Command, code: i32) -> Value {
    let ended = place.ended(command);
    ended.assert_code(code);
    let text = text_of(&ended.output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text:?} is one JSON document"))
}

#[test]
fn check_tells_programs_what_is_wrong_and_where() {
    let place = Place::new();
    let checked = |code| {
        let mut command = place.program("check");
        command.args(["--output", "json"]);
        read(&place, command, code)
    };
    let right = checked(0);
    assert_eq!((&right["schema"], &right["right"]), (&"cadence-dns/check/v1".into(), &true.into()));
    place.replace("[[steer]]", "[[steer]]\nttll = 5");
    let wrong = checked(1);
    assert_eq!(wrong["right"], false);
    let problems = wrong["problems"].as_array().cloned().unwrap_or_default();
    let found = problems.iter().find(|problem| problem["found"].to_string().contains("ttll"));
    let found = found.unwrap_or_else(|| panic!("{wrong:#}"));
    assert!(found["line"].is_u64() && found["severity"] == "error" && found["help"].is_string(), "{found}");
}

#[test]
fn a_zone_and_its_records_are_told_to_programs() {
    let place = Place::new();
    let of = |what: &str, code| {
        let mut command = Command::new(PROGRAM);
        command.args(["zone", what, "cadence.example.com"]).arg(place.zone()).args(["--output", "json"]);
        read(&place, command, code)
    };
    let shown = of("show", 0);
    assert_eq!((&shown["serial"], &shown["right"]), (&1.into(), &true.into()));
    assert_eq!(
        shown["records"].as_array().map(Vec::len),
        shown["count"].as_u64().map(|count| count as usize)
    );
    place.write("zone", "@ 60 SOA x\n");
    let wrong = of("check", 1);
    assert!(wrong["right"] == false && wrong["problems"][0]["line"] == 1, "{wrong:#}");
}

#[test]
fn scenarios_are_told_to_programs() {
    let place = Place::new();
    place.write("right.txt", "10s expect us-east\n");
    let played = |file: &str, code| {
        let mut command = place.program("simulate");
        command.arg(place.config().with_file_name(file)).args(["--output", "json"]);
        read(&place, command, code)
    };
    let missing = played("nothing.txt", 1);
    assert_eq!(missing["schema"], "cadence-dns/simulation/v1");
    let scenario = &missing["scenarios"][0];
    assert_eq!(scenario["as_expected"], false);
    assert!(scenario["problems"][0].to_string().contains("cannot read the scenario"), "{missing:#}");
    let right = played("right.txt", 0);
    let scenario = &right["scenarios"][0];
    assert!(scenario["as_expected"] == true && scenario["timeline"].is_array(), "{right:#}");
    assert!(scenario["file"].to_string().contains("right.txt"), "{right:#}");
}

#[test]
fn an_empty_history_is_whole() {
    let place = Place::new();
    let mut command = Command::new(PROGRAM);
    command.args(["audit", "verify", "--output", "json", "--config"]).arg(place.config());
    let audit = read(&place, command, 0);
    assert_eq!((&audit["schema"], &audit["last"]), (&"cadence-dns/audit/v1".into(), &0.into()));
}
