//! The memory that clients make us hold: queries that are not whole yet, and replies that they have not taken.
//!
//! There is so much of it for all connections of a thread. When that is used up, or when one network has half of it,
//! the connection that holds most gives way: of the client that holds most, in the network that holds most.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::shares::Shares;

/// What all connections of a thread may make us hold.
pub(super) const MEMORY_MAX_OCTETS: usize = 16 << 20;

/// Who holds how much memory.
pub(super) struct Memory {
    most: usize,
    held: Shares<(Reverse<usize>, u64)>,
}

/// What becomes of a connection that needs memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// Whether it gets the memory; not if it is itself the one that holds most.
    pub(super) given: bool,
    /// These must be closed for it; what they held is theirs no more.
    pub(super) closed: Vec<u64>,
}

impl Memory {
    pub(super) fn new(most: usize) -> Memory {
        Memory { most, held: Shares::new() }
    }

    /// A connection needs so many octets more.
    pub(super) fn take(&mut self, number: u64, client: IpAddr, octets: usize) -> Grant {
        self.set(number, client, self.held.of(number) + octets);
        let mut closed = Vec::new();
        while let Some(first) = self.too_much(client) {
            if first == number {
                self.give_back(number, client, octets);
                return Grant { given: false, closed };
            }
            self.held.remove(first);
            closed.push(first);
        }
        Grant { given: true, closed }
    }

    /// The connection that must give way after a client got some more.
    fn too_much(&self, client: IpAddr) -> Option<u64> {
        if self.held.sum_of_network(client) > self.most / 2 {
            return self.held.first_of_network(client);
        }
        if self.held.sum() > self.most { self.held.first() } else { None }
    }

    /// A connection needs so many octets no more.
    pub(super) fn give_back(&mut self, number: u64, client: IpAddr, octets: usize) {
        // One that was closed may end later, and has nothing left to give back.
        self.set(number, client, self.held.of(number).saturating_sub(octets));
    }

    fn set(&mut self, number: u64, client: IpAddr, octets: usize) {
        match octets {
            0 => drop(self.held.remove(number)),
            octets => self.held.put(number, client, octets, (Reverse(octets), number)),
        }
    }

    /// A connection has ended.
    pub(super) fn forget(&mut self, number: u64) {
        self.held.remove(number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::client_network::ClientNetwork;

    const MOST: usize = 100;

    fn client(network: u8, host: u8) -> IpAddr {
        [192, 0, network, host].into()
    }

    #[test]
    fn who_holds_most_makes_room_and_who_holds_little_is_never_refused() {
        let mut memory = Memory::new(MOST);
        let given = |closed: &[u64]| Grant { given: true, closed: closed.into() };
        // Three greedy networks, one with two connections of a client.
        assert_eq!(memory.take(1, client(1, 1), 20), given(&[]));
        assert_eq!(memory.take(2, client(1, 1), 20), given(&[]));
        assert_eq!(memory.take(3, client(2, 1), 30), given(&[]));
        assert_eq!(memory.take(4, client(3, 1), 30), given(&[]));
        assert_eq!(memory.take(5, client(4, 1), 5), given(&[1]), "the first network holds most");
        assert_eq!(memory.take(4, client(3, 1), 10), given(&[]));
        assert_eq!(
            memory.take(3, client(2, 1), 20),
            Grant { given: false, closed: vec![] },
            "it holds most itself"
        );
        assert_eq!(memory.take(5, client(4, 1), 10), given(&[4]));
        memory.give_back(4, client(3, 1), 40); // it ends only now
        assert_eq!(memory.held.sum(), 20 + 30 + 15);
    }

    #[test]
    fn one_network_has_half_of_it() {
        let mut memory = Memory::new(MOST);
        assert!(memory.take(1, client(1, 1), 30).given);
        assert!(memory.take(2, client(1, 2), 20).given);
        assert_eq!(memory.take(3, client(1, 3), 1), Grant { given: true, closed: vec![1] });
        assert_eq!(memory.take(2, client(1, 2), 31), Grant { given: false, closed: vec![] });
    }

    proptest! {
        /// Whatever is asked for: it is never more than there is, and no network gives way for one that holds more.
        #[test]
        fn it_is_bounded_and_shared(
            asks in prop::collection::vec((0..30_u64, 0..4_u8, 0..3_u8, 1..40_usize, any::<bool>()), 1..80)
        ) {
            let mut memory = Memory::new(MOST);
            let mut clients = std::collections::BTreeMap::new();
            for (number, network, host, octets, gives_back) in asks {
                let client = *clients.entry(number).or_insert(client(network, host));
                if gives_back {
                    memory.give_back(number, client, octets);
                    continue;
                }
                let before: Vec<_> = clients.values().map(|of| memory.held.sum_of_network(*of)).collect();
                let ours = memory.held.sum_of_network(client);
                let held = memory.held.of(number);
                let grant = memory.take(number, client, octets);
                prop_assert!(memory.held.sum() <= MOST);
                prop_assert_eq!(memory.held.of(number), held + if grant.given { octets } else { 0 });
                for closed in grant.closed {
                    let at = clients.keys().position(|number| *number == closed).expect("it holds some");
                    let theirs = ClientNetwork::of(clients[&closed]);
                    prop_assert!(theirs == ClientNetwork::of(client) || before[at] > ours);
                }
            }
        }
    }
}
