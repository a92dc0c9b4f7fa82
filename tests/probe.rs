//! Probes against real sockets: every way in which an endpoint can fail has its own name.

#[path = "probe/dns.rs"]
mod dns;
#[path = "probe/endpoint.rs"]
mod endpoint;
#[path = "probe/exec.rs"]
mod exec;
#[path = "probe/http.rs"]
mod http;
#[path = "probe/http2.rs"]
mod http2;
#[path = "probe/tcp.rs"]
mod tcp;
#[path = "probe/tls.rs"]
mod tls;
#[path = "probe/tripwire.rs"]
mod tripwire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use cadence_dns::config::{Expect, HttpProbe, HttpVersion, Probe, ProbeKind, TrustSettings};
use cadence_dns::health::{Observation, Pace, ProbeOutcome};
use cadence_dns::model::{CheckId, Problem};
use cadence_dns::probe::{self, Prober};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Long enough that a busy machine does not fail a test that is not about time.
const PLENTY: Duration = Duration::from_secs(20);

/// Long enough for a connection on loopback, short enough to wait for.
const SHORT: Duration = Duration::from_secs(1);

fn a_probe(target: SocketAddr, timeout: Duration, kind: ProbeKind) -> Probe {
    let check = CheckId { region: "fra".into(), probe: 0, address: target.ip() };
    let (interval, recheck) = (Duration::from_millis(50), Duration::from_millis(50));
    Probe {
        check,
        label: None,
        target,
        interval,
        recheck,
        timeout,
        tripwire: false,
        certificate_least: Duration::ZERO,
        kind,
    }
}

/// `GET url`, satisfied with any 2xx.
fn get(url: &str) -> HttpProbe {
    HttpProbe {
        url: url.parse().expect("a URL that can be probed"),
        method: Method::GET,
        headers: HeaderMap::new(),
        expect: Expect { status: vec![200..=299], json: Vec::new(), fresh: None, body: None },
        version: HttpVersion::One,
        trust: TrustSettings::default(),
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        let name: HeaderName = name.parse().expect("the name of a header");
        (name, HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

fn prepared(probe: Probe) -> Result<Prober, Vec<Problem>> {
    probe::prepare(&[probe], "ns1".into())
}

/// What one probe sees.
async fn observe(probe: Probe) -> Observation {
    let (sender, mut observations) = mpsc::channel(1);
    let probing = prepared(probe).expect("a probe that can be prepared").start(sender);
    let observation = observations.recv().await.expect("the first round comes soon");
    probing.stop().await;
    observation
}

async fn outcome(probe: Probe) -> ProbeOutcome {
    observe(probe).await.outcome
}

async fn outcome_of_get(http: HttpProbe, target: SocketAddr, timeout: Duration) -> ProbeOutcome {
    outcome(a_probe(target, timeout, ProbeKind::Http(Arc::new(http)))).await
}

#[tokio::test]
async fn after_stop_nothing_is_reported_any_more() {
    let endpoint = endpoint::that_answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (sender, mut observations) = mpsc::channel(1);
    let http = ProbeKind::Http(Arc::new(get("http://www.example.com/")));
    let probe = a_probe(endpoint.address, PLENTY, http);
    let probing = prepared(probe.clone()).expect("a probe that can be prepared").start(sender);
    observations.recv().await.expect("at work");
    probing.set_pace(&probe.check, Pace::Recheck);
    observations.recv().await.expect("at work");
    probing.stop().await;
    while observations.recv().await.is_some() {} // what was on its way; then the end, or this hangs
}

#[test]
fn a_check_that_is_there_twice_is_refused() {
    let probe = a_probe(([127, 0, 0, 1], 80).into(), PLENTY, ProbeKind::Tcp);
    let problems = probe::prepare(&[probe.clone(), probe], "ns1".into()).expect_err("twice");
    assert_eq!(problems[0].found, "fra/127.0.0.1#0 is there twice");
}

/// Reloads that come faster than the probes, each with another interval.
#[tokio::test]
async fn a_storm_of_other_intervals_starves_no_check() {
    let endpoint = endpoint::that_answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let http = ProbeKind::Http(Arc::new(get("http://www.example.com/")));
    let probe = a_probe(endpoint.address, PLENTY, http);
    let every = |interval| Probe { interval: Duration::from_millis(interval), ..probe.clone() };
    let (sender, mut observations) = mpsc::channel(1);
    let mut probing = prepared(every(400)).expect("a probe that can be prepared").start(sender);
    let storm = async {
        let mut seen = 0;
        for interval in [300, 400].into_iter().cycle() {
            probing.renew(prepared(every(interval)).expect("a probe that can be prepared"));
            if let Ok(observation) = tokio::time::timeout(Duration::from_millis(5), observations.recv()).await
            {
                assert_eq!(observation.expect("at work").outcome, ProbeOutcome::Pass);
                seen += 1;
            }
            if seen == 5 {
                break;
            }
        }
    };
    tokio::time::timeout(PLENTY, storm).await.expect("every probe comes when it is due");
}

/// What was asked before a reload is answered after it, and counts.
#[tokio::test]
async fn another_interval_leaves_what_is_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = listener.local_addr().expect("it is bound");
    let http = ProbeKind::Http(Arc::new(get("http://www.example.com/")));
    let probe = Probe { interval: Duration::from_secs(3600), ..a_probe(target, PLENTY, http) };
    let (sender, mut observations) = mpsc::channel(1);
    let mut probing = prepared(probe.clone()).expect("a probe that can be prepared").start(sender);
    let (mut asked, _) = listener.accept().await.expect("the first probe");
    let slower = Probe { interval: Duration::from_secs(7200), ..probe };
    probing.renew(prepared(slower.clone()).expect("a probe that can be prepared"));
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    asked.write_all(reply).await.expect("somebody waits for it");
    assert_eq!(observations.recv().await.expect("at work").outcome, ProbeOutcome::Pass);
    // A tripwire that comes and goes is no probe, and costs none.
    probing
        .renew(prepared(Probe { tripwire: true, ..slower.clone() }).expect("a probe that can be prepared"));
    let (mut wire, _) = listener.accept().await.expect("the tripwire");
    probing.renew(prepared(slower).expect("a probe that can be prepared"));
    let end = tokio::time::timeout(PLENTY, wire.read(&mut [0; 1])).await.expect("it is taken down");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    probing.stop().await;
    assert!(observations.recv().await.is_none(), "there was no other probe");
}
