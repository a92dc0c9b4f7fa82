//! `[dns] xdp` over a real interface: the ring answers what the sockets would, everything else is left alone, and what
//! is missing is said.

mod machine;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use cadence_dns::answer::Counter;
use cadence_dns::dns::{self, Serving};
use cadence_dns::zone::RecordType;
use rustix::process::Signal;

use crate::kit::query::{ask as ask_on, client as stream, message, octets};
use crate::network::{Network, Site};
use crate::process::wait_until;
use machine::{Program, settings, tables};

/// How long anything may take at the worst.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server's site and a client's, whose interface leaves no checksum to hardware that is not there.
fn machines() -> (Network, Site, Site) {
    let mut network = Network::new();
    let (server, client) = (network.site("ns"), network.site("user"));
    client.namespace().command("ethtool -K eth0 tx off");
    (network, server, client)
}

fn at(address: &str) -> SocketAddr {
    let bracketed = if address.contains(':') { format!("[{address}]:53") } else { format!("{address}:53") };
    bracketed.parse().expect("an address")
}

/// Serves on these addresses of a site, past the network stack if an interface is named.
fn serve(site: &Site, listen: &[SocketAddr], interface: Option<&str>) -> (Serving, Option<String>) {
    site.namespace().inside(|| {
        let bound =
            dns::bind(&settings(listen, interface)).expect("the addresses are the site's").direct_to_rings();
        let taken = bound.xdp().map(|taken| taken.unwrap_or_else(|refusal| panic!("{refusal}")));
        (bound.serve(&tables()).expect("threads"), taken)
    })
}

fn query(id: u16, name: &str, rtype: RecordType, edns: Option<u16>) -> Vec<u8> {
    let mut message = message(id, name, rtype);
    if let Some(octets) = edns {
        message.edns.get_or_insert_default().set_max_payload(octets);
    }
    octets(&message)
}

/// Every kind of reply there is: set, alias, wildcard, steered, NODATA, NXDOMAIN, referral, REFUSED, TC, FORMERR.
fn queries() -> Vec<Vec<u8>> {
    let names =
        ["t.", "www.t.", "app.t.", "alias.t.", "x.wild.t.", "none.t.", "host.sub.t.", "big.t.", "other."];
    let types = [RecordType::A, RecordType::AAAA, RecordType::SOA, RecordType::TXT, RecordType(255)];
    let mut queries = Vec::new();
    for name in names {
        for rtype in types {
            for edns in [None, Some(512), Some(1232), Some(4096)] {
                queries.push(query(queries.len() as u16, name, rtype, edns));
            }
        }
    }
    let mut too_long = query(9000, "www.t.", RecordType::A, None);
    too_long.push(0); // something behind the end is a format error
    let mut notify = query(9001, "t.", RecordType::SOA, None);
    notify[2] = 0x20;
    queries.extend([too_long, notify]);
    queries
}

/// Asks once; the socket belongs to the caller's namespace.
fn ask(client: &UdpSocket, server: SocketAddr, query: &[u8]) -> Vec<u8> {
    client.connect(server).expect("a route");
    client.send(query).expect("sent");
    let mut reply = vec![0; 4096];
    let octets = client.recv(&mut reply).unwrap_or_else(|error| panic!("{server} to {query:02x?}: {error}"));
    reply.truncate(octets);
    reply
}

fn client(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let client = UdpSocket::bind(any).expect("a port is free");
    client.set_read_timeout(Some(PATIENCE)).expect("above zero");
    client
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn the_ring_answers_what_the_sockets_answer() {
    let (_network, ns, user) = machines();
    ns.add_address(11);
    let ring = [at(&ns.v4(10)), at(&ns.v6(10))];
    let sockets = [at(&ns.v4(11)), at(&ns.v6(11))];
    let (by_ring, taken) = serve(&ns, &ring, Some("eth0"));
    let (by_sockets, _) = serve(&ns, &sockets, None);
    let taken = taken.expect("an interface was named");
    assert_eq!(taken, format!("eth0 (mode: native; queues: 1) for {}, {}", ring[0], ring[1]));
    let queries = queries();
    user.namespace().inside(|| {
        for (ring, sockets) in ring.into_iter().zip(sockets) {
            let client = client(ring);
            for query in &queries {
                assert_eq!(ask(&client, ring, query), ask(&client, sockets, query), "{ring}: {query:02x?}");
            }
        }
    });
    let (counted, beside) = (by_ring.counters(), by_sockets.counters());
    assert_eq!((counted[Counter::Xdp], beside[Counter::Xdp]), (2 * queries.len() as u64, 0));
    for counter in Counter::ALL.into_iter().filter(|counter| *counter != Counter::Xdp) {
        assert_eq!(counted[counter], beside[counter], "{counter:?}");
    }
    for counter in [Counter::Truncated, Counter::Nxdomain, Counter::Refused] {
        assert!(counted[counter] > 0, "{counter:?}");
    }
    by_ring.stop();
    by_sockets.stop();
}

/// More in a row than there are frames, some of which are met with silence: no frame is lost on any way.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn frames_come_back_whatever_becomes_of_them() {
    let (_network, ns, user) = machines();
    let server = at(&ns.v4(10));
    let (serving, _) = serve(&ns, &[server], Some("eth0"));
    let asked = query(1, "www.t.", RecordType::A, None);
    user.namespace().inside(|| {
        let client = client(server);
        for _ in 0..3000 {
            client.connect(server).expect("a route");
            client.send(&[0; 11]).expect("a runt is met with silence");
            assert_eq!(ask(&client, server, &asked)[..2], asked[..2]);
        }
    });
    let counted = serving.counters();
    let counted = [Counter::Xdp, Counter::Noerror, Counter::Dropped].map(|counter| counted[counter]);
    assert_eq!(counted, [6000, 3000, 3000]);
    serving.stop();
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn everything_else_is_left_to_the_kernel() {
    let (mut network, ns, user) = machines();
    let offloading = network.site("offload"); // its packets come with checksums that hardware was to fill in
    let server = at(&ns.v4(10));
    let (serving, _) = serve(&ns, &[server, at(&ns.v6(10))], Some("eth0"));
    let asked = query(7, "www.t.", RecordType::A, None);
    user.namespace().command(&format!("ping -c 1 -W 5 {}", ns.v4(10)));
    user.namespace().command(&format!("ping -c 1 -W 5 {}", ns.v6(10)));
    user.namespace().inside(|| {
        let over_tcp = ask_on(&mut stream(server), &asked);
        assert_eq!(over_tcp[..2], asked[..2]);
        let nobody = client(server);
        nobody.connect(SocketAddr::new(server.ip(), 9)).expect("a route");
        nobody.send(&asked).expect("sent");
        let refused = nobody.recv(&mut [0; 512]).expect_err("nobody listens there, and the kernel says so");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    });
    assert_eq!(serving.counters()[Counter::Xdp], 0);
    let long = [&asked[..], &[0; 600]].concat();
    user.namespace().inside(|| assert_eq!(ask(&client(server), server, &long)[..2], long[..2]));
    offloading.namespace().inside(|| assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]));
    let counted = serving.counters();
    assert_eq!(
        (counted[Counter::Xdp], counted[Counter::Queries]),
        (0, 3),
        "the sockets have answered: TCP, too long, no checksum yet"
    );
    user.namespace().inside(|| assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]));
    assert_eq!(serving.counters()[Counter::Xdp], 1);
    serving.stop();
}

/// Each queue of an interface has its ring and its thread.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn every_queue_is_served() {
    let (_network, ns, user) = machines();
    let queues = "numtxqueues 2 numrxqueues 2";
    let peer = user.namespace().name();
    ns.namespace()
        .command(&format!("ip link add wide {queues} type veth peer name wide {queues} netns {peer}"));
    ns.namespace().command("ip addr add 10.8.0.1/24 dev wide");
    user.namespace().command("ip addr add 10.8.0.2/24 dev wide");
    for site in [&ns, &user] {
        site.namespace().command("ip link set wide up");
    }
    user.namespace().command("ethtool -K wide tx off");
    let server = at("10.8.0.1");
    let (serving, taken) = serve(&ns, &[server], Some("wide"));
    assert_eq!(taken.as_deref(), Some("wide (mode: native; queues: 2) for 10.8.0.1:53"));
    let asked = query(7, "www.t.", RecordType::A, None);
    user.namespace().inside(|| {
        for _ in 0..64 {
            assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]); // each time from another port
        }
    });
    assert_eq!(serving.counters()[Counter::Xdp], 64);
    serving.stop();
}

/// Frames from broadcast addresses, our own and those of services that answer whatever comes: the ring turns none round.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn frames_from_where_no_client_is_are_dropped() {
    let (_network, ns, user) = machines();
    let peer = user.namespace().name();
    ns.namespace().command(&format!("ip link add near type veth peer name near netns {peer}"));
    ns.namespace().command("ip addr add 10.8.0.1/24 dev near");
    ns.namespace().command("ip addr add 10.8.0.3/24 dev near");
    user.namespace().command("ip addr add 10.8.0.2/16 dev near");
    for site in [&ns, &user] {
        site.namespace().command("ip link set near up");
    }
    user.namespace().command("ethtool -K near tx off");
    user.namespace().command("ip route add local 10.8.0.255 dev lo");
    user.namespace().command("ip route add local 10.8.0.3 dev lo");
    let server = at("10.8.0.1");
    let (serving, _) = serve(&ns, &[server, at("10.8.0.3")], Some("near"));
    let asked = query(7, "www.t.", RecordType::A, None);
    user.namespace().inside(|| {
        for source in ["10.8.0.255:4000", "10.8.0.3:53", "10.8.0.2:19", "10.8.0.2:7", "10.8.0.2:11211"] {
            let forged = UdpSocket::bind(source).unwrap_or_else(|error| panic!("{source}: {error}"));
            forged.send_to(&asked, server).expect("sent");
        }
        assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]);
        let resolver = UdpSocket::bind("10.8.0.2:53").expect("root may");
        resolver.set_read_timeout(Some(PATIENCE)).expect("above zero");
        assert_eq!(ask(&resolver, server, &asked)[..2], asked[..2]);
    });
    let counted = serving.counters();
    let counted = [Counter::Xdp, Counter::Noerror, Counter::Dropped].map(|counter| counted[counter]);
    assert_eq!(counted, [7, 2, 5]);
    serving.stop();
}

/// The program knows the addresses of its machine although it has given up the right to ask for them.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn the_program_knows_who_it_is() {
    let (_network, ns, user) = machines();
    let peer = user.namespace().name();
    ns.namespace().command(&format!("ip link add near type veth peer name near netns {peer}"));
    ns.namespace().command("ip addr add 10.8.0.1/24 dev near");
    ns.namespace().command("ip addr add 10.8.0.3/24 dev near");
    user.namespace().command("ip addr add 10.8.0.2/16 dev near");
    for site in [&ns, &user] {
        site.namespace().command("ip link set near up");
    }
    user.namespace().command("ethtool -K near tx off");
    user.namespace().command("ip route add local 10.8.0.255 dev lo");
    user.namespace().command("ip route add local 10.8.0.3 dev lo");
    let program = Program::start(&ns, "near", &[]);
    program.wait_for_line("answering on");
    let asked = query(7, "www.t.", RecordType::A, None);
    user.namespace().inside(|| {
        let server = at("10.8.0.1");
        let forgers = ["10.8.0.255:4000", "10.8.0.3:53", "10.8.0.2:19"].map(|source| {
            let forged = UdpSocket::bind(source).unwrap_or_else(|error| panic!("{source}: {error}"));
            forged.send_to(&asked, server).expect("sent");
            forged.set_nonblocking(true).expect("our socket");
            forged
        });
        assert_eq!(
            ask(&client(server), server, &asked)[..2],
            asked[..2],
            "frames are answered in their order"
        );
        for forged in forgers {
            let address = forged.local_addr();
            forged.recv(&mut [0; 512]).expect_err(&format!("{address:?} is not answered"));
        }
    });
    program.stop();
}

/// Frames that come while the worker stands still: what the ring has no room for is counted, and the log says so.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn what_the_rings_lose_is_told() {
    let (_network, ns, user) = machines();
    let program = Program::start(&ns, "eth0", &[]);
    program.wait_for_line("answering on");
    let server = at(&ns.v4(10));
    let asked = query(7, "www.t.", RecordType::A, None);
    user.namespace().inside(|| assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]));
    program.signal(Signal::STOP);
    user.namespace().inside(|| {
        let client = client(server);
        for _ in 0..3000 {
            client.send_to(&asked, server).expect("sent");
        }
    });
    program.signal(Signal::CONT);
    program.wait_for_line("were lost at the rings of AF_XDP");
    user.namespace().inside(|| assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]));
    program.stop();
}

/// A stop or a kill takes the program from the interface; queries go to whoever listens then.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn nothing_stays_behind() {
    let (_network, ns, _user) = machines();
    let runs_a_program = || ns.namespace().command("ip link show dev eth0").contains("prog/xdp");
    for kill in [true, false] {
        assert!(!runs_a_program());
        let program = Program::start(&ns, "eth0", &[]);
        program.wait_for_line(&format!("AF_XDP on eth0 (mode: native; queues: 1) for {}:53", ns.v4(10)));
        assert!(runs_a_program());
        if kill {
            program.kill()
        } else {
            program.stop()
        }
        wait_until("the program is gone from the interface", PATIENCE, || !runs_a_program());
    }
}

/// With the rights that the message names it runs; without one of them it says which, and the sockets answer.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn what_is_missing_is_said() {
    let (_network, ns, user) = machines();
    let server = at(&ns.v4(10));
    let asked = query(7, "www.t.", RecordType::A, None);
    for (interface, rights, said) in [
        ("eth0", "bpf,net_admin,net_raw", "AF_XDP on eth0"),
        (
            "eth0",
            "bpf,net_admin",
            "no AF_XDP, the sockets answer everything: the right to open an AF_XDP socket is missing",
        ),
        (
            "eth0",
            "bpf,net_raw",
            "the right to run an XDP program is missing; start as root, or with AmbientCapabilities=",
        ),
        ("eth0", "", "the right to run an XDP program is missing"),
        (
            "eth7",
            "bpf,net_admin,net_raw",
            "this machine has no interface eth7; `ip -brief link` shows those that it has",
        ),
        ("lo", "bpf,net_admin,net_raw", "lo has none of the addresses that we listen on"),
    ] {
        let rights: Vec<&str> = rights.split(',').filter(|right| !right.is_empty()).collect();
        let program = Program::start_with_rights(&ns, interface, &rights);
        program.wait_for_line(said);
        program.wait_for_line("answering on");
        user.namespace().inside(|| assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]));
        program.assert_no_capabilities();
        program.stop();
    }
    ns.namespace().command("ip link set eth0 mtu 1000");
    let program = Program::start(&ns, "eth0", &[]);
    program.wait_for_line("the MTU of eth0 is 1000; replies need 1280");
    program.stop();
}

/// A second server on the same interface does not disturb the first, and has its turn after it.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn an_interface_serves_one_program() {
    let (_network, ns, user) = machines();
    let server = at(&ns.v4(10));
    let (serving, _) = serve(&ns, &[server], Some("eth0"));
    ns.add_address(11);
    let second = || dns::bind(&settings(&[at(&ns.v4(11))], Some("eth0"))).expect("a free address");
    let beside = ns.namespace().inside(second);
    let refusal = beside.xdp().expect("it was asked for").expect_err("the interface is taken");
    let said = "eth0 runs another XDP program already; `bpftool net` shows which; an interface takes one";
    assert_eq!(refusal.to_string(), said);
    drop(beside);
    let asked = query(7, "www.t.", RecordType::A, None);
    user.namespace().inside(|| assert_eq!(ask(&client(server), server, &asked)[..2], asked[..2]));
    assert_eq!(serving.counters()[Counter::Xdp], 1);
    serving.stop();
    let after = ns.namespace().inside(second);
    assert!(after.xdp().is_some_and(|taken| taken.is_ok()), "a stop takes the program away");
}
