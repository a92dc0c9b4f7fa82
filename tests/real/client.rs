//! Posts webhook deliveries as GitHub does: by name, a new connection each, ten seconds at most, no second try.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::dns::{Answer, Asker};
use crate::network::Namespace;
use crate::process::wait_until;
use crate::watch::Regions;
use crate::world::NAME;

/// GitHub's limit for one delivery.
const LIMIT: Duration = Duration::from_secs(10);

/// What a resolver library waits for one answer.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(5);

/// Deliveries per second.
pub(crate) const RATE: u32 = 20;

/// One delivery, with the time at which it began.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// When the name was looked up.
    pub(crate) began: Instant,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 202, from this region.
    Accepted(&'static str),
    /// It reached a dead region, and this is what the sender saw.
    Lost(String),
    /// The resolver gave no address.
    NoAddress(Answer),
}

/// Delivers until it is stopped.
pub(crate) struct Client {
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What all deliveries share.
struct Sender {
    resolver: SocketAddr,
    regions: Regions,
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    /// Starts [`RATE`] deliveries a second; with an authority's certificate, over HTTPS.
    pub(crate) fn start(
        from: &Namespace,
        resolver: SocketAddr,
        regions: Regions,
        authority: Option<&Path>,
    ) -> Client {
        let sender = Arc::new(Sender { resolver, regions, tls: authority.map(trust) });
        let (deliveries, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, stopped) = (Arc::clone(&deliveries), Arc::clone(&stop));
        let thread = from.start(move || deliver_steadily(&sender, &log, &stopped));
        Client { deliveries, stop, thread: Some(thread) }
    }

    /// Waits until a delivery that begins from now on is accepted by a region.
    pub(crate) fn wait_for(&self, region: &'static str, limit: Duration) {
        let from = Instant::now();
        wait_until(&format!("a delivery is accepted by {region}"), limit, || {
            self.so_far().iter().any(|one| one.began >= from && one.fate == Fate::Accepted(region))
        });
    }

    /// Ends, waits for those under way, and hands out all.
    pub(crate) fn stop(mut self) -> Vec<Delivery> {
        self.end();
        self.so_far()
    }

    fn so_far(&self) -> Vec<Delivery> {
        self.deliveries.lock().expect("no delivery panics while it writes").clone()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its panic, if any, has been printed
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}

fn trust(authority: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).expect("the authority wrote its certificate");
    roots.add(certificate).expect("it is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A thread for each delivery: a slow one never delays the next.
fn deliver_steadily(sender: &Sender, log: &Mutex<Vec<Delivery>>, stop: &AtomicBool) {
    let mut next = Instant::now();
    thread::scope(|scope| {
        while !stop.load(Ordering::Relaxed) {
            scope.spawn(|| {
                let began = Instant::now();
                let fate = sender.deliver();
                log.lock().expect("nobody panics while reading").push(Delivery { began, fate });
            });
            next += Duration::from_secs(1) / RATE;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
}

impl Sender {
    fn deliver(&self) -> Fate {
        let deadline = Instant::now() + LIMIT;
        let address = match Asker::new(self.resolver, RESOLVER_PATIENCE).ask(RecordType::A) {
            Answer::Addresses(addresses) => addresses[0],
            nothing @ (Answer::Empty | Answer::Refused(_) | Answer::Silence) => {
                return Fate::NoAddress(nothing);
            }
        };
        match self.post(address, deadline) {
            Ok(202) => self.regions.get(&address).map_or_else(
                || Fate::Lost(format!("{address} is nobody's")),
                |region| Fate::Accepted(region),
            ),
            Ok(status) => Fate::Lost(format!("status {status}")),
            Err(error) => Fate::Lost(error.to_string()),
        }
    }

    fn post(&self, address: IpAddr, deadline: Instant) -> io::Result<u16> {
        let port = if self.tls.is_some() { 443 } else { 80 };
        let tcp = TcpStream::connect_timeout(&SocketAddr::new(address, port), left(deadline))?;
        tcp.set_read_timeout(Some(left(deadline)))?;
        tcp.set_write_timeout(Some(left(deadline)))?;
        match &self.tls {
            None => exchange(tcp),
            Some(config) => {
                let name = ServerName::try_from(NAME).expect("the name is a host name");
                let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                exchange(StreamOwned::new(session, tcp))
            }
        }
    }
}

/// Time to the deadline; a socket's time-out must not be zero.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// Sends the request and reads the status.
fn exchange(mut stream: impl Read + Write) -> io::Result<u16> {
    let body = r#"{"ref":"refs/heads/main"}"#;
    let length = body.len();
    write!(
        stream,
        "POST /webhook HTTP/1.1\r\nHost: {NAME}\r\nUser-Agent: GitHub-Hookshot/test\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    let status = line.strip_prefix(b"HTTP/1.1 ").and_then(|code| str::from_utf8(code).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::other("not HTTP"))
}
