//! An HTTP probe: one request on one new connection to one address, whatever the name in its URL resolves to.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{CONNECTION, HOST, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Client, ClientBuilder, Request, Response, Url, redirect, retry};
use rustls::ClientConfig;
use tower::util::MapFutureLayer;

use super::checker::Exchange;
use super::progress::Progress;
use super::tls::Trust;
use super::{excerpt::excerpt, expect, fault};
use crate::config::{HttpProbe, ProbeUrl};
use crate::health::{Failure, ProbeOutcome};
use crate::model::Problem;

/// A probe reads this much of a body, then hangs up: a slow or endless page is not health.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// The `User-Agent`: the endpoint's log shows where the requests come from.
const OUR_NAME: &str = concat!("cadence-dns/", env!("CARGO_PKG_VERSION"));

/// A client that can reach nothing but its target, and the request that it repeats.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    request: Request,
    probe: Arc<HttpProbe>,
}

impl Http {
    /// Builds the request and the client for it.
    pub(super) fn new(
        probe: &Arc<HttpProbe>,
        target: SocketAddr,
        trust: &mut Trust,
        progress: &Arc<Progress>,
    ) -> Result<Http, Problem> {
        let url = &probe.url;
        let tls = if url.is_https() { trust.client(probe, progress)? } else { trust.none() };
        let client = client(tls, progress).resolve(url.host(), target).build();
        let client = client.map_err(|error| cannot_use(probe, &error))?;
        let request = client.request(probe.method.clone(), url_to(url, target)).headers(headers_of(probe));
        let request = request.build().map_err(|error| cannot_use(probe, &error))?;
        Ok(Http { client, request, probe: Arc::clone(probe) })
    }

    async fn response(&self, progress: &Progress) -> Result<Vec<u8>, NoBody> {
        let request = self.request.try_clone().expect("a request without a body can be repeated");
        let response = self.client.execute(request).await?;
        progress.responded();
        expect::status(&self.probe.expect, response.status().as_u16())?;
        body_of(response).await
    }
}

impl Exchange for Http {
    async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        let body = match self.response(progress).await {
            Ok(body) => body,
            Err(NoBody::Failure(failure)) => return ProbeOutcome::failed(failure),
            Err(NoBody::Error(error)) => return fault::outcome(&error, progress.so_far().phase),
        };
        expect::body(&self.probe.expect, &body, Timestamp::now())
            .map_or_else(ProbeOutcome::failed, |()| ProbeOutcome::Pass)
    }
}

/// Why there is no body to judge.
enum NoBody {
    Failure(Failure),
    Error(reqwest::Error),
}

impl From<Failure> for NoBody {
    fn from(failure: Failure) -> NoBody {
        NoBody::Failure(failure)
    }
}

impl From<reqwest::Error> for NoBody {
    fn from(error: reqwest::Error) -> NoBody {
        NoBody::Error(error)
    }
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, NoBody> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > BODY_MAX_BYTES {
            return Err(Failure::BodyTooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Everything that reqwest does for browsers is off: it would hide a failure, or look somewhere else.
fn client(tls: ClientConfig, progress: &Arc<Progress>) -> ClientBuilder {
    let progress = Arc::clone(progress);
    let note_connected = move |connecting: Pin<Box<dyn Future<Output = Result<_, _>> + Send>>| {
        let progress = Arc::clone(&progress);
        async move {
            let connected = connecting.await;
            if connected.is_ok() {
                progress.connected();
            }
            connected
        }
    };
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connector_layer(MapFutureLayer::new(note_connected))
        .http1_only()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
}

/// The URL that reaches the target: a port in it, or an address in place of a name, would win over `resolve`.
fn url_to(url: &ProbeUrl, target: SocketAddr) -> Url {
    let to_target = url.clone().with_port(target.port());
    let to_target = if url.address().is_some() { to_target.with_address(target.ip()) } else { to_target };
    to_target.as_url().clone()
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

fn cannot_use(probe: &HttpProbe, error: &reqwest::Error) -> Problem {
    let found = format!("cannot probe {}: {error}", excerpt(probe.url.as_url().as_str()));
    Problem::error(None, found, "a URL such as https://www.example.com/health")
}
