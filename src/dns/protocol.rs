//! What carries queries.

use std::fmt;

/// The protocol of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Encrypted streams.
    Tls,
    /// HTTP on encrypted streams.
    Https,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
            Protocol::Tls => "TLS",
            Protocol::Https => "HTTPS",
        })
    }
}

impl Protocol {
    /// The part of the configuration that names its addresses.
    pub(super) fn table(self) -> &'static str {
        match self {
            Protocol::Udp | Protocol::Tcp => "[dns]",
            Protocol::Tls => "[dns.tls]",
            Protocol::Https => "[dns.https]",
        }
    }
}
