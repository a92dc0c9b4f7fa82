//! What the conversations on streams share: the answers, the places of the connections, and buffers.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::ready;
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::clock::wall_clock;
use super::connections::Connections;
use super::counters::{Counters, Tally};
use super::memory::{MEMORY_MAX_OCTETS, Memory};
use super::proxy_protocol::FrontEnds;
use super::tables::Tables;
use super::turns::Turns;
use super::workers::Vitals;
use crate::answer::{AnswerTable, QueryContext, ResponsePolicy, Transport, respond_counted};
use crate::config::TcpSettings;

/// Octets that are taken from one stream at a time.
const READ_MAX_OCTETS: usize = 8192;

/// What all streams are answered with.
#[derive(Clone)]
pub(super) struct Streaming {
    pub(super) tables: Tables,
    pub(super) policy: Arc<ResponsePolicy>,
    /// Who connects on behalf of clients.
    pub(super) front_ends: FrontEnds,
    pub(super) settings: TcpSettings,
    pub(super) tally: Arc<Tally>,
    /// The same of queries over HTTPS.
    pub(super) tally_of_https: Arc<Tally>,
}

/// A client: its address, and its number among the connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Its number among the connections.
    pub(super) number: u64,
}

/// What all connections of one thread share.
pub(super) struct Shared {
    streaming: Streaming,
    vitals: Arc<Vitals>,
    pub(super) connections: RefCell<Connections>,
    /// A connection was admitted, so all may be idle for less long than before.
    pub(super) admitted: Notify,
    /// Most of a crowd of connections has left.
    pub(super) crowd_left: Notify,
    /// One stream is read at a time.
    read: RefCell<Box<[u8]>>,
    /// One reply is written at a time.
    reply: RefCell<Box<[u8]>>,
    memory: RefCell<Memory>,
    pub(super) handshakes: Turns,
}

/// Memory that a client makes us hold, until this is dropped.
pub(super) struct Held {
    octets: usize,
    client: Client,
    shared: Rc<Shared>,
}

impl Held {
    /// The client has taken what it was for.
    pub(super) fn taken(self) {
        self.shared.active(self.client);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Client { number, address } = self.client;
        self.shared.memory.borrow_mut().give_back(number, address, self.octets);
    }
}

impl Shared {
    pub(super) fn new(streaming: Streaming, vitals: Arc<Vitals>) -> Shared {
        Shared {
            vitals,
            connections: RefCell::new(Connections::new(streaming.settings)),
            streaming,
            admitted: Notify::new(),
            crowd_left: Notify::new(),
            read: RefCell::new(vec![0; READ_MAX_OCTETS].into()),
            reply: RefCell::new(vec![0; AnswerTable::REPLY_MAX_OCTETS].into()),
            memory: RefCell::new(Memory::new(MEMORY_MAX_OCTETS)),
            handshakes: Turns::new(),
        }
    }

    /// Appends what has come; returns how many octets, 0 at the end. It takes no memory while it waits.
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

    /// How long a connection may be idle while there are places enough.
    pub(super) fn idle_most(&self) -> Duration {
        self.streaming.settings.idle_timeout
    }

    /// How long a connection may be idle now.
    pub(super) fn idle(&self) -> Duration {
        self.connections.borrow().idle_to_tell()
    }

    /// Who connects on behalf of clients.
    pub(super) fn front_ends(&self) -> &FrontEnds {
        &self.streaming.front_ends
    }

    /// Answers a query; `take` gets the reply, if there is one. `idle` is told to clients that ask for it (RFC 7828).
    pub(super) fn answer(
        &self,
        client: Client,
        query: &[u8],
        idle: Option<Duration>,
        take: impl FnOnce(&[u8]),
    ) {
        let Streaming { tables, policy, tally, tally_of_https, .. } = &self.streaming;
        // A connection of HTTPS is not DNS's to keep.
        let tally = if idle.is_some() { tally } else { tally_of_https };
        let begin = Instant::now();
        let (transport, address) = (Transport::Tcp, client.address);
        let context = QueryContext { transport, address, now: wall_clock(), idle, policy };
        let mut reply = self.reply.borrow_mut();
        let (outcome, kind) = respond_counted(&tables.load(), query, &context, &mut reply);
        let mut counted = Counters::default();
        counted.count(outcome, kind, &reply);
        tally.add(counted);
        tally.count_kind(kind);
        tally.took(begin.elapsed(), 1);
        if let Some(octets) = outcome.octets() {
            take(&reply[..octets]);
        }
    }

    /// Memory for what a client makes us hold. None when it is itself the one that holds most of what there is;
    /// otherwise the connection that does is closed if need be.
    pub(super) fn hold(self: &Rc<Self>, client: Client, octets: usize) -> Option<Held> {
        let grant = self.memory.borrow_mut().take(client.number, client.address, octets);
        for number in grant.closed {
            self.connections.borrow_mut().close(number);
        }
        grant.given.then(|| Held { octets, client, shared: Rc::clone(self) })
    }

    /// A connection has ended, perhaps by a panic.
    pub(super) fn ended(&self, client: Client, by_panic: bool) {
        self.memory.borrow_mut().forget(client.number);
        if let Ok(mut connections) = self.connections.try_borrow_mut() {
            connections.ended(client.number);
            if connections.a_crowd_has_left() {
                self.crowd_left.notify_one();
            }
        }
        if by_panic {
            self.vitals.lost_a_connection();
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
        let policy = Arc::new(crate::answer::ResponsePolicy {
            allow: None,
            rotate: false,
            cookies: None,
            limiter: None,
        });
        let tables = Tables::new(Arc::new(table));
        let settings = TcpSettings::default();
        let front_ends = FrontEnds::default();
        let tally = Arc::new(Tally::new(super::protocol::Protocol::Tcp));
        let tally_of_https = Arc::clone(&tally);
        let streaming = Streaming { tables, policy, front_ends, settings, tally, tally_of_https };
        Shared::new(streaming, Arc::new(Vitals::new("test")))
    }

    /// What it has been asked.
    pub(super) fn queries(&self) -> u64 {
        Counters::sum(std::slice::from_ref(&self.streaming.tally))[crate::answer::Counter::Queries]
    }
}

#[cfg(test)]
impl Client {
    /// For a conversation without a connection.
    pub(super) fn of_a_test() -> Client {
        Client { address: std::net::Ipv4Addr::LOCALHOST.into(), number: 0 }
    }
}
