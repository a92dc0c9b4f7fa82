//! One HTTP request: no redirect is followed, no proxy asked, and a body read up to a limit.

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use super::trust::client_config;
use crate::config::Web;
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
        let client = Client::builder()
            .tls_backend_preconfigured(client_config(&web.authorities)?)
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(OUR_NAME)
            .build();
        let url = web.url.as_url().to_string();
        let client = client
            .map_err(|error| Problem::error(None, format!("cannot ask {url}: {error}"), "another URL"))?;
        Ok(Requests { client, url })
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
        match tokio::time::timeout(within, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(format!("no reply within {} s", within.as_secs_f64())),
        }
    }
}

async fn read(mut response: Response) -> Result<Reply, String> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| in_words(&error))? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(format!("the body has more than {BODY_MAX} octets"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}

/// The deepest cause, such as "connection refused": the others only say that a request failed.
fn in_words(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => in_words(cause),
        None => plain(&error.to_string(), |_| false).into_owned(),
    }
}
