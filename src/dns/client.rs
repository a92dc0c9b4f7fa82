//! Asks a name server one question: for the demo, the command line and the tests.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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
    /// The system would not send, or nobody listens there.
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

/// Asks over UDP, once, without EDNS.
///
/// # Errors
/// When no answer to this question came within `timeout`.
pub async fn lookup(
    server: SocketAddr,
    name: &Name,
    rtype: RecordType,
    timeout: Duration,
) -> Result<Reply, LookupError> {
    let _ = (server, name, rtype, timeout);
    unimplemented!("the client")
}
