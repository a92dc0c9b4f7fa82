//! What the nodes share, as each of them meets it: etcd, its network, and the client that speaks to it.
//!
//! It has the defects that were measured: a watch that is cut off is silent, not ended; what was under way comes late,
//! all at once; a request may be carried out though nobody tells; keys stay long after their writers are gone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::controller::{KeyValue, RegisterNews, Transacted, Transaction, TransactionId};
use crate::model::Moment;

/// What a message takes.
const TAKES: Duration = Duration::from_millis(3);

/// What a watch may be late by, more than that: etcd tells who writes before it tells who watches.
const LAG_MAX: Duration = Duration::from_millis(40);

/// A request that is not answered by then has an unknown fate.
const DEADLINE: Duration = Duration::from_millis(1000);

/// A watch that has brought nothing for so long is opened again.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// And so often, while that does not work.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How a node reaches the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// Both ways.
    #[default]
    Up,
    /// What the node sends is lost.
    Unheard,
    /// What it is told is lost.
    Deaf,
    /// Both.
    Down,
}

/// The register.
#[derive(Debug, Clone, Default)]
pub struct Register {
    revision: u64,
    keys: BTreeMap<String, KeyValue>,
    clients: Vec<Client>,
    /// It answers nobody, and carries out nothing.
    down: bool,
    /// Everything takes so much longer.
    slow: Duration,
    requests: VecDeque<Request>,
}

/// What is on its way to the register.
#[derive(Debug, Clone)]
struct Request {
    arrives: Moment,
    node: usize,
    connection: u64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Transact(Transaction),
    /// Everything, and whatever changes from then on.
    Open,
}

/// What a node keeps of the register.
#[derive(Debug, Clone, Default)]
struct Client {
    link: Link,
    /// None while the node is away.
    connection: Option<u64>,
    connections: u64,
    /// When anything was read last; since when it is wanted.
    read: Moment,
    /// When the watch is opened again, if it is to be.
    opens: Option<Moment>,
    watches: bool,
    still_until: Option<Moment>,
    /// On its way to the node, in the order in which it arrives.
    mail: VecDeque<(Moment, u64, RegisterNews)>,
    /// Transactions that are not answered yet, and when they are given up.
    unanswered: BTreeMap<TransactionId, Moment>,
}

impl Register {
    /// With nothing in it, and so many nodes that use it.
    pub fn new(nodes: usize) -> Register {
        // As etcd begins.
        Register { revision: 1, clients: vec![Client::default(); nodes], ..Register::default() }
    }

    /// A node has started.
    pub fn join(&mut self, node: usize, now: Moment) {
        let client = &mut self.clients[node];
        client.connections += 1;
        *client = Client {
            link: client.link,
            connection: Some(client.connections),
            connections: client.connections,
            read: now,
            opens: Some(now),
            ..Client::default()
        };
    }

    /// A node is gone.
    pub fn leave(&mut self, node: usize) {
        let client = &mut self.clients[node];
        (client.connection, client.opens, client.watches) = (None, None, false);
        client.mail.clear();
        client.unanswered.clear();
    }

    /// Whether a node is known to be there.
    pub fn has(&self, node: usize) -> bool {
        self.clients[node].connection.is_some()
    }

    /// From now on a node reaches the register like this.
    pub fn set_link(&mut self, node: usize, link: Link) {
        self.clients[node].link = link;
    }

    /// How a node reaches the register.
    pub fn link(&self, node: usize) -> Link {
        self.clients[node].link
    }

    /// It answers nobody any more, or it does again.
    pub fn set_down(&mut self, down: bool) {
        self.down = down;
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        !self.down && self.slow < DEADLINE
    }

    /// Everything takes so much longer from now on. What waits already is not kept any longer than that.
    pub fn set_slow(&mut self, slow: Duration, now: Moment) {
        self.slow = slow;
        let latest = now + TAKES + slow;
        for request in &mut self.requests {
            request.arrives = request.arrives.min(latest);
        }
        for (at, ..) in self.clients.iter_mut().flat_map(|client| &mut client.mail) {
            *at = (*at).min(latest);
        }
    }

    /// A node wants something written.
    pub fn transact(&mut self, node: usize, transaction: Transaction, now: Moment) {
        let client = &mut self.clients[node];
        let Some(connection) = client.connection else { return };
        client.unanswered.insert(transaction.id, now + DEADLINE);
        self.send(node, connection, What::Transact(transaction), now);
    }

    /// When something happens here.
    pub fn next(&self) -> Option<Moment> {
        let requests = self.requests.iter().map(|request| request.arrives);
        let clients = self.clients.iter().filter(|client| client.connection.is_some());
        let of_client = |client: &Client| {
            let mail = client.mail.front().filter(|_| client.hears()).map(|(at, ..)| *at);
            let silence = client.watches.then_some(client.read + SILENCE_MAX);
            let given_up = client.unanswered.values().min().copied();
            let first = [mail, silence, given_up, client.opens].into_iter().flatten().min();
            first.map(|at| client.still_until.map_or(at, |until| until.max(at)))
        };
        requests.chain(clients.filter_map(of_client)).min()
    }

    /// What reaches the nodes by now.
    pub fn run(&mut self, now: Moment) -> Vec<(usize, RegisterNews)> {
        while let Some(place) = self.requests.iter().position(|request| request.arrives <= now) {
            let request = self.requests.remove(place).expect("it is there");
            self.carry_out(request, now);
        }
        let mut heard = Vec::new();
        for node in 0..self.clients.len() {
            let client = &mut self.clients[node];
            if client.still_until.is_some_and(|until| until > now) {
                continue;
            }
            while client.hears() && client.mail.front().is_some_and(|(at, ..)| *at <= now) {
                let (_, connection, news) = client.mail.pop_front().expect("there is one");
                if let Some(news) = client.take(connection, news, now) {
                    heard.push((node, news));
                }
            }
            self.look_after(node, now, &mut heard);
        }
        heard
    }

    /// Until when a node stands still, and its client with it: what comes is read when it goes on, all at once.
    pub fn stand_still(&mut self, node: usize, until: Option<Moment>) {
        self.clients[node].still_until = until;
    }

    /// What the node's own client does and tells it.
    fn look_after(&mut self, node: usize, now: Moment, heard: &mut Vec<(usize, RegisterNews)>) {
        let client = &mut self.clients[node];
        if client.connection.is_none() {
            return;
        }
        let given_up = client.unanswered.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id);
        for id in given_up.collect::<Vec<TransactionId>>() {
            client.unanswered.remove(&id);
            heard.push((
                node,
                RegisterNews::Transacted(id, Transacted::Unknown("no answer within 1s".into())),
            ));
        }
        if client.watches && client.read + SILENCE_MAX <= now {
            client.watches = false;
            client.connections += 1;
            client.connection = Some(client.connections);
            client.opens = Some(now);
            client
                .mail
                .retain(|(_, _, news)| matches!(news, RegisterNews::Transacted(_, Transacted::Unknown(_))));
        }
        if client.opens.is_some_and(|at| at <= now) {
            client.opens = Some(now + AGAIN_AFTER);
            let connection = client.connection.expect("it is there");
            self.send(node, connection, What::Open, now);
        }
    }

    fn send(&mut self, node: usize, connection: u64, what: What, now: Moment) {
        if matches!(self.clients[node].link, Link::Up | Link::Deaf) {
            let arrives = now + TAKES + self.slow;
            self.requests.push_back(Request { arrives, node, connection, what });
        }
    }

    fn carry_out(&mut self, request: Request, now: Moment) {
        if self.down {
            return;
        }
        let Request { node, connection, what, .. } = request;
        match what {
            What::Open => {
                let client = &self.clients[node];
                if client.connection == Some(connection) && !client.watches {
                    let all = self.keys.values().filter(|key| key.value.is_some()).cloned().collect();
                    let snapshot = RegisterNews::Snapshot { revision: self.revision, all };
                    self.post(node, connection, snapshot, now);
                }
            }
            What::Transact(transaction) => {
                let id = transaction.id;
                let outcome = self.write(transaction, now);
                self.post(node, connection, RegisterNews::Transacted(id, outcome), now);
            }
        }
    }

    fn write(&mut self, transaction: Transaction, now: Moment) -> Transacted {
        let Transaction { conditions, writes, .. } = transaction;
        let holds = |(key, revision): &(String, u64)| self.get(key).revision == *revision;
        if !conditions.iter().all(holds) {
            return Transacted::Refused(conditions.iter().map(|(key, _)| self.get(key)).collect());
        }
        self.revision += 1;
        let revision = self.revision;
        let mut keys = Vec::new();
        for (key, value) in writes {
            let written = KeyValue { key: key.clone(), value, revision };
            // A key that is deleted is as if it never was.
            match written.value {
                Some(_) => drop(self.keys.insert(key, written.clone())),
                None => drop(self.keys.remove(&key)),
            }
            keys.push(written);
        }
        for node in 0..self.clients.len() {
            if let Some(connection) = self.clients[node].connection {
                let changed = RegisterNews::Changed { revision, keys: keys.clone() };
                self.post(node, connection, changed, now);
            }
        }
        Transacted::Written(revision)
    }

    fn get(&self, key: &str) -> KeyValue {
        let never = || KeyValue { key: key.to_owned(), value: None, revision: 0 };
        self.keys.get(key).cloned().unwrap_or_else(never)
    }

    /// What a deaf node is sent waits for it, as long as its connection lasts. What a watch tells comes in its order; the
    /// outcome of a transaction may come before that, or after.
    fn post(&mut self, node: usize, connection: u64, news: RegisterNews, now: Moment) {
        let client = &mut self.clients[node];
        if client.connection != Some(connection) {
            return;
        }
        let lag = match &news {
            RegisterNews::Changed { revision, .. } => lag_of(*revision, node),
            RegisterNews::Snapshot { .. } | RegisterNews::Transacted(..) => Duration::ZERO,
        };
        let is_before = |known: &RegisterNews| !is_outcome(known) && !is_outcome(&news);
        let before = client.mail.iter().rev().find(|(_, _, known)| is_before(known));
        let earliest = before.map_or(now, |(at, ..)| *at);
        let at = earliest.max(now + TAKES + self.slow + lag);
        let place = client.mail.partition_point(|(known, ..)| *known <= at);
        client.mail.insert(place, (at, connection, news));
    }
}

impl Client {
    fn hears(&self) -> bool {
        hears(self.link)
    }

    /// What the node makes of a message: nothing of one that belongs to a watch of the past.
    fn take(&mut self, connection: u64, news: RegisterNews, now: Moment) -> Option<RegisterNews> {
        match &news {
            RegisterNews::Snapshot { .. } if self.watches || self.connection != Some(connection) => {
                return None;
            }
            RegisterNews::Snapshot { .. } => {
                (self.watches, self.opens, self.read) = (true, None, now);
            }
            RegisterNews::Changed { .. } if !self.watches || self.connection != Some(connection) => {
                return None;
            }
            RegisterNews::Changed { .. } => self.read = now,
            RegisterNews::Transacted(_, Transacted::Unknown(_)) => {}
            RegisterNews::Transacted(id, _) => {
                self.unanswered.remove(id)?;
            }
        }
        Some(news)
    }
}

fn is_outcome(news: &RegisterNews) -> bool {
    matches!(news, RegisterNews::Transacted(..))
}

/// By how much more the watch of a node is late with a revision: anything up to [`LAG_MAX`], and the same in each run.
fn lag_of(revision: u64, node: usize) -> Duration {
    let mixed = (revision ^ ((node as u64) << 20)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    Duration::from_millis(mixed % (LAG_MAX.as_millis() as u64 + 1))
}

fn hears(link: Link) -> bool {
    matches!(link, Link::Up | Link::Unheard)
}
