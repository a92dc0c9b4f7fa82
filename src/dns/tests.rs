//! Workers that die at work: real sockets and threads, and panics where a test wants them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::faults::Faults;
use super::*;
use crate::answer::{AnswerTable, Counter, Identity, RrlKey, Ruling};
use crate::model::{Moment, Name};
use crate::zone::{MasterFile, parse};

/// How long anything on this machine may take at the worst.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a reply that was lost is waited for, before the query is sent again.
const LOST_AFTER: Duration = Duration::from_millis(300);

const ZONE: &str = "@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n";

/// `ns.t A`
const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x02ns\x01t\0\0\x01\0\x01";

/// A rate limit with a bug: it sits where every query by UDP passes.
#[derive(Debug)]
struct FaultyLimit(Arc<Faults>);

impl ResponseRateLimit for FaultyLimit {
    fn rule(&self, _: IpAddr, _: RrlKey, _: Moment, _: u16) -> Ruling {
        assert!(!self.0.in_a_batch.swap(false, Ordering::SeqCst), "a bug in a batch");
        Ruling::Whole
    }
}

fn tables() -> Tables {
    let origin: Name = "t".parse().expect("a good name");
    let master = MasterFile { file: "t.zone", text: ZONE.as_bytes() };
    let zone = parse(&origin, &master, &BTreeSet::new(), &mut crate::zone::no_include);
    let zone = zone.unwrap_or_else(|problems| panic!("{}", problems[0])).zone;
    Tables::new(Arc::new(AnswerTable::compile(&[zone], &[], Identity::default())))
}

/// A server with one worker for UDP, whose faults are these.
fn serve(faults: &Arc<Faults>) -> (SocketAddr, Serving) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = DnsSettings { listen: vec![any_port], workers: 1, ..DnsSettings::default() };
    let bound = bind(&settings).expect("a free port");
    let address = bound.addresses()[0];
    let limiter: Box<dyn ResponseRateLimit> = Box::new(FaultyLimit(Arc::clone(faults)));
    let policy = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: Some(limiter) };
    let carrier = Carrier::Faulty(Arc::clone(faults));
    (address, bound.serve_by(&tables(), Arc::new(policy), &carrier).expect("threads"))
}

/// Whether a query by UDP is answered.
fn answers(socket: &UdpSocket) -> bool {
    socket.send(QUERY).expect("sent to ourselves");
    socket.recv(&mut [0; 512]).is_ok()
}

/// Whether a query by TCP is answered.
fn answers_by_tcp(server: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(server).expect("the listener stays");
    stream.set_read_timeout(Some(PATIENCE)).expect("above zero");
    let message = [&[0, QUERY.len() as u8], QUERY].concat();
    stream.write_all(&message).is_ok() && stream.read_exact(&mut [0; 32]).is_ok()
}

fn health(serving: &Serving, prefix: &str) -> WorkerHealth {
    let found = serving.health().into_iter().find(|health| health.name.starts_with(prefix));
    found.expect("it was started")
}

#[test]
fn a_udp_worker_that_dies_costs_its_batch_and_goes_on_with_its_socket() {
    let faults = Arc::<Faults>::default();
    let (server, serving) = serve(&faults);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket.connect(server).expect("the loopback");
    socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
    assert!(answers(&socket) && serving.is_healthy());
    for death in 1..=3 {
        faults.in_a_batch.store(true, Ordering::SeqCst);
        socket.set_read_timeout(Some(LOST_AFTER)).expect("above zero");
        assert!(!answers(&socket), "its batch is lost");
        socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
        assert!(answers(&socket), "the same socket is answered again");
        let health = health(&serving, "dns-0-");
        assert_eq!((health.state, health.deaths), (WorkerState::Working, death));
        assert_eq!(health.last_panic.as_deref(), Some("a bug in a batch"));
    }
    assert!(serving.is_healthy(), "it answers");
    assert_eq!(serving.counters()[Counter::Noerror], 4, "those of the lost batches are not counted");
    assert!(answers_by_tcp(server), "the others have gone on");
    serving.stop();
}

#[test]
fn a_stream_thread_that_dies_takes_the_next_clients_with_the_same_listener() {
    let faults = Arc::<Faults>::default();
    let (server, serving) = serve(&faults);
    assert!(answers_by_tcp(server));
    for deaths in 1..=3 {
        faults.in_accepting.store(true, Ordering::SeqCst);
        assert!(!answers_by_tcp(server), "the connection that it died of is lost");
        assert!(answers_by_tcp(server), "the next one is not");
        let health = health(&serving, "dns-tcp");
        assert_eq!((health.state, health.deaths), (WorkerState::Working, deaths));
        assert_eq!(health.last_panic.as_deref(), Some("a bug in accepting"));
    }
    serving.stop();
}

#[test]
fn a_connection_that_panics_costs_itself_alone_and_gives_its_place_back() {
    let faults = Arc::<Faults>::default();
    let (server, serving) = serve(&faults);
    let mut neighbour = TcpStream::connect(server).expect("the listener stays");
    neighbour.set_read_timeout(Some(PATIENCE)).expect("above zero");
    let message = [&[0, QUERY.len() as u8], QUERY].concat();
    let mut ask_neighbour = || {
        neighbour.write_all(&message).expect("it stands");
        neighbour.read_exact(&mut [0; 32]).expect("a reply");
    };
    ask_neighbour();
    faults.in_a_connection.store(true, Ordering::SeqCst);
    assert!(!answers_by_tcp(server));
    ask_neighbour();
    let health = health(&serving, "dns-tcp");
    assert_eq!((health.deaths, health.connections_lost, health.is_healthy()), (0, 1, true));
    serving.stop();
}

/// The worst case: every batch panics. The restarts are bounded, the worker is told, and the server can be stopped.
#[test]
fn a_worker_that_dies_of_every_query_is_told_and_lets_the_others_go_on() {
    #[derive(Debug)]
    struct Hopeless;
    impl ResponseRateLimit for Hopeless {
        fn rule(&self, _: IpAddr, _: RrlKey, _: Moment, _: u16) -> Ruling {
            panic!("a bug in every batch")
        }
    }
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = DnsSettings { listen: vec![any_port], workers: 1, ..DnsSettings::default() };
    let bound = bind(&settings).expect("a free port");
    let server = bound.addresses()[0];
    let policy =
        ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: Some(Box::new(Hopeless)) };
    let serving = bound.serve_by(&tables(), Arc::new(policy), &Carrier::Plain).expect("threads");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket.connect(server).expect("the loopback");
    let deadline = Instant::now() + PATIENCE;
    while serving.is_healthy() || health(&serving, "dns-0-").deaths < 4 {
        socket.send(QUERY).expect("sent to ourselves");
        assert!(Instant::now() < deadline, "{:?}", serving.health());
    }
    assert!(answers_by_tcp(server), "streams go on");
    serving.stop();
}
