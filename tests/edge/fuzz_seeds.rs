//! The seeds of the fuzzers as plain tests: what once was found stays found.

#[path = "../fuzz/targets.rs"]
#[allow(unreachable_pub, reason = "the fuzzers use it as a library")]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn queries() {
    play("respond", targets::respond);
}

#[test]
fn tcp_streams() {
    play("tcp", targets::tcp);
}

#[test]
fn datagrams_of_front_ends() {
    play("proxy", targets::proxy);
}

#[test]
fn https_requests() {
    play("https", targets::https);
}

#[cfg(feature = "xdp")]
#[test]
fn frames() {
    play("frame", targets::frame);
}

#[test]
fn zones() {
    play("zone", targets::zone);
}

#[test]
fn configurations() {
    play("configuration", targets::configuration);
}

#[test]
fn states() {
    play("state", targets::state);
}

#[test]
fn state_logs() {
    play("state_log", targets::state_log);
}

fn play(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} holds no seed", folder.display());
    for seed in seeds {
        // Shown when it fails.
        eprintln!("{}", seed.display());
        check(&fs::read(&seed).expect("a seed can be read"));
    }
}
