//! An HTTP probe, of version 1.1 or 2: one request on one new connection to one address, whatever the name in its URL resolves to.
//!
//! Nothing follows a redirect, tries again, asks a proxy or keeps a connection: it would hide a failure, or look
//! somewhere else.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use url::Position;

use super::excerpt::{excerpt, first_line};
use super::progress::Progress;
use super::stream::{Stream, drive, open};
use super::tls::{Alpn, Tls, Trust};
use super::{expect, fault};
use crate::config::{HttpProbe, HttpVersion, ProbeUrl};
use crate::health::{Failure, Phase, ProbeOutcome};
use crate::model::Problem;

/// A probe reads this much of a body, then hangs up: a slow or endless page is not health.
pub(super) const BODY_MAX_BYTES: usize = 64 * 1024;

/// So that whoever reads the endpoint's log knows who comes every second.
pub(super) const OUR_NAME: &str = concat!("cadence-dns/", env!("CARGO_PKG_VERSION"));

/// Where to connect, and the request that is repeated.
#[derive(Debug)]
pub(super) struct Http {
    target: SocketAddr,
    tls: Option<Tls>,
    request: Request<Empty<Bytes>>,
    probe: Arc<HttpProbe>,
}

impl Http {
    /// Builds the request, and what TLS needs.
    pub(super) fn new(
        probe: &Arc<HttpProbe>,
        target: SocketAddr,
        trust: &mut Trust,
        progress: &Arc<Progress>,
    ) -> Result<Http, Problem> {
        let url = &probe.url;
        let alpn = match probe.version {
            HttpVersion::One => Alpn::None,
            HttpVersion::Two => Alpn::Http2,
        };
        let tls = match url.is_https() {
            true => Some(trust.client(&probe.trust, url.host(), alpn, progress)?),
            false => None,
        };
        let uri = match probe.version {
            HttpVersion::One => &url.as_url()[Position::BeforePath..Position::AfterQuery],
            HttpVersion::Two => &url.as_url()[..Position::AfterQuery], // the authority travels in it
        };
        let request = Request::builder().method(probe.method.clone()).uri(uri).body(Empty::new());
        let mut request = request.map_err(|error| cannot_use(&probe.url, &error.to_string()))?;
        *request.headers_mut() = headers_of(probe);
        request.headers_mut().entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(Http { target, tls, request, probe: Arc::clone(probe) })
    }

    /// The body of a response with a status that is expected; anything else is the outcome already.
    async fn body(&self, progress: &Progress) -> Result<Vec<u8>, ProbeOutcome> {
        let stream = open(self.target, self.tls.as_ref(), progress).await?;
        self.converse(stream, progress).await
    }

    /// Speaks HTTP on a connection that stands, until the last octet that matters.
    async fn converse(&self, stream: Stream, progress: &Progress) -> Result<Vec<u8>, ProbeOutcome> {
        let unfit = |error: hyper::Error| fault::outcome(&error, Phase::Response);
        let io = TokioIo::new(stream);
        match self.probe.version {
            HttpVersion::One => {
                let (mut sender, connection) = http1::handshake(io).await.map_err(unfit)?;
                let exchange = self.body_of(sender.send_request(self.request.clone()), progress);
                drive(connection, exchange).await
            }
            HttpVersion::Two => {
                let (mut sender, connection) =
                    http2::handshake(TokioExecutor::new(), io).await.map_err(unfit)?;
                let exchange = self.body_of(sender.send_request(self.request.clone()), progress);
                drive(connection, exchange).await
            }
        }
    }

    async fn body_of(
        &self,
        response: impl Future<Output = hyper::Result<Response<Incoming>>>,
        progress: &Progress,
    ) -> Result<Vec<u8>, ProbeOutcome> {
        let unfit = |error: hyper::Error| fault::outcome(&error, progress.phase());
        let response = response.await.map_err(unfit)?;
        progress.responded(head_of(&response));
        let judged = expect::status(&self.probe.expect, response.status().as_u16());
        judged.map_err(ProbeOutcome::failed)?;
        let body = read(response.into_body(), progress).await?;
        progress.said(first_line(&String::from_utf8_lossy(&body)));
        Ok(body)
    }
}

/// A body, up to [`BODY_MAX_BYTES`].
async fn read(mut incoming: Incoming, progress: &Progress) -> Result<Vec<u8>, ProbeOutcome> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| fault::outcome(&error, progress.phase()))?;
        let chunk = frame.into_data().unwrap_or_default(); // trailers say nothing
        if body.len() + chunk.len() > BODY_MAX_BYTES {
            return Err(ProbeOutcome::failed(Failure::BodyTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// As `curl -v` shows it.
pub(super) fn head_of<B>(response: &Response<B>) -> String {
    let version = match response.version() {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    format!("{version} {}", response.status())
}

impl Http {
    /// One probe.
    pub(super) async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        let body = match self.body(progress).await {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        expect::body(&self.probe.expect, &body, Timestamp::now())
            .map_or_else(ProbeOutcome::failed, |()| ProbeOutcome::Pass)
    }
}

/// The probe's own headers, and ours where it has none of the same name. HTTP/2 knows no headers about the connection, and
/// its authority stands for the host.
fn headers_of(probe: &HttpProbe) -> HeaderMap {
    let mut headers = probe.headers.clone();
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(OUR_NAME));
    if probe.version == HttpVersion::One {
        headers.entry(HOST).or_insert(host_header(&probe.url));
        headers.entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
    }
    headers
}

/// As a browser would send it: with the port only if the URL has one that is not the usual.
fn host_header(url: &ProbeUrl) -> HeaderValue {
    let host = url.host();
    let text = url.unusual_port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    HeaderValue::from_str(&text).expect("a host is ASCII")
}

pub(super) fn cannot_use(url: &ProbeUrl, why: &str) -> Problem {
    let found = format!("cannot probe {}: {why}", excerpt(url.as_url().as_str()));
    Problem::error(None, found, "a URL such as https://www.example.com/health")
}
