//! A caching resolver between a client and the name server, for the demo and for drills: hickory-server with its
//! forwarder and cache.
//!
//! It keeps an answer for exactly its TTL, from the moment when the answer came, and shows the rest of it rounded up
//! to whole seconds, as most caches do.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::proto::rr::{LowerName, Name};
use hickory_server::resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverOpts};
use hickory_server::store::forwarder::{ForwardConfig, ForwardZoneHandler};
use hickory_server::zone_handler::Catalog;
use tokio::net::{TcpListener, UdpSocket};

/// One name with one type is asked for; a `dig` of somebody who watches adds a few.
const CACHE_ANSWERS_MAX: u64 = 64;

/// The name server is on the same machine: a reply that takes longer is lost, and the query is sent again.
const UPSTREAM_TIMEOUT: Duration = Duration::from_millis(150);

/// An idle TCP connection of a client is closed after this time.
const TCP_IDLE_MAX: Duration = Duration::from_secs(5);

/// Replies that may wait for the reader of one TCP connection.
const TCP_REPLIES_MAX: usize = 16;

/// Attempts to find a port that is free for UDP and for TCP.
const PORT_TRIALS: usize = 16;

/// The resolver's sockets, bound before anything else starts, so that a port in use is reported at once.
pub(super) struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Sockets {
    /// Binds UDP and TCP of the same port on 127.0.0.1; port 0 is any that is free for both.
    ///
    /// # Errors
    /// When the port cannot be had, with the option that chooses another.
    pub(super) async fn bind(port: u16) -> Result<Sockets, String> {
        let trials = if port == 0 { PORT_TRIALS } else { 1 };
        let mut outcome = Sockets::try_bind(port).await;
        for _ in 1..trials {
            if outcome.is_ok() {
                break;
            }
            outcome = Sockets::try_bind(port).await;
        }
        outcome.map_err(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                return format!(
                    "port {port} of 127.0.0.1 is taken: choose another for the caching resolver with \
                     --resolver-port, or any that is free with --resolver-port 0"
                );
            }
            format!("the caching resolver cannot listen on port {port} of 127.0.0.1: {error}")
        })
    }

    async fn try_bind(port: u16) -> io::Result<Sockets> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let udp = UdpSocket::bind(tcp.local_addr()?).await?;
        Ok(Sockets { udp, tcp })
    }
}

/// The running resolver; it ends when this is dropped.
pub(super) struct Resolver {
    address: SocketAddr,
    _server: Server<Catalog>,
}

impl Resolver {
    /// Forwards every query that its cache cannot answer to `upstream`.
    ///
    /// # Errors
    /// When the library refuses its configuration, or the system tells no address of the socket.
    pub(super) fn start(Sockets { udp, tcp }: Sockets, upstream: SocketAddr) -> Result<Resolver, String> {
        let failed = |why: String| format!("the caching resolver cannot start: {why}");
        let address = udp.local_addr().map_err(|error| failed(error.to_string()))?;
        let forwarder = ForwardZoneHandler::builder_tokio(forward_to(upstream)).build().map_err(failed)?;
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(Name::root()), vec![Arc::new(forwarder)]);
        let mut server = Server::new(catalog);
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE_MAX, TCP_REPLIES_MAX);
        Ok(Resolver { address, _server: server })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// TTLs as they come, without bounds: a resolver that raises them would break the budget, and one that lowers them
/// would flatter it.
fn forward_to(upstream: SocketAddr) -> ForwardConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = upstream.port();
        connection
    });
    let mut options = ResolverOpts::default();
    options.cache_size = CACHE_ANSWERS_MAX;
    options.timeout = UPSTREAM_TIMEOUT;
    options.use_hosts_file = ResolveHosts::Never;
    options.recursion_desired = false; // the name server is authoritative
    ForwardConfig {
        name_servers: vec![NameServerConfig::new(upstream.ip(), true, connections.to_vec())],
        options: Some(options),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_server::proto::op::{Message, ResponseCode};
    use hickory_server::proto::rr::rdata::A;
    use hickory_server::proto::rr::{RData, Record};

    use super::*;
    use crate::dns::client::resolve;
    use crate::zone::RecordType;

    const LONG: Duration = Duration::from_secs(10);

    /// A name server that answers every query with one address for this TTL, and counts the queries.
    async fn upstream(ttl: u32) -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let counter = Arc::new(AtomicUsize::new(0));
        let asked = counter.clone();
        tokio::spawn(async move {
            let mut octets = [0; 1232];
            while let Ok((length, client)) = socket.recv_from(&mut octets).await {
                let query = Message::from_vec(&octets[..length]).expect("a query");
                let name = query.queries[0].name().clone();
                let mut reply = query.clone().into_response();
                reply.metadata.response_code = ResponseCode::NoError;
                reply.metadata.authoritative = true;
                reply.add_answer(Record::from_rdata(name, ttl, RData::A(A::new(192, 0, 2, 1))));
                asked.fetch_add(1, Ordering::SeqCst);
                socket.send_to(&reply.to_vec().expect("a reply"), client).await.expect("it is sent");
            }
        });
        (address, counter)
    }

    /// Asks ten times; says how many of these questions came to the name server, and the TTL that was shown.
    async fn questions_passed_on(ttl: u32) -> (usize, Option<u64>) {
        let (upstream, counter) = upstream(ttl).await;
        let sockets = Sockets::bind(0).await.expect("a free port");
        let resolver = Resolver::start(sockets, upstream).expect("it starts");
        let name = "cadence.example.com".parse().expect("a name");
        let mut shown = None;
        for _ in 0..10 {
            let reply = resolve(resolver.address(), &name, RecordType::A, LONG).await.expect("an answer");
            assert_eq!((reply.rcode, reply.addresses.len(), reply.authoritative), (0, 1, false));
            shown = reply.ttl.map(|ttl| ttl.as_duration().as_secs());
        }
        (counter.load(Ordering::SeqCst), shown)
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_its_ttl() {
        assert_eq!(questions_passed_on(86_400).await.0, 1);
    }

    #[tokio::test]
    async fn an_answer_of_ttl_0_is_not_kept() {
        assert_eq!(questions_passed_on(0).await, (10, Some(0)));
    }

    #[tokio::test]
    async fn a_port_in_use_is_reported_with_the_option() {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = taken.local_addr().expect("it is bound").port();
        let error = Sockets::bind(port).await.err().expect("it is taken");
        assert!(error.contains(&port.to_string()) && error.contains("--resolver-port 0"), "{error}");
    }
}
