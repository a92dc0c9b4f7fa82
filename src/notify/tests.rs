//! Receivers that stand in for the real ones, on real sockets: what they are sent, and what their faults cost.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::config::{Destination, Email, SecretFile, TrustSettings, Web};
use crate::controller::{NoticeEvent, NoticeState};
use crate::model::Place;
use crate::policy::Urgency;
use crate::programs::Program;

const NOW: Moment = Moment::from_millis(1_795_363_200_000);

/// However busy the machine is.
const AMPLE: Duration = Duration::from_secs(60);

/// What a stand-in does to a request.
#[derive(Debug, Clone, Copy)]
enum Act {
    Status(u16),
    /// It is asked to be left alone for so many seconds.
    TooMany(u64),
    /// The connection stays open, and nothing comes.
    Hang,
    /// The connection is reset.
    Reset,
    /// The status comes, and the body never.
    SlowBody(u16),
}

/// A request as it came.
#[derive(Debug, Clone)]
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} is no JSON", self.body))
    }
}

/// A receiver that does what it is told, and 200 after that.
struct Standin {
    port: u16,
    requests: mpsc::UnboundedReceiver<Request>,
    serving: JoinHandle<()>,
}

impl Standin {
    async fn start(acts: &[Act]) -> Standin {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let acts = Arc::new(Mutex::new(VecDeque::from(acts.to_vec())));
        let (came, requests) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acts, came) = (Arc::clone(&acts), came.clone());
                connections.spawn(async move { serve(stream, &acts, &came).await });
            }
        });
        Standin { port, requests, serving }
    }

    async fn next(&mut self) -> Request {
        timeout(AMPLE, self.requests.recv()).await.expect("it comes").expect("it serves")
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    acts: &Mutex<VecDeque<Act>>,
    came: &mpsc::UnboundedSender<Request>,
) -> Option<()> {
    let mut text = Vec::new();
    let request = loop {
        let mut octets = [0; 4096];
        let read = stream.read(&mut octets).await.ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&octets[..read]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = shown.split_once("\r\n\r\n") else { continue };
        let request = Request { head: head.to_owned(), body: body.to_owned() };
        if body.len() >= request.header("content-length").parse().expect("a length") {
            break request;
        }
    };
    let act = acts.lock().expect("nobody panics with it").pop_front().unwrap_or(Act::Status(200));
    came.send(request).ok()?;
    let answer = match act {
        Act::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 3\r\n\r\nok\n"),
        Act::TooMany(seconds) => {
            format!("HTTP/1.1 429 X\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
        }
        Act::SlowBody(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 9\r\n\r\n"),
        Act::Hang => String::new(),
        Act::Reset => {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok()?;
            return None; // the socket is closed by a reset
        }
    };
    stream.write_all(answer.as_bytes()).await.ok()?;
    if matches!(act, Act::Hang | Act::SlowBody(_)) {
        std::future::pending::<()>().await;
    }
    Some(())
}

fn place() -> Place {
    Place { file: "c.toml".into(), line: 1, column: 1 }
}

/// Files with secrets, and the state folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn secret(&self, name: &str, text: &str) -> SecretFile {
        let file: PathBuf = self.path().join(name);
        std::fs::write(&file, format!("{text}\n")).expect("our folder");
        SecretFile { file, place: place() }
    }
}

fn web(port: u16, path: &str) -> Destination {
    let url = format!("http://127.0.0.1:{port}{path}").parse().expect("a URL");
    Destination::Web(Arc::new(Web { url, authorities: TrustSettings::default() }))
}

fn settings(name: &str, kind: ReceiverKind) -> ReceiverSettings {
    ReceiverSettings {
        receiver: name.into(),
        place: place(),
        kind,
        urgency: Urgency::Info,
        events: NoticeEvent::ALL.into(),
        names: Vec::new(),
        text: None,
        deadline: Duration::from_secs(20),
        rate: 3_600,
    }
}

fn webhook(name: &str, standin: &Standin) -> ReceiverSettings {
    settings(name, ReceiverKind::Webhook { destination: web(standin.port, "/in"), secret_file: None })
}

fn started(settings: &[ReceiverSettings], folder: &Folder) -> Notifier {
    let with_program: Vec<&[String]> = settings.iter().filter_map(ReceiverSettings::program).collect();
    let program = |words: &&[String]| Program { arguments: words.to_vec(), environment: Vec::new() };
    let programs = Programs::new(with_program.iter().map(program).collect());
    let names: Vec<&ReceiverId> =
        settings.iter().filter(|of| of.program().is_some()).map(|of| &of.receiver).collect();
    let prepared = prepare(settings, |receiver| names.iter().position(|name| *name == receiver));
    let prepared = prepared.unwrap_or_else(|problems| panic!("{problems:?}"));
    prepared.start(&programs, folder.path(), NOW)
}

fn fires(key: &str, at: Moment) -> Announcement {
    let notice =
        Notice { key: key.into(), id: format!("{key}/{}", at.as_millis()), time: at, ..words::sample() };
    Announcement::Fires { notice, is_brief: false }
}

fn clears(key: &str, at: Moment) -> Announcement {
    let Announcement::Fires { notice, .. } = fires(key, at) else { unreachable!("it fires") };
    let id = format!("{}/resolved", notice.id);
    Announcement::Clears { notice: Notice { id, state: NoticeState::Resolved, ..notice }, is_told: false }
}

/// Waits until a receiver has taken so many messages.
async fn taken(notifier: &Notifier, sent: u64) {
    let all = async {
        while notifier.health().iter().any(|health| health.sent < sent) {
            tokio::time::sleep(Duration::from_millis(5)).await; // nothing tells it: health is what is asked
        }
    };
    timeout(AMPLE, all).await.unwrap_or_else(|_| panic!("{:?}", notifier.health()));
}

#[tokio::test]
async fn every_kind_is_spoken_to_in_its_protocol() {
    let (mut standin, folder) = (Standin::start(&[]).await, Folder::new());
    let url = folder.secret("slack.url", &format!("http://127.0.0.1:{}/services/T0/B0/s3cr3t", standin.port));
    let all = [
        settings(
            "hook",
            ReceiverKind::Webhook {
                destination: web(standin.port, "/in"),
                secret_file: Some(folder.secret("hook.secret", "s3cr3t")),
            },
        ),
        settings("chat", ReceiverKind::Slack(Destination::Secret(url, TrustSettings::default()))),
        settings(
            "pager",
            ReceiverKind::PagerDuty {
                destination: web(standin.port, "/v2/enqueue"),
                routing_key_file: folder.secret("pager.key", "r0ut1ng"),
            },
        ),
        settings(
            "alerts",
            ReceiverKind::Alertmanager {
                destination: web(standin.port, "/"),
                repeat: Duration::from_secs(60),
            },
        ),
    ];
    let notifier = started(&all, &folder);
    notifier.take(&fires("name/app.example.com", NOW), NOW);
    let mut requests = Vec::new();
    for _ in 0..4 {
        requests.push(standin.next().await);
    }
    let of = |path: &str| {
        let found = requests.iter().find(|request| request.path() == path);
        found.unwrap_or_else(|| panic!("nothing for {path}: {requests:?}"))
    };
    let hook = of("/in");
    let (time, signed) = hook.header("cadence-signature").split_once(',').expect("time and signature");
    let time: u64 = time.trim_start_matches("t=").parse().expect("seconds");
    let expected = crate::errand::signature(b"s3cr3t", time, hook.body.as_bytes());
    assert_eq!(format!("t={time},{signed}"), expected);
    assert_eq!(
        (hook.json()["state"].as_str(), hook.header("content-type")),
        (Some("firing"), "application/json")
    );
    assert_eq!(hook.header("cadence-notice"), "name/app.example.com/1795363200000");
    assert!(
        of("/services/T0/B0/s3cr3t").json()["text"].as_str().is_some_and(|text| text.contains("us-east"))
    );
    let page = of("/v2/enqueue").json();
    assert_eq!((&page["routing_key"], &page["event_action"]), (&"r0ut1ng".into(), &"trigger".into()));
    assert_eq!(of("/api/v2/alerts").json()[0]["labels"]["name"], "app.example.com");
    taken(&notifier, 1).await;
    notifier.take(&clears("name/app.example.com", NOW), NOW);
    for _ in 0..4 {
        let request = standin.next().await;
        let body = request.json();
        match request.path() {
            "/in" => assert_eq!(body["state"], "resolved"),
            "/v2/enqueue" => assert_eq!(body["event_action"], "resolve"),
            "/api/v2/alerts" => assert_eq!(body.as_array().map(Vec::len), Some(1)),
            _ => assert!(body["text"].as_str().is_some_and(|text| text.starts_with("[resolved]"))),
        }
    }
}

/// Each fault costs one attempt more, of the same notice; a status that says yes is enough, whatever its body does.
#[tokio::test]
async fn whatever_a_receiver_does_it_is_told_in_the_end() {
    let faults = [
        (Act::Status(500), 2),
        (Act::Status(503), 2),
        (Act::Reset, 2),
        (Act::Hang, 2),
        (Act::TooMany(2), 2),
        (Act::SlowBody(500), 2),
        (Act::SlowBody(202), 1),
    ];
    let folder = Folder::new();
    let mut standins = Vec::new();
    for (act, attempts) in faults {
        standins.push((act, attempts, Standin::start(&[act]).await));
    }
    let hasty = |(number, (.., standin)): (usize, &(Act, usize, Standin))| ReceiverSettings {
        deadline: Duration::from_millis(700),
        ..webhook(&format!("r{number}"), standin)
    };
    let all: Vec<ReceiverSettings> = standins.iter().enumerate().map(hasty).collect();
    let notifier = started(&all, &folder);
    notifier.take(&fires("name/app.example.com", NOW), NOW);
    taken(&notifier, 1).await;
    for (number, (act, attempts, mut standin)) in standins.into_iter().enumerate() {
        let mut ids = Vec::new();
        while let Ok(request) = standin.requests.try_recv() {
            ids.push(request.header("cadence-notice").to_owned());
        }
        assert_eq!(ids, vec!["name/app.example.com/1795363200000"; attempts], "{act:?}");
        let health = &notifier.health()[number];
        assert_eq!((health.failed, health.trouble.clone()), (attempts as u64 - 1, None), "{act:?}");
    }
}

#[tokio::test]
async fn one_that_hangs_keeps_nobody_waiting_and_the_end_is_bounded() {
    let (mut good, bad) = (Standin::start(&[]).await, Standin::start(&[Act::Hang]).await);
    let folder = Folder::new();
    let notifier = started(&[webhook("bad", &bad), webhook("good", &good)], &folder);
    for second in 0..5 {
        let now = NOW + Duration::from_secs(second);
        notifier.take(&fires(&format!("region/r{second}"), now), now);
        assert_eq!(good.next().await.json()["key"], format!("region/r{second}"));
    }
    let [bad_health, _] = notifier.health().try_into().expect("two of them");
    assert_eq!((bad_health.sent, bad_health.firing), (0, 5));
    timeout(AMPLE, notifier.stop(Duration::from_millis(50))).await.expect("it is bounded");
}

#[tokio::test]
async fn a_restart_neither_repeats_nor_forgets() {
    let (mut standin, folder) = (Standin::start(&[]).await, Folder::new());
    let all = [webhook("ops", &standin)];
    let notifier = started(&all, &folder);
    notifier.take(&fires("region/us-east", NOW), NOW);
    standin.next().await;
    taken(&notifier, 1).await;
    notifier.stop(AMPLE).await;
    let notifier = started(&all, &folder);
    notifier.take(&fires("region/us-east", NOW), NOW);
    notifier.take(&clears("region/us-east", NOW), NOW);
    let request = standin.next().await;
    assert_eq!(request.json()["state"], "resolved", "it knew that it fired");
    taken(&notifier, 1).await;
    notifier.stop(AMPLE).await;
    assert!(standin.requests.try_recv().is_err());
}

/// The file cannot be used: all is told again, rather than nothing.
#[tokio::test]
async fn a_damaged_memory_is_no_obstacle() {
    let (mut standin, folder) = (Standin::start(&[]).await, Folder::new());
    std::fs::write(memory::file(folder.path()), b"{").expect("our folder");
    let notifier = started(&[webhook("ops", &standin)], &folder);
    notifier.take(&fires("region/us-east", NOW), NOW);
    standin.next().await;
    taken(&notifier, 1).await;
    notifier.stop(AMPLE).await;
    assert!(memory::read(&memory::file(folder.path())).is_ok());
}

#[tokio::test]
async fn programs_are_told_on_stdin() {
    let folder = Folder::new();
    let shell = |script: String| ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
    let (mail, own) = (folder.path().join("mail"), folder.path().join("own"));
    let email = Email {
        sendmail: shell(format!("cat > {}", mail.display())),
        from: "dns@example.com".into(),
        to: vec!["ops@example.com".into()],
        subject: None,
    };
    let script =
        format!("{{ cat; echo; echo $CADENCE_STATE $CADENCE_EVENT $CADENCE_EPOCH; }} > {}", own.display());
    let all =
        [settings("mail", ReceiverKind::Email(email)), settings("own", ReceiverKind::Command(shell(script)))];
    let notifier = started(&all, &folder);
    notifier.take(&fires("name/app.example.com", NOW), NOW);
    taken(&notifier, 1).await;
    let mail = std::fs::read_to_string(mail).expect("it was written");
    assert!(mail.starts_with("From: dns@example.com\nTo: ops@example.com\nSubject: [warning] app"), "{mail}");
    let own = std::fs::read_to_string(own).expect("it was written");
    let (json, told) = own.trim_end().rsplit_once('\n').expect("two lines");
    assert_eq!(told, "firing failed-over 17");
    assert!(serde_json::from_str::<serde_json::Value>(json).is_ok_and(|notice| notice["epoch"] == 17));
}

#[tokio::test]
async fn a_trial_tells_how_it_ended() {
    let (standin, folder) = (Standin::start(&[Act::Status(403)]).await, Folder::new());
    let mut notifier = started(&[webhook("ops", &standin)], &folder);
    let mut tried = async |receiver: &str| {
        let (reply, replied) = oneshot::channel();
        notifier.test(&receiver.into(), Announcement::of_test(&"ns1".into(), NOW), reply);
        timeout(AMPLE, replied).await.expect("in time").expect("it is told")
    };
    assert_eq!(tried("ops").await, Err(r#"status 403: "ok""#.to_owned()));
    assert_eq!(tried("ops").await, Ok(()));
    assert_eq!(tried("opps").await, Err("there is no receiver opps; there are ops".to_owned()));
}
