//! Many datagrams with one system call, each answered from the address that it was sent to.
//!
//! The `unsafe` of the sockets: neither the standard library nor a crate can send many datagrams with a
//! control message for each, and a call for each datagram costs a quarter more.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use crate::answer::AnswerTable;

/// Datagrams for each system call: with fewer the kernel's fixed cost shows, with more nothing is gained.
pub(super) const BATCH: usize = 32;

/// A quiet worker prepares buffers for this many: at low rates a batch is one datagram or two, and preparing 32 would
/// cost as much as answering them.
const BATCH_LEAST: usize = 4;

/// Longer queries are dropped: by EDNS we announce 1232 octets as the most that we take.
const QUERY_MAX_OCTETS: usize = 1344;

/// Longest reply, rounded up so that query and reply together are an odd number of cache lines: buffers a power
/// of two apart would fight for the same cache sets.
const REPLY_BUFFER_OCTETS: usize = 1280;
const _: () = assert!(REPLY_BUFFER_OCTETS >= AnswerTable::UDP_REPLY_MAX_OCTETS);
const _: () = assert!((size_of::<Buffer>() / 64) % 2 == 1);

/// Room for the one control message that is asked for, the longer IPv6 one.
const CONTROL_OCTETS: usize = 64;

#[repr(C, align(64))]
struct Buffer {
    query: [u8; QUERY_MAX_OCTETS],
    reply: [u8; REPLY_BUFFER_OCTETS],
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_OCTETS]);

/// What is known of one datagram besides its octets.
#[derive(Clone, Copy)]
struct Datagram {
    peer: libc::sockaddr_storage,
    peer_octets: libc::socklen_t,
    control: Control,
    control_octets: usize,
    query_octets: usize,
    reply_octets: usize,
}

/// Buffers of one worker, allocated once.
pub(super) struct Batch {
    buffers: Box<[Buffer]>,
    datagrams: Box<[Datagram]>,
    received: usize,
    /// The arguments of the system calls. A call uses only what was written for it.
    calls: Box<Calls>,
}

/// One of each for each datagram. The headers' pointers are good for one call, and used in no other.
struct Calls {
    parts: [libc::iovec; BATCH],
    headers: [libc::mmsghdr; BATCH],
}

impl Batch {
    pub(super) fn new() -> Batch {
        let buffer = || Buffer { query: [0; QUERY_MAX_OCTETS], reply: [0; REPLY_BUFFER_OCTETS] };
        let datagram = Datagram {
            // SAFETY: all zeroes are a valid `sockaddr_storage`, of no family.
            peer: unsafe { zeroed() },
            peer_octets: 0,
            control: Control([0; CONTROL_OCTETS]),
            control_octets: 0,
            query_octets: 0,
            reply_octets: 0,
        };
        let buffers = (0..BATCH).map(|_| buffer()).collect();
        // SAFETY: all zeroes are valid for both: null pointers with lengths of zero.
        let calls = Box::new(unsafe { zeroed() });
        Batch { buffers, datagrams: vec![datagram; BATCH].into(), received: 0, calls }
    }

    /// Waits for one datagram and takes those that are there: twice as many as last time at most, up to [`BATCH`].
    /// Returns how many.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let room = (2 * self.received).clamp(BATCH_LEAST, BATCH);
        let Calls { parts, headers } = &mut *self.calls;
        self.received = 0;
        let places = self.buffers.iter_mut().zip(&mut *self.datagrams).take(room);
        for (index, (buffer, datagram)) in places.enumerate() {
            parts[index] = part(&mut buffer.query);
            let peer_octets = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            headers[index].msg_hdr = header(&mut parts[index], datagram, peer_octets, CONTROL_OCTETS);
        }
        let socket = socket.as_raw_fd();
        let most = room as libc::c_uint;
        // SAFETY: the first `room` headers were written just now; their pointers lead to buffers of the stated lengths.
        // They are borrowed by `self`, which nothing else touches during the call, and the call keeps none of them.
        let received = unsafe {
            libc::recvmmsg(socket, headers.as_mut_ptr(), most, libc::MSG_WAITFORONE as _, ptr::null_mut())
        };
        self.received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (header, datagram) in headers.iter().zip(&mut *self.datagrams).take(self.received) {
            let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            datagram.query_octets = if whole { header.msg_len as usize } else { 0 };
            datagram.peer_octets = header.msg_hdr.msg_namelen;
            datagram.control_octets = header.msg_hdr.msg_controllen;
        }
        Ok(self.received)
    }

    /// Lets every datagram be answered: `answer` takes where it says it came from and the query, writes a reply and
    /// returns its length, or nothing for silence.
    pub(super) fn answer(&mut self, mut answer: impl FnMut(SocketAddr, &[u8], &mut [u8]) -> Option<usize>) {
        for (buffer, datagram) in self.buffers.iter_mut().zip(&mut *self.datagrams).take(self.received) {
            let query = &buffer.query[..datagram.query_octets];
            let source = SocketAddr::new(address(&datagram.peer), port(&datagram.peer));
            datagram.reply_octets = answer(source, query, &mut buffer.reply).unwrap_or(0);
        }
    }

    /// Sends what was answered; returns how many replies the system would not take.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> u64 {
        let Calls { parts, headers } = &mut *self.calls;
        let mut count = 0;
        for (buffer, datagram) in self.buffers.iter_mut().zip(&mut *self.datagrams).take(self.received) {
            if datagram.reply_octets > 0 {
                from_the_address_asked(&mut datagram.control, datagram.control_octets);
                parts[count] = part(&mut buffer.reply[..datagram.reply_octets]);
                let peer_octets = datagram.peer_octets;
                let control_octets = datagram.control_octets;
                headers[count].msg_hdr = header(&mut parts[count], datagram, peer_octets, control_octets);
                count += 1;
            }
        }
        send_all(socket, &mut headers[..count])
    }
}

/// Sends all without ever waiting; returns how many replies were not sent. A reply that the system refuses is passed
/// over, because one unreachable client must not cost the others. A full send buffer ends the batch: it is full of
/// replies to hosts whose link address does not resolve, and waiting for one of them would stop all answers.
fn send_all(socket: &impl AsRawFd, mut headers: &mut [libc::mmsghdr]) -> u64 {
    let mut refused = 0;
    while !headers.is_empty() {
        let count = headers.len() as libc::c_uint;
        // SAFETY: `headers` holds `count` headers whose pointers lead to buffers of the stated lengths, which
        // outlive the call; it only reads them and keeps none.
        let sent = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _)
        };
        let done = match usize::try_from(sent) {
            Ok(sent) if sent > 0 => sent,
            Ok(_) | Err(_) => {
                let error = io::Error::last_os_error().kind();
                if error == io::ErrorKind::WouldBlock {
                    return refused + headers.len() as u64;
                }
                let done = usize::from(error != io::ErrorKind::Interrupted);
                refused += done as u64;
                done
            }
        };
        headers = &mut headers[done..];
    }
    refused
}

fn part(octets: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: octets.as_mut_ptr().cast(), iov_len: octets.len() }
}

fn header(
    part: &mut libc::iovec,
    datagram: &mut Datagram,
    peer_octets: libc::socklen_t,
    control_octets: usize,
) -> libc::msghdr {
    // SAFETY: all zeroes are a valid `msghdr` (it has private padding with some C libraries).
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = ptr::from_mut(&mut datagram.peer).cast();
    header.msg_namelen = peer_octets;
    header.msg_iov = part;
    header.msg_iovlen = 1;
    if control_octets > 0 {
        header.msg_control = datagram.control.0.as_mut_ptr().cast();
        header.msg_controllen = control_octets;
    }
    header
}

/// The port that a datagram came from; it has one place in IPv4 and IPv6 addresses.
fn port(peer: &libc::sockaddr_storage) -> u16 {
    // SAFETY: `sockaddr_storage` is at least as long as `sockaddr_in` and aligned for it; any octets are valid.
    u16::from_be(unsafe { (*ptr::from_ref(peer).cast::<libc::sockaddr_in>()).sin_port })
}

/// The address that a datagram came from.
fn address(peer: &libc::sockaddr_storage) -> IpAddr {
    let peer_at = ptr::from_ref(peer);
    if libc::c_int::from(peer.ss_family) == libc::AF_INET6 {
        // SAFETY: `sockaddr_storage` is at least as long as `sockaddr_in6` and aligned for it; any octets are valid.
        return IpAddr::from(unsafe { (*peer_at.cast::<libc::sockaddr_in6>()).sin6_addr.s6_addr });
    }
    // SAFETY: as above, for `sockaddr_in`.
    IpAddr::from(unsafe { (*peer_at.cast::<libc::sockaddr_in>()).sin_addr.s_addr }.to_ne_bytes())
}

/// Turns the control message of a query into the one that its reply is sent with. The reply leaves from the address
/// that was asked, by the route to the client rather than by the interface that the query came in on. A link-local
/// address keeps the interface, because it means nothing without it.
fn from_the_address_asked(control: &mut Control, octets: usize) {
    let (head, data) = control.0.split_at_mut(size_of::<libc::cmsghdr>());
    if octets < head.len() + size_of::<libc::in_pktinfo>() {
        return; // none was asked for
    }
    // SAFETY: `head` is as long as a `cmsghdr` and aligned to 8 octets; any octets are valid.
    let kind = unsafe { *head.as_ptr().cast::<libc::cmsghdr>() };
    match (kind.cmsg_level, kind.cmsg_type) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => data[..4].fill(0), // ipi_ifindex comes first
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if !is_link_local(data) => data[16..20].fill(0), // ipi6_ifindex
        _ => {}
    }
}

/// fe80::/10
fn is_link_local(address: &[u8]) -> bool {
    address[0] == 0xfe && address[1] & 0xc0 == 0x80
}

/// Asks for the address that each datagram was sent to, where one socket has many.
pub(super) fn tell_destinations(socket: &UdpSocket, address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        IpAddr::V6(_) => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    }
}

/// Ignores reports of small path MTUs, which can be forged: replies of 1232 octets fit, or routers fragment them.
pub(super) fn ignore_path_mtu(socket: &UdpSocket, address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT),
        IpAddr::V6(_) => {
            set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
        }
    }
}

fn set_option(
    socket: &UdpSocket,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let octets = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` lives through the call and has the stated length.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast(), octets) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    /// Sends `count` datagrams of one octet each; returns how many were not sent.
    fn send(socket: &impl AsRawFd, count: usize) -> u64 {
        let mut octets = [7];
        let mut part = part(&mut octets);
        // SAFETY: all zeroes are a valid `mmsghdr`.
        let mut headers: Vec<libc::mmsghdr> = (0..count).map(|_| unsafe { zeroed() }).collect();
        for header in &mut headers {
            header.msg_hdr.msg_iov = &raw mut part;
            header.msg_hdr.msg_iovlen = 1;
        }
        send_all(socket, &mut headers)
    }

    /// A UNIX socket whose peer does not read has what a UDP socket has whose neighbours do not resolve: no room.
    #[test]
    fn a_full_send_buffer_ends_the_batch_instead_of_waiting() {
        let (ours, peer) = UnixDatagram::pair().expect("descriptors");
        peer.set_nonblocking(true).expect("our socket");
        let unsent = send(&ours, 10_000);
        let arrived = std::iter::from_fn(|| peer.recv(&mut [0; 8]).ok()).count() as u64;
        assert!(arrived > 0, "nothing was sent");
        assert_eq!(unsent, 10_000 - arrived, "what was not sent is counted");
        assert_eq!(send(&ours, 1), 0, "there is room again");
    }

    /// From the loopback, no other network can be reached, and no broadcast is allowed.
    #[test]
    fn what_cannot_be_sent_neither_delays_nor_drops_what_can() {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let (ours, client) = (bind(), bind());
        client.set_nonblocking(true).expect("our socket");
        let good = client.local_addr().expect("bound");
        let to = |address: &str| address.parse().expect("an address");
        let peers =
            [good, to("203.0.113.1:53"), good, to("255.255.255.255:53"), to("203.0.113.2:53"), good, good];
        let mut octets = [7];
        let mut part = part(&mut octets);
        let mut peers: Vec<socket2::SockAddr> = peers.into_iter().map(socket2::SockAddr::from).collect();
        let headers = peers.iter_mut().map(|peer| {
            // SAFETY: all zeroes are a valid `mmsghdr`.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_iov = &raw mut part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = peer.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = peer.len();
            header
        });
        let mut headers: Vec<libc::mmsghdr> = headers.collect();
        assert_eq!(send_all(&ours, &mut headers), 3, "what the system refuses is counted");
        let arrived = std::iter::from_fn(|| client.recv(&mut [0; 8]).ok()).count();
        assert_eq!(arrived, 4, "everything else has arrived");
    }

    #[test]
    fn a_reply_that_is_refused_costs_no_other() {
        let (ours, peer) = UnixDatagram::pair().expect("descriptors");
        drop(peer);
        assert_eq!(send(&ours, 5), 5, "each was tried");
    }
}
