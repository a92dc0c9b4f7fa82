//! What an operator is told: a snippet for each mistake, in `tests/config/mistakes.txt`.

use super::{CONTRACT, read, shown};

const MISTAKES: &str = include_str!("../../../tests/config/mistakes.txt");

const NODE: &str = "[node]\nname = \"ns1\"\n";
const ZONE: &str = "[[zone]]\nname = \"e\"\nfile = \"e.zone\"\n";
const REGIONS: &str = "[[region]]\nname = \"r\"\naddresses = [\"198.51.100.1\"]\n[[region.probe]]\ntcp = 443\n\
                       [[region]]\nname = \"s\"\naddresses = [\"198.51.100.2\"]\n[[region.probe]]\ntcp = 443\n";
const STEER: &str = "[[steer]]\nname = \"e\"\nregions = [\"r\", \"s\"]\n";

/// What makes a snippet a file that has no other mistake: the text before it and the text after it.
fn surroundings(part: &str) -> (String, String) {
    match part {
        "whole" => (String::new(), String::new()),
        "node" => ("[node]\n".into(), ZONE.into()),
        "section" => (format!("{NODE}{ZONE}"), format!("{REGIONS}{STEER}")),
        "region" => {
            let steer = STEER.replace("[\"r\"", "[\"q\", \"r\"");
            let after = format!("[[region.probe]]\ntcp = 443\n{REGIONS}{steer}");
            (format!("{NODE}{ZONE}[[region]]\nname = \"q\"\n"), after)
        }
        "probe" => {
            let region = "[[region]]\nname = \"r\"\naddresses = [\"192.0.2.1\"]\n[[region.probe]]\n";
            (format!("{NODE}{ZONE}{region}"), STEER.replace(", \"s\"", ""))
        }
        "steer" => (format!("{NODE}{ZONE}{REGIONS}[[steer]]\n"), STEER.replace("\"e\"", "\"other.e\"")),
        other => panic!("no snippet can stand in {other}"),
    }
}

fn check(part: &str, snippet: &str, expected: &str) {
    let (before, after) = surroundings(part);
    let text = format!("{before}{snippet}{after}");
    let problems = read(&text).map_or_else(|problems| problems, |parsed| parsed.warnings);
    let lines = u32::try_from(before.lines().count()).expect("a short file");
    let told = if problems.is_empty() { "fine".to_owned() } else { shown(&problems, lines) };
    assert_eq!(told, expected, "\n{text}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let (mut part, mut judged) = ("", 0);
    let cases =
        MISTAKES.split("\n\n").map(|case| case.trim_end_matches('\n')).filter(|case| !case.starts_with('#'));
    for case in cases {
        if let Some(heading) = case.strip_prefix("== ") {
            (part, _) = heading.split_once(": ").expect("where the snippets stand, and what they are about");
            continue;
        }
        let (told, snippet): (Vec<&str>, Vec<&str>) = case.lines().partition(|line| line.starts_with("> "));
        let snippet: String = snippet.iter().map(|line| format!("{line}\n")).collect();
        check(part, &snippet, &told.iter().map(|line| &line[2..]).collect::<Vec<_>>().join("\n"));
        judged += 1;
    }
    assert!(judged > 150, "only {judged} snippets were found");
}

/// All of them are told, in the order of the file, and nothing that only follows from them.
#[test]
fn many_mistakes_are_told_at_once() {
    let text = CONTRACT
        .replace("\"ns1\"", "\"\"")
        .replace("workers = 2", "workers = 0")
        .replace("192.0.2.11", "192.0.2.10")
        .replace("fall = 3", "fall = 1")
        .replace("\"us-east\", \"eu-west\"", "\"us-east\", \"eu-wset\"")
        .replace("dwell", "dwel");
    let problems = shown(&read(&text).expect_err("six mistakes"), 0);
    let told: Vec<&str> = problems.lines().map(|line| line.split(';').next().unwrap_or(line)).collect();
    assert_eq!(
        told,
        [
            "2:8: the node's name \"\" is empty",
            "6:11: `workers` is 0",
            "14:28: 192.0.2.10 is already listed in line 14",
            "22:8: `fall` is 1",
            "33:23: there is no region \"eu-wset\"",
            "37:1: `[[steer]]` has no key \"dwel\"",
        ]
    );
}

/// With the line, and a mark under the place, as a compiler shows it.
#[test]
fn a_mistake_is_shown_in_its_line() {
    let problems = read(&CONTRACT.replace("fall = 3  ", "fall = 1  ")).expect_err("a mistake");
    let shown = problems[0].to_string();
    let (line, mark) = (" 22 | fall = 1       ", "\n    |        ^\n");
    assert!(shown.starts_with("test.toml:22:8: error: `fall` is 1\n"), "{shown}");
    assert!(shown.contains(line) && shown.contains(mark), "{shown}");
}
