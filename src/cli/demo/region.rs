//! Regions as real HTTP servers on loopback addresses, which answer as Cadence does.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A region of the demo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its name in the configuration.
    pub(super) name: &'static str,
    /// Its load balancers.
    pub(super) addresses: [Ipv4Addr; 2],
}

/// The preferred one, which dies and returns.
pub(super) const US_EAST: Place =
    Place { name: "us-east", addresses: [Ipv4Addr::new(127, 0, 0, 11), Ipv4Addr::new(127, 0, 0, 12)] };

/// The one that takes over.
pub(super) const EU_WEST: Place =
    Place { name: "eu-west", addresses: [Ipv4Addr::new(127, 0, 0, 21), Ipv4Addr::new(127, 0, 0, 22)] };

/// Where Cadence listens by default.
const CADENCE_PORT: u16 = 8000;

/// Ports that are tried when another program has Cadence's.
const PORT_TRIALS: usize = 16;

/// After a connection that cannot be accepted, for example for want of a file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Starts the servers of both regions, all on the same port: Cadence's, or another if that is taken.
///
/// # Errors
/// When no port can be had, with what helps.
pub(super) async fn open() -> Result<[Servers; 2], String> {
    let mut failure = String::new();
    for trial in 0..PORT_TRIALS {
        let port = if trial == 0 { CADENCE_PORT } else { 0 };
        let error = match open_on(port).await {
            Ok(regions) => return Ok(regions),
            Err(error) => error,
        };
        failure = format!("cannot start the regions on 127.0.0.11 to 127.0.0.22: {error}");
        if error.kind() != ErrorKind::AddrInUse {
            break;
        }
    }
    Err(format!("{failure}; the demo needs the loopback addresses 127.0.0.0/8, as Linux has them"))
}

async fn open_on(port: u16) -> io::Result<[Servers; 2]> {
    let east = Servers::listen(US_EAST, port).await?;
    let west = Servers::listen(EU_WEST, east.port).await?;
    Ok([east, west])
}

/// The servers of a region; they die when this is dropped.
pub(super) struct Servers {
    place: Place,
    port: u16,
    running: JoinSet<()>,
}

impl Servers {
    /// Port 0 is any port that is free on the first address.
    async fn listen(place: Place, port: u16) -> io::Result<Servers> {
        let mut servers = Servers { place, port, running: JoinSet::new() };
        for address in place.addresses {
            let listener = TcpListener::bind((address, servers.port)).await?;
            servers.port = listener.local_addr()?.port();
            servers.running.spawn(serve(listener));
        }
        Ok(servers)
    }

    /// The port of all of them.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Closes listeners and connections: from now on connections are refused.
    pub(super) async fn kill(&mut self) {
        self.running.shutdown().await;
    }

    /// Listens again, where it did before.
    ///
    /// # Errors
    /// When another program has taken the port meanwhile; then the region stays dead.
    pub(super) async fn revive(&mut self) -> Result<(), String> {
        let Servers { place, port, .. } = *self;
        *self = Servers::listen(place, port)
            .await
            .map_err(|error| format!("{} cannot return to port {port}: {error}", place.name))?;
        Ok(())
    }
}

/// One connection after the other in tasks of their own, which end with this one.
async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let service = service_fn(async |request| Ok::<_, Infallible>(respond(&request)));
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()); // a client that sends no request is closed after 30 s
                connections.spawn(server.serve_connection(TokioIo::new(stream), service));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// What Cadence says at `/health`, whatever the state of its databases.
fn respond(request: &Request<Incoming>) -> Response<String> {
    let mut response = Response::new(String::new());
    if request.uri().path() == "/health" {
        let time = jiff::Timestamp::now().to_string();
        *response.body_mut() = serde_json::json!({ "status": "ok", "time": time }).to_string();
        response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a media type"));
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
