//! The open connections: those that must go are closed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::places::{Admitted, Places};
use crate::config::TcpSettings;

/// The tasks of the open connections, and the places that they take.
pub(super) struct Connections {
    places: Places,
    tasks: BTreeMap<u64, AbortHandle>,
    crowd: Crowd,
}

impl Connections {
    pub(super) fn new(settings: TcpSettings) -> Connections {
        Connections { places: Places::new(settings), tasks: BTreeMap::new(), crowd: Crowd::default() }
    }

    /// Takes in a connection, whose task `start` begins.
    pub(super) fn admit(
        &mut self,
        client: IpAddr,
        must_shake_hands: bool,
        now: Instant,
        start: impl FnOnce(u64) -> AbortHandle,
    ) {
        let Admitted { number, evicted } = self.places.admit(client, must_shake_hands, now);
        self.tasks.insert(number, start(number));
        self.crowd.grows(self.tasks.len());
        evicted.into_iter().for_each(|number| self.abort(number));
    }

    /// A connection is another client's: its front end says so.
    pub(super) fn belongs_to(&mut self, number: u64, client: IpAddr) {
        let evicted = self.places.belongs_to(number, client);
        evicted.into_iter().for_each(|number| self.abort(number));
    }

    /// A connection's handshake is done.
    pub(super) fn shook_hands(&mut self, number: u64) {
        self.places.shook_hands(number);
    }

    /// Notes that a connection has got what it asked for: its idle time begins anew.
    pub(super) fn active(&mut self, number: u64, now: Instant) {
        self.places.active(number, now);
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Forgets a connection that has ended by itself.
    pub(super) fn ended(&mut self, number: u64) {
        self.places.leave(number);
        self.tasks.remove(&number);
    }

    /// Whether most of a crowd has left, so that memory can be given back; told once.
    pub(super) fn a_crowd_has_left(&mut self) -> bool {
        self.crowd.has_left(self.tasks.len())
    }

    /// Closes a connection now.
    pub(super) fn close(&mut self, number: u64) {
        self.places.leave(number);
        self.abort(number);
    }

    /// Closes one for the sake of a newcomer, if one has been idle for no less than `least`.
    pub(super) fn make_room(&mut self, least: Duration, now: Instant) {
        if let Some(number) = self.places.make_room(least, now) {
            self.abort(number);
        }
    }

    /// Closes all that have been idle for too long; returns when the next one will have been.
    pub(super) fn close_overdue(&mut self, now: Instant) -> Option<Instant> {
        let (overdue, next) = self.places.take_back_overdue(now);
        overdue.into_iter().for_each(|number| self.abort(number));
        next
    }

    /// What a client is told of how long it may be idle: zero, please leave, when there is no place left.
    pub(super) fn idle_to_tell(&self) -> Duration {
        self.places.idle_to_tell()
    }

    /// The task ends as soon as it would run again.
    fn abort(&mut self, number: u64) {
        if let Some(task) = self.tasks.remove(&number) {
            task.abort();
        }
    }
}
