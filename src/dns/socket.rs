//! The socket of a connection, which leaves nothing behind in the kernel.
//!
//! Listeners have what a connection inherits (`bind`): whoever drops the socket resets the connection, and with it goes
//! what the client has not taken. Only a shutdown that is waited for ends a connection in order: it is done once
//! the client has taken everything and has closed its side too. Until then the connection has its place and may be
//! evicted from it, so no limit is passed by.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// The first look whether a connection has ended comes so soon after our end of it, each further one after twice as
/// long: most clients are done within a round trip.
const LOOK_FIRST: Duration = Duration::from_millis(2);

/// The longest time between two looks.
const LOOK_MAX: Duration = Duration::from_millis(250);

/// A connection's socket.
pub(super) struct Socket {
    stream: TcpStream,
    ending: Option<Ending>,
}

/// We have said our last; the client has perhaps not.
struct Ending {
    look: Pin<Box<Sleep>>,
    wait: Duration,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Socket {
        Socket { stream, ending: None }
    }

    /// Whether both sides are done and all is acknowledged: then the system knows no other end any more.
    fn has_ended(&self) -> bool {
        self.stream.peer_addr().is_err()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.ending = Some(Ending { look: Box::pin(sleep(LOOK_FIRST)), wait: LOOK_FIRST });
        }
        while !self.has_ended() {
            let Some(Ending { look, wait }) = &mut self.ending else { break };
            ready!(look.as_mut().poll(context));
            *wait = (*wait * 2).min(LOOK_MAX);
            look.as_mut().reset(Instant::now() + *wait);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Two ends of a connection; ours is reset when it is dropped.
    async fn ends() -> (Socket, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (ours, _) = accepted.expect("a client");
        ours.set_zero_linger().expect("our socket");
        (Socket::new(ours), client.expect("a listener"))
    }

    #[tokio::test]
    async fn what_is_shut_down_is_delivered_and_what_is_dropped_is_not() {
        const OCTETS: usize = 200_000; // more than the client has room for
        for is_shut_down in [true, false] {
            let (mut ours, mut client) = ends().await;
            ours.write_all(&[7; OCTETS]).await.expect("the system takes it");
            let end = async {
                if is_shut_down {
                    ours.shutdown().await.expect("the client is there");
                }
                drop(ours);
            };
            let read = async {
                let mut read = Vec::new();
                let end = client.read_to_end(&mut read).await;
                drop(client);
                end.is_ok_and(|octets| octets == OCTETS)
            };
            let ((), is_delivered) = tokio::join!(end, read);
            assert_eq!(is_delivered, is_shut_down);
        }
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_a_client_that_does_not_read() {
        let (mut ours, client) = ends().await;
        ours.write_all(&[7; 200_000]).await.expect("the system takes it");
        let early = tokio::time::timeout(LOOK_MAX, ours.shutdown()).await;
        assert!(early.is_err(), "{early:?}");
        drop(client); // with octets unread, so it resets the connection
        ours.shutdown().await.expect("an end is an end");
    }
}
