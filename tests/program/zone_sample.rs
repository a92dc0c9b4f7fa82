//! The Ferret sample's judgement of zones, by the program as an operator runs it: every valid one is accepted, every
//! invalid one gets what it deserves.

use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;

use crate::kit::sample;

/// A zone of the sample.
#[derive(Deserialize)]
struct Test {
    id: serde_json::Value,
    origin: String,
    #[serde(default)]
    violates: Vec<u8>,
}

impl Test {
    fn id(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

/// Conditions whose breach a server must reject, and those of which it must at least warn.
const MUST_REJECT: [u8; 3] = [2, 4, 5];
const MUST_WARN: [u8; 3] = [3, 6, 7];

#[test]
fn every_valid_zone_is_accepted() {
    let Some(folder) = sample::folder() else { return };
    let tests = sample::tests::<Test>(&folder.join("valid.json"));
    let outcomes = tests.iter().map(|test| (test.id(), zone("check", &folder.join("valid"), test)));
    let refused: Vec<_> = outcomes.filter(|(_, output)| !output.status.success()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn every_valid_zone_reads_the_same_when_it_was_shown() {
    let Some(folder) = sample::folder() else { return };
    let written = tempfile::NamedTempFile::new().expect("a folder for temporary files");
    for test in sample::tests::<Test>(&folder.join("valid.json")) {
        let shown = zone("show", &folder.join("valid"), &test);
        assert!(shown.status.success() && !shown.stdout.is_empty(), "{}: {shown:?}", test.id());
        std::fs::write(written.path(), &shown.stdout).expect("space on the disk");
        let again = cadence_dns("show", &test.origin, written.path());
        assert_eq!(again.stdout, shown.stdout, "{}", test.id());
    }
}

#[test]
fn every_invalid_zone_is_rejected_or_warned_of() {
    let Some(folder) = sample::folder() else { return };
    let mut wrong = Vec::new();
    for test in sample::tests::<Test>(&folder.join("invalid.json")) {
        let breaks = |conditions: &[u8]| test.violates.iter().any(|number| conditions.contains(number));
        let output = zone("check", &folder.join("invalid"), &test);
        let rejected = !output.status.success();
        let warned = String::from_utf8_lossy(&output.stderr).contains("warning");
        let fine = match (breaks(&MUST_REJECT), breaks(&MUST_WARN)) {
            (true, _) => rejected,
            (false, true) => rejected || warned,
            (false, false) => true,
        };
        if !fine {
            wrong.push((test.id(), test.violates, output));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn zone(command: &str, folder: &Path, test: &Test) -> Output {
    let file = folder.join(test.id()).with_extension("zone");
    cadence_dns(command, &test.origin, &file)
}

fn cadence_dns(command: &str, origin: &str, file: &Path) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cadence-dns"));
    program.args(["zone", command, origin]).arg(file).output().expect("the program was built")
}
