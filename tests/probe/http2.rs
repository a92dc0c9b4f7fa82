//! Servers that speak nothing but HTTP/2: pages and gRPC health, in plain text and within TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use cadence_dns::config::{GrpcProbe, HttpProbe, HttpVersion, ProbeKind, TrustSettings};
use cadence_dns::health::{Failure, Phase, ProbeOutcome, TlsFailure};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::endpoint::{self, Then};
use super::tls::{Authority, HOUR, now};
use super::{PLENTY, SHORT, a_probe, get, outcome, outcome_of_get};

const URL: &str = "http://www.example.com/health";
const SECURE_URL: &str = "https://www.example.com/health";

type Body = BoxBody<Bytes, Infallible>;

/// Answers each request by a function, and speaks HTTP/2 alone.
async fn serve(
    tls: Option<ServerConfig>,
    answer: impl Fn(Request<Incoming>) -> Response<Body> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let response = answer(request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let server = http2::Builder::new(TokioExecutor::new());
                // Errors are the prober's right to hang up.
                match acceptor {
                    None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            drop(server.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                }
            });
        }
    });
    address
}

fn with_alpn(mut config: ServerConfig, protocols: &[&str]) -> ServerConfig {
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

fn page(status: u16, body: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_owned())).boxed();
    Response::builder().status(status).body(body).expect("a response")
}

fn over_http2(url: &str, trust: TrustSettings) -> HttpProbe {
    HttpProbe { version: HttpVersion::Two, trust, ..get(url) }
}

#[tokio::test]
async fn a_page_without_tls() {
    let seen = |request: Request<Incoming>| {
        let uri = request.uri().to_string();
        let hop_by_hop =
            request.headers().contains_key("connection") || request.headers().contains_key("host");
        let fine = uri == "http://www.example.com/health?x=1" && !hop_by_hop;
        page(if fine { 200 } else { 400 }, &uri)
    };
    let address = serve(None, seen).await;
    let probe = over_http2("http://www.example.com/health?x=1", TrustSettings::default());
    assert_eq!(outcome_of_get(probe, address, PLENTY).await, ProbeOutcome::Pass);
}

#[tokio::test]
async fn a_page_that_is_ill() {
    let address = serve(None, |_| page(503, "")).await;
    let got = outcome_of_get(over_http2(URL, TrustSettings::default()), address, PLENTY).await;
    assert_eq!(got, ProbeOutcome::Heard(Failure::Status(503)));
}

#[tokio::test]
async fn a_page_within_tls() {
    let authority = Authority::new();
    let config = authority.server("www.example.com", now() - HOUR, now() + HOUR);
    let address = serve(Some(with_alpn(config, &["h2"])), |_| page(200, "fine")).await;
    let probe = over_http2(SECURE_URL, authority.probe().trust);
    assert_eq!(outcome_of_get(probe, address, PLENTY).await, ProbeOutcome::Pass);
}

/// TLS servers that know nothing of HTTP/2: one refuses in the handshake, one just goes on.
#[tokio::test]
async fn tls_without_http2() {
    let authority = Authority::new();
    let check = async |protocols: &[&str], wanted: Failure| {
        let config = authority.server("www.example.com", now() - HOUR, now() + HOUR);
        let address = serve(Some(with_alpn(config, protocols)), |_| page(200, "fine")).await;
        let probe = over_http2(SECURE_URL, authority.probe().trust);
        assert_eq!(
            outcome_of_get(probe, address, PLENTY).await,
            ProbeOutcome::Heard(wanted),
            "{protocols:?}"
        );
    };
    check(&["http/1.1"], Failure::Tls(TlsFailure::Handshake)).await;
    check(&[], Failure::NoHttp2).await;
}

/// A server of HTTP/1.1, one that hangs up, one that says nothing.
#[tokio::test]
async fn what_is_no_http2() {
    let check = async |then: Then, timeout, wanted: Failure| {
        let endpoint = endpoint::that(then).await;
        let probe = over_http2(URL, TrustSettings::default());
        let got = outcome_of_get(probe, endpoint.address, timeout).await;
        assert_eq!(got, ProbeOutcome::Heard(wanted));
    };
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    check(Then::SpeakFirst(refusal.to_owned()), PLENTY, Failure::Protocol).await;
    check(Then::Close(String::new()), PLENTY, Failure::Reset).await;
    check(Then::Reset, PLENTY, Failure::Reset).await;
    let (address, _listener) = endpoint::frozen().await;
    let got = outcome_of_get(over_http2(URL, TrustSettings::default()), address, SHORT).await;
    assert_eq!(got, ProbeOutcome::Heard(Failure::Timeout(Phase::Response)));
}

/// A reply of gRPC: messages, then trailers.
fn reply(body: &'static [u8], trailers: &[(&'static str, &'static str)]) -> Response<Body> {
    let data = (!body.is_empty()).then(|| Frame::data(Bytes::from_static(body)));
    let frames = data.into_iter().chain([Frame::trailers(map(trailers))]).map(Ok);
    let body = Frames(frames.collect::<Vec<_>>().into_iter()).boxed();
    let response = Response::builder().header("content-type", "application/grpc+proto").body(body);
    response.expect("a response")
}

fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

fn grpc(url: &str, service: &str, trust: TrustSettings) -> ProbeKind {
    let url = url.parse().expect("a URL that can be probed");
    ProbeKind::Grpc(Arc::new(GrpcProbe { url, service: service.into(), headers: HeaderMap::new(), trust }))
}

async fn outcome_of_call(address: SocketAddr, service: &str) -> ProbeOutcome {
    let kind = grpc("http://api.example.com", service, TrustSettings::default());
    outcome(a_probe(address, PLENTY, kind)).await
}

const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
const NOT_SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 2];
const WELL: &[(&str, &str)] = &[("grpc-status", "0")];

#[tokio::test]
async fn a_service_that_serves() {
    let address = serve(None, |request| {
        let (uri, method) = (request.uri().to_string(), request.method().as_str());
        let trailers = request.headers().get("te").is_some_and(|te| te == "trailers");
        let fine =
            uri == "http://api.example.com/grpc.health.v1.Health/Check" && method == "POST" && trailers;
        if fine { reply(SERVING, WELL) } else { page(400, "") }
    })
    .await;
    assert_eq!(outcome_of_call(address, "cadence.Api").await, ProbeOutcome::Pass);
}

#[tokio::test]
async fn a_service_that_serves_within_tls() {
    let authority = Authority::new();
    let config = authority.server("api.example.com", now() - HOUR, now() + HOUR);
    let address = serve(Some(with_alpn(config, &["h2"])), |_| reply(SERVING, WELL)).await;
    let kind = grpc("https://api.example.com", "", authority.probe().trust);
    assert_eq!(outcome(a_probe(address, PLENTY, kind)).await, ProbeOutcome::Pass);
}

#[tokio::test]
async fn services_that_do_not() {
    let check = async |answer: fn() -> Response<Body>, wanted: Failure| {
        let address = serve(None, move |_| answer()).await;
        assert_eq!(outcome_of_call(address, "").await, ProbeOutcome::Heard(wanted));
    };
    check(|| reply(NOT_SERVING, WELL), Failure::NotServing("NOT_SERVING".into())).await;
    check(
        || reply(&[], &[("grpc-status", "5"), ("grpc-message", "unknown%20service")]),
        Failure::Grpc { code: 5, message: "unknown service".into() },
    )
    .await;
    check(|| reply(SERVING, &[]), Failure::NotGrpc).await;
    check(|| reply(&[0, 0, 0, 0, 9], WELL), Failure::NotGrpc).await;
    check(|| page(200, "<h1>It works!</h1>"), Failure::NotGrpc).await;
    check(|| page(502, ""), Failure::Status(502)).await;
}

/// A page without end is read to its limit.
#[tokio::test]
async fn a_service_that_talks_without_end() {
    static LONG: [u8; 100_000] = [0; 100_000];
    let address = serve(None, |_| reply(&LONG, WELL)).await;
    assert_eq!(outcome_of_call(address, "").await, ProbeOutcome::Heard(Failure::BodyTooLarge));
}

/// A body of frames, one after the other.
struct Frames(std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.next())
    }
}
