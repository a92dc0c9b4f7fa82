//! Takes the sockets, all of them before any is served.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::batch::{ignore_path_mtu, tell_destinations};
use super::protocol::Protocol;
use super::socket_options::Buffers;
use super::udp::LOOK_UP_EVERY;
use crate::config::DnsSettings;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// What the system keeps for a connection in each direction. Left to itself it goes up to megabytes.
const STREAM_BUFFER_OCTETS: usize = 64 * 1024;

/// A client that takes nothing for so long is gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// With port 0 the system chooses a port for TCP, which may be taken for UDP; another one is tried this many times.
const PORT_TRIALS: usize = 16;

/// An address that could not be taken.
#[derive(Debug)]
pub struct BindError {
    /// The address, as configured.
    pub address: SocketAddr,
    /// Which socket.
    pub protocol: Protocol,
    /// What the system said.
    pub error: io::Error,
}

/// What happened and what helps, over two lines.
impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError { address, protocol, error } = self;
        write!(f, "cannot listen on {address} over {protocol}: {error}")?;
        match self.help() {
            Some(help) => write!(f, "\n   help: {help}"),
            None => Ok(()),
        }
    }
}

impl BindError {
    fn help(&self) -> Option<String> {
        let port = self.address.port();
        let is = |kind| self.error.kind() == kind;
        if is(io::ErrorKind::AddrInUse) {
            return Some(format!(
                "another program has it; `ss -lntup 'sport = :{port}'` shows which. Stop that one, or give {} \
                 listen an address of this machine instead of all of them",
                self.protocol.table()
            ));
        }
        let help = if is(io::ErrorKind::PermissionDenied) {
            "ports below 1024 need a right: start as root, or with AmbientCapabilities=CAP_NET_BIND_SERVICE in the \
             systemd unit, or run `setcap cap_net_bind_service=+ep` on the program"
        } else if is(io::ErrorKind::AddrNotAvailable) {
            "this machine has no such address; `ip address` shows those that it has"
        } else {
            return None;
        };
        Some(help.to_owned())
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The sockets of one address.
pub(super) struct Listen {
    pub(super) address: SocketAddr,
    pub(super) tcp: TcpListener,
    pub(super) udp: Vec<UdpSocket>,
    /// What is missing of the buffers that were asked for.
    pub(super) short_buffers: Option<String>,
}

/// Takes one address, TCP first: its port is not shared, so a second server of the same user is noticed, which UDP
/// would not do because our workers share their port.
pub(super) fn listen(address: SocketAddr, settings: &DnsSettings) -> Result<Listen, BindError> {
    let mut trials = if address.port() == 0 { PORT_TRIALS } else { 1 };
    loop {
        trials -= 1;
        match listen_once(address, settings) {
            Err(error) if trials > 0 && error.error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

/// Takes an address for encrypted streams only; returns it with its real port as well.
pub(super) fn listen_to_streams(
    address: SocketAddr,
    protocol: Protocol,
) -> Result<(SocketAddr, TcpListener), BindError> {
    let listener = tcp_listener(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    listener.map_err(|error| BindError { address, protocol, error })
}

fn listen_once(address: SocketAddr, settings: &DnsSettings) -> Result<Listen, BindError> {
    let failed = |protocol| move |error| BindError { address, protocol, error };
    let tcp = tcp_listener(address).map_err(failed(Protocol::Tcp))?;
    let real = tcp.local_addr().map_err(failed(Protocol::Tcp))?;
    let wanted = Buffers { receive: settings.receive_buffer, send: settings.send_buffer };
    let (mut udp, mut short_buffers) = (Vec::new(), None);
    for _ in 0..settings.workers.max(1) {
        let (socket, granted) = udp_socket(real, wanted).map_err(failed(Protocol::Udp))?;
        short_buffers = wanted.shortfall(granted);
        udp.push(socket);
    }
    Ok(Listen { address: real, tcp, udp, short_buffers })
}

fn tcp_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    only_its_family(&socket, address)?;
    socket.set_reuse_address(true)?; // connections of an earlier run may still be closing
    for_connections(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What each connection of a listener inherits.
fn for_connections(listener: &Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?; // a reply is written whole; without it, it only comes later
    listener.set_linger(Some(Duration::ZERO))?; // what is dropped is reset, and leaves nothing in the kernel
    listener.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    // The system doubles it for its own needs, so a longest reply fits.
    listener.set_send_buffer_size(STREAM_BUFFER_OCTETS)?;
    listener.set_recv_buffer_size(STREAM_BUFFER_OCTETS)
}

fn udp_socket(address: SocketAddr, buffers: Buffers) -> io::Result<(UdpSocket, Buffers)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    only_its_family(&socket, address)?;
    socket.set_reuse_port(true)?; // the kernel spreads the clients over the workers
    socket.set_read_timeout(Some(LOOK_UP_EVERY))?;
    let granted = buffers.request(&socket)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    ignore_path_mtu(&socket, address.ip())?;
    if address.ip().is_unspecified() {
        tell_destinations(&socket, address.ip())?;
    }
    Ok((socket, granted))
}

/// `[::]` leaves IPv4 to `0.0.0.0`, whatever the system's default: one address, one meaning.
fn only_its_family(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address.ip() {
        IpAddr::V4(_) => Ok(()),
        IpAddr::V6(_) => socket.set_only_v6(true),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use socket2::SockRef;

    use super::*;

    /// The kernel copies the options of a listener; only that it does is ours to prove.
    #[test]
    fn connections_inherit_what_their_listener_has() {
        let listener = tcp_listener((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let _client = TcpStream::connect(address).expect("it listens");
        listener.set_nonblocking(false).expect("our socket");
        let (connection, _) = listener.accept().expect("the client");
        let connection = SockRef::from(&connection);
        let options = || {
            io::Result::Ok((
                connection.tcp_nodelay()?,
                connection.linger()?,
                connection.tcp_user_timeout()?,
                connection.send_buffer_size()?,
                connection.recv_buffer_size()?,
            ))
        };
        let doubled = 2 * STREAM_BUFFER_OCTETS;
        let expected = (true, Some(Duration::ZERO), Some(UNACKNOWLEDGED_MAX), doubled, doubled);
        assert_eq!(options().expect("options of TCP"), expected);
    }
}
