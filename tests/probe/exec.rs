//! Programs as probes, here and by the runner of a daemon.

use std::net::SocketAddr;
use std::sync::Arc;

use cadence_dns::config::{ExecProbe, Probe, ProbeKind};
use cadence_dns::health::{Failure, Phase, ProbeOutcome};
use cadence_dns::model::Place;
use tokio::sync::mpsc;

use super::{PLENTY, SHORT, a_probe, outcome, prepared};

const TARGET: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 0);

fn program(arguments: &[&str], timeout: std::time::Duration) -> Probe {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let place = Some(Place { file: "cadence.toml".into(), line: 7, column: 9 });
    a_probe(TARGET, timeout, ProbeKind::Exec(Arc::new(ExecProbe { arguments, place })))
}

fn sh(script: &str) -> Probe {
    program(&["/bin/sh", "-c", script, "sh", "{address}"], PLENTY)
}

/// By a runner, as the daemon does it.
async fn outcome_by_runner(probe: Probe) -> ProbeOutcome {
    let prober = prepared(probe).expect("a probe that can be prepared");
    prober.programs().start_runner(env!("CARGO_BIN_EXE_cadence-dns").as_ref()).expect("a process");
    let (sender, mut observations) = mpsc::channel(1);
    let probing = prober.start(sender);
    let observation = observations.recv().await.expect("the first round comes soon");
    probing.stop().await;
    observation.outcome
}

async fn check(probe: Probe, wanted: ProbeOutcome) {
    assert_eq!(outcome(probe.clone()).await, wanted, "here");
    assert_eq!(outcome_by_runner(probe).await, wanted, "by a runner");
}

#[tokio::test]
async fn exit_code_0_is_a_pass_and_the_address_is_told() {
    check(
        sh("[ $1 = 192.0.2.1 ] && [ $CADENCE_ADDRESS = $1 ] && [ $CADENCE_REGION = fra ]"),
        ProbeOutcome::Pass,
    )
    .await;
}

#[tokio::test]
async fn another_exit_code_is_no_word_of_the_far_end() {
    let failed = Failure::Program { code: 2, said: "CRITICAL: replica lags".into() };
    check(sh("echo 'CRITICAL: replica lags'; exit 2"), ProbeOutcome::Silent(failed)).await;
}

#[tokio::test]
async fn a_program_that_hangs_is_out_of_time() {
    let hangs = program(&["/bin/sh", "-c", "sleep 1000"], SHORT);
    check(hangs, ProbeOutcome::Silent(Failure::Timeout(Phase::Program))).await;
}

#[tokio::test]
async fn a_program_that_crashes_says_nothing() {
    let why = "the program was killed by signal 11";
    check(sh("kill -SEGV $$"), ProbeOutcome::Ours(why.into())).await;
}

/// A program that hears all that is said to it, does nothing, and ends soon. Written by another process: one that a test
/// beside this one starts meanwhile must not inherit the open file.
fn mortal(folder: &std::path::Path) -> std::path::PathBuf {
    let file = folder.join("runner");
    let script = r#"printf '#!/bin/sh\nexec timeout 0.2 cat >/dev/null\n' >"$0" && chmod 755 "$0""#;
    let written = std::process::Command::new("/bin/sh").args(["-c", script]).arg(&file).status();
    assert!(written.expect("a shell").success());
    file
}

/// The runner dies: from then on we cannot probe, and say so.
#[tokio::test]
async fn without_its_runner_a_probe_is_ours() {
    let prober = prepared(sh("true")).expect("a probe that can be prepared");
    let folder = tempfile::tempdir().expect("a folder");
    prober.programs().start_runner(mortal(folder.path()).as_os_str()).expect("a process, though no runner");
    let (sender, mut observations) = mpsc::channel(1);
    let probing = prober.start(sender);
    for _ in 0..2 {
        let outcome = observations.recv().await.expect("at work").outcome;
        let ProbeOutcome::Ours(why) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("the process that runs programs is gone"), "{why}");
    }
    probing.stop().await;
}

#[test]
fn what_cannot_be_executed_is_told_with_its_place() {
    let told = |path: &str| {
        let problems = prepared(program(&[path], PLENTY)).expect_err("no program");
        problems[0].to_string().lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        told("/nowhere/check"),
        "cadence.toml:7:9: error: cannot find the program /nowhere/check: No such file or directory (os error 2)"
    );
    assert_eq!(told("/etc"), "cadence.toml:7:9: error: /etc is no file");
    assert_eq!(told("/etc/passwd"), "cadence.toml:7:9: error: /etc/passwd is not executable");
}
