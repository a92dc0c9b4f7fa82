//! What leaves the house: nothing in it is a secret, wherever that was configured or has strayed to.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::kit::place::{Place, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, STANDBY, Steered};

/// Everything that must not be in it has this in it.
const MARK: &str = "S3CR3T";

/// With a secret in every key that can have one, in a file or in itself.
fn with_secrets() -> (Steered, Vec<String>) {
    let place = Place::new();
    let secrets: Vec<String> = ["hook", "pager", "slack", "database", "query", "argument", "said"]
        .iter()
        .map(|what| format!("{MARK}-{what}-9f8e7d"))
        .collect();
    let [hook, pager, slack, database, query, argument, said] = &secrets[..] else {
        unreachable!("there are seven")
    };
    place.write("hook.secret", &format!("{hook}\n"));
    place.write("pager.key", &format!("{pager}\n"));
    place.write("slack.url", &format!("http://127.0.0.1:1/services/{slack}\n"));
    place.write("db.password", &format!("{database}\n"));
    let more = format!(
        "# {MARK} in a comment\n\
         [[hook]]\nname = \"says\"\nwhen = \"after\"\n\
         command = [\"/bin/sh\", \"-c\", \"echo {said}; exit 1\", \"{argument}\"]\n\
         [[hook]]\nname = \"signed\"\nwhen = \"after\"\nurl = \"http://127.0.0.1:1/\"\nsecret_file = \"hook.secret\"\n\
         [[gate]]\nname = \"lag\"\nregion = \"{STANDBY}\"\npolicy = \"warn\"\n\
         postgres = {{ host = \"127.0.0.1\", port = 1, user = \"m\", tls = false, password_file = \"db.password\", role = \"replica\" }}\n\
         [[notify]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = \"http://127.0.0.1:1/\"\nsecret_file = \"pager.key\"\n\
         [[notify]]\nname = \"chat\"\nkind = \"slack\"\nurl_file = \"slack.url\"\n\
         [[witness]]\naddress = \"127.0.0.9\"\nurl = \"http://127.0.0.9:1/health?token={query}\"\n"
    );
    (Steered::start_at(place, &more), secrets)
}

#[test]
fn a_bundle_has_no_secret() {
    let (mut steered, secrets) = with_secrets();
    steered.preferred.die();
    steered.wait_for(STANDBY);
    steered.daemon.wait_for_line(&secrets[6], AMPLE); // the hook has said it, and the history has it
    wait_until("the history has it", AMPLE, || {
        let history = steered.place.ended(steered.place.program("history"));
        text_of(&history.output.stdout).contains(&secrets[6])
    });
    let log = format!("{}\n{}\n", steered.daemon.log(), secrets.join("\n"));
    steered.place.write("log", &log);
    let file = steered.place.state().with_file_name("bundle.tar.gz");
    let mut command = steered.place.program("support-bundle");
    command.arg("--file").arg(&file).arg("--log").arg(file.with_file_name("log"));
    command.env("CADENCE_TOKEN", format!("{MARK}-environment"));
    let ended = steered.place.ended(command);
    ended.assert_code(0);
    let told = text_of(&ended.output.stdout);
    assert_eq!(file.metadata().expect("it was written").permissions().mode() & 0o777, 0o600);

    let unpacked = Command::new("tar").arg("-xzOf").arg(&file).output().expect("there is tar");
    let text = text_of(&unpacked.stdout);
    let strayed: Vec<&str> = text.lines().filter(|line| line.contains(MARK)).collect();
    assert!(strayed.is_empty(), "{strayed:#?}");
    for part in [
        "status.json",
        "explain/",
        "history.jsonl",
        "configuration.json",
        "machine.txt",
        "version.json",
        "log.txt",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    for kept in
        ["Max open files", "cadence-dns/status/v1", "cadence-dns/explanation/v1", "failed-over", "us-east"]
    {
        assert!(text.contains(kept), "{kept} is missing");
    }

    let mut again = steered.place.program("support-bundle");
    again.arg("--file").arg(&file);
    steered.place.ended(again).assert_code(1); // nothing is overwritten
}

#[test]
fn a_bundle_can_be_had_without_a_daemon_and_of_a_broken_configuration() {
    let place = Place::new();
    place.replace("[[steer]]", &format!("[[steer\n{MARK} = 7"));
    let file = place.state().with_file_name("bundle.tar.gz");
    let mut command = place.program("support-bundle");
    command.arg("--file").arg(&file);
    place.ended(command).assert_code(0);
    let unpacked = Command::new("tar").arg("-xzOf").arg(&file).output().expect("there is tar");
    let text = text_of(&unpacked.stdout);
    assert!(text.contains("no daemon answers") && text.contains("not TOML"), "{text}");
}
