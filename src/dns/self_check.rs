//! Whether we answer: our own listeners are asked as clients ask, and every worker for UDP must have moved.
//!
//! Which worker gets a datagram the kernel says, by the port that it comes from, so many ports ask. A worker that is busy
//! with the queries of others moves as well, so an attack that fills the queues is not taken for a worker that hangs.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::RecordType;

use super::listened::Asked;
use super::proxy_protocol::{FrontEnds, ON_OUR_BEHALF};
use super::serving::Meter;
use super::tables::Tables;
use crate::answer::Counter;
use crate::model::Name;

/// So many ports ask for each worker at a time, and so often before a worker is taken for dead: that a worker gets none of
/// these queries happens once in a hundred thousand times.
const PORTS_PER_WORKER: usize = 4;
const PORTS_MAX: usize = 512;
const TRIES: usize = 3;

/// A listener that has never answered for so long has the address of another machine just now (`ip_nonlocal_bind`), and no
/// restart would help.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(20);

/// The longest reply to the SOA of a zone that matters.
const REPLY_MAX_OCTETS: usize = 1232;

/// Asks our own listeners.
pub struct SelfCheck {
    meter: Meter,
    tables: Tables,
    /// How long a listener may take each time.
    patience: Duration,
    known: BTreeMap<SocketAddr, Known>,
}

/// What is known of a listener.
struct Known {
    since: Instant,
    /// What its workers had counted when it answered last, if it ever has.
    counted: Option<Vec<u64>>,
}

/// What became of a question.
enum Reply {
    /// What was expected.
    Right,
    /// Nothing in time.
    Silence,
    /// It is no address of this machine now.
    Elsewhere,
    /// Something else.
    Wrong(String),
}

impl SelfCheck {
    /// For what is served there from these tables; each time a listener may take so long.
    #[must_use]
    pub fn new(meter: Meter, tables: Tables, patience: Duration) -> SelfCheck {
        SelfCheck { meter, tables, patience, known: BTreeMap::new() }
    }

    /// Whether every listener answers, and all of its workers do; how many of them are on this machine. Blocks.
    ///
    /// # Errors
    /// Which of them does not, and what it does instead.
    pub fn look(&mut self) -> Result<usize, String> {
        let served = self.meter.listeners();
        let Some(apex) = self.tables.current().zones().next().map(|(apex, _)| apex.clone()) else {
            return Err("there is no zone to ask for".to_owned());
        };
        self.known.retain(|address, _| served.all.iter().any(|asked| asked.address == *address));
        let mut here = 0;
        for asked in &served.all {
            let new = || Known { since: Instant::now(), counted: None };
            let Known { since, counted: before } = self.known.entry(asked.address).or_insert_with(new);
            let (since, before) = (*since, before.clone());
            match self.ask(asked, &served.front_ends, &apex, before.as_deref()) {
                Reply::Right => {
                    self.known.insert(asked.address, Known { since, counted: Some(counted(asked)) });
                    here += 1;
                }
                Reply::Elsewhere => {}
                Reply::Silence if before.is_none() && since.elapsed() > FIRST_ANSWER_MAX => {}
                Reply::Silence => return Err(format!("{} does not answer", asked.address)),
                Reply::Wrong(what) => return Err(format!("{}: {what}", asked.address)),
            }
        }
        Ok(here)
    }

    /// Until one has answered rightly and all workers have moved since they had counted this.
    fn ask(&self, asked: &Asked, front_ends: &FrontEnds, apex: &Name, before: Option<&[u64]>) -> Reply {
        let at = reached(asked.address);
        let before = before.map_or_else(|| counted(asked), <[u64]>::to_vec);
        let have_moved = || counted(asked).iter().zip(&before).all(|(now, before)| now != before);
        let mut is_right = false;
        for _ in 0..TRIES {
            match self.ask_by_udp(at, asked.tallies.len(), front_ends, apex) {
                Reply::Right => is_right = true,
                Reply::Silence => {}
                other @ (Reply::Elsewhere | Reply::Wrong(_)) => return other,
            }
            if is_right && have_moved() {
                return Reply::Right;
            }
        }
        if !have_moved() {
            let still = counted(asked).iter().zip(&before).filter(|(now, before)| now == before).count();
            return match is_right {
                true => Reply::Wrong(format!("{still} of {} workers do not answer", asked.tallies.len())),
                false => Reply::Silence,
            };
        }
        // They work, and this machine is none of `[dns] allow`, or they have more to do than they can.
        match self.ask_by_tcp(at, front_ends, apex) {
            Ok(reply) => reply,
            Err(error) => Reply::Wrong(format!("over TCP: {error}")),
        }
    }

    fn ask_by_udp(&self, at: SocketAddr, workers: usize, front_ends: &FrontEnds, apex: &Name) -> Reply {
        let ports = (PORTS_PER_WORKER * workers).clamp(1, PORTS_MAX);
        let mut sent = Vec::with_capacity(ports);
        for _ in 0..ports {
            let query = query(apex);
            let octets = [preamble(front_ends, at), query.to_vec().unwrap_or_default()].concat();
            match send(at, &octets) {
                Ok(socket) => sent.push((socket, query)),
                Err(error) if is_elsewhere(&error) => return Reply::Elsewhere,
                Err(error) => return Reply::Wrong(format!("it cannot be asked: {error}")),
            }
        }
        let deadline = Instant::now() + self.patience;
        let mut is_right = false;
        for (socket, query) in sent {
            let Some(reply) = receive(&socket, deadline) else { continue };
            match judge(&reply, &query) {
                Reply::Right => is_right = true,
                other @ (Reply::Silence | Reply::Elsewhere | Reply::Wrong(_)) => return other,
            }
        }
        if is_right { Reply::Right } else { Reply::Silence }
    }

    /// Where datagrams from here are not answered, streams are refused, which is an answer.
    fn ask_by_tcp(&self, at: SocketAddr, front_ends: &FrontEnds, apex: &Name) -> io::Result<Reply> {
        let mut stream = TcpStream::connect_timeout(&at, self.patience)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        let query = query(apex);
        let octets = query.to_vec().map_err(io::Error::other)?;
        let length = u16::try_from(octets.len()).map_err(io::Error::other)?.to_be_bytes();
        stream.write_all(&[preamble(front_ends, at), length.to_vec(), octets].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply)?;
        let is_refused = Message::from_vec(&reply).is_ok_and(|message| {
            message.metadata.id == query.metadata.id
                && message.metadata.response_code == ResponseCode::Refused
        });
        Ok(if is_refused { Reply::Right } else { judge(&reply, &query) })
    }
}

/// A listener on all addresses is asked on the loopback.
#[must_use]
pub fn reached(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => listener.ip(),
    };
    SocketAddr::new(ip, listener.port())
}

fn counted(asked: &Asked) -> Vec<u64> {
    asked.tallies.iter().map(|tally| tally.get(Counter::Queries)).collect()
}

/// From the address itself, so that it must be one of this machine.
fn send(at: SocketAddr, octets: &[u8]) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((at.ip(), 0))?;
    socket.connect(at)?;
    socket.send(octets)?;
    Ok(socket)
}

fn is_elsewhere(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | HostUnreachable | NetworkDown | NetworkUnreachable)
}

/// None when nothing comes in time; what has come already is taken even when it is over.
fn receive(socket: &UdpSocket, deadline: Instant) -> Option<Vec<u8>> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    socket.set_read_timeout(Some(left)).ok()?;
    let mut octets = vec![0; REPLY_MAX_OCTETS];
    let read = socket.recv(&mut octets).ok()?;
    octets.truncate(read);
    Some(octets)
}

/// From where front ends ask, each query says on whose behalf it is: our own.
fn preamble(front_ends: &FrontEnds, at: SocketAddr) -> Vec<u8> {
    if front_ends.include(at.ip()) { ON_OUR_BEHALF.to_vec() } else { Vec::new() }
}

fn query(apex: &Name) -> Message {
    let id = RandomState::new().hash_one(()) as u16;
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    if let Ok(name) = hickory_proto::rr::Name::from_labels(apex.labels()) {
        message.add_query(Query::query(name, RecordType::SOA));
    }
    message
}

/// The zone's SOA with authority, or what a client gets that asks too often: a truncated reply.
fn judge(reply: &[u8], query: &Message) -> Reply {
    let Ok(message) = Message::from_vec(reply) else {
        return Reply::Wrong("the reply is no DNS message".to_owned());
    };
    let metadata = &message.metadata;
    if metadata.id != query.metadata.id || metadata.message_type != MessageType::Response {
        return Reply::Wrong("the reply is to another question".to_owned());
    }
    let has_soa = message.answers.iter().any(|record| record.record_type() == RecordType::SOA);
    if metadata.truncation || (metadata.authoritative && has_soa) {
        return Reply::Right;
    }
    Reply::Wrong(format!("the reply to a zone's SOA is {}, without it", metadata.response_code))
}

#[cfg(test)]
mod tests;
