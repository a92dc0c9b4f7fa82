//! The open connections: how long they may be idle, and which one is closed when there are too many.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::client_network::ClientNetwork;
use crate::config::TcpSettings;

/// How long connections may be idle when all places are taken.
const IDLE_LEAST: Duration = Duration::from_secs(1);

/// The open connections. A new one is always admitted; the one that has been idle longest makes room.
///
/// One client network may have half of the places. When more than half are taken, which no network alone can do, the
/// time that connections may be idle shrinks.
pub(super) struct Connections {
    settings: TcpSettings,
    open: BTreeMap<u64, Connection>,
    /// The last number or turn that was given away; both only grow.
    last: u64,
    /// Connections by when each was last active.
    by_activity: BTreeMap<u64, u64>,
    /// The turns of the connections of each client network.
    networks: BTreeMap<ClientNetwork, BTreeSet<u64>>,
}

struct Connection {
    network: ClientNetwork,
    turn: u64,
    active_at: Instant,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(settings: TcpSettings) -> Connections {
        Connections {
            settings,
            open: BTreeMap::new(),
            last: 0,
            by_activity: BTreeMap::new(),
            networks: BTreeMap::new(),
        }
    }

    /// Takes in a connection, whose task `start` begins.
    pub(super) fn admit(&mut self, client: IpAddr, now: Instant, start: impl FnOnce(u64) -> AbortHandle) {
        let network = ClientNetwork::of(client);
        if self.networks.get(&network).is_some_and(|turns| turns.len() >= self.most_of_one()) {
            self.close_longest_idle_of(network);
        } else if self.open.len() >= self.settings.connections {
            self.close_longest_idle(Duration::ZERO, now);
        }
        let number = self.next();
        let connection = Connection { network, turn: number, active_at: now, task: start(number) };
        self.remember(number, connection);
    }

    /// Notes that a connection has got what it asked for: its idle time begins anew.
    pub(super) fn active(&mut self, number: u64, now: Instant) {
        if let Some(connection) = self.forget(number) {
            let turn = self.next();
            self.remember(number, Connection { turn, active_at: now, ..connection });
        }
    }

    /// Forgets a connection that has ended by itself.
    pub(super) fn ended(&mut self, number: u64) {
        self.forget(number);
    }

    /// Closes the one that has got nothing for the longest time, if that is no less than `least`.
    pub(super) fn close_longest_idle(&mut self, least: Duration, now: Instant) {
        if let Some((_, number)) = self.longest_idle().filter(|(at, _)| *at + least <= now) {
            self.close(number);
        }
    }

    /// Closes all that have been idle for too long; returns when the next one will have been.
    pub(super) fn close_overdue(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let (active_at, number) = self.longest_idle()?;
            let due = active_at + self.idle();
            if due > now {
                return Some(due);
            }
            self.close(number);
        }
    }

    /// What a client is told of how long it may be idle: zero, please leave, when there is no place left.
    pub(super) fn idle_to_tell(&self) -> Duration {
        if self.open.len() < self.settings.connections { self.idle() } else { Duration::ZERO }
    }

    /// All of it while half of the places are free, then in proportion to those that are.
    fn idle(&self) -> Duration {
        let TcpSettings { connections, idle_timeout } = self.settings;
        let least = IDLE_LEAST.min(idle_timeout);
        let half = connections.div_ceil(2);
        let free = connections.saturating_sub(self.open.len()).min(half);
        least + (idle_timeout - least).mul_f64(free as f64 / half as f64)
    }

    fn most_of_one(&self) -> usize {
        self.settings.connections.div_ceil(2)
    }

    /// When it was last active, and its number.
    fn longest_idle(&self) -> Option<(Instant, u64)> {
        let (_, &number) = self.by_activity.first_key_value()?;
        Some((self.open.get(&number)?.active_at, number))
    }

    fn close_longest_idle_of(&mut self, network: ClientNetwork) {
        let turn = self.networks.get(&network).and_then(BTreeSet::first);
        if let Some(&number) = turn.and_then(|turn| self.by_activity.get(turn)) {
            self.close(number);
        }
    }

    /// Closes a connection now.
    pub(super) fn close(&mut self, number: u64) {
        if let Some(connection) = self.forget(number) {
            connection.task.abort();
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn remember(&mut self, number: u64, connection: Connection) {
        self.by_activity.insert(connection.turn, number);
        self.networks.entry(connection.network).or_default().insert(connection.turn);
        self.open.insert(number, connection);
    }

    fn forget(&mut self, number: u64) -> Option<Connection> {
        let connection = self.open.remove(&number)?;
        self.by_activity.remove(&connection.turn);
        if let Some(turns) = self.networks.get_mut(&connection.network) {
            turns.remove(&connection.turn);
            if turns.is_empty() {
                self.networks.remove(&connection.network);
            }
        }
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Eight places, ten seconds.
    fn connections() -> Connections {
        Connections::new(TcpSettings { connections: 8, idle_timeout: 10 * SECOND })
    }

    fn admitted(connections: &mut Connections, client: &str, now: Instant) -> AbortHandle {
        let mut handle = None;
        connections.admit(client.parse().expect("an address"), now, |_| {
            handle.insert(tokio::spawn(std::future::pending::<()>()).abort_handle()).clone()
        });
        handle.expect("admitting starts the task")
    }

    /// Lets aborted tasks end, and shows which of some have.
    async fn ended(tasks: &[AbortHandle]) -> Vec<bool> {
        tokio::task::yield_now().await;
        tasks.iter().map(AbortHandle::is_finished).collect()
    }

    #[tokio::test]
    async fn one_network_has_half_of_the_places_and_its_longest_idle_makes_room() {
        for (other, crowd, same) in [
            ("192.0.3.1", ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], "192.0.2.255"),
            (
                "2001:db8:0:100::1",
                ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::", "2001:db8:0:2::"],
                "2001:db8:0:ff::",
            ),
        ] {
            let (mut connections, now) = (connections(), Instant::now());
            let mut tasks = vec![admitted(&mut connections, other, now)];
            tasks.extend(crowd.map(|client| admitted(&mut connections, client, now)));
            connections.active(2, now); // the first of the crowd
            let _new = admitted(&mut connections, same, now);
            assert_eq!(ended(&tasks).await, [false, false, true, false, false]);
        }
    }

    #[tokio::test]
    async fn when_all_places_are_taken_the_longest_idle_of_all_makes_room() {
        let (mut connections, now) = (connections(), Instant::now());
        let tasks: Vec<AbortHandle> =
            (0..8).map(|n| admitted(&mut connections, &format!("10.0.{n}.1"), now)).collect();
        let _new = admitted(&mut connections, "10.0.8.1", now);
        assert_eq!(ended(&tasks).await, [true, false, false, false, false, false, false, false]);
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_and_one_that_got_a_reply_is_not() {
        let (mut connections, now) = (connections(), Instant::now());
        assert_eq!(connections.close_overdue(now), None);
        let tasks = ["10.0.0.1", "10.0.1.1"].map(|client| admitted(&mut connections, client, now));
        connections.active(1, now + 4 * SECOND);
        assert_eq!(connections.close_overdue(now + 9 * SECOND), Some(now + 10 * SECOND));
        assert_eq!(ended(&tasks).await, [false, false]);
        assert_eq!(connections.close_overdue(now + 10 * SECOND), Some(now + 14 * SECOND));
        assert_eq!(ended(&tasks).await, [false, true]);
    }

    #[tokio::test]
    async fn the_fewer_places_are_free_the_shorter_one_may_be_idle() {
        let (mut connections, now) = (connections(), Instant::now());
        let mut told = Vec::new();
        for n in 0..8 {
            let _task = admitted(&mut connections, &format!("10.0.{n}.1"), now);
            told.push(connections.idle_to_tell().as_millis());
        }
        assert_eq!(told, [10_000, 10_000, 10_000, 10_000, 7_750, 5_500, 3_250, 0]);
        let due = |after: u64| Some(now + Duration::from_millis(after));
        assert_eq!(connections.close_overdue(now), due(1_000), "all places are taken");
        assert_eq!(
            connections.close_overdue(now + SECOND),
            due(3_250),
            "one had to go for the others to stay"
        );
        (1..=4).for_each(|number| connections.ended(number));
        assert_eq!(connections.close_overdue(now + SECOND), due(10_000));
    }
}
