//! TCP probes.

use std::sync::Arc;

use cadence_dns::config::ProbeKind;
use cadence_dns::health::{Failure, Phase, ProbeOutcome};

use super::{PLENTY, SHORT, a_probe, endpoint, get, observe, outcome};

#[tokio::test]
async fn connecting_is_enough() {
    let (address, _listener) = endpoint::frozen().await;
    let observation = observe(a_probe(address, PLENTY, ProbeKind::Tcp)).await;
    assert_eq!(observation.outcome, ProbeOutcome::Pass);
    assert!(observation.timings.connect.is_some());
}

#[tokio::test]
async fn nobody_there() {
    let address = endpoint::closed().await;
    assert_eq!(
        outcome(a_probe(address, PLENTY, ProbeKind::Tcp)).await,
        ProbeOutcome::failed(Failure::Refused)
    );
}

#[tokio::test]
async fn packets_vanish() {
    let (address, _sockets) = endpoint::black_hole().await;
    let timeout = ProbeOutcome::failed(Failure::Timeout(Phase::Connect));
    assert_eq!(outcome(a_probe(address, SHORT, ProbeKind::Tcp)).await, timeout);
}

/// A database that sees a closed connection shrugs; one that sees a reset writes a line into its log.
#[tokio::test]
async fn hangs_up_politely() {
    let (address, listener) = endpoint::frozen().await;
    assert_eq!(outcome(a_probe(address, PLENTY, ProbeKind::Tcp)).await, ProbeOutcome::Pass);
    let (mut stream, _) = listener.accept().await.expect("the probe was here");
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1]).await;
    assert_eq!(read.expect("no reset"), 0);
}

/// A link-local address without its interface: the fault is ours, and says nothing about the endpoint.
#[tokio::test]
async fn what_our_own_kernel_refuses_is_inconclusive() {
    let http = ProbeKind::Http(Arc::new(get("http://www.example.com/")));
    for kind in [ProbeKind::Tcp, http] {
        let target = "[fe80::1]:80".parse().expect("an address");
        let ProbeOutcome::Ours(why) = outcome(a_probe(target, PLENTY, kind)).await else {
            panic!("not ours")
        };
        assert!(why.contains("os error"), "{why}");
    }
}
