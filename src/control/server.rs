//! The daemon's side of the control socket.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{ControlRequest, FailBack, ProblemDetails};

/// Only the owner and the socket's group may use it.
const SOCKET_MODE: u32 = 0o660;

/// The largest request: it has a name and a reason.
const BODY_MAX_BYTES: usize = 16 * 1024;

/// Why the socket could not be taken.
#[derive(Debug)]
pub enum BindError {
    /// Another daemon answers there.
    InUse(PathBuf),
    /// Something that is not a socket is in the way.
    NotASocket(PathBuf),
    /// The system would not let us.
    Io(PathBuf, io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::InUse(path) => {
                write!(f, "control socket {}: another daemon answers there; stop it first", path.display())
            }
            BindError::NotASocket(path) => {
                let path = path.display();
                write!(
                    f,
                    "control socket {path}: a file that is not a socket is in the way; move it, or change [control] socket"
                )
            }
            BindError::Io(path, error) => {
                write!(f, "control socket {}: {error}; its folder must exist and be writable", path.display())
            }
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BindError::Io(_, error) => Some(error),
            BindError::InUse(_) | BindError::NotASocket(_) => None,
        }
    }
}

/// The socket, taken but not yet served. The file is removed when this is dropped.
pub struct Bound {
    listener: UnixListener,
    file: SocketFile,
}

/// The socket's file: removed with the daemon, so that the next client gets a clear error.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0)); // gone already is as good
    }
}

/// Takes the socket; one that a killed daemon left behind is replaced.
///
/// # Errors
/// When another daemon answers there, or the system refuses.
pub async fn bind(path: &Path) -> Result<Bound, BindError> {
    clear_the_way(path).await?;
    let failed = |error| BindError::Io(path.to_owned(), error);
    let listener = UnixListener::bind(path).map_err(failed)?;
    let file = SocketFile(path.to_owned());
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    Ok(Bound { listener, file })
}

async fn clear_the_way(path: &Path) -> Result<(), BindError> {
    let failed = |error| BindError::Io(path.to_owned(), error);
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(BindError::InUse(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// The socket at work.
pub struct Serving {
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
    _file: SocketFile,
}

impl Bound {
    /// Answers from now on, on the current tokio runtime; what needs the controller goes through `requests`.
    #[must_use]
    pub fn serve(self, requests: mpsc::Sender<ControlRequest>) -> Serving {
        let (stop, stopped) = oneshot::channel::<()>();
        let service = routes(requests).into_make_service_with_connect_info::<Peer>();
        let server = axum::serve(self.listener, service).with_graceful_shutdown(async {
            drop(stopped.await); // a dropped sender stops us as well
        });
        Serving { stop, server: tokio::spawn(server.into_future()), _file: self.file }
    }
}

impl Serving {
    /// Takes no more requests and ends those under way.
    pub async fn stop(self) {
        drop(self.stop);
        self.server.abort(); // an idle client must not keep us
        drop(self.server.await);
    }
}

fn routes(requests: mpsc::Sender<ControlRequest>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/failback", post(fail_back))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(requests)
}

/// The user at the other end, from SO_PEERCRED.
#[derive(Debug, Clone)]
struct Peer(String);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Peer {
        match stream.io().peer_cred() {
            Ok(credentials) => Peer(format!("uid {}", credentials.uid())),
            Err(_) => Peer("unknown".into()),
        }
    }
}

async fn status(State(requests): State<mpsc::Sender<ControlRequest>>) -> Response {
    let (reply, replied) = oneshot::channel();
    if requests.send(ControlRequest::Status(reply)).await.is_err() {
        return controller_is_gone();
    }
    match replied.await {
        Ok(status) => Json(status).into_response(),
        Err(_) => controller_is_gone(),
    }
}

async fn fail_back(
    State(requests): State<mpsc::Sender<ControlRequest>>,
    ConnectInfo(Peer(by)): ConnectInfo<Peer>,
    Json(wish): Json<FailBack>,
) -> Response {
    if wish.reason.trim().is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "no reason given".into());
    }
    let (reply, replied) = oneshot::channel();
    if requests.send(ControlRequest::FailBack(FailBack { by, ..wish }, reply)).await.is_err() {
        return controller_is_gone();
    }
    match replied.await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(why)) => refuse(StatusCode::CONFLICT, why),
        Err(_) => controller_is_gone(),
    }
}

fn controller_is_gone() -> Response {
    let title =
        "the controller has stopped; the last answers stay in service; its log says why, a restart helps";
    refuse(StatusCode::SERVICE_UNAVAILABLE, title.into())
}

fn refuse(status: StatusCode, title: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(ProblemDetails { title }))
        .into_response()
}
