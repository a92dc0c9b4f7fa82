//! Who is connected, and who has to go when there are too many.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tokio::task::AbortHandle;

/// Connections in all: below the usual limit of 1024 descriptors, with some left for everything else.
const CONNECTIONS_MAX: usize = 800;

/// Connections of one address: a resolver needs a handful, many resolvers behind one address some hundreds.
const CONNECTIONS_OF_ONE_MAX: usize = 500;

/// The open connections. A new one is always let in; the one that has been idle longest makes room.
#[derive(Default)]
pub(super) struct Connections {
    next: u64,
    /// By when each was last active, as a number that only grows.
    by_activity: BTreeMap<u64, u64>,
    open: BTreeMap<u64, Connection>,
}

struct Connection {
    client: IpAddr,
    last_active: u64,
    task: AbortHandle,
}

impl Connections {
    /// Takes in a connection, whose task `start` begins.
    pub(super) fn admit(&mut self, client: IpAddr, start: impl FnOnce(u64) -> AbortHandle) {
        let of_client = |connection: &&Connection| connection.client == client;
        if self.open.values().filter(of_client).count() >= CONNECTIONS_OF_ONE_MAX {
            self.close_longest_idle_of(|connection| connection.client == client);
        }
        if self.open.len() >= CONNECTIONS_MAX {
            self.close_longest_idle();
        }
        self.next += 1;
        let number = self.next;
        self.by_activity.insert(number, number);
        self.open.insert(number, Connection { client, last_active: number, task: start(number) });
    }

    /// Notes that a connection has asked something.
    pub(super) fn active(&mut self, number: u64) {
        self.next += 1;
        let now = self.next;
        if let Some(connection) = self.open.get_mut(&number) {
            self.by_activity.remove(&connection.last_active);
            connection.last_active = now;
            self.by_activity.insert(now, number);
        }
    }

    /// Forgets a connection that has ended by itself.
    pub(super) fn ended(&mut self, number: u64) {
        if let Some(connection) = self.open.remove(&number) {
            self.by_activity.remove(&connection.last_active);
        }
    }

    /// Closes the one that has asked nothing for the longest time.
    pub(super) fn close_longest_idle(&mut self) {
        self.close_longest_idle_of(|_| true);
    }

    fn close_longest_idle_of(&mut self, fits: impl Fn(&Connection) -> bool) {
        let mut by_idleness = self.by_activity.values();
        let idle = by_idleness.find(|number| self.open.get(number).is_some_and(&fits)).copied();
        if let Some(connection) = idle.and_then(|number| self.open.get(&number)) {
            connection.task.abort();
        }
        idle.into_iter().for_each(|number| self.ended(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(connections: &mut Connections, client: [u8; 4]) -> AbortHandle {
        let mut handle = None;
        connections.admit(client.into(), |_| {
            handle.insert(tokio::spawn(std::future::pending::<()>()).abort_handle()).clone()
        });
        handle.expect("admitting starts the task")
    }

    #[tokio::test]
    async fn the_longest_idle_of_a_crowding_client_makes_room() {
        let mut connections = Connections::default();
        let other = admitted(&mut connections, [192, 0, 2, 9]);
        let crowd: Vec<AbortHandle> =
            (0..CONNECTIONS_OF_ONE_MAX).map(|_| admitted(&mut connections, [192, 0, 2, 1])).collect();
        connections.active(2); // the first of the crowd
        let _new = admitted(&mut connections, [192, 0, 2, 1]);
        tokio::task::yield_now().await;
        let ended = |task: &AbortHandle| task.is_finished();
        assert!(!ended(&other), "idle longer, but no part of the crowd");
        assert!(!ended(&crowd[0]), "asked something lately");
        assert!(ended(&crowd[1]));
        assert!(!ended(&crowd[2]));
    }

    #[tokio::test]
    async fn there_is_a_limit_in_all() {
        let mut connections = Connections::default();
        let all: Vec<AbortHandle> = (0..=CONNECTIONS_MAX)
            .map(|n| admitted(&mut connections, [10, 0, (n / 250) as u8, (n % 250) as u8]))
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(all.iter().filter(|task| task.is_finished()).count(), 1);
        assert!(all[0].is_finished());
    }
}
