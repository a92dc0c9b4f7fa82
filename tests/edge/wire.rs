//! Real sockets on the loopback: who is asked answers, whole, in order, whoever else is there.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadence_dns::answer::{AnswerTable, CookieSecrets, Counter, Identity, Served};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::client::{LookupError, lookup};
use cadence_dns::dns::{self, BindError, Serving, Tables};
use cadence_dns::model::{SteerId, Ttl};
use cadence_dns::zone::RecordType;
use hickory_proto::op::ResponseCode;

use crate::kit::query::{
    PATIENCE, ask, client, client_from, framed, query, read, read_message, receive, udp_client,
    udp_client_from,
};
use crate::kit::zone::{name, steered_zone};

const ZONE: &str = "\
@   300 SOA ns a 1 2 3 4 60
@   300 NS  ns
ns  300 A   192.0.2.53
www 300 A   192.0.2.1
big 300 TXT \"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000\"
";

fn served(address: &str, ttl: u64) -> Served {
    let address: IpAddr = address.parse().expect("an address");
    Served { addresses: Arc::new([address]), ttl: Ttl::from_secs(ttl).expect("a TTL") }
}

fn table() -> AnswerTable {
    let steered = [name("app.t")];
    let zone = steered_zone("t", ZONE, &steered);
    AnswerTable::compile(&[zone], &[(steered[0].clone(), served("192.0.2.7", 30))], Identity::default())
}

fn bind(addresses: &[SocketAddr], workers: usize) -> Result<dns::Bound, BindError> {
    dns::bind(&DnsSettings { listen: addresses.to_vec(), workers, ..DnsSettings::default() })
}

/// A server on a free port of `address`.
fn serve(address: impl Into<IpAddr>) -> (SocketAddr, Serving, Tables) {
    let bound = bind(&[SocketAddr::new(address.into(), 0)], 2).expect("a free port");
    let tables = Tables::new(Arc::new(table()));
    (bound.addresses()[0], bound.serve(&tables).expect("threads"), tables)
}

#[tokio::test]
async fn a_published_table_is_answered_from_at_once() {
    let (server, serving, tables) = serve(Ipv4Addr::LOCALHOST);
    let ask = || async { lookup(server, &name("app.t"), RecordType::A, PATIENCE).await.expect("an answer") };
    let before = ask().await;
    assert_eq!((before.rcode, before.authoritative, before.truncated), (0, true, false));
    assert_eq!(before.addresses, ["192.0.2.7".parse::<IpAddr>().expect("an address")]);
    tables.publish(Arc::new(tables.current().with(&[(SteerId(0), served("192.0.2.8", 10))], &[])));
    let after = ask().await;
    assert_eq!(after.addresses, ["192.0.2.8".parse::<IpAddr>().expect("an address")]);
    assert_eq!(after.ttl, Ttl::from_secs(10));
    assert!(serving.is_healthy());
    serving.stop();
}

#[test]
fn every_datagram_of_a_batch_gets_its_own_answer() {
    let (server, serving, _) = serve(Ipv4Addr::LOCALHOST);
    let client = udp_client(server);
    for id in 0..100 {
        let question = if id & 1 == 0 { "www.t" } else { "nowhere.t" };
        client.send(&query(id, question, RecordType::A)).expect("sent to ourselves");
    }
    client.send(&[0; 5]).expect("a runt is met with silence");
    let mut ids = BTreeSet::new();
    for _ in 0..100 {
        let message = read(&receive(&client));
        assert_eq!(message.answers.len(), usize::from(message.metadata.id.is_multiple_of(2)));
        ids.insert(message.metadata.id);
    }
    assert_eq!(ids.len(), 100);
    let counters = serving.counters();
    let [noerror, nxdomain, unsent] =
        [Counter::Noerror, Counter::Nxdomain, Counter::Unsent].map(|it| counters[it]);
    assert_eq!((noerror, nxdomain, unsent), (50, 50, 0));
    serving.stop();
}

/// More than the receive buffer holds, before anybody takes them: what is lost is counted, and the rest is answered.
#[test]
fn what_comes_faster_than_it_is_taken_is_counted() {
    const SENT: u64 = 2000;
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let settings = DnsSettings { listen, workers: 1, receive_buffer: 1 << 16, ..DnsSettings::default() };
    let bound = dns::bind(&settings).expect("a free port");
    let client = udp_client(bound.addresses()[0]);
    for id in 0..SENT {
        client.send(&query(id as u16, "www.t", RecordType::A)).expect("sent to ourselves");
    }
    let serving = bound.serve(&Tables::new(Arc::new(table()))).expect("threads");
    let deadline = Instant::now() + PATIENCE;
    while serving.counters()[Counter::Overflowed] + serving.counters()[Counter::Queries] < SENT {
        assert!(Instant::now() < deadline, "{:?}", serving.counters());
        std::thread::yield_now();
    }
    let [taken, lost] = [Counter::Queries, Counter::Overflowed].map(|counter| serving.counters()[counter]);
    assert!(taken > 0 && lost > 0, "{taken} taken, {lost} lost");
    assert_eq!(taken + lost, SENT);
    serving.stop();
}

/// A reply to memcached would be an error of memcached to us; the same client is answered at any other port.
#[test]
fn services_that_answer_whatever_comes_get_no_reply() {
    let (server, serving, _) = serve(Ipv4Addr::LOCALHOST);
    for (port, is_answered) in [(11211, false), (5353, false), (0, true)] {
        let client =
            UdpSocket::bind((Ipv4Addr::new(127, 9, 8, 7), port)).expect("nobody else is at this address");
        client.connect(server).expect("the loopback");
        client.set_nonblocking(true).expect("our socket");
        let dropped = serving.counters()[Counter::Dropped];
        client.send(&query(1, "www.t", RecordType::A)).expect("sent to ourselves");
        let deadline = Instant::now() + PATIENCE;
        let replied = loop {
            match (client.recv(&mut [0; 512]).is_ok(), serving.counters()[Counter::Dropped] > dropped) {
                (true, _) => break true,
                (false, true) => break false,
                (false, false) => assert!(Instant::now() < deadline, "neither answered nor dropped"),
            }
        };
        assert_eq!(replied, is_answered, "port {port}");
    }
    serving.stop();
}

#[test]
fn only_who_is_allowed_is_answered() {
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let allow = Some(vec!["127.0.0.2/32".parse().expect("a network")]);
    let bound = dns::bind(&DnsSettings { listen, allow, workers: 1, ..DnsSettings::default() });
    let bound = bound.expect("a free port");
    let server = bound.addresses()[0];
    let serving = bound.serve(&Tables::new(Arc::new(table()))).expect("threads");
    let question = query(1, "www.t", RecordType::A);
    let other = udp_client(server);
    other.send(&question).expect("sent to ourselves");
    let by_stream = read(&ask(&mut client(server), &question));
    assert_eq!(by_stream.metadata.response_code, ResponseCode::Refused);
    let allowed = Ipv4Addr::new(127, 0, 0, 2);
    let allowed_udp = udp_client_from(allowed.into(), server);
    allowed_udp.send(&question).expect("sent to ourselves");
    assert_eq!(read(&receive(&allowed_udp)).answers.len(), 1);
    assert_eq!(read(&ask(&mut client_from(allowed, server), &question)).answers.len(), 1);
    let counted = serving.counters();
    let counted =
        [Counter::Queries, Counter::Noerror, Counter::Refused, Counter::Dropped].map(|it| counted[it]);
    assert_eq!(counted, [4, 2, 1, 1]);
    other.set_nonblocking(true).expect("our socket");
    other.recv(&mut [0; 512]).expect_err("it was met with silence, and before the others");
    serving.stop();
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let cases: [(IpAddr, &[IpAddr]); 2] = [
        (
            Ipv4Addr::UNSPECIFIED.into(),
            &[Ipv4Addr::new(127, 0, 0, 2).into(), Ipv4Addr::new(127, 1, 2, 3).into()],
        ),
        (Ipv6Addr::UNSPECIFIED.into(), &[Ipv6Addr::LOCALHOST.into()]),
    ];
    for (wildcard, asked) in cases {
        let (server, serving, _) = serve(wildcard);
        for address in asked {
            let client = UdpSocket::bind((wildcard, 0)).expect("a free port");
            client.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
            let target = SocketAddr::new(*address, server.port());
            client.send_to(&query(1, "www.t", RecordType::A), target).expect("sent to ourselves");
            let (_, from) = client.recv_from(&mut [0; 512]).expect("a reply");
            assert_eq!(from, target);
        }
        serving.stop();
    }
}

fn over_udp(from: IpAddr, server: SocketAddr) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |query| {
        let client = udp_client_from(from, server);
        client.send(query).expect("sent to ourselves");
        receive(&client)
    }
}

/// The cookie in the reply to a query that has one and no question, and the reply's code.
fn exchange_cookie(cookie: &[u8], exchange: impl FnOnce(&[u8]) -> Vec<u8>) -> (u16, Vec<u8>) {
    let option =
        [&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4 + cookie.len() as u8, 0, 10, 0, cookie.len() as u8], cookie];
    let reply = exchange(&[&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &option.concat()].concat());
    let code = read(&reply).metadata.response_code;
    (code.into(), reply[reply.len() - 24..].to_vec())
}

#[test]
fn a_cookie_is_good_over_udp_and_tcp_and_from_nowhere_else() {
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let (server, serving, _) = serve(address);
        let (code, learnt) = exchange_cookie(&[7; 8], over_udp(address, server));
        assert_eq!((code, &learnt[..8]), (0, &[7; 8][..]));
        assert_eq!(exchange_cookie(&learnt, over_udp(address, server)), (0, learnt.clone()));
        let over_tcp = |query: &[u8]| {
            let mut client = client(server);
            client.write_all(&framed(query)).expect("somebody reads");
            let mut reply = vec![0; 2 + 12 + 11 + 28];
            client.read_exact(&mut reply).expect("a whole reply");
            reply.split_off(2)
        };
        assert_eq!(exchange_cookie(&learnt, over_tcp), (0, learnt.clone()));
        if address.is_ipv4() {
            let elsewhere = Ipv4Addr::new(127, 0, 0, 2).into();
            assert_eq!(exchange_cookie(&learnt, over_udp(elsewhere, server)).0, 23, "BADCOOKIE");
        }
        serving.stop();
    }
}

#[test]
fn servers_with_one_secret_accept_each_others_cookies() {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tables = Tables::new(Arc::new(table()));
    let ask = |server, cookie: &[u8]| exchange_cookie(cookie, over_udp(any_port.ip(), server));
    let serve = |secret| {
        let bound = bind(&[any_port], 1).expect("a free port");
        let bound = match secret {
            Some(secret) => bound.with_secrets(CookieSecrets::new(secret)),
            None => bound,
        };
        (bound.addresses()[0], bound.serve(&tables).expect("threads"))
    };
    let servers = [Some([1; 16]), Some([1; 16]), None].map(serve);
    let (_, learnt) = ask(servers[0].0, &[7; 8]);
    let codes = servers.each_ref().map(|(server, _)| ask(*server, &learnt).0);
    assert_eq!(codes, [0, 0, 23], "the last one has a secret of its own");
    servers.into_iter().for_each(|(_, serving)| serving.stop());
}

#[test]
fn ipv4_and_ipv6_wildcards_share_a_port() {
    let bound = bind(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))], 1).expect("a free port");
    let port = bound.addresses()[0].port();
    bind(&[SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))], 1).expect("IPv6 does not take IPv4's port");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_helps() {
    let bound = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], 1).expect("a free port");
    let taken = bound.addresses()[0];
    let message = bind(&[taken], 1).err().expect("one server for each port").to_string();
    assert!(message.contains(&format!("cannot listen on {taken} over TCP")), "{message}");
    assert!(message.contains(&format!("ss -lntup 'sport = :{}'", taken.port())), "{message}");
    let foreign: SocketAddr = "192.0.2.1:5353".parse().expect("an address");
    let message = bind(&[foreign], 1).err().expect("not an address of ours").to_string();
    assert!(message.contains("no such address"), "{message}");
}

#[test]
fn a_stream_answers_all_queries_in_order_also_after_a_half_close() {
    let (server, serving, _) = serve(Ipv4Addr::LOCALHOST);
    let mut client = client(server);
    let queries: Vec<u8> = (0..500).flat_map(|id| framed(&query(id, "big.t", RecordType::TXT))).collect();
    let (first, second) = queries.split_at(queries.len() / 3);
    client.write_all(first).expect("somebody reads");
    client.write_all(second).expect("somebody reads");
    client.shutdown(Shutdown::Write).expect("our half is ours to close");
    for id in 0..500 {
        assert_eq!(read(&read_message(&mut client)).metadata.id, id);
    }
    assert_eq!(client.read(&mut [0]).expect("a close"), 0);
    assert_eq!(serving.counters()[Counter::Queries], 500);
    serving.stop();
}

#[test]
fn octet_by_octet_is_fast_enough() {
    let (server, serving, _) = serve(Ipv6Addr::LOCALHOST);
    let mut client = client(server);
    for octet in framed(&query(7, "www.t", RecordType::A)) {
        client.write_all(&[octet]).expect("somebody reads");
    }
    assert_eq!(read(&read_message(&mut client)).metadata.id, 7);
    serving.stop();
}

#[test]
fn idle_connections_and_one_who_does_not_read_keep_nobody_out() {
    let (server, serving, _) = serve(Ipv4Addr::LOCALHOST);
    let idle: Vec<TcpStream> = (0..400).map(|_| client(server)).collect();
    let slow: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut slow = client(server);
            slow.write_all(&[0]).expect("somebody reads");
            slow
        })
        .collect();
    let mut deaf = client(server);
    deaf.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout above zero");
    let many: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id, "big.t", RecordType::TXT))).collect();
    let deadline = Instant::now() + PATIENCE;
    while deaf.write_all(&many).is_ok() {
        assert!(Instant::now() < deadline, "both directions are full some time");
    }
    let mut new = client(server);
    new.write_all(&framed(&query(9, "www.t", RecordType::A))).expect("somebody reads");
    assert_eq!(read(&read_message(&mut new)).metadata.id, 9);
    drop((idle, slow));
    serving.stop();
}

#[test]
fn a_message_longer_than_any_query_ends_the_connection() {
    let (server, serving, _) = serve(Ipv4Addr::LOCALHOST);
    let mut client = client(server);
    client.write_all(&[0xff, 0xff, 0]).expect("somebody reads");
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)), "closed");
    serving.stop();
}

#[tokio::test]
async fn when_stopped_it_answers_no_more_and_the_port_is_free() {
    let (server, serving, _) = serve(Ipv4Addr::LOCALHOST);
    serving.stop();
    bind(&[server], 1).expect("the port is free");
    let nobody = lookup(server, &name("www.t"), RecordType::A, Duration::from_millis(50)).await;
    assert!(matches!(nobody, Err(LookupError::Io(_) | LookupError::Timeout(_))), "{nobody:?}");
}
