//! The places that connections take: who may have one, who makes room, and how long one may be idle.
//!
//! A newcomer always gets a place. When there is none left, the network that holds most gives one up, and in it the
//! client that holds most. Of the connections of that client the one that has been idle longest goes, but one that is
//! younger than a handshake only if there is no older one: it had no time to ask yet.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::shares::Shares;
use crate::config::TcpSettings;

/// How long connections may be idle when all places are taken.
const IDLE_LEAST: Duration = Duration::from_secs(1);

/// A connection that is younger has perhaps not had the time to ask.
const YOUNG: Duration = Duration::from_secs(1);

/// The places of connections, known by their numbers.
///
/// One client network may have half of the places. When more than half are taken, which no network alone can do, the
/// time that connections may be idle shrinks.
pub(super) struct Places {
    settings: TcpSettings,
    taken: BTreeMap<u64, Place>,
    /// The last number or turn that was given away; both only grow.
    last: u64,
    /// Connections by when each was last active.
    by_activity: BTreeMap<u64, u64>,
    shares: Shares<Seniority>,
    /// Connections in the order in which they came, as long as they may be young.
    young: VecDeque<(Instant, u64)>,
    /// Those whose TLS handshake is not done.
    handshakes: Shares<u64>,
}

#[derive(Clone, Copy)]
struct Place {
    client: IpAddr,
    seniority: Seniority,
    active_at: Instant,
}

/// Who goes first among the connections of one client: one that is grown up, then the one that was active the
/// longest time ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seniority {
    is_young: bool,
    turn: u64,
}

/// A newcomer's number, and those that must go for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) number: u64,
    pub(super) evicted: Vec<u64>,
}

impl Places {
    pub(super) fn new(settings: TcpSettings) -> Places {
        Places {
            settings,
            taken: BTreeMap::new(),
            last: 0,
            by_activity: BTreeMap::new(),
            shares: Shares::new(),
            young: VecDeque::new(),
            handshakes: Shares::new(),
        }
    }

    /// Gives a place to a newcomer.
    pub(super) fn admit(&mut self, client: IpAddr, must_shake_hands: bool, now: Instant) -> Admitted {
        self.let_grow_up(now);
        let number = self.next();
        let seniority = Seniority { is_young: true, turn: number };
        self.put(number, Place { client, seniority, active_at: now });
        self.young.push_back((now, number));
        if must_shake_hands {
            self.handshakes.put(number, client, 1, number);
        }
        Admitted { number, evicted: self.make_room_for(client) }
    }

    /// Counts a connection as another client's, whom it is served for; returns those that must go for it.
    pub(super) fn belongs_to(&mut self, number: u64, client: IpAddr) -> Vec<u64> {
        let Some(place) = self.forget(number) else { return Vec::new() };
        self.put(number, Place { client, ..place });
        if self.handshakes.remove(number) {
            self.handshakes.put(number, client, 1, number);
        }
        self.make_room_for(client)
    }

    fn make_room_for(&mut self, client: IpAddr) -> Vec<u64> {
        let mut evicted = Vec::new();
        while let Some(first) = self.too_many(client) {
            self.leave(first);
            evicted.push(first);
        }
        evicted
    }

    /// The connection that must go after a client's has come.
    fn too_many(&self, client: IpAddr) -> Option<u64> {
        let half = self.settings.connections.div_ceil(2);
        let [all_shaking, near_shaking] = [half, half.div_ceil(2)];
        if self.handshakes.sum_of_network(client) > near_shaking {
            self.handshakes.first_of_network(client)
        } else if self.handshakes.sum() > all_shaking {
            self.handshakes.first()
        } else if self.shares.sum_of_network(client) > half {
            self.shares.first_of_network(client)
        } else if self.shares.sum() > self.settings.connections {
            self.shares.first()
        } else {
            None
        }
    }

    /// A connection's handshake is done.
    pub(super) fn shook_hands(&mut self, number: u64) {
        self.handshakes.remove(number);
    }

    /// Notes that a connection has got what it asked for: its idle time begins anew.
    pub(super) fn active(&mut self, number: u64, now: Instant) {
        if let Some(&place) = self.taken.get(&number) {
            let seniority = Seniority { turn: self.next(), ..place.seniority };
            self.put(number, Place { seniority, active_at: now, ..place });
        }
    }

    /// Takes the place of a connection back; returns whether it had one.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        self.handshakes.remove(number);
        self.forget(number).is_some()
    }

    /// Takes a place back for what is not counted here, such as descriptors, unless all have been active lately:
    /// no longer ago than `least`.
    pub(super) fn make_room(&mut self, least: Duration, now: Instant) -> Option<u64> {
        self.let_grow_up(now);
        let first = self.shares.first()?;
        let is_idle = self.taken.get(&first).is_some_and(|place| place.active_at + least <= now);
        (is_idle && self.leave(first)).then_some(first)
    }

    /// Takes back the places of all that have been idle for too long; returns them, and when the next one will have
    /// been.
    pub(super) fn take_back_overdue(&mut self, now: Instant) -> (Vec<u64>, Option<Instant>) {
        let mut overdue = Vec::new();
        loop {
            let longest_idle = self.by_activity.first_key_value().map(|(_, number)| *number);
            let place = longest_idle.and_then(|number| Some((number, self.taken.get(&number)?)));
            let Some((number, place)) = place else { return (overdue, None) };
            let due = place.active_at + self.idle();
            if due > now {
                return (overdue, Some(due));
            }
            self.leave(number);
            overdue.push(number);
        }
    }

    /// What a client is told of how long it may be idle: zero, please leave, when there is no place left.
    pub(super) fn idle_to_tell(&self) -> Duration {
        if self.taken.len() < self.settings.connections { self.idle() } else { Duration::ZERO }
    }

    /// All of it while half of the places are free, then in proportion to those that are.
    fn idle(&self) -> Duration {
        let TcpSettings { connections, idle_timeout } = self.settings;
        let least = IDLE_LEAST.min(idle_timeout);
        let half = connections.div_ceil(2);
        let free = connections.saturating_sub(self.taken.len()).min(half);
        least + (idle_timeout - least).mul_f64(free as f64 / half as f64)
    }

    /// Those that came long enough ago are young no more.
    fn let_grow_up(&mut self, now: Instant) {
        while let Some(&(came_at, number)) = self.young.front()
            && came_at + YOUNG <= now
        {
            self.young.pop_front();
            if let Some(&place) = self.taken.get(&number) {
                let seniority = Seniority { is_young: false, ..place.seniority };
                self.put(number, Place { seniority, ..place });
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn put(&mut self, number: u64, place: Place) {
        if let Some(before) = self.taken.insert(number, place) {
            self.by_activity.remove(&before.seniority.turn);
        }
        self.by_activity.insert(place.seniority.turn, number);
        self.shares.put(number, place.client, 1, place.seniority);
    }

    fn forget(&mut self, number: u64) -> Option<Place> {
        let place = self.taken.remove(&number)?;
        self.by_activity.remove(&place.seniority.turn);
        self.shares.remove(number);
        Some(place)
    }
}

#[cfg(test)]
mod tests;
