//! One HTTP request: no redirect is followed, no proxy asked, and a body read up to a limit.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};

use tokio::time::{Instant, timeout};

use super::trust::client_config;
use crate::config::{TrustSettings, Web};
use crate::model::{Problem, plain};

/// As much of a body is read, in octets; one that is longer is no reply.
const BODY_MAX: usize = 64 * 1024;

/// So that whoever reads the log of the far end knows who comes.
const OUR_NAME: &str = concat!("cadence-dns/", env!("CARGO_PKG_VERSION"));

/// Requests to one place.
#[derive(Debug, Clone)]
pub struct Requests {
    client: Client,
    url: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
    /// How long the far end wants to be left alone (`Retry-After`, RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
}

impl Reply {
    /// Whether the status is one of 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

impl Requests {
    /// Reads whom to trust.
    ///
    /// # Errors
    /// When that cannot be used.
    pub fn new(web: &Web) -> Result<Requests, Problem> {
        let client = builder(&web.authorities)?.build();
        let url = web.url.as_url().to_string();
        let client = client
            .map_err(|error| Problem::error(None, format!("cannot ask {url}: {error}"), "another URL"))?;
        Ok(Requests { client, url })
    }

    /// The same client for a URL that is a secret: it stands in no message.
    ///
    /// # Errors
    /// When whom to trust cannot be used.
    pub fn without_url(authorities: &TrustSettings) -> Result<Requests, Problem> {
        let client = builder(authorities)?.build();
        let client = client
            .map_err(|error| Problem::error(None, format!("cannot send requests: {error}"), "report it"))?;
        Ok(Requests { client, url: String::new() })
    }

    /// A POST of JSON to another URL than the one that it was made with, of which only success counts: the body of a reply is
    /// read where it is none, as far as it comes.
    ///
    /// # Errors
    /// Why there is no reply, in words without the URL.
    pub async fn post_to(
        &self,
        url: &str,
        body: Vec<u8>,
        headers: HeaderMap,
        within: Duration,
    ) -> Result<Reply, String> {
        let request = self.client.post(url).header("content-type", "application/json");
        let request = request.headers(headers).body(body);
        let began = Instant::now();
        let response = match timeout(within, request.send()).await {
            Ok(response) => response.map_err(|error| in_words(&error))?,
            Err(_) => return Err(late(within)),
        };
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        let blank = Reply { status, body: Vec::new(), retry_after };
        if blank.is_success() {
            return Ok(blank);
        }
        let left = within.saturating_sub(began.elapsed());
        Ok(timeout(left, read(response)).await.ok().and_then(Result::ok).unwrap_or(blank))
    }

    /// A GET.
    ///
    /// # Errors
    /// Why there is no reply, in words.
    pub async fn get(&self, within: Duration) -> Result<Reply, String> {
        self.send(self.client.get(&self.url), within).await
    }

    /// A POST of JSON.
    ///
    /// # Errors
    /// Why there is no reply, in words.
    pub async fn post(&self, body: Vec<u8>, headers: HeaderMap, within: Duration) -> Result<Reply, String> {
        let request = self.client.post(&self.url).header("content-type", "application/json");
        self.send(request.headers(headers).body(body), within).await
    }

    async fn send(&self, request: RequestBuilder, within: Duration) -> Result<Reply, String> {
        let exchange = async { read(request.send().await.map_err(|error| in_words(&error))?).await };
        match timeout(within, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(late(within)),
        }
    }
}

fn late(within: Duration) -> String {
    format!("no reply within {} s", within.as_secs_f64())
}

fn builder(authorities: &TrustSettings) -> Result<ClientBuilder, Problem> {
    let builder = Client::builder()
        .tls_backend_preconfigured(client_config(authorities)?)
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(OUR_NAME);
    Ok(builder)
}

/// Seconds; a date is as good as none, for clocks differ.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

async fn read(mut response: Response) -> Result<Reply, String> {
    let status = response.status().as_u16();
    let retry_after = retry_after(&response);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| in_words(&error))? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(format!("the body has more than {BODY_MAX} octets"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body, retry_after })
}

/// The deepest cause, such as "connection refused": the others only say that a request failed.
fn in_words(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => in_words(cause),
        None => plain(&error.to_string(), |_| false).into_owned(),
    }
}
