//! Who is run when, and what is told.

use std::io::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::{SecretFile, TrustSettings, Web};
use crate::controller::RunId;
use crate::model::Place;
use crate::programs::Program;

const AMPLE: Duration = Duration::from_secs(60);

fn place() -> Place {
    Place { file: "c.toml".into(), line: 1, column: 1 }
}

fn settings(hook: &str, deed: Deed, deadline: Duration) -> HookSettings {
    HookSettings { hook: hook.into(), place: place(), deadline, deed }
}

fn run(number: u64, hook: &str, name: &str) -> HookRun {
    HookRun {
        run: RunId(number),
        hook: hook.into(),
        phase: HookPhase::Before,
        names: [name.parse().expect("a name"), "b.example.com".parse().expect("a name")].into(),
        from: "us-east".into(),
        to: "eu-west".into(),
        epoch: 40 + number,
        reason: "us-east is down: \"refused\"; $(reboot)".into(),
    }
}

/// Hooks that are shell scripts, each with this deadline.
fn scripts(hooks: &[(&str, &str)], deadline: Duration) -> (Hooks, mpsc::Receiver<HookEnded>) {
    let words = |script: &str| ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let program = |(_, script): &(&str, &str)| Program { arguments: words(script), environment: Vec::new() };
    let programs = Programs::new(hooks.iter().map(program).collect());
    let all: Vec<HookSettings> =
        hooks.iter().map(|(hook, script)| settings(hook, Deed::Program(words(script)), deadline)).collect();
    let number = |hook: &HookId| hooks.iter().position(|(name, _)| *name == hook.as_str());
    let prepared = prepare(&all, number).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (sender, ended) = mpsc::channel(16);
    (prepared.start(&programs, sender), ended)
}

#[tokio::test]
async fn a_program_is_told_what_moves_and_its_words_come_back() {
    let script = "echo $CADENCE_HOOK $CADENCE_PHASE $CADENCE_NAME, $CADENCE_NAMES: $CADENCE_FROM to $CADENCE_TO, \
                  $CADENCE_EPOCH, $CADENCE_REASON";
    let (mut hooks, mut ended) = scripts(&[("promote", script)], AMPLE);
    assert_eq!(hooks.run(run(1, "promote", "a.example.com")), None);
    let end = ended.recv().await.expect("it ends");
    assert_eq!((end.run, end.epoch, end.outcome), (RunId(1), 41, HookOutcome::Done));
    let said = "promote before a.example.com, a.example.com b.example.com: us-east to eu-west, 41, us-east is down: \
                \"refused\"; $(reboot)";
    assert_eq!(end.output, said);
}

#[tokio::test]
async fn of_one_name_only_one_runs_and_only_the_newest_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = folder.path().join("go");
    let script = format!("until [ -e {} ]; do sleep 0.01; done; echo $CADENCE_EPOCH", gate.display());
    let (mut hooks, mut ended) = scripts(&[("slow", &script)], AMPLE);
    for number in 1..=4 {
        let superseded = hooks.run(run(number, "slow", "a.example.com"));
        tokio::task::yield_now().await; // the first begins
        let expected = (number > 2).then(|| (RunId(number - 1), HookOutcome::Superseded));
        assert_eq!(superseded.map(|end| (end.run, end.outcome)), expected);
    }
    std::fs::File::create(&gate).and_then(|mut file| file.write_all(b"")).expect("our folder");
    let mut said = Vec::new();
    for _ in 0..2 {
        said.push(ended.recv().await.expect("it ends").output);
    }
    assert_eq!(said, ["41", "44"]);
    assert!(ended.try_recv().is_err());
}

#[tokio::test]
async fn another_name_waits_for_nobody() {
    let (mut hooks, mut ended) = scripts(&[("hang", "sleep 1000"), ("quick", "true")], AMPLE);
    assert_eq!(hooks.run(run(1, "hang", "a.example.com")), None);
    assert_eq!(hooks.run(run(2, "quick", "c.example.com")), None);
    assert_eq!(ended.recv().await.map(|end| end.run), Some(RunId(2)));
}

#[tokio::test]
async fn one_that_hangs_is_ended_and_the_next_is_run() {
    let (mut hooks, mut ended) =
        scripts(&[("hang", "sleep 1000"), ("quick", "exit 3")], Duration::from_millis(300));
    assert_eq!(hooks.run(run(1, "hang", "a.example.com")), None);
    assert_eq!(hooks.run(run(2, "quick", "a.example.com")), None);
    let first = ended.recv().await.expect("it is ended");
    assert_eq!(first.outcome, HookOutcome::Failed("it had not ended after 0.3 s".into()));
    let second = ended.recv().await.expect("it ends");
    assert_eq!(second.outcome, HookOutcome::Failed("it ended with 3".into()));
}

#[tokio::test]
async fn a_request_is_signed_and_tells_what_moves() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "s3cr3t\n").expect("our folder");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let authorities = TrustSettings { ca_file: None, ca_file_place: None, insecure: true };
    let web = Arc::new(Web { url: url.parse().expect("a URL"), authorities });
    let deed = Deed::Request { web, secret_file: Some(SecretFile { file, place: place() }) };
    let prepared = prepare(&[settings("tell", deed, AMPLE)], |_| None).unwrap_or_else(|p| panic!("{p:?}"));
    let (sender, mut ended) = mpsc::channel(16);
    let mut hooks = prepared.start(&Programs::default(), sender);
    assert_eq!(hooks.run(run(1, "tell", "a.example.com")), None);
    let (mut stream, _) = listener.accept().await.expect("it comes");
    let mut request = String::new();
    while !request.ends_with('}') {
        let mut buffer = [0; 1024];
        let octets = stream.read(&mut buffer).await.expect("it speaks");
        request.push_str(std::str::from_utf8(&buffer[..octets]).expect("text"));
    }
    stream.write_all(b"HTTP/1.1 409 Conflict\r\ncontent-length: 5\r\n\r\nolder").await.expect("it listens");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert!(head.starts_with("POST /hook ") && head.contains("cadence-signature: t="), "{head}");
    assert!(!request.contains("s3cr3t"));
    assert_eq!(
        (&body["epoch"], &body["to"], &body["phase"]),
        (&41.into(), &"eu-west".into(), &"before".into())
    );
    let end = ended.recv().await.expect("it ends");
    assert_eq!((end.outcome, end.output.as_str()), (HookOutcome::Failed("status 409".into()), "older"));
}
