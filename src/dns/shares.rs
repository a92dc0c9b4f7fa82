//! Who holds how much of what there is only so much of, and who gives way first.
//!
//! What is held is summed up by network, and in each network by client: whoever opens many connections, or owns many
//! addresses of a network, competes with itself first. All of it takes logarithmic time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::client_network::ClientNetwork;

/// What each connection holds.
///
/// `R` ranks the connections of a client: the lowest gives way first. Clients and networks that hold equally much are
/// ranked by their first connection.
pub(super) struct Shares<R> {
    held: BTreeMap<u64, Part<R>>,
    networks: Group<ClientNetwork, Group<IpAddr, Owned<R>, R>, R>,
}

/// What one connection holds.
#[derive(Clone, Copy)]
struct Part<R> {
    client: IpAddr,
    amount: usize,
    rank: R,
}

/// The connections of one client.
struct Owned<R> {
    sum: usize,
    order: BTreeSet<(R, u64)>,
}

/// All networks, or the clients of one.
struct Group<K, M, R> {
    sum: usize,
    members: BTreeMap<K, M>,
    order: BTreeSet<(Reverse<usize>, R, K)>,
}

/// A client, or a network.
trait Member<R> {
    fn sum(&self) -> usize;
    /// The rank and number of its connection that gives way first; none when it holds nothing.
    fn first(&self) -> Option<(R, u64)>;
}

impl<R: Ord + Copy> Shares<R> {
    pub(super) fn new() -> Shares<R> {
        Shares { held: BTreeMap::new(), networks: Group::default() }
    }

    /// Notes what a connection holds from now on.
    pub(super) fn put(&mut self, number: u64, client: IpAddr, amount: usize, rank: R) {
        if self.held.get(&number).is_some_and(|before| before.client != client) {
            self.remove(number);
        }
        let before = self.held.insert(number, Part { client, amount, rank });
        self.change(client, |owned| {
            if let Some(before) = before {
                owned.sum -= before.amount;
                owned.order.remove(&(before.rank, number));
            }
            owned.sum += amount;
            owned.order.insert((rank, number));
        });
    }

    /// Forgets a connection; returns whether it was known.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let Some(Part { client, amount, rank }) = self.held.remove(&number) else { return false };
        self.change(client, |owned| {
            owned.sum -= amount;
            owned.order.remove(&(rank, number));
        });
        true
    }

    /// What a connection holds.
    pub(super) fn of(&self, number: u64) -> usize {
        self.held.get(&number).map_or(0, |part| part.amount)
    }

    /// What all connections hold.
    pub(super) fn sum(&self) -> usize {
        self.networks.sum
    }

    /// What the network of a client holds.
    pub(super) fn sum_of_network(&self, client: IpAddr) -> usize {
        self.networks.members.get(&ClientNetwork::of(client)).map_or(0, |network| network.sum)
    }

    /// The connection that gives way first: of the client that holds most, in the network that holds most.
    pub(super) fn first(&self) -> Option<u64> {
        self.networks.first().map(|(_, number)| number)
    }

    /// The one that gives way first in the network of a client.
    pub(super) fn first_of_network(&self, client: IpAddr) -> Option<u64> {
        let network = self.networks.members.get(&ClientNetwork::of(client))?;
        network.first().map(|(_, number)| number)
    }

    fn change(&mut self, client: IpAddr, change: impl FnOnce(&mut Owned<R>)) {
        self.networks.change(ClientNetwork::of(client), |network| network.change(client, change));
    }
}

impl<K: Ord + Copy, M: Member<R> + Default, R: Ord + Copy> Group<K, M, R> {
    /// Changes a member, and puts it where it belongs in the order.
    fn change(&mut self, key: K, change: impl FnOnce(&mut M)) {
        let member = self.members.entry(key).or_default();
        let place = |member: &M| member.first().map(|(rank, _)| (Reverse(member.sum()), rank, key));
        if let Some(before) = place(member) {
            self.order.remove(&before);
        }
        self.sum -= member.sum();
        change(member);
        self.sum += member.sum();
        match place(member) {
            Some(after) => drop(self.order.insert(after)),
            None => drop(self.members.remove(&key)),
        }
    }
}

impl<K: Ord, M: Member<R>, R: Ord + Copy> Member<R> for Group<K, M, R> {
    fn sum(&self) -> usize {
        self.sum
    }

    fn first(&self) -> Option<(R, u64)> {
        let (_, _, key) = self.order.first()?;
        self.members.get(key)?.first()
    }
}

impl<R: Ord + Copy> Member<R> for Owned<R> {
    fn sum(&self) -> usize {
        self.sum
    }

    fn first(&self) -> Option<(R, u64)> {
        self.order.first().copied()
    }
}

impl<R> Default for Owned<R> {
    fn default() -> Owned<R> {
        Owned { sum: 0, order: BTreeSet::new() }
    }
}

impl<K, M, R> Default for Group<K, M, R> {
    fn default() -> Group<K, M, R> {
        Group { sum: 0, members: BTreeMap::new(), order: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One connection: its client, and what it holds.
    type Held = (IpAddr, usize);

    /// A few clients in a few networks of both families.
    fn clients() -> impl Strategy<Value = IpAddr> {
        (0..4_u8, 0..3_u8, any::<bool>()).prop_map(|(network, host, is_v4)| match is_v4 {
            true => IpAddr::from([192, 0, network, host]),
            false => IpAddr::from([0x2001, 0xdb8, 0, u16::from(network) << 8, 0, 0, 0, u16::from(host)]),
        })
    }

    /// The definition, without any order that is kept: of the clients that hold most in their networks, which in turn
    /// hold most, the connection with the lowest rank, which here is its number.
    fn first_by_definition(held: &BTreeMap<u64, Held>, is_meant: impl Fn(&IpAddr) -> bool) -> Option<u64> {
        let meant = || held.iter().filter(|(_, (client, _))| is_meant(client));
        let sum = |of: &dyn Fn(IpAddr) -> bool| {
            meant().filter(|(_, (client, _))| of(*client)).map(|(_, (_, amount))| amount).sum::<usize>()
        };
        let network = |client| ClientNetwork::of(client);
        let of_network = |client| sum(&|other| network(other) == network(client));
        let of_client = |client| sum(&|other| other == client);
        let most = meant().map(|(_, (client, _))| of_network(*client)).max()?;
        let most_in = |client| {
            let neighbours = meant().filter(|(_, (other, _))| network(*other) == network(client));
            neighbours.map(|(_, (other, _))| of_client(*other)).max()
        };
        let gives_way =
            |client: IpAddr| of_network(client) == most && Some(of_client(client)) == most_in(client);
        meant().filter(|(_, (client, _))| gives_way(*client)).map(|(number, _)| *number).min()
    }

    proptest! {
        #[test]
        fn whoever_holds_most_gives_way_first(
            changes in prop::collection::vec((0..20_u64, prop::option::of((clients(), 0..5_usize))), 1..60)
        ) {
            let (mut shares, mut held) = (Shares::new(), BTreeMap::new());
            for (number, change) in changes {
                match change {
                    Some((client, amount)) => {
                        shares.put(number, client, amount, number);
                        held.insert(number, (client, amount));
                    }
                    None => prop_assert_eq!(shares.remove(number), held.remove(&number).is_some()),
                }
                prop_assert_eq!(shares.sum(), held.values().map(|(_, amount)| amount).sum::<usize>());
                prop_assert_eq!(shares.first(), first_by_definition(&held, |_| true));
                for (number, (client, amount)) in &held {
                    let is_near = |other: &IpAddr| ClientNetwork::of(*other) == ClientNetwork::of(*client);
                    let near = held.values().filter(|(other, _)| is_near(other));
                    prop_assert_eq!(shares.of(*number), *amount);
                    prop_assert_eq!(shares.sum_of_network(*client), near.map(|(_, amount)| amount).sum::<usize>());
                    prop_assert_eq!(shares.first_of_network(*client), first_by_definition(&held, is_near));
                }
            }
            for number in 0..20 {
                shares.remove(number);
            }
            prop_assert!(shares.networks.members.is_empty() && shares.networks.order.is_empty());
        }
    }
}
