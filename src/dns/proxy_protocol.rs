//! Front ends that tell us who their clients are: the PROXY protocol, version 2, of HAProxy and dnsdist.
//!
//! A header stands before each datagram, and once at the beginning of each stream, before TLS. From the listed networks it
//! must be there, for what claims to have passed a front end and has not is nothing that we know; from others it is
//! no query.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use ppp::v2::{Addresses, Command, Header, PROTOCOL_PREFIX};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What every header has, in octets: the prefix, version and command, family and protocol, and the length of the rest.
const HEADER_LEAST_OCTETS: usize = 16;

/// The longest header of a stream, in octets. Addresses take 36 of them; the rest is what front ends add, such as the
/// names that TLS was asked for.
const HEADER_MAX_OCTETS: usize = 2048;

/// The header of a front end that asks on its own behalf, as for its health checks.
pub(super) const ON_OUR_BEHALF: [u8; HEADER_LEAST_OCTETS] = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The networks of the front ends.
#[derive(Debug, Clone, Default)]
pub(super) struct FrontEnds(Box<[IpNet]>);

impl FrontEnds {
    pub(super) fn new(networks: &[IpNet]) -> FrontEnds {
        FrontEnds(networks.into())
    }

    /// Whether an address is that of a front end.
    pub(super) fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who sent a datagram, and the query in it; none when a front end did not say so in a way that can be read.
    pub(super) fn unwrap<'d>(
        &self,
        source: SocketAddr,
        datagram: &'d [u8],
    ) -> Option<(SocketAddr, &'d [u8])> {
        if self.0.is_empty() || !self.include(source.ip()) {
            return Some((source, datagram));
        }
        let header = Header::try_from(datagram).ok()?;
        let query = &datagram[header.len()..];
        Some((client_of(&header, source)?, query))
    }

    /// Reads the header at the beginning of a front end's stream, and nothing behind it; who the client is.
    ///
    /// # Errors
    /// When there is none, or none that can be read.
    pub(super) async fn read_header(
        stream: &mut (impl AsyncRead + Unpin),
        source: SocketAddr,
    ) -> io::Result<SocketAddr> {
        let mut octets = vec![0; HEADER_LEAST_OCTETS];
        stream.read_exact(&mut octets).await?;
        let rest = usize::from(u16::from_be_bytes([octets[14], octets[15]]));
        if !octets.starts_with(PROTOCOL_PREFIX) || HEADER_LEAST_OCTETS + rest > HEADER_MAX_OCTETS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        octets.resize(HEADER_LEAST_OCTETS + rest, 0);
        stream.read_exact(&mut octets[HEADER_LEAST_OCTETS..]).await?;
        let header = Header::try_from(&octets[..]).map_err(io::Error::other)?;
        client_of(&header, source).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// For the fuzzers: who asks by a datagram of a front end, and what.
#[doc(hidden)]
#[must_use]
pub fn query_by_front_end(front_end: SocketAddr, datagram: &[u8]) -> Option<(SocketAddr, &[u8])> {
    FrontEnds::new(&[front_end.ip().into()]).unwrap(front_end, datagram)
}

/// For whom a header was written: the front end itself where it asks on its own behalf, as for its health checks.
/// None for clients that have no address of the internet.
fn client_of(header: &Header<'_>, source: SocketAddr) -> Option<SocketAddr> {
    match (header.command, &header.addresses) {
        (Command::Local, _) => Some(source),
        (Command::Proxy, Addresses::IPv4(ip)) => Some((ip.source_address, ip.source_port).into()),
        (Command::Proxy, Addresses::IPv6(ip)) => {
            // A client of IPv4 is that, however it was written.
            Some(SocketAddr::new(IpAddr::from(ip.source_address).to_canonical(), ip.source_port))
        }
        (Command::Proxy, Addresses::Unspecified | Addresses::Unix(_)) => None,
    }
}

#[cfg(test)]
mod tests;
