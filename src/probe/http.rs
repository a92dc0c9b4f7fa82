//! An HTTP probe: one request on one new connection to one address, whatever the name in its URL resolves to.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{CONNECTION, Entry, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, ClientBuilder, Method, Request, Response, Url, redirect, retry};
use rustls::ClientConfig;
use tower::util::MapFutureLayer;

use super::checker::Exchange;
use super::progress::Progress;
use super::tls::Trust;
use super::{excerpt::excerpt, expect, fault};
use crate::config::HttpProbe;
use crate::health::{Failure, ProbeOutcome};
use crate::model::Problem;

/// A probe reads this much of a body, then hangs up: a slow or endless page is not health.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// So that whoever reads the endpoint's log knows who comes every second.
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
        let url = url_of(probe)?;
        let tls = if url.scheme() == "https" { trust.client(probe, progress)? } else { trust.none() };
        let client = client(tls, progress).resolve(url.host_str().unwrap_or_default(), target).build();
        let client = client.map_err(|error| cannot_use(probe, &error.to_string()))?;
        let request =
            client.request(method_of(probe)?, url_to(&url, target)?).headers(headers_of(probe, &url)?);
        let request = request.build().map_err(|error| cannot_use(probe, &error.to_string()))?;
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

fn url_of(probe: &HttpProbe) -> Result<Url, Problem> {
    let url = Url::parse(&probe.url).map_err(|error| cannot_use(probe, &error.to_string()))?;
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(_)) => Ok(url),
        _ => Err(cannot_use(probe, "not http:// or https:// with a host")),
    }
}

/// The URL that reaches the target: a port in it, or an address in place of a name, would win over `resolve`.
fn url_to(url: &Url, target: SocketAddr) -> Result<Url, Problem> {
    let mut to_target = url.clone();
    let settable = "an http URL with a host can have any port and address";
    to_target.set_port(Some(target.port())).expect(settable);
    let Some(address) = address_in(url) else {
        return Ok(to_target);
    };
    if url.scheme() == "https" && address != target.ip() {
        let found = format!("the certificate of {target} cannot be checked for {address}, as {url} wants it");
        return Err(Problem::error(None, found, "a URL with the name that the certificate is for"));
    }
    to_target.set_ip_host(target.ip()).expect(settable);
    Ok(to_target)
}

/// The address, when the URL has one in place of a name.
fn address_in(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn method_of(probe: &HttpProbe) -> Result<Method, Problem> {
    let unfit = |_| {
        let found = format!("`{}` is not an HTTP method", excerpt(&probe.method));
        Problem::error(None, found, "a method in capitals, such as GET or HEAD")
    };
    probe.method.parse().map_err(unfit)
}

/// The probe's own headers, and ours where it has none of the same name.
fn headers_of(probe: &HttpProbe, url: &Url) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    for (name, value) in &probe.headers {
        let (name, value) = header(name, value)?;
        headers.append(name, value);
    }
    let host =
        HeaderValue::from_str(&host_header(url)).map_err(|error| cannot_use(probe, &error.to_string()))?;
    let close = HeaderValue::from_static("close");
    for (name, value) in [(HOST, host), (USER_AGENT, HeaderValue::from_static(OUR_NAME)), (CONNECTION, close)]
    {
        if let Entry::Vacant(vacant) = headers.entry(name) {
            vacant.insert(value);
        }
    }
    Ok(headers)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let problem = |found: String, help: &str| Problem::error(None, found, help);
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        problem(format!("`{}` is not the name of a header", excerpt(name)), "letters, digits and hyphens")
    })?;
    let value = HeaderValue::from_str(value).map_err(|_| {
        problem(format!("the value of the header `{name}` cannot be sent"), "printable ASCII, in one line")
    })?;
    Ok((parsed, value))
}

/// As a browser would send it: with the port only if the URL has one that is not the usual.
fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn cannot_use(probe: &HttpProbe, why: &str) -> Problem {
    let found = format!("cannot probe {}: {why}", excerpt(&probe.url));
    Problem::error(None, found, "a URL such as https://www.example.com/health")
}
