//! Streams (RFC 7766): all of them in one thread, so that however many there are, UDP does not notice.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::connections::Connections;
use super::counters::Counters;
use super::{Streaming, wall_clock};
use crate::answer::{AnswerTable, Asker, Transport, respond};

/// From one whole query to the next (RFC 7766 section 6.2.3 asks for some seconds); trickled octets do not count.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// A client that does not read its replies is given up.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Longer queries end the connection: memory is not lent to strangers.
const QUERY_MAX_OCTETS: usize = 4096;

/// Replies are collected up to here before they are written, so what waits for a slow reader stays small.
const COLLECTED_MAX_OCTETS: usize = 4096;

/// When the system has no descriptors or memory left; a listener that tries on would spin.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// What all connections share; they live in one thread.
struct Shared {
    streaming: Streaming,
    connections: RefCell<Connections>,
    /// One reply is written at a time.
    reply: RefCell<Box<[u8]>>,
}

/// Answers on all listeners until `stop` changes.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    streaming: Streaming,
    mut stop: watch::Receiver<bool>,
) {
    let reply = RefCell::new(vec![0; AnswerTable::REPLY_MAX_OCTETS].into());
    let shared = Rc::new(Shared { streaming, connections: RefCell::default(), reply });
    let tasks = LocalSet::new();
    for listener in listeners {
        tasks.spawn_local(accept(listener, Rc::clone(&shared)));
    }
    let stopped = async {
        let _ = stop.wait_for(|stop| *stop).await; // an error means that nobody is left to say it
    };
    tasks.run_until(stopped).await; // with `tasks` the connections end
}

async fn accept(listener: TcpListener, shared: Rc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer, &shared),
            Err(error) if is_exhausted(&error) => {
                shared.connections.borrow_mut().close_longest_idle();
                sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {} // gone again before it was accepted
            Err(_) => sleep(PAUSE_WITHOUT_DESCRIPTORS).await,
        }
    }
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM
fn is_exhausted(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn admit(stream: TcpStream, peer: SocketAddr, shared: &Rc<Shared>) {
    let _ = stream.set_nodelay(true); // a reply is written whole; without it, it only comes later
    let ours = Rc::clone(shared);
    let client: IpAddr = peer.ip();
    shared.connections.borrow_mut().admit(client, |number| {
        let task = tokio::task::spawn_local(async move {
            let _ = converse(stream, client, number, &ours).await; // whatever went wrong, the connection is over
            ours.connections.borrow_mut().ended(number);
        });
        task.abort_handle()
    });
}

/// Answers all queries of one connection in their order.
async fn converse(mut stream: TcpStream, client: IpAddr, number: u64, shared: &Shared) -> io::Result<()> {
    let mut incoming = Vec::new();
    let mut replies = Vec::new();
    let mut deadline = Instant::now() + IDLE_MAX;
    loop {
        let octets = timeout_at(deadline, stream.read_buf(&mut incoming)).await??;
        let mut used = 0;
        while let Some(query) = first_message(&incoming[used..])? {
            used += 2 + query.len();
            shared.answer(client, query, &mut replies);
            if replies.len() >= COLLECTED_MAX_OCTETS {
                write(&mut stream, &mut replies).await?;
            }
        }
        write(&mut stream, &mut replies).await?;
        if octets == 0 {
            return stream.shutdown().await; // it has asked all that it wanted, and got all
        }
        if used > 0 {
            incoming.drain(..used);
            deadline = Instant::now() + IDLE_MAX;
            shared.connections.borrow_mut().active(number);
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

async fn write(stream: &mut TcpStream, replies: &mut Vec<u8>) -> io::Result<()> {
    if !replies.is_empty() {
        timeout(WRITE_MAX, stream.write_all(replies)).await??;
        replies.clear();
    }
    Ok(())
}

impl Shared {
    /// Appends the reply, behind its length.
    fn answer(&self, address: IpAddr, query: &[u8], replies: &mut Vec<u8>) {
        let mut reply = self.reply.borrow_mut();
        let Streaming { tables, manners, tally } = &self.streaming;
        let asker = Asker { transport: Transport::Tcp, address, now: wall_clock(), manners };
        let outcome = respond(&tables.0.load(), query, &asker, &mut reply);
        let mut counted = Counters::default();
        counted.count(outcome, &reply);
        tally.add(counted);
        if let Some(reply) = outcome.octets().map(|octets| &reply[..octets]) {
            replies.extend_from_slice(&(reply.len() as u16).to_be_bytes());
            replies.extend_from_slice(reply);
        }
    }
}
