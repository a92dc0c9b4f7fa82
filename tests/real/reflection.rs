//! Services that answer whatever comes: whoever forges one datagram between two of them sets them talking for ever.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cadence_dns::answer::{Counter, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::{self, Tables};
use cadence_dns::zone::RecordType;

use crate::kit::query::{query, read};
use crate::kit::zone::table;
use crate::network::Network;
use crate::process::wait_until;
use crate::world::AMPLE;

const ZONE: &str = "@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n";

/// A line of chargen (RFC 864), for every datagram that comes.
const LINE: &[u8] = b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n";

/// The port of chargen, from where nothing is answered, and another, from where a query is.
const PORTS: [(u16, u64); 2] = [(19, 0), (4019, 1)];

#[test]
#[ignore = "needs root: tests/run.sh"]
fn one_forged_query_sets_no_loop_going() {
    let mut network = Network::new();
    let [home, elsewhere] = ["home", "elsewhere"].map(|name| network.site(name));
    for at in [home.v4(10), home.v6(10)] {
        let server = SocketAddr::new(at.parse().expect("an address"), 53);
        for (port, answered) in PORTS {
            let settings = DnsSettings { listen: vec![server], workers: 1, ..DnsSettings::default() };
            let serving = home.namespace().inside(|| {
                let bound = dns::bind(&settings).expect("nobody else is here");
                bound.serve(&Tables::new(Arc::new(table("t", ZONE, Identity::default())))).expect("threads")
            });
            let chargen = elsewhere.namespace().inside(|| {
                let any = if server.is_ipv4() { "0.0.0.0" } else { "::" };
                let socket = UdpSocket::bind((any, port)).expect("root may");
                socket.set_read_timeout(Some(Duration::from_millis(50))).expect("above zero");
                // What an attacker would send in its name; its answer to the first reply comes by itself.
                socket.send_to(&query(7, "ns.t", RecordType::A), server).expect("a route");
                socket
            });
            let stop = Arc::<AtomicBool>::default();
            let stopped = Arc::clone(&stop);
            let service = elsewhere.namespace().start(move || {
                let mut turns = 0_u64;
                while !stopped.load(Ordering::SeqCst) {
                    let mut reply = [0; 512];
                    if let Ok((octets, from)) = chargen.recv_from(&mut reply) {
                        assert_eq!(read(&reply[..octets]).metadata.id, 7, "the reply to the query, no other");
                        chargen.send_to(LINE, from).expect("a route");
                        turns += 1;
                    }
                }
                turns
            });
            wait_until("every datagram is judged", AMPLE, || serving.counters()[Counter::Queries] > answered);
            // A reply to the line would be on its way by now; the next query shows that there is none.
            home.namespace().inside(|| {
                let asker = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).expect("a port is free");
                asker.set_read_timeout(Some(AMPLE)).expect("above zero");
                asker.send_to(&query(8, "ns.t", RecordType::A), server).expect("a route");
                asker.recv(&mut [0; 512]).expect("somebody else is answered");
            });
            stop.store(true, Ordering::SeqCst);
            assert_eq!(service.join().expect("only replies to the query came"), answered, "port {port}");
            let counted = serving.counters();
            let counted = [Counter::Queries, Counter::Noerror, Counter::Dropped].map(|it| counted[it]);
            assert_eq!(counted, [2 + answered, 1 + answered, 1], "port {port}");
            serving.stop();
        }
    }
}
