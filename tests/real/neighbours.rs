//! Queries that claim to come from hosts on our own link that are not there: the kernel keeps each reply for seconds
//! while it asks for the host's link address.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cadence_dns::answer::{AnswerTable, Counter, Identity};
use cadence_dns::config::{DnsSettings, RateLimitSettings};
use cadence_dns::dns::{self, Serving, Tables};
use cadence_dns::model::Name;
use cadence_dns::zone::{self, MasterFile};

use crate::network::Network;
use crate::world::AMPLE;

const ZONE: &str = "@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n";

/// `ns.t A`
const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x02ns\x01t\0\0\x01\0\x01";

/// How long a client elsewhere waits for a reply.
const PROMPT: Duration = Duration::from_millis(150);

/// The pause between queries of the flood: far more come than fit into a send buffer until the kernel gives up a neighbour.
const FLOOD_EVERY: Duration = Duration::from_micros(500);

/// Queries of a client elsewhere meanwhile.
const QUERIES: usize = 100;

/// So long the kernel keeps what waits for a neighbour: after that, as many are given up as come anew.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(4);

/// Few enough for the flood to fill it.
const SMALL_BUFFER: usize = 128 << 10;

fn serve(at: SocketAddr, send_buffer: usize) -> Serving {
    let origin: Name = "t".parse().expect("a good name");
    let master = MasterFile { file: "t.zone", text: ZONE.as_bytes() };
    let zone = zone::parse(&origin, &master, &BTreeSet::new(), &mut zone::no_include);
    let zone = zone.unwrap_or_else(|problems| panic!("{}", problems[0])).zone;
    let table = AnswerTable::compile(&[zone], &[], Identity::default());
    let rate_limit = RateLimitSettings { enabled: false, ..RateLimitSettings::default() };
    let settings =
        DnsSettings { listen: vec![at], workers: 1, send_buffer, rate_limit, ..DnsSettings::default() };
    let bound = dns::bind(&settings).expect("nothing else listens here");
    bound.serve(&Tables::new(Arc::new(table))).expect("threads")
}

/// What became of a flood from neighbours that are not there, and of somebody else's queries meanwhile.
#[derive(Debug)]
struct Flooded {
    sent: u64,
    taken: u64,
    unsent: u64,
    innocent_answered: usize,
}

/// Floods a server with one worker; `until` says when the others ask.
fn flood(send_buffer: usize, until: impl Fn(&Serving, Duration) -> bool) -> Flooded {
    let mut network = Network::new();
    let [home, attacker] = ["home", "attacker"].map(|name| network.site(name));
    network.forward_forged_sources();
    attacker.namespace().command(&format!("ip route add local {}/25 dev lo", home.v4(128)));
    let server = SocketAddr::new(home.v4(10).parse().expect("an address"), 53);
    let serving = home.namespace().inside(|| serve(server, send_buffer));

    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let absent: Vec<Ipv4Addr> = (130..250).map(|host| home.v4(host).parse().expect("an address")).collect();
    let flood = attacker.namespace().start(move || {
        let bind = |address: &Ipv4Addr| UdpSocket::bind((*address, 0)).expect("the route makes it local");
        let sockets: Vec<UdpSocket> = absent.iter().map(bind).collect();
        let mut sent = 0;
        for socket in sockets.iter().cycle() {
            if stopped.load(Ordering::SeqCst) {
                break;
            }
            socket.send_to(QUERY, server).expect("a route");
            sent += 1;
            thread::sleep(FLOOD_EVERY);
        }
        sent
    });
    let begin = Instant::now();
    while !until(&serving, begin.elapsed()) {
        assert!(begin.elapsed() < AMPLE, "the send buffer does not fill: {:?}", serving.counters());
        thread::sleep(FLOOD_EVERY);
    }
    let innocent_answered = attacker.namespace().inside(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
        socket.connect(server).expect("a route");
        socket.set_read_timeout(Some(PROMPT)).expect("above zero");
        let ask = || socket.send(QUERY).is_ok() && socket.recv(&mut [0; 512]).is_ok();
        (0..QUERIES).filter(|_| ask()).count()
    });
    stop.store(true, Ordering::SeqCst);
    let sent: u64 = flood.join().expect("it only sends");
    let counters = serving.counters();
    serving.stop();
    let flooded = Flooded {
        sent,
        taken: counters[Counter::Queries],
        unsent: counters[Counter::Unsent],
        innocent_answered,
    };
    println!("{flooded:?} of {QUERIES}");
    flooded
}

/// The one worker goes on taking queries while its send buffer is full of replies that cannot be delivered, and what
/// it could not send is counted. Replies to others need room as well, which there is only now and then, so not all are
/// answered.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn neighbours_that_are_not_there_do_not_stop_a_worker() {
    let flooded = flood(SMALL_BUFFER, |serving, _| serving.counters()[Counter::Unsent] > 0);
    assert!(flooded.taken >= flooded.sent / 2, "the worker stood still: {flooded:?}");
    assert!(flooded.innocent_answered >= QUERIES / 4, "{flooded:?}");
}

/// The default has room for all that waits until it is given up, so that nobody else notices.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn the_default_buffer_has_room_for_neighbours_that_are_not_there() {
    let default = DnsSettings::default().send_buffer;
    let flooded = flood(default, |_, elapsed| elapsed > GIVEN_UP_AFTER);
    assert_eq!(flooded.unsent, 0, "{flooded:?}");
    assert!(flooded.innocent_answered >= QUERIES * 9 / 10, "{flooded:?}");
}
