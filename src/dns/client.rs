//! Asks a name server one question: for the demo, the command line and the tests.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use tokio::net::UdpSocket;

use crate::model::{Name, Ttl};
use crate::zone::RecordType;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The response code by its number; 0 is NOERROR, 3 NXDOMAIN.
    pub rcode: u16,
    /// The A and AAAA records of the answer section, in the order in which they came.
    pub addresses: Vec<IpAddr>,
    /// The smallest TTL in the answer section.
    pub ttl: Option<Ttl>,
    /// AA: the server speaks for the zone.
    pub authoritative: bool,
    /// TC: there is more than fitted.
    pub truncated: bool,
}

/// Why nothing came back.
#[derive(Debug)]
pub enum LookupError {
    /// No answer in time.
    Timeout(Duration),
    /// The system did not send, or no server listens there.
    Io(io::Error),
    /// What came back is not a DNS message.
    Malformed(String),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::Timeout(limit) => write!(f, "no answer within {limit:?}"),
            LookupError::Io(error) => write!(f, "{error}"),
            LookupError::Malformed(why) => write!(f, "the answer is not a DNS message: {why}"),
        }
    }
}

impl std::error::Error for LookupError {}

/// The longest reply that we take in.
const REPLY_MAX_OCTETS: usize = 4096;

/// Asks an authoritative server over UDP, once, without EDNS.
///
/// # Errors
/// When no answer to this question came within `timeout`.
pub async fn lookup(
    server: SocketAddr,
    name: &Name,
    rtype: RecordType,
    timeout: Duration,
) -> Result<Reply, LookupError> {
    ask(server, &query(name, rtype)?, timeout).await
}

/// Asks a resolver over UDP, once, without EDNS: as [`lookup`], with recursion desired (RFC 1035 section 4.1.1).
///
/// # Errors
/// When no answer to this question came within `timeout`.
pub async fn resolve(
    resolver: SocketAddr,
    name: &Name,
    rtype: RecordType,
    timeout: Duration,
) -> Result<Reply, LookupError> {
    let mut query = query(name, rtype)?;
    query.metadata.recursion_desired = true;
    ask(resolver, &query, timeout).await
}

async fn ask(server: SocketAddr, query: &Message, timeout: Duration) -> Result<Reply, LookupError> {
    let reply = tokio::time::timeout(timeout, exchange(server, query)).await;
    reply.map_err(|_| LookupError::Timeout(timeout))?
}

fn query(name: &Name, rtype: RecordType) -> Result<Message, LookupError> {
    let name = hickory_proto::rr::Name::from_labels(name.labels()).map_err(malformed)?;
    let mut message = Message::new(identifier(), MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, rtype.0.into()));
    Ok(message)
}

/// An identifier that cannot be guessed: the standard library's hasher is seeded from the system's randomness.
fn identifier() -> u16 {
    RandomState::new().hash_one(()) as u16
}

/// Waits for the reply to this query; other messages are passed over.
async fn exchange(server: SocketAddr, query: &Message) -> Result<Reply, LookupError> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.map_err(LookupError::Io)?;
    socket.connect(server).await.map_err(LookupError::Io)?;
    socket.send(&query.to_vec().map_err(malformed)?).await.map_err(LookupError::Io)?;
    let mut octets = vec![0; REPLY_MAX_OCTETS];
    loop {
        let received = socket.recv(&mut octets).await.map_err(LookupError::Io)?;
        let message = Message::from_vec(&octets[..received]).map_err(malformed)?;
        if message.metadata.id == query.metadata.id && message.metadata.message_type == MessageType::Response
        {
            return Ok(Reply::of(&message));
        }
    }
}

fn malformed(error: impl fmt::Display) -> LookupError {
    LookupError::Malformed(error.to_string())
}

impl Reply {
    fn of(message: &Message) -> Reply {
        let ttls = message.answers.iter().filter_map(|record| Ttl::from_secs(record.ttl.into()));
        Reply {
            rcode: message.metadata.response_code.into(),
            addresses: message.answers.iter().filter_map(|record| record.data.ip_addr()).collect(),
            ttl: ttls.min(),
            authoritative: message.metadata.authoritative,
            truncated: message.metadata.truncation,
        }
    }
}
