//! Regions as real HTTP servers on loopback addresses, which answer as Cadence does.

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

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

/// Ports that are tried when somebody else has Cadence's.
const PORT_TRIALS: usize = 16;

/// A dying server's connections get this long to be closed; then they are left to end by themselves.
const CLOSE_MAX: Duration = Duration::from_millis(100);

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

/// The servers of a region.
pub(super) struct Servers {
    place: Place,
    port: u16,
    running: Vec<Server>,
}

struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Servers {
    /// Port 0 is any port that is free on the first address.
    async fn listen(place: Place, port: u16) -> io::Result<Servers> {
        let mut servers = Servers { place, port, running: Vec::new() };
        for address in place.addresses {
            let listener = TcpListener::bind((address, servers.port)).await?;
            servers.port = listener.local_addr()?.port();
            servers.running.push(Server::start(listener));
        }
        Ok(servers)
    }

    /// The port of all of them.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Nothing listens any more, so that connections are refused; open connections are closed.
    pub(super) async fn kill(&mut self) {
        let (stops, tasks): (Vec<_>, Vec<_>) =
            self.running.drain(..).map(|Server { stop, task }| (stop, task)).unzip();
        drop(stops); // all at the same moment, as a region dies
        for mut task in tasks {
            if tokio::time::timeout(CLOSE_MAX, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// Listens again, where it did before.
    ///
    /// # Errors
    /// When somebody has taken the port meanwhile; then the region stays dead.
    pub(super) async fn revive(&mut self) -> Result<(), String> {
        let Servers { place, port, .. } = *self;
        *self = Servers::listen(place, port)
            .await
            .map_err(|error| format!("{} cannot return to port {port}: {error}", place.name))?;
        Ok(())
    }
}

impl Server {
    fn start(listener: TcpListener) -> Server {
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(listener, Router::new().route("/health", get(health)))
            .with_graceful_shutdown(async { drop(stopped.await) });
        Server { stop, task: tokio::spawn(server.into_future()) }
    }
}

/// What Cadence says, whatever the state of its databases.
async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok", "time": jiff::Timestamp::now().to_string() }))
}
