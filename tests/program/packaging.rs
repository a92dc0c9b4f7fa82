//! What is installed beside the program: the unit, and the user that it runs as.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cadence_dns::config::Whereabouts;

use crate::kit::demand::skip;

/// Ten times what `systemd-analyze security` calls exposure: 1.6. gdnsd has 6.1, Knot 7.0.
const EXPOSURE_MAX: &str = "--threshold=16";

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

/// The settings of the unit; of several with one key, all values together.
fn unit() -> BTreeMap<String, String> {
    let text = fs::read_to_string(packaging("cadence-dns.service")).expect("it is there");
    let mut settings = BTreeMap::<String, String>::new();
    for (key, value) in
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='))
    {
        let all = settings.entry(key.to_owned()).or_default();
        *all = format!("{all} {value}").trim().to_owned();
    }
    settings
}

/// What the unit makes is where the program looks when the configuration does not say.
#[test]
fn the_unit_has_the_folders_and_the_user_of_the_defaults() {
    let (unit, Whereabouts { socket, state_dir }) = (unit(), Whereabouts::default());
    assert_eq!(Path::new("/var/lib").join(&unit["StateDirectory"]), state_dir);
    assert_eq!(Some(Path::new("/run").join(&unit["RuntimeDirectory"]).as_path()), socket.parent());
    // The mark of what is not on the disk lies beside the socket.
    assert_eq!(unit["RuntimeDirectoryPreserve"], "yes");
    let users = fs::read_to_string(packaging("sysusers.d/cadence-dns.conf")).expect("it is there");
    let line = format!("u {} - \"cadence-dns name server\" {} ", unit["User"], state_dir.display());
    assert!(users.lines().any(|user| user.starts_with(&line)), "{line} is not in:\n{users}");
    assert_eq!(unit["User"], unit["Group"]);
    // It says who is the main process, and no other process of it may speak for it.
    assert_eq!((unit["Type"].as_str(), unit["NotifyAccess"].as_str()), ("notify", "main"));
    assert!(unit.contains_key("WatchdogSec"));
}

#[test]
fn the_unit_leaves_little_open() {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", EXPOSURE_MAX]).arg(packaging("cadence-dns.service"));
    let Ok(output) = command.output() else {
        return skip("systemd-analyze is missing: tests/run.sh installs it");
    };
    let told = String::from_utf8_lossy(&output.stdout);
    let open: Vec<&str> =
        told.lines().filter(|line| line.starts_with('✗') || line.starts_with('→')).collect();
    assert!(output.status.success(), "{}\n{}", open.join("\n"), String::from_utf8_lossy(&output.stderr));
}

/// The SBOM of a release: what is compiled, each with its licence and checksum, and the same each time.
#[test]
fn the_bill_of_materials_names_what_is_compiled() {
    let print = || {
        let output = Command::new("python3").arg(packaging("sbom.py")).output();
        output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    };
    let Some(printed) = print() else { return skip("python3 is missing: tests/run.sh installs it") };
    assert_eq!(print().as_ref(), Some(&printed));
    let bill: serde_json::Value = serde_json::from_slice(&printed).expect("it is JSON");
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = bill["components"].as_array().expect("a list");
    let names: Vec<&str> = components.iter().filter_map(|component| component["name"].as_str()).collect();
    assert!(names.contains(&"ring") && names.contains(&"tokio"), "{names:?}");
    assert!(
        !names.contains(&"proptest") && !names.contains(&"insta"),
        "what only tests need is no part of it"
    );
    for component in components {
        assert!(component["licenses"].is_array() && component["hashes"].is_array(), "{component}");
    }
}
