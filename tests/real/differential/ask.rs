//! Many queries at once over one socket, each until it is answered.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::corpus::Query;
use super::reply::Reply;

/// So many queries wait for their answers at a time: no socket's buffer runs over.
const WINDOW: usize = 64;

/// How long an answer on this machine may take before the query is sent again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A server that stays silent so often never answers.
const ATTEMPTS: usize = 5;

fn client(server: SocketAddr, patience: Duration) -> UdpSocket {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    client.connect(server).expect("a route to ourselves");
    client.set_read_timeout(Some(patience)).expect("a timeout above zero");
    client
}

/// The answer to one query, if it comes soon: the server may not be there yet.
pub(crate) fn ask_once(server: SocketAddr, query: &Query) -> Option<Reply> {
    let client = client(server, Duration::from_millis(20));
    client.send(&query.with_id(0)).ok()?;
    let mut reply = [0; 4096];
    let octets = client.recv(&mut reply).ok()?;
    Reply::read(&reply[..octets])
}

/// The answers in the order of the queries; `None` where there is none that can be read.
pub(crate) fn ask_all(server: SocketAddr, queries: &[Query]) -> Vec<Option<Reply>> {
    let client = client(server, PATIENCE);
    let mut replies = vec![None; queries.len()];
    let numbers: Vec<usize> = (0..queries.len()).collect();
    for window in numbers.chunks(WINDOW) {
        let mut open: HashMap<u16, usize> = window.iter().map(|number| (*number as u16, *number)).collect();
        for _ in 0..ATTEMPTS {
            for (id, number) in &open {
                client.send(&queries[*number].with_id(*id)).expect("sent to ourselves");
            }
            receive(&client, &mut open, &mut replies);
            if open.is_empty() {
                break;
            }
        }
    }
    replies
}

/// Until all that are open are answered, or nothing comes any more.
fn receive(client: &UdpSocket, open: &mut HashMap<u16, usize>, replies: &mut [Option<Reply>]) {
    let mut buffer = vec![0; 65535];
    while !open.is_empty() {
        let Ok(octets) = client.recv(&mut buffer) else { return };
        let number = open.remove(&u16::from_be_bytes([buffer[0], buffer[1]]));
        if let Some(number) = number {
            replies[number] = Reply::read(&buffer[..octets]);
        }
    }
}
