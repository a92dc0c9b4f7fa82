//! The TCP sockets of `[api] listen`, taken while there is the right to.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::ApiSettings;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// A client that takes nothing for so long is gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// An address that could not be taken.
#[derive(Debug)]
pub struct ListenError {
    /// The address, as configured.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

/// What happened and what helps, over two lines.
impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenError { address, error } = self;
        write!(f, "cannot listen on {address} for the API: {error}")?;
        if error.kind() == ErrorKind::AddrInUse {
            let port = address.port();
            write!(
                f,
                "\n   help: another program has it; `ss -lntp 'sport = :{port}'` shows which. Give [api] listen another port"
            )?;
        }
        Ok(())
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// TCP sockets, taken but not yet served.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Each with its address as configured.
    pub(super) listeners: Vec<(SocketAddr, TcpListener)>,
    addresses: Vec<SocketAddr>,
}

/// Takes every address, or none.
///
/// # Errors
/// The first address that could not be taken.
pub fn listen(settings: &ApiSettings) -> Result<Listeners, ListenError> {
    listen_with(settings, Vec::new())
}

/// The same where some sockets are open already, each with its address as configured. What is not needed of them is closed.
///
/// # Errors
/// The first address that could not be taken.
pub fn listen_with(
    settings: &ApiSettings,
    mut open: Vec<(SocketAddr, OwnedFd)>,
) -> Result<Listeners, ListenError> {
    let mut taken = Listeners::default();
    for address in &settings.listen {
        let failed = |error| ListenError { address: *address, error };
        let there = open.iter().position(|(configured, _)| configured == address);
        let there = there.map(|place| TcpListener::from(open.remove(place).1));
        let listener = there.map_or_else(|| listener(*address), Ok).map_err(failed)?;
        taken.addresses.push(listener.local_addr().map_err(failed)?);
        taken.listeners.push((*address, listener));
    }
    Ok(taken)
}

impl Listeners {
    /// The addresses as they are: a port 0 has become a real one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?; // an IPv4 address is listed by itself
    }
    socket.set_reuse_address(true)?; // a restart need not wait for old connections
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?; // accepted ones have it, too
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(listen: Vec<SocketAddr>) -> ApiSettings {
        ApiSettings { listen, ..ApiSettings::default() }
    }

    #[test]
    fn an_address_that_is_taken_is_told_with_what_helps() {
        let first = listen(&at(vec!["127.0.0.1:0".parse().expect("an address")]));
        let first = first.expect("a port is free");
        assert_ne!(first.addresses()[0].port(), 0);
        let error = listen(&at(first.addresses().to_vec())).expect_err("it is taken");
        let told = error.to_string();
        assert!(told.contains("for the API") && told.contains("[api] listen"), "{told}");
    }
}
