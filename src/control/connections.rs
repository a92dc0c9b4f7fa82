//! Connections: HTTP/1.1, one request for each, bounded in number, for each client, and in time.
//!
//! One request for each connection is what makes the bounds simple: a client that sends slowly, reads slowly or hangs
//! holds a place until its deadline, and nothing longer. Only a stream of events lasts, and those are counted as well.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::caller::Caller;
use super::peer::Peer;
use super::traffic::Traffic;

/// The largest head of a request; ours has some hundred octets.
const HEAD_MAX_OCTETS: usize = 16 * 1024;

/// Connections at a time on the UNIX socket; further clients wait to be accepted.
pub(super) const USERS_MAX: usize = 32;
/// The same over TCP.
pub const STRANGERS_MAX: usize = 64;

/// Connections of one client over TCP: a browser opens six.
const OF_ONE_CLIENT_MAX: usize = 24;

/// A whole connection: the request, the answer, and the reading of it.
pub(super) const CONNECTION_MAX: Duration = Duration::from_secs(10);

/// The same for a stream of events; a browser opens the next one by itself.
const EVENTS_MAX: Duration = Duration::from_secs(3600);

/// Streams of events at a time: others must find places.
const STREAMS_MAX: usize = STRANGERS_MAX / 2;

/// The pause after a failure to accept, such as a lack of descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// An extension of a response that goes on: its connection may last for an hour, where there is room for such.
#[derive(Debug, Clone, Copy)]
pub(super) struct GoesOn;

/// Accepts users on the UNIX socket for ever, as many at a time as there are places.
pub(super) async fn accept_users(listener: UnixListener, router: Router) {
    let places = Arc::new(Semaphore::new(USERS_MAX));
    let streams = Arc::new(Semaphore::new(USERS_MAX / 2));
    let mut connections = JoinSet::new(); // they end with it
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
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
}

/// What all TCP listeners share.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    clients: Arc<Clients>,
    traffic: Arc<Traffic>,
}

impl Places {
    pub(super) fn new(traffic: Arc<Traffic>) -> Places {
        Places {
            all: Arc::new(Semaphore::new(STRANGERS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            clients: Arc::default(),
            traffic,
        }
    }
}

/// Accepts strangers over TCP for ever. One that has too many connections already is hung up on.
pub(super) async fn accept_strangers(listener: TcpListener, router: Router, places: Places) {
    let mut connections = JoinSet::new(); // they end with it
    while let Ok(place) = Arc::clone(&places.all).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, client)) => {
                let Some(of_client) = Clients::one_more(&places.clients, client) else {
                    places.traffic.turned_away();
                    continue;
                };
                let (router, streams) = (router.clone(), Arc::clone(&places.streams));
                connections.spawn(async move {
                    let _ = stream.set_nodelay(true); // slower without, and no worse
                    serve_one(stream, Caller::Stranger, router, &streams).await;
                    drop((place, of_client));
                });
            }
            Err(_) => sleep(PAUSE_AFTER_ERROR).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One request and its answer. A client that is late or speaks no HTTP has no claim to one.
async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    caller: Caller,
    router: Router,
    streams: &Semaphore,
) {
    let goes_on = Arc::new(AtomicBool::new(false));
    let router = router.layer(Extension(caller));
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
    if timeout(CONNECTION_MAX, &mut http).await.is_err()
        && goes_on.load(Ordering::Relaxed)
        && let Ok(_place) = streams.try_acquire()
    {
        let _ = timeout(EVENTS_MAX - CONNECTION_MAX, http).await;
    }
}

/// How many connections each client has: an address, or the /64 of an IPv6 address. There are no more of them than there
/// are places.
#[derive(Debug, Default)]
struct Clients(Mutex<HashMap<IpAddr, usize>>);

/// A connection of a client; it has one less when this is dropped.
struct OfClient {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    fn one_more(clients: &Arc<Clients>, client: SocketAddr) -> Option<OfClient> {
        let client = network(client.ip());
        let mut counts = clients.counts();
        let count = counts.entry(client).or_default();
        if *count >= OF_ONE_CLIENT_MAX {
            return None;
        }
        *count += 1;
        Some(OfClient { clients: Arc::clone(clients), client })
    }

    /// Counts are whole after every assignment.
    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OfClient {
    fn drop(&mut self) {
        let mut counts = self.clients.counts();
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

/// What one client is: whoever has an IPv6 address has 2^64 of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_connections_and_others_have_theirs() {
        let clients = Arc::<Clients>::default();
        let at = |text: &str| text.parse().expect("an address and a port");
        let one = |port: usize| Clients::one_more(&clients, at(&format!("[2001:db8::{port:x}]:1")));
        let mut held: Vec<OfClient> = (0..OF_ONE_CLIENT_MAX).map(|port| one(port).expect("room")).collect();
        assert!(one(99).is_none(), "the same /64");
        assert!(Clients::one_more(&clients, at("[2001:db8:0:1::1]:1")).is_some());
        assert!(Clients::one_more(&clients, at("192.0.2.1:1")).is_some());
        held.pop();
        assert!(one(99).is_some());
        drop(held);
        assert!(clients.counts().is_empty(), "nothing is kept of those that are gone");
    }
}
