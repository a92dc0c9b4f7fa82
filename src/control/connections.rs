//! Connections: HTTP/1.1, one request for each, bounded in number, for each client, and in time.
//!
//! One request for each connection is what makes the bounds simple: a client that sends slowly, reads slowly or hangs
//! holds a place until its deadline, and nothing longer. Only a stream of events lasts, and those are counted as well.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::caller::Caller;
use super::clients::Clients;
use super::patience::{LONG_MAX, Patience};
use super::peer::Peer;
use super::protection::Protection;
use super::tls::names;
use super::traffic::Traffic;

/// The largest head of a request; ours has some hundred octets.
const HEAD_MAX_OCTETS: usize = 16 * 1024;

/// Connections at a time on the UNIX socket; further clients wait to be accepted.
pub(super) const USERS_MAX: usize = 32;
/// The same over TCP.
pub const STRANGERS_MAX: usize = 64;

/// A whole connection: the request, the answer, and the reading of it.
pub(super) const CONNECTION_MAX: Duration = Duration::from_secs(10);

/// A TLS handshake takes two round trips.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// The same for a stream of events; a browser opens the next one by itself.
const EVENTS_MAX: Duration = Duration::from_secs(3600);

/// Streams of events at a time: others must find places.
const STREAMS_MAX: usize = STRANGERS_MAX / 2;

/// The pause after a failure to accept, such as a lack of descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// An extension of a request of somebody who makes too many.
#[derive(Debug, Clone, Copy)]
pub(super) struct TooMany;

/// An extension of a response that goes on: its connection may last for an hour, where there is room for such.
#[derive(Debug, Clone, Copy)]
pub(super) struct GoesOn;

/// Whether clients are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// They are.
    Open,
    /// They wait, for another daemon perhaps.
    Waiting,
    /// Another daemon lets them in.
    Over,
}

/// The next client, while any are let in.
async fn next<T, F: Future<Output = T>>(
    accept: impl Fn() -> F,
    admission: &mut watch::Receiver<Admission>,
) -> Option<T> {
    loop {
        // Whoever could open it again is gone: it is over then.
        if *admission.wait_for(|now| *now != Admission::Waiting).await.ok()? == Admission::Over {
            return None;
        }
        tokio::select! {
            accepted = accept() => return Some(accepted),
            changed = admission.changed() => changed.ok()?,
        }
    }
}

/// Accepts users on the UNIX socket until it is closed, as many at a time as there are places; then those are waited for
/// that are there.
pub(super) async fn accept_users(
    listener: UnixListener,
    router: Router,
    mut admission: watch::Receiver<Admission>,
) {
    let places = Arc::new(Semaphore::new(USERS_MAX));
    let streams = Arc::new(Semaphore::new(USERS_MAX / 2));
    let mut connections = JoinSet::new(); // they end with it
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Some(accepted) = next(|| listener.accept(), &mut admission).await else { break };
        match accepted {
            Ok((stream, _)) => {
                let caller = Caller::User(Peer::of(&stream));
                let (router, streams) = (router.clone(), Arc::clone(&streams));
                connections.spawn(async move {
                    serve_one(stream, caller, router, &streams).await;
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE_AFTER_ERROR).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What all TCP listeners share.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    clients: Arc<Clients>,
    protection: Arc<Protection>,
    traffic: Arc<Traffic>,
}

impl Places {
    pub(super) fn new(protection: Arc<Protection>, traffic: Arc<Traffic>) -> Places {
        Places {
            all: Arc::new(Semaphore::new(STRANGERS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            clients: Arc::default(),
            protection,
            traffic,
        }
    }
}

/// Accepts strangers over TCP until it is closed; then those are waited for that are there. One that has too many
/// connections already is hung up on.
pub(super) async fn accept_strangers(
    listener: TcpListener,
    router: Router,
    places: Places,
    mut admission: watch::Receiver<Admission>,
) {
    let mut connections = JoinSet::new(); // they end with it
    while let Ok(place) = Arc::clone(&places.all).acquire_owned().await {
        let Some(accepted) = next(|| listener.accept(), &mut admission).await else { break };
        match accepted {
            Ok((stream, client)) => {
                let Some(of_client) = Clients::one_more(&places.clients, client) else {
                    places.traffic.turned_away();
                    continue;
                };
                let (router, streams) = (router.clone(), Arc::clone(&places.streams));
                let protection = Arc::clone(&places.protection);
                connections.spawn(async move {
                    let _ = stream.set_nodelay(true); // slower without, and no worse
                    let router = if of_client.is_beyond { router.layer(Extension(TooMany)) } else { router };
                    serve_stranger(stream, client, router, &streams, &protection).await;
                    drop((place, of_client));
                });
            }
            Err(_) => sleep(PAUSE_AFTER_ERROR).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One request of somebody over TCP, who may show who they are by a certificate.
async fn serve_stranger(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    streams: &Semaphore,
    protection: &Protection,
) {
    let Some(tls) = &protection.tls else {
        return serve_one(stream, Caller::Stranger(client), router, streams).await;
    };
    let Ok(Ok(stream)) = timeout(HANDSHAKE_MAX, tls.acceptor().accept(stream)).await else { return };
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let known = shown.and_then(|certificate| protection.access().of_certificate(&names(certificate)));
    let caller = match known {
        Some((name, scope)) => Caller::Known { name, scope, address: client.ip() },
        None => Caller::Stranger(client),
    };
    serve_one(stream, caller, router, streams).await;
}

/// One request and its answer. A client that is late or speaks no HTTP has no claim to one.
async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    caller: Caller,
    router: Router,
    streams: &Semaphore,
) {
    let goes_on = Arc::new(AtomicBool::new(false));
    let patience = Patience::default();
    let router = router.layer(Extension(caller)).layer(Extension(patience.clone()));
    let service = service_fn(|request: Request<Incoming>| {
        let (router, goes_on) = (router.clone(), Arc::clone(&goes_on));
        async move {
            let answered = router.oneshot(request.map(Body::new)).await;
            let response: Response<Body> = answered.unwrap_or_else(|never| match never {});
            goes_on.store(response.extensions().get::<GoesOn>().is_some(), Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let http = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None) // the connection has a deadline as a whole
        .max_buf_size(HEAD_MAX_OCTETS)
        .serve_connection(TokioIo::new(stream), service);
    let mut http = std::pin::pin!(http);
    if timeout(CONNECTION_MAX, &mut http).await.is_ok() {
        return;
    }
    if patience.is_asked() {
        let _ = timeout(LONG_MAX - CONNECTION_MAX, http).await;
    } else if goes_on.load(Ordering::Relaxed)
        && let Ok(_place) = streams.try_acquire()
    {
        let _ = timeout(EVENTS_MAX - CONNECTION_MAX, http).await;
    }
}
