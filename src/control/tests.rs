//! The API over its real sockets, on a paused clock: time passes as soon as every task waits.

mod pages;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::clients::REQUESTS_AT_ONCE;
use super::connections::{Admission, CONNECTION_MAX, USERS_MAX};
use super::protection::{Protection, protect};
use super::serving::{Sockets, serve};
use super::{Behind, ControlRequest, Feed, bind, feed, hash_of_token};
use crate::api::{
    DnsStatus, HistoryPage, HistoryQuestion, NameStatus, PartStatus, ShellFigures, Source, Status,
};
use crate::controller::Refusal;
use crate::model::Moment;

const COMMAND: &str = "POST /api/v1/commands HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 46\r\n\r\n{\"what\":{\"fail-back\":\"a.t\"},\"reason\":\"needed\"}";

const CONFIG: &str = "[node]\nname = \"ns1\"\n[[zone]]\nname = \"t\"\nfile = \"t\"\n\
                      [[region]]\nname = \"us\"\naddresses = [\"192.0.2.1\"]\n[[region.probe]]\n\
                      url = \"http://t/?token=s3cr3t\"\nheaders = { Authorization = \"s3cr3t\" }\n\
                      [[steer]]\nname = \"a.t\"\nregions = [\"us\"]\n";

struct Server {
    folder: tempfile::TempDir,
    strangers: std::net::SocketAddr,
    requests: mpsc::Receiver<ControlRequest>,
    feed: Feed,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start() -> Server {
        Server::protected(Protection::none()).await
    }

    async fn protected(protection: Protection) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let bound = bind(&folder.path().join("socket")).await.expect("our folder");
        let users = UnixListener::from_std(bound.listener.try_clone().expect("a descriptor"));
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let strangers = tcp.local_addr().expect("it is bound");
        let (asked, requests) = mpsc::channel(1);
        let config =
            crate::config::parse("c", CONFIG, std::path::Path::new("/"), 1).expect("it is right").config;
        let (feed, fed) = feed(&config);
        let read = |question: &HistoryQuestion| {
            assert_eq!(question.limit, 7);
            Ok(HistoryPage::new(Vec::new(), Some(12)))
        };
        let figures = || ShellFigures {
            now: Moment::default(),
            dns: DnsStatus { queries: 7, ..DnsStatus::default() },
            queries: Vec::new(),
            parts: vec![PartStatus::working("dns-0-53"), PartStatus::working("log")],
            changes: Default::default(),
            process: None,
        };
        let behind = Behind { requests: asked, fed, history: Arc::new(read), figures: Arc::new(figures) };
        let (open, admission) = watch::channel(Admission::Open);
        let sockets = Sockets { users: users.expect("a socket"), strangers: vec![tcp], admission };
        let serving = tokio::spawn(async move {
            let _open = open;
            serve(sockets, protection, behind).await;
            drop(bound);
        });
        Server { folder, strangers, requests, feed, serving }
    }

    async fn user(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("socket")).await.expect("it listens")
    }

    async fn stranger(&self) -> TcpStream {
        TcpStream::connect(self.strangers).await.expect("it listens")
    }

    /// Answers every question for a status, and counts them.
    async fn answer_statuses(mut self) -> usize {
        let mut asked = 0;
        while let Some(request) = self.requests.recv().await {
            let ControlRequest::Status(reply) = request else { panic!("another request") };
            asked += 1;
            drop(reply.send(Status::new("ns1", Source::Live, Moment::default())));
            if asked == 2 {
                break;
            }
        }
        asked
    }
}

async fn answer(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await; // it may be hung up on halfway
    String::from_utf8_lossy(&answer).into_owned()
}

async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    let _ = stream.write_all(request.as_bytes()).await; // as above
    answer(stream).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:8053\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_hung_up_on() {
    let server = Server::start().await;
    for begun in ["", "GET /api/v1/sta", "POST /api/v1/commands HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"] {
        let mut user = server.user().await;
        user.write_all(begun.as_bytes()).await.expect("room");
        assert!(!answer(user).await.starts_with("HTTP/1.1 200"));
        let mut stranger = server.stranger().await;
        stranger.write_all(begun.as_bytes()).await.expect("room");
        assert!(!answer(stranger).await.starts_with("HTTP/1.1 200"));
    }
    assert!(!server.serving.is_finished());
}

/// What a client sends takes no more memory than a request is worth.
#[tokio::test(start_paused = true)]
async fn a_request_without_an_end_is_refused() {
    let server = Server::start().await;
    let long = "x".repeat(150_000);
    let head = format!("GET /api/v1/status HTTP/1.1\r\nhost: {long}");
    let kind = "content-type: application/json\r\ncontent-length: 150002";
    let body = format!("POST /api/v1/commands HTTP/1.1\r\nhost: x\r\n{kind}\r\n\r\n\"{long}\"");
    for (sent, code) in [(head, "431"), (body, "413")] {
        let answer = asked(server.user().await, &sent).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_hang_keep_others_waiting_for_some_seconds_only() {
    let mut server = Server::start().await;
    let mut hanging = Vec::new();
    for _ in 0..USERS_MAX {
        hanging.push(server.user().await);
    }
    let mut user = server.user().await;
    user.write_all(COMMAND.as_bytes()).await.expect("room");
    let begin = tokio::time::Instant::now();
    let Some(ControlRequest::Command(wish, reply)) = server.requests.recv().await else {
        panic!("another request");
    };
    assert!((CONNECTION_MAX..2 * CONNECTION_MAX).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    assert!(wish.by.starts_with("uid "), "{}", wish.by);
    reply.send(Err(Refusal::Expired)).expect("it waits");
    assert!(answer(user).await.starts_with("HTTP/1.1 409"));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_does_not_answer_is_told() {
    let mut server = Server::start().await;
    let mut user = server.user().await;
    user.write_all(COMMAND.as_bytes()).await.expect("room");
    let request = server.requests.recv().await; // and keeps it
    let late = answer(user).await;
    assert!(late.starts_with("HTTP/1.1 504") && late.contains("may still be carried out"), "{late}");
    drop(request);
    server.requests.close();
    assert!(asked(server.user().await, COMMAND).await.starts_with("HTTP/1.1 503"));
}

#[tokio::test(start_paused = true)]
async fn over_tcp_all_is_read_and_nothing_changed() {
    let server = Server::start().await;
    let refused = asked(server.stranger().await, COMMAND).await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("read-only"), "{refused}");
    let beats = asked(server.stranger().await, &get("/api/v1/heartbeats?region=us")).await;
    assert!(beats.ends_with(",\"beats\":[]}]}"), "{beats}");
    let page = asked(server.stranger().await, &get("/api/v1/history?limit=7")).await;
    assert!(page.ends_with("{\"schema\":\"cadence-dns/history/v1\",\"entries\":[],\"older\":12}"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn many_who_look_at_once_cost_the_controller_one_status() {
    let server = Server::start().await;
    let mut looking = Vec::new();
    for _ in 0..10 {
        let mut stranger = server.stranger().await;
        stranger.write_all(get("/api/v1/status").as_bytes()).await.expect("room");
        looking.push(stranger);
    }
    let mut user = server.user().await;
    user.write_all(get("/api/v1/status").as_bytes()).await.expect("room");
    let statuses = tokio::spawn(server.answer_statuses());
    for stream in looking {
        let answer = answer(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("cadence-dns/status/v1"), "{answer}");
    }
    assert!(answer(user).await.starts_with("HTTP/1.1 200"));
    assert_eq!(statuses.await.expect("no panic"), 2, "one for all of them, and one for the user");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_in_a_problem_document() {
    let server = Server::start().await;
    let mut told = Vec::new();
    for request in [
        get("/api/v2/status"),
        get("/api/v1/history?limit=1001"),
        get("/api/v1/history?limit=x"),
        get("/api/v1/explain?name=a.t&type=NONE"),
        get("/api/v1/explain?name=a..t"),
        get("/api/v1/heartbeats?regoin=x"),
        "DELETE /api/v1/status HTTP/1.1\r\nhost: [::1]\r\n\r\n".to_owned(),
        get("/api/v1/status").replace("127.0.0.1", "evil.example"),
    ] {
        let answer = asked(server.stranger().await, &request).await;
        assert!(answer.to_lowercase().contains("content-type: application/problem+json"), "{answer}");
        told.push(answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned());
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"type":"about:blank","title":"Not Found","status":404,"detail":"there is nothing here; the API begins at /api/v1/status","by_rule":false}
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"`limit` is 1001; from 1 to 1000, 100 by default","by_rule":false}
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"Failed to deserialize query string: limit: invalid digit found in string","by_rule":false}
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"\"NONE\" is no record type","by_rule":false}
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"Failed to deserialize query string: name: an empty label (two dots in a row, or a dot at the start)","by_rule":false}
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"Failed to deserialize query string: regoin: unknown field `regoin`, expected `region`","by_rule":false}
    {"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"this is read with GET; commands are sent with POST","by_rule":false}
    {"type":"urn:cadence-dns:problem:other-host","title":"The request is for another host","status":421,"detail":"the Host of the request is neither an address nor localhost nor one of [api] hosts: it could be anybody's (DNS rebinding)","by_rule":false}
    "#);
}

#[tokio::test(start_paused = true)]
async fn no_page_of_others_reads_or_frames_a_response() {
    let server = Server::start().await;
    let request = get("/api/v1/heartbeats").replace("\r\n\r\n", "\r\norigin: https://evil.example\r\n\r\n");
    let answer = asked(server.stranger().await, &request).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("access-control-"), "{answer}");
    for header in ["cache-control: no-store", "x-content-type-options: nosniff", "frame-ancestors 'none'"] {
        assert!(answer.contains(header), "{answer}");
    }
}

/// A status of one name, as the controller makes it.
fn status() -> Status {
    let mut status = Status::new("ns1", Source::Live, Moment::from_millis(1_795_363_451_007));
    status.names.push(NameStatus {
        name: "a.t".parse().expect("a name"),
        regions: vec!["us".into(), "eu".into()],
        region: "us".into(),
        addresses: vec![[192, 0, 2, 1].into()],
        ttl: None,
        epoch: 17,
        since: Moment::from_millis(1_795_363_000_000),
        rule: crate::policy::Rule::Preferred,
        why: "preferred region, up".into(),
        wait: None,
        flips_within_hour: 0,
        budget: None,
    });
    status
}

/// Asks while the controller answers the next question for a status.
async fn asked_live(server: &mut Server, request: &str) -> String {
    let mut stranger = server.stranger().await;
    stranger.write_all(request.as_bytes()).await.expect("room");
    let answering = tokio::spawn(answer(stranger));
    // Shared for a moment, so that perhaps nobody asks.
    tokio::select! {
        request = server.requests.recv() => {
            let Some(ControlRequest::Status(reply)) = request else { panic!("another request") };
            reply.send(status()).expect("it waits");
        }
        () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
    }
    answering.await.expect("no panic")
}

#[tokio::test(start_paused = true)]
async fn a_name_is_told_once_until_it_changes() {
    let mut server = Server::start().await;
    let told = asked_live(&mut server, &get("/api/v1/names/A.t")).await;
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("\"epoch\":17"), "{told}");
    let tag = told.split("etag: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a tag");
    assert!(tag.starts_with("\"17-"), "{tag}");
    let again = get("/api/v1/names/a.t").replace("\r\n\r\n", &format!("\r\nif-none-match: {tag}\r\n\r\n"));
    let again = asked_live(&mut server, &again).await;
    assert!(again.starts_with("HTTP/1.1 304") && !again.contains("epoch"), "{again}");
    let unknown = asked_live(&mut server, &get("/api/v1/names/b.t")).await;
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.contains("not steered"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_command_may_be_held_to_the_epoch_that_was_seen() {
    let mut server = Server::start().await;
    let with = |condition: &str| COMMAND.replace("\r\n\r\n", &format!("\r\nif-match: {condition}\r\n\r\n"));
    let mut user = server.user().await;
    user.write_all(with("\"17-0a0a0a0a\"").as_bytes()).await.expect("room");
    let Some(ControlRequest::Command(wish, reply)) = server.requests.recv().await else {
        panic!("another request");
    };
    let name: crate::model::Name = "a.t".parse().expect("a name");
    assert_eq!(wish.terms.if_epochs, [(name.clone(), 17)]);
    reply.send(Err(Refusal::EpochMoved { name, seen: 17, found: 18 })).expect("it waits");
    let refused = answer(user).await;
    assert!(refused.starts_with("HTTP/1.1 412") && refused.contains("epoch 18"), "{refused}");
    let unknown = asked(server.user().await, &with("*")).await;
    assert!(unknown.starts_with("HTTP/1.1 412") && unknown.contains("one epoch in quotes"), "{unknown}");
}

/// Rule: DNS stops last, and who looks is told that nothing would fail over.
#[tokio::test(start_paused = true)]
async fn a_dead_controller_is_told_everywhere_and_nothing_stops() {
    let mut server = Server::start().await;
    let live = asked_live(&mut server, &get("/livez")).await;
    assert!(live.starts_with("HTTP/1.1 200") && live.ends_with("ok\n"), "{live}");
    let metrics = asked_live(&mut server, &get("/metrics")).await;
    assert!(metrics.contains("\ncadence_dns_controller_up 1\n"), "{metrics}");
    server.requests.close();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let dead = asked(server.stranger().await, &get("/livez?verbose")).await;
    assert!(dead.starts_with("HTTP/1.1 503") && dead.contains("[-] controller: it has stopped"), "{dead}");
    let metrics = asked(server.stranger().await, &get("/metrics")).await;
    assert!(
        metrics.starts_with("HTTP/1.1 200") && metrics.contains("\ncadence_dns_controller_up 0\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("cadence_dns_decision_epoch{name=\"a.t\"} 17\n"),
        "the last that was known: {metrics}"
    );
    assert!(
        metrics.contains("\ncadence_dns_messages_total 7\n"),
        "what the workers count goes on: {metrics}"
    );
    let status = asked(server.stranger().await, &get("/api/v1/status")).await;
    assert!(
        status.contains("\"source\":\"stale\"") && status.contains("nothing would fail over"),
        "{status}"
    );
    let ready = asked(server.stranger().await, &get("/readyz?verbose")).await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("[+] dns-0-53\nok\n"), "{ready}");
}

#[tokio::test(start_paused = true)]
async fn the_configuration_is_shown_without_its_secrets() {
    let server = Server::start().await;
    let shown = asked(server.stranger().await, &get("/api/v1/config")).await;
    assert!(shown.contains("cadence-dns/config/v1") && shown.contains("GET http://t/"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

/// Settings with three who are known, each by a token that is their name.
fn with_tokens(folder: &tempfile::TempDir, anonymous: bool) -> Protection {
    let file = folder.path().join("access");
    let line = |name: &str, scope: &str| format!("{name} {scope} token {}\n", hash_of_token(name));
    let text = [line("looker", "read"), line("operator", "operate"), line("chief", "admin")].concat();
    std::fs::write(&file, text).expect("our folder");
    let place = crate::model::Place { file: "c.toml".into(), line: 1, column: 1 };
    let access_file = Some(crate::config::SecretFile { file, place });
    let settings =
        crate::config::ApiSettings { anonymous, access_file, ..crate::config::ApiSettings::default() };
    protect(&settings).expect("it is right")
}

fn by(token: &str, request: &str) -> String {
    request.replacen("\r\n\r\n", &format!("\r\nauthorization: Bearer {token}\r\n\r\n"), 1)
}

#[tokio::test(start_paused = true)]
async fn a_token_gives_what_its_scope_gives_and_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::protected(with_tokens(&folder, false)).await;
    let terms = "\"terms\":{\"break_glass\":[\"min-serving\"]},";
    let breaking = COMMAND
        .replace("content-length: 46", &format!("content-length: {}", 46 + terms.len()))
        .replace("\"reason\"", &format!("{terms}\"reason\""));
    for (token, request, code) in [
        ("nobody", COMMAND, "401"),
        ("", COMMAND, "401"),
        ("looker", COMMAND, "403"),
        ("operator", &breaking, "403"),
    ] {
        let answer = asked(server.stranger().await, &by(token, request)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{token}: {answer}");
    }
    let anonymous = asked(server.stranger().await, &get("/api/v1/heartbeats")).await;
    assert!(
        anonymous.starts_with("HTTP/1.1 401") && anonymous.contains("www-authenticate: Bearer"),
        "{anonymous}"
    );
    let known = asked(server.stranger().await, &by("looker", &get("/api/v1/heartbeats"))).await;
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");
    let ready = asked(server.stranger().await, &get("/readyz")).await;
    assert!(ready.starts_with("HTTP/1.1 200"), "for all: {ready}");
    for (token, request) in [("operator", COMMAND), ("chief", &breaking)] {
        let mut stranger = server.stranger().await;
        stranger.write_all(by(token, request).as_bytes()).await.expect("room");
        let Some(ControlRequest::Command(wish, reply)) = server.requests.recv().await else {
            panic!("another request");
        };
        assert_eq!(wish.by, format!("{token} at 127.0.0.1"), "whatever was sent");
        reply.send(Err(Refusal::Expired)).expect("it waits");
        assert!(answer(stranger).await.starts_with("HTTP/1.1 409"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_too_often_is_told_to_wait() {
    let server = Server::start().await;
    let mut codes = Vec::new();
    for _ in 0..=REQUESTS_AT_ONCE as usize {
        codes.push(asked(server.stranger().await, &get("/readyz")).await[..12].to_owned());
    }
    let last = codes.pop().expect("many");
    assert!(codes.iter().all(|code| code == "HTTP/1.1 200"), "{codes:?}");
    assert_eq!(last, "HTTP/1.1 429");
    let user = get("/readyz");
    assert!(asked(server.user().await, &user).await.starts_with("HTTP/1.1 200"), "not on the socket");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(asked(server.stranger().await, &get("/readyz")).await.starts_with("HTTP/1.1 200"));
}

/// A server and an operator who show each other certificates that sign themselves.
struct Shown {
    folder: tempfile::TempDir,
    server: rcgen::CertifiedKey<rcgen::KeyPair>,
    operator: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl Shown {
    fn new() -> Shown {
        let issue =
            |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("randomness");
        let folder = tempfile::tempdir().expect("a folder");
        Shown { folder, server: issue("ns1.example.net"), operator: issue("deploy.example.com") }
    }

    fn protection(&self) -> Protection {
        let write = |name: &str, text: &str| {
            let file = self.folder.path().join(name);
            std::fs::write(&file, text).expect("our folder");
            file
        };
        let place = crate::model::Place { file: "c.toml".into(), line: 1, column: 1 };
        let tls = crate::config::ApiTlsSettings {
            certificate: write("chain.pem", &self.server.cert.pem()),
            key: write("key.pem", &self.server.signing_key.serialize_pem()),
            client_ca: Some(write("ca.pem", &self.operator.cert.pem())),
            place: place.clone(),
        };
        let file = write("access", "deploy operate certificate deploy.example.com\n");
        let access_file = Some(crate::config::SecretFile { file, place });
        let settings = crate::config::ApiSettings {
            access_file,
            tls: Some(tls),
            ..crate::config::ApiSettings::default()
        };
        protect(&settings).expect("it is right")
    }

    /// A connection of somebody who shows this certificate, if any.
    async fn connect(
        &self,
        server: &Server,
        shows: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.server.cert.der().clone()).expect("a certificate");
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the provider has suites")
                .with_root_certificates(roots);
        let config = match shows {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let key = rustls::pki_types::PrivateKeyDer::try_from(shown.signing_key.serialize_der());
                let chain = vec![shown.cert.der().clone()];
                config.with_client_auth_cert(chain, key.expect("a key")).expect("they belong together")
            }
        };
        let name = rustls::pki_types::ServerName::try_from("ns1.example.net").expect("a name");
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, server.stranger().await).await
    }
}

#[tokio::test]
async fn a_client_certificate_is_known_by_its_name() {
    let shown = Shown::new();
    let mut server = Server::protected(shown.protection()).await;
    let command = COMMAND.replace("127.0.0.1", "ns1.example.net");
    let mut known = shown.connect(&server, Some(&shown.operator)).await.expect("a handshake");
    known.write_all(command.as_bytes()).await.expect("room");
    let Some(ControlRequest::Command(wish, reply)) = server.requests.recv().await else {
        panic!("another request");
    };
    assert_eq!(wish.by, "deploy at 127.0.0.1");
    reply.send(Err(Refusal::Expired)).expect("it waits");
    assert!(answer(known).await.starts_with("HTTP/1.1 409"));
    let unknown = shown.connect(&server, None).await.expect("a handshake");
    assert!(asked(unknown, &command).await.starts_with("HTTP/1.1 403"), "who shows none may look");
    let forged =
        rcgen::generate_simple_self_signed(vec!["deploy.example.com".to_owned()]).expect("randomness");
    if let Ok(forged) = shown.connect(&server, Some(&forged)).await {
        assert_eq!(asked(forged, &command).await, "", "nobody has signed it whom we believe");
    }
    let told = asked(server.stranger().await, &command).await;
    assert!(!told.contains("HTTP"), "what is no TLS is no request, and gets an alert at most: {told:?}");
}
