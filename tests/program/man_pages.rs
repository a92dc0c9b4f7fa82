//! The manual pages, as man reads them, and what else comes from the tree of commands.

use std::process::Command;

use crate::kit::demand;
use crate::kit::place::{PROGRAM, Place, text_of};

#[test]
fn man_shows_every_page_without_a_warning() {
    if Command::new("man").arg("--version").output().is_err() {
        return demand::skip("there is no man");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new(PROGRAM).arg("man").arg(folder.path()).output().expect("the program was built");
    assert!(made.status.success(), "{made:?}");
    let mut read = 0;
    for entry in std::fs::read_dir(folder.path()).expect("our folder") {
        let page = entry.expect("our folder").path();
        let mut man = Command::new("man");
        // As lintian does.
        man.env("LC_ALL", "C.UTF-8").env("MANROFFSEQ", "").env("MANWIDTH", "80");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8"]).arg(&page);
        let shown = man.output().expect("there is man");
        assert!(shown.status.success() && shown.stderr.is_empty(), "{page:?}: {}", text_of(&shown.stderr));
        assert!(text_of(&shown.stdout).contains("cadence-dns"), "{page:?} is empty");
        read += 1;
    }
    assert!(read > 25, "{read} pages");
}

#[test]
fn completions_have_the_names_of_the_configuration() {
    let place = Place::new();
    let mut command = Command::new(PROGRAM);
    command.args(["completions", "bash", "--config"]).arg(place.config());
    let ended = place.ended(command);
    ended.assert_code(0);
    let script = text_of(&ended.output.stdout);
    assert!(script.contains("cadence.example.com") && script.contains("--break-glass"));
    let checked = Command::new("bash").args(["-n", "-c", &script]).output().expect("there is bash");
    assert!(checked.status.success(), "{}", text_of(&checked.stderr));
}

#[test]
fn the_version_is_told_to_programs() {
    let output = Command::new(PROGRAM).args(["version", "--output", "json"]).output().expect("it was built");
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(version["schema"], "cadence-dns/version/v1");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}
