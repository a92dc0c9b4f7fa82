//! An HTTP probe: one request on one new connection to one address, whatever the name in its URL resolves to.
//!
//! Nothing follows a redirect, tries again, asks a proxy or keeps a connection: it would hide a failure, or look
//! somewhere else.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Position;

use super::checker::Exchange;
use super::connect::connect;
use super::progress::Progress;
use super::tls::{Tls, Trust};
use super::{excerpt::excerpt, expect, fault};
use crate::config::{HttpProbe, ProbeUrl};
use crate::health::{Failure, Phase, ProbeOutcome};
use crate::model::Problem;

/// A probe reads this much of a body, then hangs up: a slow or endless page is not health.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// So that whoever reads the endpoint's log knows who comes every second.
const OUR_NAME: &str = concat!("cadence-dns/", env!("CARGO_PKG_VERSION"));

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
        let tls = if url.is_https() { Some(trust.client(probe, url.host(), progress)?) } else { None };
        let request = Request::builder()
            .method(probe.method.clone())
            .uri(&url.as_url()[Position::BeforePath..Position::AfterQuery])
            .body(Empty::new());
        let mut request = request.map_err(|error| cannot_use(probe, &error.to_string()))?;
        *request.headers_mut() = headers_of(probe);
        request.headers_mut().entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(Http { target, tls, request, probe: Arc::clone(probe) })
    }

    /// The body of a response with a status that is expected; anything else is the outcome already.
    async fn body(&self, progress: &Progress) -> Result<Vec<u8>, ProbeOutcome> {
        let stream = connect(self.target).await?;
        let Some(tls) = &self.tls else {
            progress.connected();
            return self.converse(stream, progress).await;
        };
        progress.greets();
        let stream = tls.handshake(stream).await.map_err(|error| fault::outcome(&error, Phase::Tls))?;
        progress.connected();
        self.converse(stream, progress).await
    }

    /// Speaks HTTP on a connection that stands, until the last octet that matters.
    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        progress: &Progress,
    ) -> Result<Vec<u8>, ProbeOutcome> {
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| fault::outcome(&error, Phase::Response))?;
        // What goes wrong with the connection, the exchange is told as well.
        let mut connection = pin!(async {
            drop(connection.await);
            pending::<Infallible>().await
        });
        let body = tokio::select! {
            biased;
            never = &mut connection => match never {},
            body = self.exchange_on(sender, progress) => body,
        };
        // Once more, so that TLS can say goodbye; never ready.
        poll_fn(|context| Poll::Ready(connection.as_mut().poll(context).is_ready())).await;
        body
    }

    async fn exchange_on(
        &self,
        mut sender: SendRequest<Empty<Bytes>>,
        progress: &Progress,
    ) -> Result<Vec<u8>, ProbeOutcome> {
        let unfit = |error: hyper::Error| fault::outcome(&error, progress.so_far().phase);
        let response = sender.send_request(self.request.clone()).await.map_err(unfit)?;
        progress.responded();
        expect::status(&self.probe.expect, response.status().as_u16()).map_err(ProbeOutcome::failed)?;
        let mut incoming = response.into_body();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let chunk = frame.map_err(unfit)?.into_data().unwrap_or_default(); // trailers say nothing
            if body.len() + chunk.len() > BODY_MAX_BYTES {
                return Err(ProbeOutcome::failed(Failure::BodyTooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Exchange for Http {
    async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        let body = match self.body(progress).await {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        expect::body(&self.probe.expect, &body, Timestamp::now())
            .map_or_else(ProbeOutcome::failed, |()| ProbeOutcome::Pass)
    }
}

/// The probe's own headers, and ours where it has none of the same name.
fn headers_of(probe: &HttpProbe) -> HeaderMap {
    let mut headers = probe.headers.clone();
    let close = HeaderValue::from_static("close");
    let us = HeaderValue::from_static(OUR_NAME);
    for (name, value) in [(HOST, host_header(&probe.url)), (USER_AGENT, us), (CONNECTION, close)] {
        headers.entry(name).or_insert(value);
    }
    headers
}

/// As a browser would send it: with the port only if the URL has one that is not the usual.
fn host_header(url: &ProbeUrl) -> HeaderValue {
    let host = url.host();
    let text = url.unusual_port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    HeaderValue::from_str(&text).expect("a host is ASCII")
}

fn cannot_use(probe: &HttpProbe, why: &str) -> Problem {
    let found = format!("cannot probe {}: {why}", excerpt(probe.url.as_url().as_str()));
    Problem::error(None, found, "a URL such as https://www.example.com/health")
}
