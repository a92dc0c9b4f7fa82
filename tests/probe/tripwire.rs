//! Idle connections whose loss brings a probe forward.

use std::net::SocketAddr;
use std::time::Duration;

use cadence_dns::config::{Probe, ProbeKind};
use cadence_dns::health::{Failure, Observation, ProbeOutcome};
use cadence_dns::probe::Probing;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{PLENTY, a_probe, prepared};

/// Probed once an hour, but for the tripwire.
fn begin(target: SocketAddr) -> (Probing, mpsc::Receiver<Observation>) {
    let hour = Duration::from_secs(3600);
    let probe = a_probe(target, PLENTY, ProbeKind::Tcp);
    let probe = Probe { interval: hour, tripwire: true, ..probe };
    let (sender, observations) = mpsc::channel(100);
    (prepared(probe).expect("a probe that can be prepared").start(sender), observations)
}

/// The probe's own connection is closed at once; the other one is the tripwire.
async fn wire_of(listener: &TcpListener, observations: &mut mpsc::Receiver<Observation>) -> TcpStream {
    let (one, _) = listener.accept().await.expect("a connection");
    let (other, _) = listener.accept().await.expect("a connection");
    assert_eq!(observations.recv().await.expect("the first round").outcome, ProbeOutcome::Pass);
    let is_closed = async |stream: &TcpStream| {
        stream.readable().await.expect("a connection");
        matches!(stream.try_read(&mut [0; 1]), Ok(0))
    };
    tokio::select! {
        true = is_closed(&one) => other,
        true = is_closed(&other) => one,
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_costs_one_probe_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (probing, mut observations) = begin(listener.local_addr().expect("it is bound"));
    let wire = wire_of(&listener, &mut observations).await;
    drop(wire); // it has been idle for too long, and all is well
    let (_probe, _) = listener.accept().await.expect("the probe that it costs");
    assert_eq!(observations.recv().await.expect("at work").outcome, ProbeOutcome::Pass);
    let (_again, _) = listener.accept().await.expect("the tripwire is opened again");
    probing.stop().await;
    assert!(observations.recv().await.is_none(), "there was no other probe");
}

#[tokio::test]
async fn a_death_is_seen_by_the_probe() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (probing, mut observations) = begin(listener.local_addr().expect("it is bound"));
    let wire = wire_of(&listener, &mut observations).await;
    drop(listener);
    drop(wire);
    let refused = ProbeOutcome::Heard(Failure::Refused);
    assert_eq!(observations.recv().await.expect("at work").outcome, refused);
    probing.stop().await;
}

/// A far end that talks without end is hung up on.
#[tokio::test]
async fn a_babbler_is_no_tripwire() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (probing, mut observations) = begin(listener.local_addr().expect("it is bound"));
    let mut wire = wire_of(&listener, &mut observations).await;
    let babble = async { while wire.write_all(&[b'x'; 4096]).await.is_ok() {} };
    tokio::time::timeout(PLENTY, babble).await.expect("it is hung up on");
    assert_eq!(observations.recv().await.expect("at work").outcome, ProbeOutcome::Pass);
    probing.stop().await;
}
