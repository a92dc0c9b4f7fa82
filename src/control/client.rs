//! The operator's side of the control socket.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Explain, ProblemDetails, ReloadWish, Reloaded, TestReceiver, UpgradeWish, Upgraded, Wish};
use crate::api::{Explanation, Heartbeats, HistoryPage, Status};
use crate::controller::Done;

/// How long a command waits for the daemon, which answers within milliseconds when it works.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The same for a reload, which reads zones of any size.
const RELOAD_MAX: Duration = Duration::from_secs(120);
/// What an upgrade takes besides the start of the successor.
const UPGRADE_BESIDES: Duration = Duration::from_secs(50);

/// Where everything is, on the socket.
const ROOT: &str = "http://localhost/api/v1/";

/// Why the daemon did not do what it was asked.
#[derive(Debug)]
pub enum ClientError {
    /// There is no answer on this socket.
    Unreachable(PathBuf, reqwest::Error),
    /// The daemon refused, for the reason that it gave.
    Refused(String),
    /// A safety rule, a gate or a condition of the command forbids it.
    Forbidden(String),
    /// Mistakes in the configuration, each with its place, and what follows from them.
    Mistakes(Vec<String>, String),
    /// The request or the response is not what both versions understand.
    Malformed(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Unreachable(socket, error) => {
                write!(f, "no daemon answers on {}: {}", socket.display(), deepest(error))
            }
            ClientError::Refused(reason)
            | ClientError::Forbidden(reason)
            | ClientError::Mistakes(_, reason) => f.write_str(reason),
            ClientError::Malformed(error) => {
                write!(f, "the daemon has another version than this command: {error}")
            }
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ClientError::Unreachable(_, error) => Some(error),
            ClientError::Malformed(error) => Some(&**error),
            ClientError::Refused(_) | ClientError::Forbidden(_) | ClientError::Mistakes(..) => None,
        }
    }
}

impl ClientError {
    /// What the system said when the socket was opened or used, if it is that.
    #[must_use]
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<std::io::Error>() {
                return Some(error.kind());
            }
            cause = error.source();
        }
        None
    }
}

/// The first cause, such as "connection refused": reqwest's own text only says that a request failed.
fn deepest(error: &dyn Error) -> &dyn Error {
    error.source().map_or(error, deepest)
}

/// The daemon's status.
///
/// # Errors
/// When the daemon cannot be reached, or answers with an error.
pub async fn status(socket: &Path) -> Result<Status, ClientError> {
    get(socket, "status", &()).await
}

/// Does what an operator wants, or tells what it would mean.
///
/// # Errors
/// When the daemon cannot be reached, or refuses.
pub async fn command(socket: &Path, wish: &Wish) -> Result<Done, ClientError> {
    post(socket, "commands", ANSWER_MAX, wish).await
}

/// Why a name is answered as it is.
///
/// # Errors
/// When the daemon cannot be reached, or answers with an error.
pub async fn explain(socket: &Path, question: &Explain) -> Result<Explanation, ClientError> {
    get(socket, "explain", question).await
}

/// Sends a notice to a receiver.
///
/// # Errors
/// When the daemon cannot be reached, or the receiver does not take it.
pub async fn test_receiver(socket: &Path, receiver: &TestReceiver) -> Result<serde_json::Value, ClientError> {
    post(socket, "notify/test", ANSWER_MAX, receiver).await
}

/// Takes another configuration over, or tells what it would change.
///
/// # Errors
/// When the daemon cannot be reached, or there are mistakes in the configuration, or a rule forbids it.
pub async fn reload(socket: &Path, wish: &ReloadWish) -> Result<Reloaded, ClientError> {
    post(socket, "reload", RELOAD_MAX, wish).await
}

/// Has the daemon hand over to the program that is in its place by now, and waits for that.
///
/// # Errors
/// When the daemon cannot be reached, or goes on.
pub async fn upgrade(socket: &Path, wish: &UpgradeWish) -> Result<Upgraded, ClientError> {
    post(socket, "upgrade", Duration::from_secs(wish.within) + UPGRADE_BESIDES, wish).await
}

/// What the last probes of every check saw.
///
/// # Errors
/// When the daemon cannot be reached, or answers with an error.
pub async fn heartbeats(socket: &Path) -> Result<Heartbeats, ClientError> {
    get(socket, "heartbeats", &()).await
}

/// The newest entries of the history.
///
/// # Errors
/// When the daemon cannot be reached, or answers with an error.
pub async fn history(socket: &Path, limit: usize) -> Result<HistoryPage, ClientError> {
    get(socket, "history", &[("limit", limit)]).await
}

async fn get<T: DeserializeOwned>(
    socket: &Path,
    what: &str,
    query: &impl Serialize,
) -> Result<T, ClientError> {
    send(socket, client(socket, ANSWER_MAX)?.get(format!("{ROOT}{what}")).query(query)).await
}

async fn post<T: DeserializeOwned>(
    socket: &Path,
    what: &str,
    longest: Duration,
    document: &impl Serialize,
) -> Result<T, ClientError> {
    let body = serde_json::to_vec(document).map_err(|error| ClientError::Malformed(error.into()))?;
    let request = client(socket, longest)?.post(format!("{ROOT}{what}")).body(body);
    send(socket, request.header("content-type", "application/json")).await
}

fn client(socket: &Path, longest: Duration) -> Result<Client, ClientError> {
    let builder = Client::builder().unix_socket(socket).timeout(longest).no_proxy();
    let client = builder.tls_backend_preconfigured(no_tls()).build();
    client.map_err(|error| ClientError::Unreachable(socket.to_owned(), error))
}

/// The socket speaks plain HTTP; without this the client would read the system's certificates for nothing.
fn no_tls() -> rustls::ClientConfig {
    let provider = rustls::crypto::ring::default_provider();
    rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

async fn send<T: DeserializeOwned>(socket: &Path, request: RequestBuilder) -> Result<T, ClientError> {
    let response =
        request.send().await.map_err(|error| ClientError::Unreachable(socket.to_owned(), error))?;
    let status = response.status();
    let body = response.bytes().await.map_err(|error| ClientError::Malformed(error.into()))?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|error| ClientError::Malformed(error.into()));
    }
    Err(match serde_json::from_slice::<ProblemDetails>(&body) {
        Ok(ProblemDetails { detail, mistakes, .. }) if !mistakes.is_empty() => {
            ClientError::Mistakes(mistakes, detail)
        }
        Ok(ProblemDetails { detail, by_rule: true, .. }) => ClientError::Forbidden(detail),
        Ok(ProblemDetails { detail, by_rule: false, .. }) => ClientError::Refused(detail),
        Err(_) => ClientError::Refused(format!("status {status}: {}", String::from_utf8_lossy(&body))),
    })
}
