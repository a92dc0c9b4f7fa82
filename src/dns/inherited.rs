//! Sockets that are open already, taken over by a server with other settings: of this process after a reload, or of the
//! next one at an upgrade. Whatever waits in them is answered by whoever serves them.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use super::protocol::Protocol;
use super::sources::Interfaces;

/// Sockets that are open, each with the address that the configuration has for it.
#[derive(Debug, Default)]
pub struct Sockets {
    pub(super) all: Vec<(Listener, OwnedFd)>,
    /// The addresses of this machine, where this process has read them already and may not again.
    pub(super) interfaces: Option<Interfaces>,
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Which protocol it speaks.
    pub protocol: Protocol,
    /// Its address as configured: a port 0 stands for any.
    pub configured: SocketAddr,
}

impl Sockets {
    /// These, of another process.
    #[must_use]
    pub fn of(all: Vec<(Listener, OwnedFd)>) -> Sockets {
        Sockets { all, interfaces: None }
    }

    /// What each is for, and its descriptor.
    pub fn iter(&self) -> impl Iterator<Item = (Listener, BorrowedFd<'_>)> {
        self.all.iter().map(|(listener, socket)| (*listener, socket.as_fd()))
    }

    /// Their descriptors, in the same order.
    pub fn into_descriptors(self) -> impl Iterator<Item = OwnedFd> {
        self.all.into_iter().map(|(_, socket)| socket)
    }

    /// The first of these that nobody has taken yet.
    fn take(&mut self, protocol: Protocol, configured: SocketAddr) -> Option<OwnedFd> {
        let wanted = Listener { protocol, configured };
        let place = self.all.iter().position(|(listener, _)| *listener == wanted)?;
        Some(self.all.remove(place).1)
    }

    pub(super) fn take_listener(
        &mut self,
        protocol: Protocol,
        configured: SocketAddr,
    ) -> Option<TcpListener> {
        self.take(protocol, configured).map(TcpListener::from)
    }

    pub(super) fn take_datagrams(&mut self, configured: SocketAddr) -> Option<UdpSocket> {
        self.take(Protocol::Udp, configured).map(UdpSocket::from)
    }

    /// Remembers a socket that is about to be served, for those who take it over one day.
    pub(super) fn keep(
        &mut self,
        protocol: Protocol,
        configured: SocketAddr,
        socket: &impl AsFd,
    ) -> io::Result<()> {
        self.all.push((Listener { protocol, configured }, socket.as_fd().try_clone_to_owned()?));
        Ok(())
    }

    /// The same sockets once more.
    pub(super) fn share(&self) -> io::Result<Sockets> {
        let again = |(listener, socket): &(Listener, OwnedFd)| Ok((*listener, socket.try_clone()?));
        let all = self.all.iter().map(again).collect::<io::Result<_>>()?;
        Ok(Sockets { all, interfaces: self.interfaces.clone() })
    }
}
