//! Streams: those of a kind live in one thread, so that however many there are, UDP does not notice.
//!
//! A connection is closed when it has been idle for too long, or when it has been so for longest and its place is
//! needed. What it does meanwhile (it sends a query octet by octet, or does not read its replies) is all the same:
//! idle is who has got nothing.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::ready;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{LocalSet, yield_now};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::connections::Connections;
use super::counters::Counters;
use super::https;
use super::tcp::converse;
use super::{Streaming, wall_clock};
use crate::answer::{AnswerTable, QueryContext, Transport, respond};

/// Octets that are taken from one stream at a time.
const READ_MAX_OCTETS: usize = 8192;

/// When the system has no descriptors or memory left; a listener that tries on would spin.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(10);

/// What lies between TCP and DNS.
#[derive(Clone)]
pub(super) enum Carrier {
    /// Nothing.
    Plain,
    /// TLS.
    Tls(TlsAcceptor),
    /// TLS and HTTP, with the path of DNS in it.
    Https(TlsAcceptor, Arc<str>),
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Among the connections.
    number: u64,
}

/// What all connections share; they live in one thread.
pub(super) struct Shared {
    streaming: Streaming,
    connections: RefCell<Connections>,
    /// Somebody came, so all may be idle for less long than before.
    admitted: Notify,
    /// One stream is read at a time.
    read: RefCell<Box<[u8]>>,
    /// One reply is written at a time.
    reply: RefCell<Box<[u8]>>,
    /// Octets of replies over HTTPS that clients have not taken yet.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// Answers on all listeners until `stop` changes.
pub(super) async fn serve(
    listeners: Vec<(TcpListener, Carrier)>,
    streaming: Streaming,
    mut stop: watch::Receiver<bool>,
) {
    let shared = Rc::new(Shared::new(streaming));
    let tasks = LocalSet::new();
    tasks.spawn_local(close_idle(Rc::clone(&shared)));
    for (listener, carrier) in listeners {
        tasks.spawn_local(accept(listener, carrier, Rc::clone(&shared)));
    }
    let stopped = async {
        let _ = stop.wait_for(|stop| *stop).await; // an error means that nobody is left to say it
    };
    tasks.run_until(stopped).await; // with `tasks` the connections end
}

/// Takes in who comes. Without descriptors the system says so whether somebody waits or not: only if somebody does, the
/// one that has been idle for longest makes room.
async fn accept(listener: TcpListener, carrier: Carrier, shared: Rc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer, carrier.clone(), &shared),
            Err(error) if is_exhausted(&error) => {
                sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
                if is_awaited(&listener) {
                    let now = Instant::now();
                    shared.connections.borrow_mut().close_longest_idle(PAUSE_WITHOUT_DESCRIPTORS, now);
                    yield_now().await; // it ends now
                }
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {} // gone again before it was accepted
            Err(_) => sleep(PAUSE_WITHOUT_DESCRIPTORS).await,
        }
    }
}

/// Whether somebody waits to be let in.
fn is_awaited(listener: &TcpListener) -> bool {
    let mut asked = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM
fn is_exhausted(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn admit(stream: TcpStream, peer: SocketAddr, carrier: Carrier, shared: &Rc<Shared>) {
    let _ = stream.set_nodelay(true); // a reply is written whole; without it, it only comes later
    let ours = Rc::clone(shared);
    let address = peer.ip();
    shared.connections.borrow_mut().admit(address, Instant::now(), |number| {
        let task = tokio::task::spawn_local(async move {
            let client = Client { address, number };
            let _ = serve_one(stream, carrier, client, &ours).await; // whatever went wrong, the connection is over
            ours.connections.borrow_mut().ended(number);
        });
        task.abort_handle()
    });
    shared.admitted.notify_one();
}

/// The handshake, if there is one, is time in which the client gets nothing. What only encryption needs is kept apart:
/// a plain connection is a small one.
async fn serve_one(
    stream: TcpStream,
    carrier: Carrier,
    client: Client,
    shared: &Rc<Shared>,
) -> io::Result<()> {
    match carrier {
        Carrier::Plain => converse(stream, client, shared).await,
        Carrier::Tls(acceptor) => {
            let stream = Box::pin(acceptor.accept(stream)).await?;
            Box::pin(converse(stream, client, shared)).await
        }
        Carrier::Https(acceptor, path) => {
            let stream = Box::pin(acceptor.accept(stream)).await?;
            Box::pin(https::serve(stream, client, Rc::clone(shared), path)).await
        }
    }
}

/// Closes whoever is idle for too long.
async fn close_idle(shared: Rc<Shared>) {
    loop {
        let next = shared.connections.borrow_mut().close_overdue(Instant::now());
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.admitted.notified() => {}
        }
    }
}

impl Shared {
    fn new(streaming: Streaming) -> Shared {
        Shared {
            connections: RefCell::new(Connections::new(streaming.settings)),
            streaming,
            admitted: Notify::new(),
            read: RefCell::new(vec![0; READ_MAX_OCTETS].into()),
            reply: RefCell::new(vec![0; AnswerTable::REPLY_MAX_OCTETS].into()),
            waiting: Arc::default(),
        }
    }

    /// Appends what has come; returns how many octets, 0 at the end. While nothing comes, it takes no memory.
    pub(super) async fn read(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        incoming: &mut Vec<u8>,
    ) -> io::Result<usize> {
        poll_fn(|context| {
            let mut octets = self.read.borrow_mut();
            let mut buffer = ReadBuf::new(&mut octets);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            incoming.extend_from_slice(buffer.filled());
            Ok(buffer.filled().len()).into()
        })
        .await
    }

    /// How long a connection may be idle.
    pub(super) fn idle(&self) -> Duration {
        self.connections.borrow().idle_to_tell()
    }

    /// Answers a query; `take` gets the reply, unless silence is right. `idle` is told to who asks for it.
    pub(super) fn answer(
        &self,
        client: Client,
        query: &[u8],
        idle: Option<Duration>,
        take: impl FnOnce(&[u8]),
    ) {
        let Streaming { tables, policy, tally, .. } = &self.streaming;
        let (address, now) = (client.address, wall_clock());
        let context = QueryContext { transport: Transport::Tcp, address, now, idle, policy };
        let mut reply = self.reply.borrow_mut();
        let outcome = respond(&tables.0.load(), query, &context, &mut reply);
        let mut counted = Counters::default();
        counted.count(outcome, &reply);
        tally.add(counted);
        if let Some(octets) = outcome.octets() {
            take(&reply[..octets]);
        }
    }

    /// The client has got what it asked for.
    pub(super) fn active(&self, client: Client) {
        self.connections.borrow_mut().active(client.number, Instant::now());
    }
}

#[cfg(test)]
impl Shared {
    /// For a conversation without a server.
    pub(super) fn of_nothing() -> Shared {
        let table = AnswerTable::compile(&[], &[], crate::answer::Identity::default());
        let policy = Arc::new(crate::answer::ResponsePolicy { rotate: false, cookies: None, limiter: None });
        let (tables, settings) = (super::Tables::new(Arc::new(table)), crate::config::TcpSettings::default());
        Shared::new(Streaming { tables, policy, settings, tally: Arc::default() })
    }

    /// What it has been asked.
    pub(super) fn queries(&self) -> u64 {
        Counters::sum(std::slice::from_ref(&self.streaming.tally))[crate::answer::Counter::Queries]
    }
}

#[cfg(test)]
impl Client {
    /// For a conversation without a connection.
    pub(super) fn nobody() -> Client {
        Client { address: std::net::Ipv4Addr::LOCALHOST.into(), number: 0 }
    }
}
