//! The Ferret sample's judgement of zones: every valid one is accepted, every invalid one gets what it deserves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cadence_dns::model::{Name, Problem};
use cadence_dns::zone::{self, Accepted, MasterFile};
use serde::Deserialize;

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
    let Some(folder) = sample() else { return };
    let mut refused = Vec::new();
    for test in tests(&folder.join("valid.json")) {
        let outcome = judge(&folder.join("valid"), &test);
        refused.extend(outcome.err().map(|problems| (test.id(), text(&problems))));
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn every_valid_zone_reads_the_same_when_it_was_shown() {
    let Some(folder) = sample() else { return };
    for test in tests(&folder.join("valid.json")) {
        let accepted =
            judge(&folder.join("valid"), &test).unwrap_or_else(|p| panic!("{}: {}", test.id(), text(&p)));
        let shown = zone::show(&accepted.zone);
        let again =
            read(&test.origin, shown.as_bytes()).unwrap_or_else(|p| panic!("{}: {}", test.id(), text(&p)));
        assert_eq!(zone::show(&again.zone), shown, "{}", test.id());
    }
}

#[test]
fn every_invalid_zone_is_rejected_or_warned_of() {
    let Some(folder) = sample() else { return };
    let mut wrong = Vec::new();
    for test in tests(&folder.join("invalid.json")) {
        let breaks = |conditions: &[u8]| test.violates.iter().any(|number| conditions.contains(number));
        let (rejected, said) = match judge(&folder.join("invalid"), &test) {
            Ok(accepted) => (false, text(&accepted.warnings)),
            Err(problems) => (true, text(&problems)),
        };
        let fine = match (breaks(&MUST_REJECT), breaks(&MUST_WARN)) {
            (true, _) => rejected,
            (false, true) => rejected || said.contains("warning"),
            (false, false) => true,
        };
        if !fine {
            wrong.push((test.id(), test.violates, said));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn judge(folder: &Path, test: &Test) -> Result<Accepted, Vec<Problem>> {
    let path = folder.join(test.id()).with_extension("zone");
    let master = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(&test.origin, &master)
}

fn read(origin: &str, master: &[u8]) -> Result<Accepted, Vec<Problem>> {
    let origin: Name = origin.parse().expect("an origin is a name");
    let master = MasterFile { file: "sample", text: master };
    zone::parse(&origin, &master, &BTreeSet::new(), &mut |_| Err("the sample includes nothing".into()))
}

fn tests(path: &Path) -> Vec<Test> {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tests: Vec<Test> = serde_json::from_slice(&text).expect("the sample's own format");
    assert!(tests.len() > 50, "the sample has hundreds");
    tests
}

fn text(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// The sample's folder. It is no part of the repository: without it the tests are skipped, but never in CI.
fn sample() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("CADENCE_DNS_SHARED").map_or_else(beside, PathBuf::from);
    let folder = shared.join("testdata/ferret-sample");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", folder.display());
    println!("skipped: {} is missing; CADENCE_DNS_SHARED names the folder above", folder.display());
    None
}
