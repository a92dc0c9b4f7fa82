//! From nothing to a connection, and what it proves when there is none.
//!
//! What `connect` says at once comes from this kernel: no packet can have come in yet. Afterwards an RST is the far
//! end's own word, and an ICMP error is the word of its sender, which the kernel keeps in the error queue of the
//! socket (`IP_RECVERR`, ip(7)).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::health::{Failure, Phase, ProbeOutcome};

/// Room for the control message of one ICMP error, which takes less than a hundred octets.
const CONTROL_OCTETS: usize = 256;

/// Connects, or says what the failure proves.
pub(super) async fn connect(target: SocketAddr) -> Result<TcpStream, ProbeOutcome> {
    let stream = begin(target).map_err(|error| ours(&error))?;
    let local = stream.local_addr().ok().map(|address| address.ip());
    if let Err(error) = established(&stream).await {
        let by_icmp = icmp_error(&stream).map(|icmp| icmp.proves(target.ip(), local, &error));
        return Err(by_icmp.unwrap_or_else(|| by_tcp(&error)));
    }
    if is_its_own_peer(&stream) {
        return Err(ProbeOutcome::failed(Failure::Refused));
    }
    // Once TCP stands, a stray ICMP error must not end the connection (tcp(7)).
    keep_icmp_errors(&stream, target, false).map_err(|error| ours(&error))?;
    Ok(stream)
}

/// Sends the first packet. All errors are this node's: no route, no address of this family, no descriptor, forbidden.
fn begin(target: SocketAddr) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
    keep_icmp_errors(&socket, target, true)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        Ok(()) | Err(_) => TcpStream::from_std(socket.into()),
    }
}

/// Whether ICMP errors end what a socket waits for, and are kept in its error queue.
pub(super) fn keep_icmp_errors(socket: &impl AsFd, target: SocketAddr, keep: bool) -> io::Result<()> {
    match target {
        SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &keep)?,
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &keep)?,
    }
    Ok(())
}

/// Waits for the end of the TCP handshake.
async fn established(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.writable().await?;
        match stream.try_io(Interest::WRITABLE, || state(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

/// A full error queue wakes us as well, so that "no error" is not yet a connection.
fn state(stream: &TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        known => known.map(drop),
    }
}

/// An ICMP error that ended the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Icmp {
    sender: IpAddr,
    /// "Host unreachable" (RFC 792) or "address unreachable" (RFC 4443): what our own kernel says as well of a neighbour
    /// that does not answer on the link.
    host_unreachable: bool,
}

/// What ended it; none if it was not ICMP.
pub(super) fn icmp_error(socket: &impl AsRawFd) -> Option<Icmp> {
    let (mut packet, mut control) = ([0; 64], [0; CONTROL_OCTETS]);
    let mut octets = [IoSliceMut::new(&mut packet)];
    let queue = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let error = recvmsg::<()>(socket.as_raw_fd(), &mut octets, Some(&mut control), queue).ok()?;
    let mut messages = error.cmsgs().ok()?;
    messages.find_map(|message| {
        if let ControlMessageOwned::Ipv4RecvErr(icmp, Some(sender)) = message {
            let sender = sender.sin_addr.s_addr.to_ne_bytes().into();
            Some(Icmp { sender, host_unreachable: (icmp.ee_type, icmp.ee_code) == (3, 1) })
        } else if let ControlMessageOwned::Ipv6RecvErr(icmp, Some(sender)) = message {
            let sender = sender.sin6_addr.s6_addr.into();
            Some(Icmp { sender, host_unreachable: (icmp.ee_type, icmp.ee_code) == (1, 3) })
        } else {
            None
        }
    })
}

impl Icmp {
    /// It proves what its sender can know.
    pub(super) fn proves(self, target: IpAddr, local: Option<IpAddr>, error: &io::Error) -> ProbeOutcome {
        let Icmp { sender, host_unreachable } = self;
        if sender == target {
            ProbeOutcome::failed(Failure::Refused)
        } else if Some(sender) == local && !host_unreachable {
            ProbeOutcome::Ours(format!("a packet filter of this node rejects it: {error}"))
        } else {
            ProbeOutcome::failed(Failure::Unreachable)
        }
    }
}

/// What ended an attempt without ICMP.
///
/// An RST of a packet filter on this node, or of a middlebox, looks like one of the far end.
fn by_tcp(error: &io::Error) -> ProbeOutcome {
    ProbeOutcome::failed(match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Failure::Refused,
        Some(libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => Failure::Reset,
        Some(libc::ETIMEDOUT) => Failure::Timeout(Phase::Connect),
        Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN) => Failure::Unreachable,
        _ => return ours(error),
    })
}

fn ours(error: &io::Error) -> ProbeOutcome {
    ProbeOutcome::Ours(error.to_string())
}

/// On loopback, with nothing listening, a connection from an ephemeral port to the same port reaches itself.
fn is_its_own_peer(stream: &TcpStream) -> bool {
    stream.local_addr().ok() == stream.peer_addr().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ROUTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
    const US: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

    fn system(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn an_icmp_error_is_the_word_of_its_sender() {
        let said = |sender, host_unreachable| {
            let icmp = Icmp { sender, host_unreachable };
            icmp.proves(TARGET, Some(US), &system(libc::EACCES))
        };
        for either in [true, false] {
            assert_eq!(said(TARGET, either), ProbeOutcome::Heard(Failure::Refused), "the host turns us away");
            assert_eq!(said(ROUTER, either), ProbeOutcome::Silent(Failure::Unreachable), "on the way");
        }
        assert_eq!(said(US, true), ProbeOutcome::Silent(Failure::Unreachable), "no answer on the link");
        assert!(matches!(said(US, false), ProbeOutcome::Ours(_)), "our own filter");
    }

    #[test]
    fn without_icmp_the_far_end_spoke_or_nothing_did() {
        let check = |code, wanted| assert_eq!(by_tcp(&system(code)), ProbeOutcome::failed(wanted));
        check(libc::ECONNREFUSED, Failure::Refused);
        check(libc::ECONNRESET, Failure::Reset);
        check(libc::ETIMEDOUT, Failure::Timeout(Phase::Connect));
        check(libc::EHOSTUNREACH, Failure::Unreachable);
        for code in [libc::ENOMEM, libc::ENOBUFS, libc::EADDRNOTAVAIL, libc::EPERM, libc::ENETDOWN] {
            assert_eq!(by_tcp(&system(code)), ProbeOutcome::Ours(system(code).to_string()));
        }
    }
}
