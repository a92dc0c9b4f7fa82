//! The operator's side of the control socket.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::{FailBack, ProblemDetails};
use crate::controller::Status;

/// A daemon that is alive answers at once; longer means that it does not.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Why the daemon did not do what it was asked.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody answers on the socket.
    Unreachable(PathBuf, String),
    /// It answered, and would not.
    Refused(String),
    /// It answered something that we do not understand.
    Malformed(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Unreachable(socket, why) => {
                write!(f, "no daemon answers on {}: {why}", socket.display())
            }
            ClientError::Refused(why) => f.write_str(why),
            ClientError::Malformed(why) => {
                write!(f, "the daemon speaks another version than this command: {why}")
            }
        }
    }
}

impl Error for ClientError {}

/// What is answered, since when and why.
///
/// # Errors
/// When the daemon cannot be reached, or does not know.
pub async fn status(socket: &Path) -> Result<Status, ClientError> {
    let request = client(socket)?.get("http://localhost/v1/status");
    read(request.send().await.map_err(|error| unreachable(socket, &error))?).await
}

/// Gives a name back to its preferred region now; what was done, in words.
///
/// # Errors
/// When the daemon cannot be reached, or refuses.
pub async fn fail_back(socket: &Path, wish: &FailBack) -> Result<String, ClientError> {
    let body = serde_json::to_vec(wish).map_err(|error| ClientError::Malformed(error.to_string()))?;
    let request =
        client(socket)?.post("http://localhost/v1/failback").header("content-type", "application/json");
    read(request.body(body).send().await.map_err(|error| unreachable(socket, &error))?).await
}

fn client(socket: &Path) -> Result<Client, ClientError> {
    let builder = Client::builder().unix_socket(socket).timeout(ANSWER_MAX).no_proxy();
    builder.tls_backend_preconfigured(no_tls()).build().map_err(|error| unreachable(socket, &error))
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

fn unreachable(socket: &Path, error: &reqwest::Error) -> ClientError {
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    ClientError::Unreachable(socket.to_owned(), deepest.to_string())
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let status = response.status();
    let malformed = |error: &dyn fmt::Display| ClientError::Malformed(error.to_string());
    let body = response.bytes().await.map_err(|error| malformed(&error))?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|error| malformed(&error));
    }
    match serde_json::from_slice::<ProblemDetails>(&body) {
        Ok(refusal) => Err(ClientError::Refused(refusal.title)),
        Err(_) => Err(ClientError::Refused(format!("status {status}: {}", String::from_utf8_lossy(&body)))),
    }
}
