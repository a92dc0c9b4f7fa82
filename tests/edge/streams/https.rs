//! DNS over HTTPS: what is answered with a DNS message, and what with a code.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cadence_dns::config::DnsSettings;
use cadence_dns::zone::RecordType;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::encrypted::{Encrypted, client_config, server_name};
use super::server::{ask_by_udp, query};

/// A request's method, path with parameters, content type and body.
pub(crate) type Ask<'a> = (Method, String, Option<&'a str>, Vec<u8>);

/// What came back: status, headers of interest, body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

/// Asks in one connection over HTTP/2 or HTTP/1.1, one after another.
pub(crate) async fn fetch(
    server: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocol: &str,
    asks: Vec<Ask<'_>>,
) -> Vec<Answer> {
    let connector = TlsConnector::from(Arc::new(client_config(trusted, &[protocol])));
    let stream = TcpStream::connect(server).await.expect("somebody listens");
    stream.set_nodelay(true).expect("our socket");
    let stream = connector.connect(server_name(), stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    let mut answers = Vec::new();
    if protocol == "h2" {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        for ask in asks {
            answers.push(answer(sender.send_request(request(ask)).await.expect("a response")).await);
        }
        connection.abort();
    } else {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        let connection = tokio::spawn(connection);
        for ask in asks {
            sender.ready().await.expect("the connection stays");
            answers.push(answer(sender.send_request(request(ask)).await.expect("a response")).await);
        }
        connection.abort();
    }
    answers
}

fn request((method, path, content_type, body): Ask<'_>) -> Request<Full<Bytes>> {
    let mut request =
        Request::builder().method(method).uri(format!("https://ns.t{path}")).header(HOST, "ns.t");
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    request.body(Full::from(body)).expect("a good request")
}

async fn answer(response: Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let header =
        |name: &str| head.headers.get(name).map_or("-", |value| value.to_str().expect("text")).to_owned();
    let headers = ["content-type", "cache-control", "allow"].map(header).join(" ");
    let body = body.collect().await.expect("a whole body").to_bytes().to_vec();
    assert_eq!(header("content-length"), body.len().to_string());
    Answer { status: head.status.as_u16(), headers, body }
}

pub(crate) fn get(query: &[u8]) -> Ask<'static> {
    (Method::GET, format!("/dns-query?dns={}", URL_SAFE_NO_PAD.encode(query)), None, Vec::new())
}

pub(crate) fn post(query: &[u8]) -> Ask<'static> {
    (Method::POST, "/dns-query".into(), Some("application/dns-message"), query.to_vec())
}

#[tokio::test]
async fn both_methods_over_both_versions_give_the_reply_and_how_long_it_keeps() {
    let encrypted = Encrypted::start(DnsSettings::default());
    for protocol in ["h2", "http/1.1"] {
        for (name, rtype, keeps) in [
            ("www.t", RecordType::A, 300),
            ("alias.t", RecordType::A, 40),
            ("nowhere.t", RecordType::A, 60), // the negative TTL
            ("else", RecordType::A, 0),       // REFUSED, and nothing to keep
        ] {
            let query = query(0, name, rtype);
            let body = ask_by_udp(encrypted.plain, &query);
            let headers = format!("application/dns-message max-age={keeps} -");
            let expected = Answer { status: 200, headers, body };
            let asks = vec![get(&query), post(&query)];
            let answers = fetch(encrypted.https, &encrypted.issued.der, protocol, asks).await;
            assert!(answers.iter().all(|answer| *answer == expected), "{name}: {answers:?}");
        }
    }
    encrypted.serving.stop();
}

/// One connection goes through all of them: no mistake ends it.
#[tokio::test]
async fn mistakes_have_their_codes() {
    let encrypted = Encrypted::start(DnsSettings::default());
    let good = query(0, "www.t", RecordType::A);
    let at = |path: &str| (Method::GET, path.to_owned(), None, Vec::new());
    let dns = "application/dns-message";
    let body =
        |content_type, octets: &[u8]| (Method::POST, "/dns-query".to_owned(), content_type, octets.to_vec());
    let padded = base64::engine::general_purpose::URL_SAFE.encode(&good);
    let mut response = good.clone();
    response[2] |= 0x80;
    let rows = vec![
        (get(&good), 200),
        (at("/"), 404),
        (at("/dns-query/"), 404),
        (at("/dns-query"), 400),
        (at("/dns-query?dns="), 400),
        (at("/dns-query?name=www.t"), 400),
        (at("/dns-query?dns=%41%41"), 400),
        (at(&format!("/dns-query?dns={}=", padded.trim_end_matches('='))), 400),
        (get(&response), 400),
        (get(&good[..11]), 400),
        (get(&good[..14]), 200), // a header is enough for FORMERR
        (get(&vec![0; 5000]), 414),
        ((Method::PUT, "/dns-query".to_owned(), Some(dns), good.clone()), 405),
        ((Method::DELETE, "/dns-query".to_owned(), None, Vec::new()), 405),
        (body(Some(dns), &good), 200),
        (body(Some("application/json"), &good), 415),
        (body(None, &good), 415),
        (body(Some(dns), &[]), 400),
        (body(Some(dns), &response), 400),
        (get(&good), 200),
    ];
    for protocol in ["h2", "http/1.1"] {
        let (asks, expected): (Vec<_>, Vec<u16>) = rows.iter().cloned().unzip();
        let answers = fetch(encrypted.https, &encrypted.issued.der, protocol, asks).await;
        for ((row, expected), answer) in rows.iter().zip(expected).zip(answers) {
            assert_eq!(answer.status, expected, "{protocol} {row:?}");
            assert_eq!(answer.headers.ends_with("GET, POST"), expected == 405, "{protocol} {row:?}");
        }
        // What is too long ends the connection perhaps, so it comes alone.
        let asks = vec![body(Some(dns), &[0; 4097])];
        let answers = fetch(encrypted.https, &encrypted.issued.der, protocol, asks).await;
        assert_eq!(answers[0].status, 413, "{protocol}");
    }
    encrypted.serving.stop();
}
