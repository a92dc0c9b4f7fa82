//! Messages between processes of this machine: JSON, and open sockets beside it. Every wait has an end.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown,
    socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// No message is longer: an offer has a line for each socket.
const MESSAGE_MAX_OCTETS: usize = 128 * 1024;

/// So many sockets go with one message; the kernel takes 253.
pub(super) const SOCKETS_MAX: usize = 200;

/// A message that the other side does not take within this finds nobody who reads.
const SEND_MAX: Duration = Duration::from_secs(5);

/// One end of a connection that nobody can open but by being given it.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

impl Channel {
    /// Both ends. Messages keep their bounds.
    pub(super) fn pair() -> io::Result<(Channel, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Channel(ours), theirs))
    }

    /// An end that was given to us.
    pub(super) fn of(end: OwnedFd) -> Channel {
        Channel(end)
    }

    /// The same end once more: for who ends it, while another waits.
    pub(super) fn share(&self) -> io::Result<Channel> {
        Ok(Channel(self.0.try_clone()?))
    }

    /// Whoever waits on either side, waits no more.
    pub(super) fn end(&self) {
        let _ = shutdown(&self.0, Shutdown::Both); // gone already is as good
    }

    /// Sends a message, with sockets that the other side then has as well.
    ///
    /// # Errors
    /// When the other side is gone, or takes nothing.
    pub(super) fn send(&self, message: &impl Serialize, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        // With room from the start nothing is copied when it grows; there may be secrets in it.
        let mut text = Zeroizing::new(Vec::with_capacity(MESSAGE_MAX_OCTETS));
        serde_json::to_writer(&mut *text, message)?;
        if text.len() > MESSAGE_MAX_OCTETS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too long a message"));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let fits = sockets.len() <= SOCKETS_MAX
            && (sockets.is_empty() || beside.push(SendAncillaryMessage::ScmRights(sockets)));
        if !fits {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too many sockets for a message"));
        }
        let deadline = Instant::now() + SEND_MAX;
        loop {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.0, &[IoSlice::new(&text)], &mut beside, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::AGAIN) => wait(self.0.as_fd(), PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next message, and what came with it.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other side is gone, `TimedOut` when nothing came until the deadline, `InvalidData` when
    /// the message is none of these.
    pub(super) fn receive<T: DeserializeOwned>(&self, deadline: Instant) -> io::Result<(T, Vec<OwnedFd>)> {
        let mut text = Zeroizing::new(vec![0; MESSAGE_MAX_OCTETS]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let octets = loop {
            let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut text)], &mut beside, flags) {
                Ok(received) => break received.bytes,
                Err(Errno::AGAIN) => wait(self.0.as_fd(), PollFlags::IN, deadline)?,
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => break 0,
                Err(error) => return Err(error.into()),
            }
        };
        if octets == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut sockets = Vec::new();
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                sockets.extend(some);
            }
        }
        let message = serde_json::from_slice(&text[..octets])?;
        Ok((message, sockets))
    }
}

/// Until there is something to do, or the other side is gone.
fn wait(socket: BorrowedFd<'_>, what: PollFlags, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
    match poll(&mut [PollFd::from_borrowed_fd(socket, what)], Some(&left)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::UdpSocket;
    use std::thread;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn what_is_sent_arrives_with_its_sockets() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        let theirs = Channel::of(theirs);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        ours.send(&("one", 1), &[socket.as_fd(), socket.as_fd()]).expect("somebody reads");
        ours.send(&("two", 2), &[]).expect("somebody reads");
        let ((word, number), sockets) = theirs.receive::<(String, u8)>(soon()).expect("it was sent");
        assert_eq!((word.as_str(), number, sockets.len()), ("one", 1, 2));
        for copy in sockets {
            let copy = UdpSocket::from(copy);
            assert_eq!(copy.local_addr().expect("bound"), socket.local_addr().expect("bound"));
        }
        let (second, none) = theirs.receive::<(String, u8)>(soon()).expect("it was sent");
        assert_eq!((second, none.len()), (("two".to_owned(), 2), 0));
    }

    #[test]
    fn as_many_sockets_as_are_allowed_go_with_a_message_and_no_more() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let many = vec![socket.as_fd(); SOCKETS_MAX + 1];
        ours.send(&"", &many[1..]).expect("somebody reads");
        let ((), sockets) = Channel::of(theirs)
            .receive::<String>(soon())
            .map(|(_, sockets)| ((), sockets))
            .expect("it was sent");
        assert_eq!(sockets.len(), SOCKETS_MAX);
        let refused = ours.send(&"", &many).expect_err("one too many");
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn who_waits_is_told_of_the_end_and_of_lateness() {
        let kind = |channel: &Channel, deadline| {
            channel.receive::<()>(deadline).expect_err("there is nothing").kind()
        };
        let (ours, theirs) = Channel::pair().expect("a pair");
        assert_eq!(kind(&ours, Instant::now()), ErrorKind::TimedOut);
        drop(theirs);
        assert_eq!(kind(&ours, soon()), ErrorKind::UnexpectedEof);
        let (ours, _theirs) = Channel::pair().expect("a pair");
        let other = ours.share().expect("a descriptor");
        let waiting = thread::spawn(move || kind(&ours, soon()));
        other.end();
        assert_eq!(waiting.join().expect("no panic"), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn nonsense_is_told_as_such() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        ours.send(&"words", &[]).expect("somebody reads");
        let error = Channel::of(theirs).receive::<u8>(soon()).expect_err("no number");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}
