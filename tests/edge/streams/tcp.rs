//! TCP: who is closed when, and that nobody holds up anybody else.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use cadence_dns::config::{DnsSettings, TcpSettings};
use cadence_dns::zone::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;

use super::server::{
    PATIENCE, ask, ask_by_udp, client, client_from, framed, is_closed, query, query_with, read_message,
    serve, wait_for_close,
};

fn settings(connections: usize, idle_timeout: Duration) -> DnsSettings {
    DnsSettings { tcp: TcpSettings { connections, idle_timeout }, ..DnsSettings::default() }
}

const AGES: Duration = Duration::from_secs(3600);

#[test]
fn who_gets_nothing_is_closed_and_who_asks_is_not() {
    let (server, serving) = serve(settings(100, Duration::from_secs(1)));
    let question = query(1, "www.t", RecordType::A);
    let mut deaf = client(server);
    let many = framed(&query(1, "big.t", RecordType::TXT)).repeat(1000); // 17 MB: more than any buffer between us
    deaf.write_all(&many).expect("somebody reads");
    let mut idle = client(server);
    ask(&mut idle, &question);
    let mut trickling = client(server);
    let mut busy = client(server);
    let deadline = Instant::now() + PATIENCE;
    while !is_closed(&idle) || !is_closed(&trickling) || deaf.write(&[0]).is_ok() {
        assert!(Instant::now() < deadline, "who gets nothing stays");
        let _ = trickling.write_all(&[0]); // every second one is a whole query of no octets: it gets nothing
        ask(&mut busy, &question);
    }
    serving.stop();
}

#[test]
fn who_comes_is_let_in_and_the_longest_idle_of_a_crowding_network_goes() {
    let (server, serving) = serve(settings(20, AGES));
    let question = query(1, "www.t", RecordType::A);
    let mut neighbour = client_from([127, 0, 1, 1], server);
    ask(&mut neighbour, &question);
    let mut crowd: Vec<TcpStream> = (1..=30).map(|n| client_from([127, 0, 0, n], server)).collect();
    ask(&mut crowd[29], &question);
    crowd[..20].iter_mut().for_each(wait_for_close);
    assert!(!crowd[20..].iter().any(is_closed), "half of the places");
    assert!(!is_closed(&neighbour), "idle for longer, but no part of the crowd");
    ask(&mut neighbour, &question);
    serving.stop();
}

/// 400 idle connections, 60 that send half a query, one that never reads:
#[test]
fn a_new_client_gets_in_whoever_is_there_already() {
    let (server, serving) = serve(DnsSettings::default());
    let idle: Vec<TcpStream> = (0..400).map(|_| client(server)).collect();
    let slow: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut slow = client(server);
            slow.write_all(&[0, 28, 0, 1]).expect("somebody reads");
            slow
        })
        .collect();
    let mut deaf = client(server);
    deaf.write_all(&framed(&query(1, "big.t", RecordType::TXT)).repeat(1000)).expect("somebody reads");
    for id in 0..100 {
        let reply = ask(&mut client(server), &query(id, "www.t", RecordType::A));
        assert_eq!(reply[..2], id.to_be_bytes());
    }
    assert!(!is_closed(slow.last().expect("60 of them")), "there is room for most");
    drop((idle, slow));
    serving.stop();
}

#[test]
fn keepalive_tells_the_time_in_force_and_zero_when_no_place_is_left() {
    let (server, serving) = serve(settings(4, Duration::from_secs(10)));
    let question = query_with(1, "www.t", RecordType::A, vec![EdnsOption::Unknown(11, Vec::new())]);
    let told = |client: &mut TcpStream| {
        let reply = ask(client, &question);
        assert_eq!(reply[reply.len() - 6..reply.len() - 2], [0, 11, 0, 2]);
        u16::from_be_bytes([reply[reply.len() - 2], reply[reply.len() - 1]])
    };
    let mut clients = Vec::new();
    for expected in [100, 100, 55, 0] {
        let network = clients.len() as u8;
        clients.push(client_from([127, 0, network, 1], server));
        assert_eq!(told(clients.last_mut().expect("just made")), expected);
    }
    assert_eq!(told(&mut clients[0]), 0, "for all of them");
    serving.stop();
}

#[test]
fn all_that_was_asked_is_answered_in_order_before_the_connection_ends() {
    let (server, serving) = serve(settings(4, AGES));
    let mut client = client(server);
    let half = client.try_clone().expect("a descriptor");
    let writer = std::thread::spawn(move || {
        let mut half = half;
        for id in 0..2000 {
            let rtype = if id % 100 == 0 { RecordType::TXT } else { RecordType::A };
            half.write_all(&framed(&query(id, "big.t", rtype))).expect("somebody reads");
        }
        half.shutdown(Shutdown::Write).expect("our half is ours to close");
    });
    for id in 0..2000_u16 {
        let reply = read_message(&mut client);
        assert_eq!((reply.len() > 10_000, &reply[..2]), (id % 100 == 0, &id.to_be_bytes()[..]));
    }
    wait_for_close(&mut client);
    writer.join().expect("all was written");
    assert_eq!(
        ask_by_udp(server, &query(7, "big.t", RecordType::TXT))[2] & 2,
        2,
        "TC: it is TCP that it takes"
    );
    serving.stop();
}
