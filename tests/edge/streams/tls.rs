//! DNS over TLS: handshakes, certificates that change, and the same limits as for TCP.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use cadence_dns::config::{DnsSettings, TcpSettings};
use cadence_dns::dns::check_certificate;
use cadence_dns::zone::RecordType;

use super::encrypted::{Encrypted, client_config, issue, reads_to_the_end, shown, tls_client, tls_settings};
use super::server::{PATIENCE, ask, client, framed, query, read_message, wait_for_close};

#[test]
fn who_offers_dot_or_nothing_is_served_and_who_offers_something_else_is_not() {
    let encrypted = Encrypted::start(DnsSettings::default());
    let connect =
        |protocols: &[&str]| tls_client(encrypted.tls, client_config(&encrypted.issued.der, protocols));
    for protocols in [&["dot"][..], &["h2", "dot"], &[]] {
        let mut client = connect(protocols).expect("a handshake");
        let chosen = if protocols.is_empty() { None } else { Some(&b"dot"[..]) };
        assert_eq!(client.conn.alpn_protocol(), chosen);
        assert_eq!(ask(&mut client, &query(7, "www.t", RecordType::A))[..2], [0, 7]);
    }
    let error = connect(&["h2"]).expect_err("not its protocol");
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    encrypted.serving.stop();
}

#[test]
fn queries_are_answered_in_order_and_the_end_is_a_proper_one() {
    let encrypted = Encrypted::start(DnsSettings::default());
    let mut client =
        tls_client(encrypted.tls, client_config(&encrypted.issued.der, &["dot"])).expect("a handshake");
    let queries: Vec<u8> = (0..300).flat_map(|id| framed(&query(id, "big.t", RecordType::TXT))).collect();
    client.write_all(&queries[..999]).expect("somebody reads");
    client.write_all(&queries[999..]).expect("somebody reads");
    client.conn.send_close_notify();
    client.flush().expect("somebody reads");
    for id in 0..300_u16 {
        assert_eq!(read_message(&mut client)[..2], id.to_be_bytes());
    }
    assert!(reads_to_the_end(&mut client));
    encrypted.serving.stop();
}

/// Silence, half a handshake, and one that is done but asks nothing.
#[test]
fn who_gets_nothing_is_closed_whatever_it_waits_for() {
    let tcp = TcpSettings { connections: 10, idle_timeout: Duration::from_millis(500) };
    let encrypted = Encrypted::start(DnsSettings { tcp, ..DnsSettings::default() });
    for server in [encrypted.tls, encrypted.https] {
        let mut silent = client(server);
        let mut half = client(server);
        half.write_all(&[22, 3, 1, 1, 0, 1]).expect("somebody reads");
        let mut done = tls_client(server, client_config(&encrypted.issued.der, &[])).expect("a handshake");
        wait_for_close(&mut silent);
        wait_for_close(&mut half);
        wait_for_close(&mut done.sock);
    }
    encrypted.serving.stop();
}

#[test]
fn handshakes_that_never_end_keep_nobody_out() {
    let tcp = TcpSettings { connections: 20, idle_timeout: Duration::from_secs(3600) };
    let encrypted = Encrypted::start(DnsSettings { tcp, ..DnsSettings::default() });
    let _silent: Vec<_> = (0..50).map(|_| client(encrypted.tls)).collect();
    let mut client =
        tls_client(encrypted.tls, client_config(&encrypted.issued.der, &["dot"])).expect("a handshake");
    assert_eq!(ask(&mut client, &query(7, "www.t", RecordType::A))[..2], [0, 7]);
    encrypted.serving.stop();
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_a_broken_one_never() {
    let encrypted = Encrypted::start(DnsSettings::default());
    let connect = |issued: &_| tls_client(encrypted.tls, client_config(issued, &["dot"]));
    let question = query(7, "www.t", RecordType::A);
    let first = &encrypted.issued;
    let mut old = connect(&first.der).expect("a handshake");
    let second = issue(2100);
    encrypted.replace(&second.pem, &second.key);
    wait_until(|| connect(&second.der).is_ok());
    assert!(connect(&first.der).is_err(), "the first one is shown no more");
    ask(&mut old, &question); // what stands goes on

    let (third, expired) = (issue(2100), issue(2020));
    for (certificate, key) in [
        (&third.pem[..], &second.key[..]), // the key is that of another one
        (&expired.pem, &expired.key),
        ("", &third.key),
        (&third.pem, "nonsense"),
        (&third.pem[..200], &third.key),
    ] {
        encrypted.replace(certificate, key);
        // What is read after this is read in its turn: it shows that the broken one was passed over.
        for _ in 0..20 {
            let client = connect(&second.der).expect("the last good one");
            assert_eq!(shown(&client), &second.der);
        }
    }
    encrypted.replace(&third.pem, &third.key);
    wait_until(|| connect(&third.der).is_ok());
    encrypted.serving.stop();
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it never comes");
    }
}

/// What is wrong with the files, word for word; each names the place in the configuration.
#[test]
fn a_broken_certificate_is_told_with_its_file_and_what_would_be_right() {
    let (good, other, expired) = (issue(2100), issue(2100), issue(2020));
    let told = |certificate: Option<&str>, key: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = tls_settings(folder.path());
        if let Some(text) = certificate {
            fs::write(&settings.certificate, text).expect("our own folder");
        }
        fs::write(&settings.key, key).expect("our own folder");
        let told = match check_certificate(&settings) {
            Ok(doubts) => doubts.iter().map(ToString::to_string).collect::<String>(),
            Err(problem) => problem.to_string(),
        };
        told.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(told(Some(&good.pem), &good.key), "");
    let lines = [
        told(None, &good.key),
        told(Some(""), &good.key),
        told(Some(&good.key), &good.key),
        told(Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &good.key),
        told(Some(&good.pem), ""),
        told(Some(&good.pem), &good.pem),
        told(Some(&good.pem), &other.key),
        told(Some(&expired.pem), &expired.key),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    c.toml:1:7: error: cannot read the certificate chain.pem: No such file or directory (os error 2)
       help: the path of a PEM file that the user that runs cadence-dns may read
    c.toml:1:7: error: chain.pem has no certificate in it
       help: a PEM file with the server's certificate, then those that lead to its authority
    c.toml:1:7: error: chain.pem has no certificate in it
       help: a PEM file with the server's certificate, then those that lead to its authority
    c.toml:1:7: error: certificate 1 in chain.pem is broken: Parsing Error: Der(UnexpectedTag { expected: Some(Tag(16)), actual: Tag(0) })
       help: a PEM file with the server's certificate, then those that lead to its authority
    c.toml:2:7: error: key.pem has no private key that can be read: no items found
       help: a PEM file with one, not encrypted
    c.toml:2:7: error: key.pem has no private key that can be read: no items found
       help: a PEM file with one, not encrypted
    c.toml:2:7: error: the key key.pem does not belong to the certificate chain.pem
       help: the key that the first certificate of the file was made for
    c.toml:1:7: warning: the certificate chain.pem expired on Jan  1 00:00:00 2020 +00:00
       help: one that is valid now, and its key
    ");
}
