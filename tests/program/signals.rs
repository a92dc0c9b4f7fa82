//! Signals: SIGTERM and SIGINT end the program in order, DNS last; SIGHUP ends nothing.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use cadence_dns::zone::RecordType;
use rustix::process::Signal;

use crate::kit::place::Place;
use crate::kit::query::{PATIENCE, ask_by_udp, query, udp_client};
use crate::kit::steered::NAME;

#[test]
fn sigterm_and_sigint_end_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let mut daemon = place.started();
        daemon.signal(signal);
        let ended = daemon.wait_for_end(PATIENCE);
        assert_eq!(ended.code(), Some(0), "{signal:?} is the proper end");
        let log = daemon.log();
        assert!(
            log.trim_end().ends_with("stopped event=\"stopped\""),
            "{signal:?}: the last line is another:\n{log}"
        );
        assert!(!place.socket().exists(), "{signal:?}: the control socket is left behind");
        // The next one is not kept from anything.
        drop(place.started());
    }
}

/// Whenever the answers have ended, everything else has ended before: an old answer beats none.
#[test]
fn dns_stops_last() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let mut daemon = place.started();
        let client = udp_client(place.listen);
        client.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout above zero");
        assert!(is_answered(&client), "it answers before the signal");
        daemon.signal(signal);
        let deadline = Instant::now() + PATIENCE;
        while is_answered(&client) {
            assert!(Instant::now() < deadline, "{signal:?} does not end it");
        }
        assert!(!place.socket().exists(), "{signal:?}: DNS has ended, and the control socket is still there");
        let state = place.state().join("state.json");
        assert!(state.exists(), "{signal:?}: DNS has ended, and the state is not saved");
        daemon.wait_for_end(PATIENCE);
    }
}

/// A closed port answers the next packet with an error, at once.
fn is_answered(client: &UdpSocket) -> bool {
    client.send(&query(1, NAME, RecordType::SOA)).is_ok() && client.recv(&mut [0; 512]).is_ok()
}

#[test]
fn sighup_ends_nothing_and_is_told() {
    let place = Place::new();
    let daemon = place.started();
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("config.adopted", PATIENCE);
    let reply = ask_by_udp(place.listen, &query(7, NAME, RecordType::SOA));
    assert_eq!(reply[..2], [0, 7]);
    place.status().assert_code(0);
}

/// With `[dns.tls]`, the files of the certificate are read again at once.
#[test]
fn sighup_has_the_certificate_read_again() {
    let place = Place::new();
    let certify = || {
        let key = rcgen::KeyPair::generate().expect("randomness");
        let params = rcgen::CertificateParams::new(vec!["ns1.example.com".into()]).expect("a name");
        let certificate = params.self_signed(&key).expect("it signs itself");
        place.write("tls.pem", &(certificate.pem() + &key.serialize_pem()));
    };
    certify();
    let tls =
        "[dns.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.pem\"\nlisten = [\"127.0.0.1:0\"]\n[control]";
    place.replace("[control]", tls);
    let daemon = place.started();
    assert!(!daemon.log().contains("certificate.changed"), "{}", daemon.log());
    certify();
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("certificate.changed", PATIENCE);
}
