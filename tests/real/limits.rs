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

/// So few that time plays no great part.
const RATE: u32 = 5;

const QUERIES: u16 = 100;

/// A server that tells everybody to come by a stream, except those of one network.
fn serve(at: SocketAddr, exempt: &str) -> Serving {
    let exempt = vec![exempt.parse().expect("a network")];
    let rate_limit = RateLimitSettings { enabled: true, rate: RATE, slip: 1, exempt };
    let settings = DnsSettings { listen: vec![at], workers: 2, rate_limit, ..DnsSettings::default() };
    let bound = dns::bind(&settings).expect("nobody else is here");
    bound.serve(&Tables::new(Arc::new(table("t", ZONE, Identity::default())))).expect("threads")
}

fn query(id: u16, cookie: Option<&[u8]>) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query("www.t.".parse().expect("a name"), RecordType::A));
    if let Some(cookie) = cookie {
        let mut edns = hickory_proto::op::Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(10, cookie.to_vec()));
        message.set_edns(edns);
    }
    message.to_vec().expect("a query that can be written")
}

/// What a client there gets for so many queries at once: answers, TC, BADCOOKIE; and how long it took.
fn flood(from: &Namespace, server: SocketAddr, cookie: Option<&[u8]>) -> ([usize; 3], Duration) {
    from.inside(|| {
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).expect("a port is free");
        socket.connect(server).expect("the server's network has a route");
        socket.set_read_timeout(Some(AMPLE)).expect("above zero");
        let (begin, mut got) = (Instant::now(), [0; 3]);
        for id in 0..QUERIES {
            socket.send(&query(id, cookie)).expect("a route");
        }
        for _ in 0..QUERIES {
            let mut reply = [0; 1500];
            let octets = socket.recv(&mut reply).expect("everybody gets a reply");
            let message = read(&reply[..octets]);
            match (message.metadata.response_code, message.metadata.truncation, message.answers.len()) {
                (ResponseCode::NoError, false, 1) => got[0] += 1,
                (ResponseCode::NoError, true, 0) => got[1] += 1,
                (ResponseCode::BADCOOKIE, false, 0) => got[2] += 1,
                other => panic!("{other:?}"),
            }
        }
        (got, begin.elapsed())
    })
}

fn answers_by_tcp(from: &Namespace, server: SocketAddr) -> usize {
    from.inside(|| {
        let mut stream = TcpStream::connect(server).expect("somebody listens");
        stream.set_read_timeout(Some(AMPLE)).expect("above zero");
        let replies = (0..QUERIES).map(|id| {
            let query = query(id, None);
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

        let ([whole, cut, _], took) = flood(limited.namespace(), server, None);
        let most = f64::from(RATE) * (1.0 + took.as_secs_f64());
        assert!(whole >= RATE as usize && whole as f64 <= most.ceil(), "{whole} in {took:?}");
        assert_eq!(whole + cut, all);
        let ([again, _, challenged], _) = flood(limited.namespace(), server, Some(&[7; 24]));
        assert_eq!(again + challenged, all);
        assert_eq!(answers_by_tcp(limited.namespace(), server), all);
        assert_eq!(flood(exempt.namespace(), server, None).0, [all, 0, 0]);

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
