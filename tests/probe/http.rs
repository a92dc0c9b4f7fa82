//! HTTP probes, without TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use cadence_dns::config::{BodyRule, Expect, Fresh, HttpProbe, ProbeKind};
use cadence_dns::health::{Failure, Phase, ProbeOutcome};

use tokio::sync::mpsc;

use super::endpoint::{self, Then};
use super::{PLENTY, SHORT, a_probe, get, headers, observe, outcome_of_get, prepared};

const URL: &str = "http://www.example.com/health";

/// What Cadence says when it is well.
fn health(time: &str) -> String {
    format!(r#"{{"status":"ok","time":"{time}"}}"#)
}

fn expecting(expect: Expect) -> HttpProbe {
    HttpProbe { expect, ..get(URL) }
}

/// As the README recommends for Cadence.
fn cadence() -> HttpProbe {
    let fresh = Fresh { pointer: "/time".to_owned(), max_age: Duration::from_secs(30) };
    let json = vec![("/status".to_owned(), "ok".into())];
    expecting(Expect { status: vec![200..=299], json, fresh: Some(fresh), body: None })
}

async fn check(http: HttpProbe, then: Then, wanted: Result<(), Failure>) {
    let endpoint = endpoint::that(then).await;
    let got = outcome_of_get(http, endpoint.address, PLENTY).await;
    assert_eq!(got, wanted.map_or_else(ProbeOutcome::failed, |()| ProbeOutcome::Pass));
}

async fn check_body(http: HttpProbe, body: &str, wanted: Result<(), Failure>) {
    let endpoint = endpoint::with_body(body).await;
    let got = outcome_of_get(http, endpoint.address, PLENTY).await;
    assert_eq!(got, wanted.map_or_else(ProbeOutcome::failed, |()| ProbeOutcome::Pass), "{body}");
}

fn say(text: &str) -> Then {
    Then::Say(text.to_owned())
}

fn close(text: &str) -> Then {
    Then::Close(text.to_owned())
}

#[tokio::test]
async fn cadence_is_well() {
    let now = jiff::Timestamp::now().to_string();
    check_body(cadence(), &health(&now), Ok(())).await;
}

#[tokio::test]
async fn a_frozen_answer_is_not_health() {
    let endpoint = endpoint::with_body(&health("2020-01-01T00:00:00Z")).await;
    let got = outcome_of_get(cadence(), endpoint.address, PLENTY).await;
    let ProbeOutcome::Heard(Failure::Stale { pointer, got, .. }) = got else { panic!("{got:?}") };
    assert_eq!(pointer, "/time");
    assert!(got.ends_with(" s old"), "{got}");
}

#[tokio::test]
async fn wrong_bodies() {
    let mismatch = Failure::JsonMismatch { pointer: "/status".to_owned(), got: r#""degraded""#.to_owned() };
    check_body(cadence(), r#"{"status":"degraded"}"#, Err(mismatch)).await;
    check_body(cadence(), "<h1>It works!</h1>", Err(Failure::NotJson)).await;
    let body = Some(BodyRule::Contains("all fine".to_owned()));
    let text = expecting(Expect { body, ..get(URL).expect });
    check_body(text, "fine", Err(Failure::BodyMismatch)).await;
}

#[tokio::test]
async fn statuses() {
    check(get(URL), say("HTTP/1.1 204 No Content\r\n\r\n"), Ok(())).await;
    let unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    check(get(URL), say(unavailable), Err(Failure::Status(503))).await;
    let endless = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
    check(get(URL), Then::Babble(endless.to_owned()), Err(Failure::Status(503))).await;
}

/// Followed, it would tell us about another server.
#[tokio::test]
async fn a_redirect_is_a_status_like_others() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
    check(get(URL), say(moved), Err(Failure::Status(302))).await;
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    check(get(URL), Then::Babble(endless), Err(Failure::BodyTooLarge)).await;
    let limit = 64 * 1024;
    check_body(get(URL), &"x".repeat(limit), Ok(())).await;
    check_body(get(URL), &"x".repeat(limit + 1), Err(Failure::BodyTooLarge)).await;
}

#[tokio::test]
async fn not_http() {
    check(get(URL), say("SSH-2.0-OpenSSH_9.2p1\r\n"), Err(Failure::Protocol)).await;
    check(get(URL), say("220 mail.example.com ESMTP\r\n\r\n"), Err(Failure::Protocol)).await;
    let bad_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    check(get(URL), say(bad_chunk), Err(Failure::Protocol)).await;
}

#[tokio::test]
async fn cut_short() {
    check(get(URL), close(""), Err(Failure::Reset)).await;
    check(get(URL), Then::Reset, Err(Failure::Reset)).await;
    check(get(URL), close("HTTP/1.1 200 OK\r\nserver: x"), Err(Failure::Reset)).await;
    check(get(URL), close("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), Err(Failure::Reset)).await;
    let half_a_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf";
    check(get(URL), close(half_a_chunk), Err(Failure::Reset)).await;
}

#[tokio::test]
async fn nobody_there() {
    let address = endpoint::closed().await;
    assert_eq!(outcome_of_get(get(URL), address, PLENTY).await, ProbeOutcome::failed(Failure::Refused));
}

async fn check_timeout(address: SocketAddr, phase: Phase) {
    let got = outcome_of_get(get(URL), address, SHORT).await;
    assert_eq!(got, ProbeOutcome::failed(Failure::Timeout(phase)));
}

async fn check_hang(then: Then, phase: Phase) {
    check_timeout(endpoint::that(then).await.address, phase).await;
}

#[tokio::test]
async fn time_runs_out_in_each_phase() {
    let (vanishing, _sockets) = endpoint::black_hole().await;
    let (frozen, _listener) = endpoint::frozen().await;
    tokio::join!(
        check_timeout(vanishing, Phase::Connect),
        check_timeout(frozen, Phase::Response),
        check_hang(say(""), Phase::Response),
        check_hang(say("HTTP/1.1 200 OK\r\nserver: x"), Phase::Response),
        check_hang(say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), Phase::Body),
    );
}

#[tokio::test]
async fn the_parts_of_a_probe_are_timed() {
    let endpoint = endpoint::with_body("fine").await;
    let http = ProbeKind::Http(Arc::new(get(URL)));
    let timings = observe(a_probe(endpoint.address, PLENTY, http)).await.timings;
    let (connect, response) = (timings.connect.expect("it was"), timings.response.expect("it did"));
    assert!(connect <= response && response <= timings.total, "{timings:?}");
}

/// The head of the request that a probe sends, without its end.
async fn request_of(http: HttpProbe) -> Vec<String> {
    let endpoint = endpoint::with_body("fine").await;
    let got = outcome_of_get(http, endpoint.address, PLENTY).await;
    assert_eq!(got, ProbeOutcome::Pass);
    endpoint.requests()[0].lines().filter(|line| !line.is_empty()).map(str::to_lowercase).collect()
}

#[tokio::test]
async fn asks_without_surprises() {
    let us = format!("user-agent: cadence-dns/{}", env!("CARGO_PKG_VERSION"));
    let mut lines = request_of(get("http://www.example.com/health?deep=1")).await;
    lines[1..].sort();
    let wanted =
        ["get /health?deep=1 http/1.1", "accept: */*", "connection: close", "host: www.example.com", &us];
    assert_eq!(lines, wanted);
}

async fn check_host(url: &str, wanted: &str) {
    let lines = request_of(get(url)).await;
    let host: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("host: ")).collect();
    assert_eq!(host, [wanted], "{url}");
}

/// The connection goes to the target, whatever the URL says.
#[tokio::test]
async fn the_host_is_that_of_the_url() {
    check_host("http://www.example.com/", "www.example.com").await;
    check_host("http://WWW.Example.com:80/", "www.example.com").await;
    check_host("http://www.example.com:8000/", "www.example.com:8000").await;
    check_host("http://192.0.2.1/", "192.0.2.1").await;
    check_host("http://[2001:db8::1]:81/", "[2001:db8::1]:81").await;
    check_host("http://localhost/", "localhost").await;
}

#[tokio::test]
async fn the_probe_s_own_headers_win() {
    let headers = headers(&[("Host", "other.example.com"), ("user-agent", "me"), ("x-a", "1"), ("x-a", "2")]);
    let lines = request_of(HttpProbe { headers, method: Method::HEAD, ..get(URL) }).await;
    let has = |line: &str| lines.iter().filter(|candidate| *candidate == line).count() == 1;
    assert!(lines[0].starts_with("head /health") && has("host: other.example.com"), "{lines:?}");
    assert!(has("user-agent: me") && has("x-a: 1") && has("x-a: 2"), "{lines:?}");
}

/// The endpoint answers once on each.
#[tokio::test]
async fn each_probe_has_a_connection_of_its_own() {
    let endpoint = endpoint::with_body("fine").await;
    let probe = a_probe(endpoint.address, PLENTY, ProbeKind::Http(Arc::new(get(URL))));
    let (sender, mut observations) = mpsc::channel(1);
    let _probing = prepared(probe).expect("a probe that can be prepared").start(sender);
    for _ in 0..3 {
        assert_eq!(observations.recv().await.expect("at work").outcome, ProbeOutcome::Pass);
    }
}
