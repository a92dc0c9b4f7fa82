//! cadence-dns.toml, which operators copy: it is right as it stands, and each line of it that is commented out is a real
//! setting.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::kit::place::{PROGRAM, text_of};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

fn check(config: &Path) -> Output {
    Command::new(PROGRAM).args(["check", "--config"]).arg(config).output().expect("the program was built")
}

#[test]
fn the_sample_configuration_is_right() {
    let output = check(&root().join("cadence-dns.toml"));
    let (said, complained) = (text_of(&output.stdout), text_of(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    assert!(said.contains("cadence.example.com  budget ") && said.contains("of rto 45s"), "{said}");
    assert_eq!(complained, "", "a sample that is warned of is no sample");
}

#[test]
fn each_setting_that_the_sample_comments_out_is_one() {
    let sample = fs::read_to_string(root().join("cadence-dns.toml")).expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("our folder");
        fs::write(path, text).expect("our folder");
    };
    let mut shown = 0;
    let text: String = sample
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if is_setting(setting) => {
                shown += 1;
                format!("{setting}\n")
            }
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    assert!(shown > 15, "{shown} settings are commented out");
    // The user that a package makes is not on this machine.
    let text = text.replace("user = \"cadence-dns\"", "user = \"root\"");
    write("cadence-dns.toml", &text);
    let zone = fs::read_to_string(root().join("zones/cadence.example.com.zone")).expect("it is there");
    write("zones/cadence.example.com.zone", &zone);
    write("scenarios/outage.txt", "60s us-east refuses\nby 68s expect eu-west, failed-over\n");
    write("cookies.secret", "000102030405060708090a0b0c0d0e0f\n");
    let key = rcgen::KeyPair::generate().expect("randomness");
    let params = rcgen::CertificateParams::new(vec!["ns1.example.com".into()]).expect("a name");
    write("tls/fullchain.pem", &params.self_signed(&key).expect("it signs itself").pem());
    write("tls/privkey.pem", &key.serialize_pem());
    let output = check(&folder.path().join("cadence-dns.toml"));
    let complained = text_of(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complained}\n{text}");
}

/// `key = …` or `[table]`, and no sentence.
fn is_setting(line: &str) -> bool {
    let key = line.split(" = ").next().unwrap_or_default();
    line.starts_with('[') || line.contains(" = ") && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}
