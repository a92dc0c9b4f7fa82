//! What is shown of configurations and zones is right.

use std::fs;
use std::path::Path;
use std::process::Command;

use cadence_dns::config;

use crate::kit::place::PROGRAM;
use crate::pages::{blocks, root};

/// What a fragment needs before it.
const NODE: &str = "[node]\nname = \"ns1\"\n[[zone]]\nname = \"cadence.example.com\"\nfile = \"zone\"\n";

/// What a fragment that has no regions of its own is about.
const REGIONS: &str = "\
[[region]]\nname = \"us-east\"\naddresses = [\"192.0.2.10\"]\n[[region.probe]]\ntcp = 80\n\
[[region]]\nname = \"eu-west\"\naddresses = [\"198.51.100.20\"]\n[[region.probe]]\ntcp = 80\n";

const STEER: &str = "[[steer]]\nname = \"cadence.example.com\"\nregions = [\"us-east\"]\n";

#[test]
fn every_fragment_is_right() {
    let all = blocks("toml fragment");
    assert!(!all.is_empty());
    for (page, fragment) in all {
        let regions = if fragment.contains("[[region]]") { "" } else { REGIONS };
        let steer = if fragment.contains("[[steer]]") { "" } else { STEER };
        let whole = format!("{NODE}{fragment}{regions}{steer}");
        if let Err(problems) = config::parse("fragment", &whole, Path::new("/etc/cadence-dns"), 4) {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}:\n{}\n{whole}", page.display(), told.join("\n"));
        }
    }
}

/// A record as `zone show` prints it, without its TTL and with single spaces.
fn plain(line: &str) -> String {
    line.split_whitespace().filter(|word| word.parse::<u32>().is_err()).collect::<Vec<_>>().join(" ")
}

/// What the parent is told must be what the zone says of itself.
#[test]
fn the_records_at_the_parent_are_those_of_the_zone() {
    let [(_, shown)] = &blocks("zone parent")[..] else { panic!("README has one such block") };
    let folder = tempfile::tempdir().expect("a folder");
    let parent = format!(
        "$ORIGIN example.com.\n@ 60 IN SOA ns1 hostmaster 1 1h 10m 1w 1m\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n{}",
        shown.replace("   ", " ")
    );
    let parent: String = parent.lines().map(|line| format!("{}\n", line.trim())).collect();
    fs::write(folder.path().join("parent"), parent).expect("our folder");
    let show = |name: &str, file: &Path| {
        let output =
            Command::new(PROGRAM).args(["zone", "show", name]).arg(file).output().expect("it was built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("names are ASCII");
        let about_servers = |line: &String| {
            let words: Vec<&str> = line.split(' ').collect();
            line.contains("cadence.example.com.")
                && words.iter().any(|word| ["NS", "A", "AAAA"].contains(word))
        };
        let mut lines: Vec<String> = text.lines().map(plain).filter(about_servers).collect();
        lines.sort();
        lines
    };
    let zone = show("cadence.example.com", &root().join("zones/cadence.example.com.zone"));
    assert_eq!(show("example.com", &folder.path().join("parent")), zone);
}
