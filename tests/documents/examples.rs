//! The whole configurations of docs/examples are right, once what they name is there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::place::{PROGRAM, text_of};
use crate::pages::root;

/// Where the hook of PostgreSQL lies when it is installed, and where we have it.
const HOOK: [&str; 2] =
    ["/usr/lib/cadence-dns/hooks/promote-postgresql", "packaging/hooks/promote-postgresql"];

/// The files that an example names and an operator makes, each with what is in it.
fn made() -> Vec<(&'static str, String)> {
    let key = rcgen::KeyPair::generate().expect("randomness");
    let params = rcgen::CertificateParams::new(vec!["ns1.example.net".into()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a key").pem();
    let token_hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut files = vec![
        ("tls/privkey.pem", key.serialize_pem()),
        ("cookies.secret", "e5e973e5a6b2a43f48e7dc849e37bfcf\n".into()),
        ("api.access", format!("grafana read token {token_hash}\n")),
        ("slack.url", "https://hooks.example.com/services/T0/B0/secret\n".into()),
    ];
    for file in ["tls/fullchain.pem", "tls/operators.pem", "db-ca.pem"] {
        files.push((file, certificate.clone()));
    }
    for file in ["monitor.password", "hook.secret", "pagerduty.key", "journal.secret"] {
        files.push((file, "a secret of some length\n".into()));
    }
    files
}

/// An example, as an operator would have it: in a folder with all that it names.
fn prepared(example: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(example).expect("it is there") {
        let file = entry.expect("a file").path();
        fs::copy(&file, folder.path().join(file.file_name().expect("a name"))).expect("our folder");
    }
    fs::create_dir(folder.path().join("tls")).expect("our folder");
    for (file, content) in made() {
        let file = folder.path().join(file);
        fs::write(&file, content).expect("our folder");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("ours");
    }
    let config = folder.path().join("cadence-dns.toml");
    let text = fs::read_to_string(&config).expect("every example has one");
    let hook = root().join(HOOK[1]);
    fs::write(&config, text.replace(HOOK[0], &hook.display().to_string())).expect("our folder");
    (folder, config)
}

fn checked(example: &str) -> (bool, String) {
    let (_folder, config) = prepared(&root().join("docs/examples").join(example));
    let output =
        Command::new(PROGRAM).arg("check").arg("--config").arg(config).output().expect("it was built");
    (output.status.success(), text_of(&output.stdout) + &text_of(&output.stderr))
}

fn check(example: &str, told: &str) {
    let (is_right, said) = checked(example);
    assert!(is_right && said.contains(told), "{example}:\n{said}");
    assert!(!said.contains("warning"), "{example}:\n{said}");
}

#[test]
fn every_example_is_right() {
    check("pair", "budget 38.5s of rto 45s");
    check("postgresql", "right (zones: 1, regions: 3, checks: 7, steered names: 1)");
    check("public", "budget 38.5s of rto 45s");
    let entries = fs::read_dir(root().join("docs/examples")).expect("it is there");
    let folders = entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()));
    assert_eq!(folders.count(), 3, "each is checked here");
}
