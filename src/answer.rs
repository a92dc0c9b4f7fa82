//! A zone and the decisions become a table of prebuilt answers; query bytes become reply bytes.

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{Name, Ttl};
use crate::zone::Zone;

/// Everything that a query can be answered from: immutable, swapped as a whole.
pub struct AnswerTable {}

/// What a steered name answers now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Never empty; A takes the IPv4 ones, AAAA the others.
    pub addresses: Arc<[IpAddr]>,
    /// Their TTL.
    pub ttl: Ttl,
}

/// What this server says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// NSID (RFC 5001): the node's name.
    pub nsid: String,
}

/// How a query came in, which bounds the size of its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram: 512 octets, or what EDNS says, 1232 at most.
    Udp,
    /// A stream: 65535 octets.
    Tcp,
}

impl AnswerTable {
    /// Builds everything from the zones. Names of `steered` that lie in none of the zones are left out.
    #[must_use]
    pub fn compile(zones: &[Zone], steered: &[(Name, Served)], identity: Identity) -> AnswerTable {
        let _ = (zones, steered, identity);
        AnswerTable {}
    }

    /// The same table with other addresses at some steered names; shares everything else with this one.
    #[must_use]
    pub fn with(&self, changes: &[(Name, Served)]) -> AnswerTable {
        let _ = changes;
        AnswerTable {}
    }
}

/// Answers one query: writes the reply and returns its length, or nothing when silence is right.
///
/// `reply` holds at least 1232 octets for UDP and 65535 for TCP.
#[must_use]
pub fn respond(table: &AnswerTable, query: &[u8], transport: Transport, reply: &mut [u8]) -> Option<usize> {
    let _ = (table, query, transport, reply);
    unimplemented!("the responder")
}
