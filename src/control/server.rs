//! The daemon's side of the control socket: HTTP/1.1, one request for each connection.
//!
//! Connections are bounded in number and in time, so that a client that hangs takes a place for some seconds only.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::patience::Patience;
use super::peer::Peer;
use super::socket::{Bound, SocketFile};
use super::{ControlRequest, Explain, ProblemDetails, ReloadError, ReloadWish, Wish};
use crate::api::Question;
use crate::model::{RecordType, is_deceptive};

/// The largest request: it has an order, a reason, and the epochs that its author has seen.
const BODY_MAX_OCTETS: usize = 128 * 1024;

/// The largest head of a request; ours has some hundred octets.
const HEAD_MAX_OCTETS: usize = 16 * 1024;

/// A reason is a sentence or two.
const REASON_MAX_CHARACTERS: usize = 500;

/// Connections at a time; further clients wait to be accepted. Operators and monitoring need a handful.
const CONNECTIONS_MAX: usize = 32;

/// A whole configuration file, which is only looked at.
const CONFIGURATION_MAX_OCTETS: usize = 8 << 20;

/// The controller answers at once, or something is wrong with it. Less than a client waits.
const CONTROLLER_MAX: Duration = Duration::from_secs(3);

/// A reload reads zones of any size. Less than a client waits.
const RELOAD_MAX: Duration = Duration::from_secs(110);

/// The pause after a failure to accept, such as a lack of descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// The socket at work.
pub struct Serving {
    server: JoinHandle<()>,
    _file: SocketFile,
}

impl Bound {
    /// Answers from now on, on the current tokio runtime; what needs the controller goes through `requests`.
    #[must_use]
    pub fn serve(self, requests: mpsc::Sender<ControlRequest>) -> Serving {
        let server = tokio::spawn(accept(self.listener, routes(requests)));
        Serving { server, _file: self.file }
    }
}

impl Serving {
    /// Whether clients are still accepted.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.server.is_finished()
    }

    /// Takes no more requests and ends those under way.
    pub async fn stop(self) {
        self.server.abort();
        drop(self.server.await);
    }
}

/// Accepts clients for ever, as many at a time as there are places.
async fn accept(listener: UnixListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new(); // they end with it
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    // A client that is late or speaks no HTTP has no claim to an answer.
                    let patience = Patience::default();
                    let late = patience.clone().late();
                    tokio::select! {
                        _ = serve_one(stream, router, patience) => {}
                        () = late => {}
                    }
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE_AFTER_ERROR).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_one(stream: UnixStream, router: Router, patience: Patience) -> hyper::Result<()> {
    let router = router.layer(Extension(Peer::of(&stream))).layer(Extension(patience));
    let service = service_fn(move |request: Request<Incoming>| {
        let answered = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answered.await.unwrap_or_else(|never| match never {})) }
    });
    let http = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None) // the connection has a deadline as a whole
        .max_buf_size(HEAD_MAX_OCTETS)
        .serve_connection(TokioIo::new(stream), service);
    http.await
}

fn routes(requests: mpsc::Sender<ControlRequest>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/commands", post(command))
        .route("/v1/explain", post(explain))
        .layer(DefaultBodyLimit::max(BODY_MAX_OCTETS))
        .route("/v1/reload", post(reload).layer(DefaultBodyLimit::max(CONFIGURATION_MAX_OCTETS)))
        .with_state(requests)
}

async fn status(State(requests): State<mpsc::Sender<ControlRequest>>) -> Response {
    match asked(&requests, ControlRequest::Status).await {
        Ok(status) => Json(status).into_response(),
        Err(refusal) => refusal,
    }
}

/// By POST, for the question is a document: it changes nothing.
async fn explain(
    State(requests): State<mpsc::Sender<ControlRequest>>,
    Json(Explain { name, rtype, client }): Json<Explain>,
) -> Response {
    let known = rtype.as_deref().map(|word| RecordType::from_mnemonic(word.as_bytes()).ok_or(word));
    let rtype = match known.transpose() {
        Ok(rtype) => rtype,
        Err(word) => return refuse(StatusCode::BAD_REQUEST, format!("{word:?} is no record type")),
    };
    let question = Question { name, rtype, client };
    match asked(&requests, |reply| ControlRequest::Explain(question, reply)).await {
        Ok(explanation) => Json(explanation).into_response(),
        Err(refusal) => refusal,
    }
}

async fn command(
    State(requests): State<mpsc::Sender<ControlRequest>>,
    Extension(peer): Extension<Peer>,
    Json(wish): Json<Wish>,
) -> Response {
    if let Err(why) = check_reason(&wish.reason) {
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    let wish = Wish { by: peer.author().await, ..wish };
    match asked(&requests, |reply| ControlRequest::Command(wish, reply)).await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(refusal)) => {
            let (title, by_rule) = (refusal.to_string(), refusal.is_by_rule());
            refused(StatusCode::CONFLICT, ProblemDetails { title, by_rule, mistakes: Vec::new() })
        }
        Err(refusal) => refusal,
    }
}

/// A reason is shown in the log and in tables, so it is one line of text.
fn check_reason(reason: &str) -> Result<(), String> {
    if reason.trim().is_empty() {
        return Err("no reason given".into());
    }
    check_line(reason)
}

fn check_line(reason: &str) -> Result<(), String> {
    if reason.chars().any(is_deceptive) {
        return Err("the reason has a line break or another character in it that changes how a line is shown; write it in \
                    one line".into());
    }
    let characters = reason.chars().count();
    if characters > REASON_MAX_CHARACTERS {
        return Err(format!("the reason has {characters} characters; at most {REASON_MAX_CHARACTERS}"));
    }
    Ok(())
}

/// Reads a whole configuration and its zones, which may take its time.
async fn reload(
    State(requests): State<mpsc::Sender<ControlRequest>>,
    Extension(peer): Extension<Peer>,
    Extension(patience): Extension<Patience>,
    Json(wish): Json<ReloadWish>,
) -> Response {
    if let Err(why) = check_line(&wish.reason) {
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    if wish.candidate.is_some() && !wish.terms.dry_run {
        return refuse(StatusCode::BAD_REQUEST, "what is in no file can only be looked at".into());
    }
    patience.ask();
    let wish = ReloadWish { by: peer.author().await, ..wish };
    match asked_for(RELOAD_MAX, &requests, |reply| ControlRequest::Reload(wish, reply)).await {
        Ok(Ok(reloaded)) => Json(reloaded).into_response(),
        Ok(Err(ReloadError::Refused(refusal))) => {
            let (title, by_rule) = (refusal.to_string(), refusal.is_by_rule());
            refused(StatusCode::CONFLICT, ProblemDetails { title, by_rule, mistakes: Vec::new() })
        }
        Ok(Err(ReloadError::Mistakes(mistakes))) => {
            let title = "the configuration cannot be used; everything stays as it was".into();
            let mistakes = mistakes.iter().map(ToString::to_string).collect();
            refused(StatusCode::UNPROCESSABLE_ENTITY, ProblemDetails { title, by_rule: false, mistakes })
        }
        Err(refusal) => refusal,
    }
}

/// Asks the controller, which must answer in time.
async fn asked<T>(
    requests: &mpsc::Sender<ControlRequest>,
    request: impl FnOnce(oneshot::Sender<T>) -> ControlRequest,
) -> Result<T, Response> {
    asked_for(CONTROLLER_MAX, requests, request).await
}

async fn asked_for<T>(
    longest: Duration,
    requests: &mpsc::Sender<ControlRequest>,
    request: impl FnOnce(oneshot::Sender<T>) -> ControlRequest,
) -> Result<T, Response> {
    let (reply, replied) = oneshot::channel();
    let answered = async {
        requests.send(request(reply)).await.ok()?;
        replied.await.ok()
    };
    match timeout(longest, answered).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(controller_is_gone()),
        Err(_) => Err(controller_is_late(longest)),
    }
}

fn controller_is_gone() -> Response {
    let title =
        "the controller has stopped; the last answers stay in service; its log says why, a restart helps";
    refuse(StatusCode::SERVICE_UNAVAILABLE, title.into())
}

fn controller_is_late(longest: Duration) -> Response {
    let title = format!(
        "the controller has not answered within {longest:?}; a command may still be carried out: `cadence-dns status` shows it"
    );
    refuse(StatusCode::GATEWAY_TIMEOUT, title)
}

fn refuse(status: StatusCode, title: String) -> Response {
    refused(status, ProblemDetails { title, by_rule: false, mistakes: Vec::new() })
}

fn refused(status: StatusCode, why: ProblemDetails) -> Response {
    (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(why)).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::patience::CONNECTION_MAX;
    use super::super::socket::bind;
    use super::*;
    use crate::controller::Refusal;

    const REQUEST: &[u8] = b"POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 46\r\n\r\n{\"what\":{\"fail-back\":\"a.t\"},\"reason\":\"needed\"}";

    struct Server {
        folder: tempfile::TempDir,
        serving: Serving,
        requests: mpsc::Receiver<ControlRequest>,
    }

    impl Server {
        async fn start() -> Server {
            let folder = tempfile::tempdir().expect("a folder");
            let bound = bind(&folder.path().join("socket")).await.expect("our folder");
            let (asked, requests) = mpsc::channel(1);
            Server { serving: bound.serve(asked), folder, requests }
        }

        async fn connect(&self) -> UnixStream {
            UnixStream::connect(self.folder.path().join("socket")).await.expect("it listens")
        }
    }

    async fn answer(mut stream: UnixStream) -> String {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it is closed in order");
        String::from_utf8(answer).expect("text")
    }

    /// Time passes as soon as every task waits.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_hung_up_on() {
        let server = Server::start().await;
        for begun in [&b""[..], b"GET /v1/sta", b"POST /v1/commands HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"] {
            let mut stream = server.connect().await;
            stream.write_all(begun).await.expect("room");
            assert!(!answer(stream).await.starts_with("HTTP/1.1 200"));
        }
        assert!(server.serving.is_healthy());
        server.serving.stop().await;
    }

    /// What a client sends takes no more memory than a request is worth.
    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_end_is_refused() {
        let server = Server::start().await;
        let long = "x".repeat(150_000);
        for (sent, code) in [
            (format!("GET /v1/status HTTP/1.1\r\nhost: {long}"), "431"),
            (
                format!(
                    "POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 150002\r\n\r\n\"{long}\""
                ),
                "413",
            ),
        ] {
            let mut stream = server.connect().await;
            let _ = stream.write_all(sent.as_bytes()).await; // it may be hung up on halfway
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_hang_keep_others_waiting_for_some_seconds_only() {
        let mut server = Server::start().await;
        let mut hanging = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            hanging.push(server.connect().await);
        }
        let mut stream = server.connect().await;
        stream.write_all(REQUEST).await.expect("room");
        let begin = tokio::time::Instant::now();
        let Some(ControlRequest::Command(wish, reply)) = server.requests.recv().await else {
            panic!("another request");
        };
        assert!((CONNECTION_MAX..2 * CONNECTION_MAX).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        assert!(wish.by.starts_with("uid "), "{}", wish.by);
        reply.send(Err(Refusal::Expired)).expect("it waits");
        assert!(answer(stream).await.starts_with("HTTP/1.1 409"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_controller_that_does_not_answer_is_told() {
        let mut server = Server::start().await;
        let mut stream = server.connect().await;
        stream.write_all(REQUEST).await.expect("room");
        let request = server.requests.recv().await; // and keeps it
        let late = answer(stream).await;
        assert!(late.starts_with("HTTP/1.1 504") && late.contains("may still be carried out"), "{late}");
        drop(request);
        drop(server.requests);
        let mut stream = UnixStream::connect(server.folder.path().join("socket")).await.expect("it listens");
        stream.write_all(REQUEST).await.expect("room");
        assert!(answer(stream).await.starts_with("HTTP/1.1 503"));
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(check_reason("disk replaced — Zürich is back"), Ok(()));
        for bad in ["", " \t", "a\nb", "a\u{1b}[31mb", "a\u{85}b", "a\u{202e}b", &"x".repeat(501)] {
            assert!(check_reason(bad).is_err(), "{bad:?}");
        }
    }
}
