//! One query, one reply, whatever carries it.

use cadence_dns::config::{CookieSettings, DnsSettings};
use cadence_dns::zone::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;

use super::encrypted::{Encrypted, client_config, tls_client};
use super::https::{fetch, get, post};
use super::server::{NAMES, TYPES, ask, ask_by_udp, client, query, query_with};

/// Names and types, with EDNS and without, and what is no query at all. The identifier is that of HTTP everywhere.
fn queries() -> Vec<Vec<u8>> {
    let mut queries = Vec::new();
    for name in NAMES {
        for rtype in TYPES.map(RecordType) {
            queries.push(query(0, name, rtype));
            queries.push(query_with(0, name, rtype, Vec::new()));
            queries.push(query_with(0, name, rtype, vec![EdnsOption::Unknown(3, Vec::new())]));
        }
    }
    let good = queries[0].clone();
    for (at, octet) in [(2, 0x20), (4, 1), (5, 0), (5, 2), (12, 0xc0), (good.len() - 1, 3)] {
        let mut odd = good.clone();
        odd[at] = octet;
        queries.push(odd);
    }
    queries.push([&good[..], &[0]].concat());
    queries
}

/// Whether a broken query does not even begin like one: with a question or two, whose name is no pointer. By datagrams
/// it gets nothing.
fn is_no_query(query: &[u8]) -> bool {
    query[4..6] == [0, 0] || query[4] > 0 || query[12] == 0xc0
}

#[tokio::test]
async fn all_transports_give_the_same_octets() {
    let cookies = CookieSettings { enabled: false, ..CookieSettings::default() };
    let encrypted = Encrypted::start(DnsSettings { cookies, ..DnsSettings::default() });
    let trusted = &encrypted.issued.der;
    let mut http = Vec::new();
    for protocol in ["h2", "http/1.1"] {
        for ask in [get, post] {
            let asks = queries().iter().map(|query| ask(query)).collect();
            http.push(fetch(encrypted.https, trusted, protocol, asks).await);
        }
    }
    let mut tcp = client(encrypted.plain);
    let mut tls = tls_client(encrypted.tls, client_config(trusted, &["dot"])).expect("a handshake");
    let mut whole = 0;
    for (number, query) in queries().iter().enumerate() {
        let by_tcp = ask(&mut tcp, query);
        assert_eq!(ask(&mut tls, query), by_tcp, "over TLS: {query:?}");
        for answers in &http {
            assert_eq!(answers[number].status, 200, "{query:?}");
            assert_eq!(answers[number].body, by_tcp, "over HTTPS: {query:?}");
        }
        if is_no_query(query) {
            continue;
        }
        let by_udp = ask_by_udp(encrypted.plain, query);
        if by_udp[2] & 2 == 0 {
            assert_eq!(by_udp, by_tcp, "over UDP: {query:?}");
            whole += 1;
        }
    }
    assert!(whole > 200, "{whole} of them fit a datagram");
    encrypted.serving.stop();
}
