//! Options of a UDP socket: the buffers that the kernel keeps for it, and how often what came did not fit.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, setsockopt, sockopt};

/// The buffers of a socket, in octets.
///
/// The kernel takes twice as much as is asked for, for its own bookkeeping (socket(7)); a datagram of a query or a
/// short reply counts as 768 octets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffers {
    /// Of queries that no worker has taken yet.
    pub(super) receive: usize,
    /// Of replies that have not left yet: most of them wait for the link address of a neighbour.
    pub(super) send: usize,
}

impl Buffers {
    /// Asks for both, and returns what the socket has got: with `CAP_NET_ADMIN` what was asked for, otherwise no more
    /// than `net.core.rmem_max` and `net.core.wmem_max` allow.
    ///
    /// A socket that has it all already keeps it: who had that right may have none any more, and would get less.
    pub(super) fn request(self, socket: &impl AsFd) -> io::Result<Buffers> {
        let has = |granted: usize, wanted: usize| granted / 2 == wanted;
        if !has(getsockopt(socket, sockopt::RcvBuf)?, self.receive)
            && setsockopt(socket, sockopt::RcvBufForce, &self.receive).is_err()
        {
            setsockopt(socket, sockopt::RcvBuf, &self.receive)?;
        }
        if !has(getsockopt(socket, sockopt::SndBuf)?, self.send)
            && setsockopt(socket, sockopt::SndBufForce, &self.send).is_err()
        {
            setsockopt(socket, sockopt::SndBuf, &self.send)?;
        }
        let (receive, send) = (getsockopt(socket, sockopt::RcvBuf)?, getsockopt(socket, sockopt::SndBuf)?);
        Ok(Buffers { receive: receive / 2, send: send / 2 })
    }

    /// What to tell an operator whose system grants less than this; `None` when it grants all of it.
    pub(super) fn shortfall(self, granted: Buffers) -> Option<String> {
        let lack = |key: &str, wanted: usize, granted: usize, sysctl: &str| {
            let said = format!(
                "the system grants {granted} octets of `[dns] {key}`, not {wanted}: \
                 `sysctl -w net.core.{sysctl}={wanted}`"
            );
            (granted < wanted).then_some(said)
        };
        let receive = lack("receive_buffer", self.receive, granted.receive, "rmem_max");
        let send = lack("send_buffer", self.send, granted.send, "wmem_max");
        let lacking: Vec<String> = receive.into_iter().chain(send).collect();
        (!lacking.is_empty())
            .then(|| format!("{}; or start with CAP_NET_ADMIN, or ask for less", lacking.join(", and ")))
    }
}

/// `SO_MEMINFO`: the numbers of `sock_diag(7)` about the memory of a socket, up to the one that is looked at.
#[derive(Clone, Copy)]
struct MemoryInfo;

const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;

nix::getsockopt_impl!(
    MemoryInfo,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; DROPS + 1],
    sockopt::GetStruct<[u32; DROPS + 1]>
);

/// How many datagrams the kernel has dropped at this socket, modulo 2³²: the receive buffer was full, or a checksum was
/// wrong.
pub(super) fn drops(socket: &impl AsFd) -> io::Result<u32> {
    Ok(getsockopt(socket, MemoryInfo)?[DROPS])
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn what_the_system_does_not_grant_is_told_with_what_helps() {
        let wanted = Buffers { receive: 4_194_304, send: 4_194_304 };
        assert_eq!(wanted.shortfall(wanted), None);
        assert_eq!(wanted.shortfall(Buffers { receive: 5_000_000, send: 5_000_000 }), None);
        let told = wanted.shortfall(Buffers { receive: 212_992, send: 212_992 });
        insta::assert_snapshot!(told.expect("both lack"), @"the system grants 212992 octets of `[dns] receive_buffer`, not 4194304: `sysctl -w net.core.rmem_max=4194304`, and the system grants 212992 octets of `[dns] send_buffer`, not 4194304: `sysctl -w net.core.wmem_max=4194304`; or start with CAP_NET_ADMIN, or ask for less");
        let told = wanted.shortfall(Buffers { send: 212_992, ..wanted }).expect("one lacks");
        assert!(told.starts_with("the system grants 212992 octets of `[dns] send_buffer`"), "{told}");
    }

    /// 64 KiB is granted to everybody.
    #[test]
    fn a_socket_gets_the_buffers_that_it_asks_for() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let wanted = Buffers { receive: 1 << 16, send: 1 << 17 };
        assert_eq!(wanted.request(&socket).expect("a socket"), wanted);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        Buffers { receive: 1 << 16, send: 1 << 16 }.request(&socket).expect("a socket");
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        client.connect(socket.local_addr().expect("bound")).expect("the loopback");
        assert_eq!(drops(&socket).expect("a socket"), 0);
        for _ in 0..1000 {
            client.send(b"a query").expect("sent to ourselves");
        }
        socket.set_nonblocking(true).expect("our socket");
        let taken = std::iter::from_fn(|| socket.recv(&mut [0; 8]).ok()).count();
        assert!((1..1000).contains(&taken), "{taken}");
        assert_eq!(drops(&socket).expect("a socket"), 1000 - taken as u32);
    }
}
