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
