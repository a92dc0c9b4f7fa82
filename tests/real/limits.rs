//! The rate limit, as somebody in another network meets it.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadence_dns::answer::{Counter, Identity};
use cadence_dns::config::{DnsSettings, RateLimitSettings};
use cadence_dns::dns::{self, Serving, Tables};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;

use crate::kit::query::{ask, read};
use crate::kit::zone::table;
use crate::network::{Namespace, Network};
use crate::world::AMPLE;

const ZONE: &str = "@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\nwww 300 A 192.0.2.1\n";

/// Things that an attacker asks for in turn, staying below the rate with each.
const NAMES: u16 = 800;

/// So few that time plays no great part.
const RATE: u32 = 5;

/// Of a network as a whole.
const NETWORK_RATE: u32 = 50;

const QUERIES: u16 = 100;

/// A server that tells everybody to come by a stream, except those of one network.
fn serve(at: SocketAddr, exempt: &str) -> Serving {
    let exempt = vec![exempt.parse().expect("a network")];
    let rate_limit = RateLimitSettings {
        rate: RATE,
        network_rate: NETWORK_RATE,
        slip: 1,
        exempt,
        ..RateLimitSettings::default()
    };
    let settings = DnsSettings { listen: vec![at], workers: 2, rate_limit, ..DnsSettings::default() };
    let bound = dns::bind(&settings).expect("nobody else is here");
    let names: String = (0..NAMES).map(|number| format!("n{number} 300 A 192.0.2.2\n")).collect();
    let zone = ZONE.to_owned() + &names;
    bound.serve(&Tables::new(Arc::new(table("t", &zone, Identity::default())))).expect("threads")
}

fn query(id: u16, name: &str, cookie: Option<&[u8]>) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name.parse().expect("a name"), RecordType::A));
    if let Some(cookie) = cookie {
        let mut edns = hickory_proto::op::Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(10, cookie.to_vec()));
        message.set_edns(edns);
    }
    message.to_vec().expect("a query that can be written")
}

/// Queries for one thing.
fn for_one(cookie: Option<&[u8]>) -> Vec<Vec<u8>> {
    (0..QUERIES).map(|id| query(id, "www.t.", cookie)).collect()
}

/// What a client there gets for so many queries, a hundred at once: answers, TC, BADCOOKIE; and how long it took.
fn flood(from: &Namespace, server: SocketAddr, queries: &[Vec<u8>]) -> ([usize; 3], Duration) {
    from.inside(|| {
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).expect("a port is free");
        socket.connect(server).expect("the server's network has a route");
        socket.set_read_timeout(Some(AMPLE)).expect("above zero");
        let (begin, mut got) = (Instant::now(), [0; 3]);
        for queries in queries.chunks(QUERIES.into()) {
            for query in queries {
                socket.send(query).expect("a route");
            }
            for query in queries {
                let mut reply = [0; 1500];
                let octets = socket.recv(&mut reply).expect("everybody gets a reply");
                let message = read(&reply[..octets]);
                match (message.metadata.response_code, message.metadata.truncation, message.answers.len()) {
                    (ResponseCode::NoError, false, 1) => got[0] += 1,
                    (ResponseCode::NoError, true, 0) if octets <= query.len() => got[1] += 1,
                    (ResponseCode::BADCOOKIE, false, 0) if octets <= query.len() => got[2] += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        (got, begin.elapsed())
    })
}

/// Whether so many whole replies keep a rate: no more, and the burst at least.
fn within(rate: u32, whole: usize, took: Duration) -> bool {
    let most = f64::from(rate) * (1.0 + took.as_secs_f64());
    whole >= rate as usize && whole as f64 <= most.ceil()
}

fn answers_by_tcp(from: &Namespace, server: SocketAddr) -> usize {
    from.inside(|| {
        let mut stream = TcpStream::connect(server).expect("somebody listens");
        stream.set_read_timeout(Some(AMPLE)).expect("above zero");
        let replies = (0..QUERIES).map(|id| {
            let query = query(id, "www.t.", None);
            let reply = ask(&mut stream, &query);
            read(&reply).answers.len()
        });
        replies.sum()
    })
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_flood_is_limited_and_its_neighbours_are_not() {
    let (mut network, all) = (Network::new(), usize::from(QUERIES));
    let [home, limited, exempt] = ["home", "limited", "exempt"].map(|name| network.site(name));
    for (server, exempt_network) in [(home.v4(10), exempt.v4(0) + "/24"), (home.v6(10), exempt.v6(0) + "/64")]
    {
        let server = SocketAddr::new(server.parse().expect("an address"), 53);
        let serving = home.namespace().inside(|| serve(server, &exempt_network));

        let ([whole, cut, _], took) = flood(limited.namespace(), server, &for_one(None));
        assert!(within(RATE, whole, took), "{whole} in {took:?}");
        assert_eq!(whole + cut, all);
        let ([again, _, challenged], _) = flood(limited.namespace(), server, &for_one(Some(&[7; 24])));
        assert_eq!(again + challenged, all);
        assert_eq!(answers_by_tcp(limited.namespace(), server), all);
        assert_eq!(flood(exempt.namespace(), server, &for_one(None)).0, [all, 0, 0]);

        let counted = serving.counters();
        assert_eq!(counted[Counter::LimitedSlipped], cut as u64);
        assert_eq!(counted[Counter::LimitedBadcookie], challenged as u64);
        for never in [Counter::LimitedDropped, Counter::Dropped, Counter::Truncated] {
            assert_eq!(counted[never], 0, "{never:?}");
        }
        assert_eq!(counted[Counter::Queries], 4 * u64::from(QUERIES));
        serving.stop();
    }
}

/// Eight hundred things, each asked for once: without a limit of the network all of them are told.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_network_that_asks_for_one_thing_after_the_other_is_limited_as_a_whole() {
    let mut network = Network::new();
    let [home, limited, exempt] = ["home", "limited", "exempt"].map(|name| network.site(name));
    let server = SocketAddr::new(home.v4(10).parse().expect("an address"), 53);
    let serving = home.namespace().inside(|| serve(server, &(exempt.v4(0) + "/24")));
    let queries: Vec<Vec<u8>> =
        (0..NAMES).map(|number| query(number, &format!("n{number}.t."), None)).collect();
    let ([whole, cut, _], took) = flood(limited.namespace(), server, &queries);
    assert!(within(NETWORK_RATE, whole, took), "{whole} in {took:?}");
    assert_eq!(whole + cut, usize::from(NAMES));
    assert_eq!(flood(exempt.namespace(), server, &queries).0, [usize::from(NAMES), 0, 0]);
    serving.stop();
}
