//! Asks one question over UDP, and names everything that an answer can turn out to be.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::world::NAME;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The addresses, sorted; at least one.
    Addresses(Vec<IpAddr>),
    /// No error, and no address: what must never happen.
    Empty,
    /// Another response code.
    Refused(ResponseCode),
    /// Nothing in time.
    Silence,
}

/// A and AAAA.
pub(crate) const FAMILIES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Asks a server from a socket of its own.
pub(crate) struct Asker {
    socket: UdpSocket,
    id: u16,
}

impl Asker {
    /// Towards one server; the socket belongs to the caller's namespace.
    pub(crate) fn new(server: SocketAddr, patience: Duration) -> Asker {
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).expect("a port is free");
        socket.connect(server).expect("the server's network has a route");
        socket.set_read_timeout(Some(patience)).expect("the patience is not zero");
        Asker { socket, id: 0 }
    }

    /// The addresses of the steered name.
    pub(crate) fn ask(&mut self, family: RecordType) -> Answer {
        self.id = self.id.wrapping_add(1);
        let query = query(self.id, family);
        if self.socket.send(&query).is_err() {
            return Answer::Silence; // a port that was closed a moment ago answers the next packet
        }
        let mut buffer = [0; 4096];
        loop {
            let Ok(length) = self.socket.recv(&mut buffer) else {
                return Answer::Silence;
            };
            match Message::from_vec(&buffer[..length]) {
                Ok(message) if message.metadata.id == self.id => return read(&message),
                Ok(_) | Err(_) => {} // late, for a question that was given up
            }
        }
    }
}

fn query(id: u16, family: RecordType) -> Vec<u8> {
    let name = Name::from_ascii(format!("{NAME}.")).expect("the name is well-formed");
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, family));
    message.to_vec().expect("a query fits")
}

fn read(message: &Message) -> Answer {
    if message.metadata.response_code != ResponseCode::NoError {
        return Answer::Refused(message.metadata.response_code);
    }
    let mut addresses: Vec<IpAddr> =
        message.answers.iter().filter_map(|record| address(&record.data)).collect();
    addresses.sort();
    if addresses.is_empty() { Answer::Empty } else { Answer::Addresses(addresses) }
}

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(a) = data {
        Some(IpAddr::V4(a.0))
    } else if let RData::AAAA(aaaa) = data {
        Some(IpAddr::V6(aaaa.0))
    } else {
        None
    }
}
