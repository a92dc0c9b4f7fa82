use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::client_network::ClientNetwork;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

const NOBODY: [u64; 0] = [];

/// So many places, ten seconds.
fn places(connections: usize) -> Places {
    Places::new(TcpSettings { connections, idle_timeout: 10 * SECOND })
}

fn address(client: &str) -> IpAddr {
    client.parse().expect("an address")
}

/// Admits plain connections of these clients; their numbers, of which none had to go.
fn admit(places: &mut Places, clients: &[&str], now: Instant) -> Vec<u64> {
    let mut one = |client: &&str| {
        let admitted = places.admit(address(client), false, now);
        assert_eq!(admitted.evicted, NOBODY, "{client}");
        admitted.number
    };
    clients.iter().map(&mut one).collect()
}

#[test]
fn one_network_has_half_of_the_places_and_its_longest_idle_makes_room() {
    for (other, crowd, same) in [
        ("192.0.3.1", ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], "192.0.2.255"),
        (
            "2001:db8:0:100::1",
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::", "2001:db8:0:2::"],
            "2001:db8:0:ff::",
        ),
    ] {
        let (mut places, now) = (places(8), Instant::now());
        admit(&mut places, &[other], now);
        let crowd = admit(&mut places, &crowd, now);
        places.active(crowd[0], now);
        assert_eq!(places.admit(address(same), false, now).evicted, [crowd[1]]);
    }
}

#[test]
fn when_all_places_are_taken_the_network_that_holds_most_makes_room_and_in_it_the_client_that_does() {
    let (mut places, begin) = (places(8), Instant::now());
    let later = begin + 2 * SECOND;
    admit(&mut places, &["10.0.1.1", "10.0.2.1", "10.0.2.2", "10.0.3.1"], begin);
    let crowd = admit(&mut places, &["10.0.4.1", "10.0.4.2", "10.0.4.2", "10.0.4.3"], begin);
    assert_eq!(places.admit(address("10.0.5.1"), false, later).evicted, [crowd[1]]);
    assert_eq!(
        places.admit(address("10.0.5.1"), false, later).evicted,
        [crowd[0]],
        "all have one: the longest idle"
    );
}

#[test]
fn when_all_hold_equally_much_the_longest_idle_makes_room() {
    let (mut places, now) = (places(4), Instant::now());
    let numbers = admit(&mut places, &["10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1"], now);
    places.active(numbers[0], now);
    assert_eq!(places.admit(address("10.0.5.1"), false, now).evicted, [numbers[1]]);
}

/// They had no time to ask: one that asks all the time makes room before them, and they once they had the time.
#[test]
fn who_is_younger_than_a_handshake_is_spared_where_another_is_found() {
    let (mut places, begin) = (places(4), Instant::now());
    let old = admit(&mut places, &["10.0.1.1"], begin);
    let now = begin + SECOND;
    let young = admit(&mut places, &["10.0.2.1", "10.0.3.1", "10.0.4.1"], now);
    places.active(old[0], now);
    assert_eq!(places.admit(address("10.0.5.1"), false, now).evicted, [old[0]]);
    assert_eq!(places.admit(address("10.0.6.1"), false, now).evicted, [young[0]], "all are young");
}

/// Until its front end has said who a client is, a connection is the front end's.
#[test]
fn a_connection_counts_for_the_client_behind_a_front_end() {
    let (mut places, now) = (places(8), Instant::now());
    let front_end = "192.0.2.1";
    for client in ["10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1", "10.0.5.1", "10.0.6.1"] {
        let number = admit(&mut places, &[front_end], now)[0];
        assert_eq!(places.belongs_to(number, address(client)), NOBODY, "{client} is one among many");
    }
    let crowd: Vec<u64> = (0..4).map(|_| admit_of(&mut places, "10.0.7.1", front_end, now)).collect();
    let numbers: Vec<u64> = places.taken.keys().copied().collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, crowd[2], crowd[3]], "the client that holds most makes room");
    assert_eq!(places.belongs_to(99, address("10.0.8.1")), NOBODY, "it is gone already");
}

/// The number of a connection that a front end makes for a client.
fn admit_of(places: &mut Places, client: &str, front_end: &str, now: Instant) -> u64 {
    let number = places.admit(address(front_end), false, now).number;
    places.belongs_to(number, address(client));
    number
}

#[test]
fn handshakes_have_half_of_the_places_and_make_room_for_each_other_first() {
    let (mut places, now) = (places(8), Instant::now());
    let idle = admit(&mut places, &["10.0.1.1", "10.0.2.1"], now);
    let mut shake = |client: &str| places.admit(address(client), true, now);
    let first: Vec<u64> = ["10.0.3.1", "10.0.3.2"].map(|client| shake(client).number).into();
    assert_eq!(shake("10.0.3.3").evicted, [first[0]], "a network has a quarter of the places");
    let second = shake("10.0.4.1");
    assert_eq!(shake("10.0.5.1").evicted, NOBODY);
    places.shook_hands(second.number);
    assert_eq!(places.admit(address("10.0.6.1"), true, now).evicted, NOBODY);
    assert_eq!(places.admit(address("10.0.7.1"), true, now).evicted, [first[1]], "the crowd's network");
    assert!(idle.iter().all(|number| places.taken.contains_key(number)));
}

#[test]
fn an_idle_connection_is_overdue_and_one_that_got_a_reply_is_not() {
    let (mut places, now) = (places(8), Instant::now());
    assert_eq!(places.take_back_overdue(now), (vec![], None));
    let numbers = admit(&mut places, &["10.0.0.1", "10.0.1.1"], now);
    places.active(numbers[0], now + 4 * SECOND);
    assert_eq!(places.take_back_overdue(now + 9 * SECOND), (vec![], Some(now + 10 * SECOND)));
    let overdue = (vec![numbers[1]], Some(now + 14 * SECOND));
    assert_eq!(places.take_back_overdue(now + 10 * SECOND), overdue);
}

#[test]
fn the_fewer_places_are_free_the_shorter_one_may_be_idle() {
    let (mut places, now) = (places(8), Instant::now());
    let mut told = Vec::new();
    for network in 0..8 {
        admit(&mut places, &[&format!("10.0.{network}.1")], now);
        told.push(places.idle_to_tell().as_millis());
    }
    assert_eq!(told, [10_000, 10_000, 10_000, 10_000, 7_750, 5_500, 3_250, 0]);
    let due = |after: u64| Some(now + Duration::from_millis(after));
    assert_eq!(places.take_back_overdue(now), (vec![], due(1_000)), "all places are taken");
    assert_eq!(
        places.take_back_overdue(now + SECOND),
        (vec![1], due(3_250)),
        "one had to go for the others to stay"
    );
    (1..=4).for_each(|number| assert_eq!(places.leave(number), number > 1));
    assert_eq!(places.take_back_overdue(now + SECOND), (vec![], due(10_000)));
}

#[test]
fn room_is_made_by_who_holds_most_unless_it_was_active_just_now() {
    let (mut places, now) = (places(8), Instant::now());
    let least = Duration::from_millis(10);
    let numbers = admit(&mut places, &["10.0.1.1", "10.0.2.1", "10.0.2.1"], now);
    assert_eq!(places.make_room(least, now), None);
    assert_eq!(places.make_room(least, now + least), Some(numbers[1]));
}

/// What strangers do.
#[derive(Debug, Clone)]
enum Deed {
    Come { network: u8, host: u8, must_shake_hands: bool },
    Ask(u64),
    ShakeHands(u64),
    Leave(u64),
    Wait(u16),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        6 => (0..6_u8, 0..3_u8, any::<bool>())
            .prop_map(|(network, host, must_shake_hands)| Deed::Come { network, host, must_shake_hands }),
        3 => (1..80_u64).prop_map(Deed::Ask),
        2 => (1..80_u64).prop_map(Deed::ShakeHands),
        1 => (1..80_u64).prop_map(Deed::Leave),
        1 => (0..1500_u16).prop_map(Deed::Wait),
    ];
    prop::collection::vec(deed, 1..120)
}

/// How many of some connections the network of a client has.
fn of_network<'p>(client: IpAddr, places: impl Iterator<Item = &'p Place>) -> usize {
    places.filter(|place| ClientNetwork::of(place.client) == ClientNetwork::of(client)).count()
}

proptest! {
    /// Whatever strangers do: a newcomer gets in, there are never more than there are places, and no network makes room
    /// for one that has more.
    #[test]
    fn places_are_shared(deeds in deeds(), connections in 2..12_usize) {
        let (mut places, mut now) = (places(connections), Instant::now());
        let mut shaking = BTreeSet::new();
        for deed in deeds {
            match deed {
                Deed::Come { network, host, must_shake_hands } => {
                    let client = IpAddr::from([10, 0, network, host]);
                    let (before, shaking_before) = (places.taken.clone(), shaking.clone());
                    let all = |client| of_network(client, before.values());
                    let shaking_of =
                        |client| of_network(client, shaking_before.iter().map(|number| &before[number]));
                    let Admitted { number, evicted } = places.admit(client, must_shake_hands, now);
                    prop_assert!(places.taken.contains_key(&number), "a newcomer gets in");
                    for gone in &evicted {
                        let theirs = before[gone].client;
                        let for_a_handshake = must_shake_hands && shaking.remove(gone);
                        let is_fair = all(theirs) >= all(client)
                            || for_a_handshake && shaking_of(theirs) >= shaking_of(client);
                        prop_assert!(is_fair, "{theirs} made room for {client}");
                        shaking.remove(gone);
                    }
                    if must_shake_hands {
                        shaking.insert(number);
                    }
                }
                Deed::Ask(number) => places.active(number, now),
                Deed::ShakeHands(number) => {
                    places.shook_hands(number);
                    shaking.remove(&number);
                }
                Deed::Leave(number) => {
                    places.leave(number);
                    shaking.remove(&number);
                }
                Deed::Wait(millis) => now += Duration::from_millis(u64::from(millis)),
            }
            let half = connections.div_ceil(2);
            prop_assert!(places.taken.len() <= connections && shaking.len() <= half);
            for place in places.taken.values() {
                prop_assert!(of_network(place.client, places.taken.values()) <= half);
            }
            prop_assert_eq!(places.shares.sum(), places.taken.len());
            prop_assert_eq!(places.handshakes.sum(), shaking.len());
        }
    }
}
