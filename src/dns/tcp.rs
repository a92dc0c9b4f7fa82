//! The conversation on a stream (RFC 7766): each message behind its length, whatever carries the octets.

use std::future::poll_fn;
use std::io;
use std::mem::take;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::stream_context::{Client, Shared};

/// Longer queries end the connection, so that a client cannot make us buffer more.
pub(super) const QUERY_MAX_OCTETS: usize = 4096;

/// Replies are collected up to here before they are written, so what waits for a slow reader stays small.
const COLLECTED_MAX_OCTETS: usize = 4096;

/// After this many queries of one connection the other connections get a turn.
const QUERIES_IN_TURN: usize = 64;

/// A message is whole this long after its first octet: it is one packet, or two.
const MESSAGE_MAX: Duration = Duration::from_secs(5);

/// Answers all queries of one connection in their order.
///
/// There is no other deadline here: [`Shared`] closes connections that have been idle for too long.
pub(super) async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    client: Client,
    shared: &Rc<Shared>,
) -> io::Result<()> {
    let mut incoming = Vec::new();
    let mut replies = Vec::new();
    let mut whole_by = None;
    loop {
        let read = shared.read(&mut stream, &mut incoming);
        let octets = match whole_by {
            Some(due) => timeout_at(due, read).await??,
            None => read.await?,
        };
        let (mut used, mut queries) = (0, 0);
        while let Some(query) = first_message(&incoming[used..])? {
            used += 2 + query.len();
            append(shared, client, query, &mut replies);
            queries += 1;
            if replies.len() >= COLLECTED_MAX_OCTETS {
                write(&mut stream, &mut replies, client, shared).await?;
            }
            if queries % QUERIES_IN_TURN == 0 {
                yield_now().await;
            }
        }
        write(&mut stream, &mut replies, client, shared).await?;
        if octets == 0 {
            return stream.shutdown().await; // the client has asked all its queries, and has all replies
        }
        incoming.drain(..used);
        if incoming.is_empty() {
            incoming = Vec::new(); // an idle connection holds no buffer
            whole_by = None;
        } else if used > 0 || whole_by.is_none() {
            whole_by = Some(Instant::now() + MESSAGE_MAX);
        }
    }
}

/// The first whole message behind its length, if it has come.
fn first_message(incoming: &[u8]) -> io::Result<Option<&[u8]>> {
    let [high, low, rest @ ..] = incoming else {
        return Ok(None);
    };
    let octets = usize::from(u16::from_be_bytes([*high, *low]));
    if octets > QUERY_MAX_OCTETS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(rest.get(..octets))
}

/// Appends the reply, behind its length.
fn append(shared: &Shared, client: Client, query: &[u8], replies: &mut Vec<u8>) {
    shared.answer(client, query, Some(shared.idle()), |reply| {
        replies.extend_from_slice(&(reply.len() as u16).to_be_bytes());
        replies.extend_from_slice(reply);
    });
}

/// Writes what was collected; the client was active once it has taken that. What it does not take at once counts as
/// memory that it makes us hold.
async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    replies: &mut Vec<u8>,
    client: Client,
    shared: &Rc<Shared>,
) -> io::Result<()> {
    if replies.is_empty() {
        return Ok(());
    }
    let replies = take(replies);
    let mut writing = pin!(async {
        stream.write_all(&replies).await?;
        stream.flush().await
    });
    match poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await {
        Poll::Ready(written) => written?,
        Poll::Pending => {
            let _held = shared.hold(client, replies.len()).ok_or(io::ErrorKind::OutOfMemory)?;
            writing.await?;
        }
    }
    shared.active(client);
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};
    use tokio::time::sleep;

    use super::super::memory::MEMORY_MAX_OCTETS;
    use super::*;

    #[tokio::test]
    async fn only_replies_that_are_not_taken_need_memory() {
        let shared = Rc::new(Shared::of_nothing());
        let _all = shared.hold(Client::of_a_test(), MEMORY_MAX_OCTETS / 2).expect("a half is ours");
        let query = [0, 12, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for does_read in [true, false] {
            let (mut client, stream) = duplex(100);
            let asks = async move {
                for _ in 0..50 {
                    client.write_all(&query).await?;
                    if does_read {
                        client.read_exact(&mut [0; 14]).await?;
                    }
                }
                io::Result::Ok(())
            };
            let (end, asked) = tokio::join!(converse(stream, Client::of_a_test(), &shared), asks);
            let why = end.err().map(|error| error.kind());
            assert_eq!(why, (!does_read).then_some(io::ErrorKind::OutOfMemory), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_asks_much_at_once_gives_turns_to_the_others() {
        let shared = Rc::new(Shared::of_nothing());
        let (mut context, stream) = duplex(1 << 20);
        let query = [0, 12, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        context.write_all(&query.repeat(500)).await.expect("a buffer with room");
        let mut conversation = pin!(converse(stream, Client::of_a_test(), &shared));
        for turn in 1..5 {
            let waits =
                poll_fn(|context| Poll::Ready(conversation.as_mut().poll(context).is_pending())).await;
            assert!(waits);
            assert_eq!(shared.queries(), turn * QUERIES_IN_TURN as u64);
        }
    }

    /// A query octet by octet, each within the deadline but not all of them; whole queries before it do not help.
    #[tokio::test(start_paused = true)]
    async fn a_message_is_whole_some_seconds_after_its_first_octet() {
        let shared = Rc::new(Shared::of_nothing());
        let query = [0, 12, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let (mut client, stream) = duplex(1 << 10);
        let begin = Instant::now();
        let trickle = async move {
            client.write_all(&query.repeat(2)).await.expect("somebody reads");
            for octet in query.iter().cycle().take(100) {
                if client.write_all(&[*octet]).await.is_err() {
                    break;
                }
                sleep(MESSAGE_MAX / 10).await;
            }
        };
        let (end, ()) = tokio::join!(converse(stream, Client::of_a_test(), &shared), trickle);
        assert_eq!(end.expect_err("it takes too long").kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() <= MESSAGE_MAX * 2, "{:?}", begin.elapsed());
    }
}
