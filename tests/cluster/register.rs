//! What the room `cluster` promises, on a real etcd.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cadence_dns::controller::{KeyValue, RegisterNews, Transacted, Transaction, TransactionId};
use rustix::process::Signal;

use crate::etcd::{AMPLE, Etcd, settings};
use crate::follower::{Follower, Log};
use crate::network::{Network, Site};
use crate::process::wait_until;
use crate::slow::{self, Delay};

const SECOND: Duration = Duration::from_secs(1);

/// A network, an etcd, and followers at places of their own, the first endpoint of each another one.
struct Stage {
    followers: Vec<Follower>,
    places: Vec<Site>,
    etcd: Etcd,
    network: Network,
}

impl Stage {
    fn new() -> Stage {
        Stage::behind(None)
    }

    /// The same behind proxies that take their time.
    fn behind(delay: Option<&Delay>) -> Stage {
        let mut network = Network::new();
        let etcd = Etcd::start(&mut network);
        for member in delay.iter().flat_map(|_| &etcd.members) {
            slow::start(member.site.namespace(), &member.site.v4(10), delay.expect("there is one"));
        }
        let places: Vec<Site> = ["n1", "n2", "n3"].map(|name| network.site(name)).into();
        let follower = |(number, place): (usize, &Site)| {
            let mut endpoints = etcd.endpoints_from(number);
            if delay.is_some() {
                endpoints.iter_mut().for_each(|url| *url = url.replace(":2379", &format!(":{}", slow::PORT)));
            }
            Follower::start(place.namespace(), place.name, settings(&endpoints))
        };
        let followers: Vec<Follower> = places.iter().enumerate().map(follower).collect();
        let stage = Stage { followers, places, etcd, network };
        stage.wait_for_heartbeats();
        stage
    }

    /// Until each node has written a heartbeat from now on.
    fn wait_for_heartbeats(&self) {
        let now = Instant::now();
        for follower in &self.followers {
            follower.wait_for_heartbeat(now, AMPLE);
        }
    }

    /// What each node has been told is consistent, and the same.
    fn check(&self) {
        let mut all: BTreeMap<u64, Vec<KeyValue>> = BTreeMap::new();
        for follower in &self.followers {
            judge(&follower.log(), &mut all);
        }
    }
}

/// Revisions come in their order, no key of a snapshot is newer than it, what one node is told at a revision another is told
/// as well, and what is in a snapshot is what the changes before it have made.
fn judge(log: &Log, all: &mut BTreeMap<u64, Vec<KeyValue>>) {
    let mut seen = 0;
    let mut state: BTreeMap<String, KeyValue> = BTreeMap::new();
    for (_, news) in &log.news {
        match news {
            RegisterNews::Snapshot { revision, all: keys } => {
                assert!(*revision >= seen, "a snapshot of {revision} after {seen}");
                assert!(keys.iter().all(|key| key.revision <= *revision), "a key from the future");
                if *revision == seen {
                    let now: BTreeMap<String, KeyValue> =
                        keys.iter().map(|key| (key.key.clone(), key.clone())).collect();
                    assert_eq!(now, state, "at revision {revision}");
                }
                state = keys.iter().map(|key| (key.key.clone(), key.clone())).collect();
                seen = *revision;
            }
            RegisterNews::Changed { revision, keys } => {
                // Every revision is ours: nobody else writes to this etcd.
                assert_eq!(*revision, seen + 1, "a revision is left out, or told twice");
                assert!(keys.iter().all(|key| key.revision == *revision));
                let told = all.entry(*revision).or_insert_with(|| keys.clone());
                assert_eq!(told, keys, "two truths about revision {revision}");
                for key in keys {
                    match key.value {
                        Some(_) => drop(state.insert(key.key.clone(), key.clone())),
                        None => drop(state.remove(&key.key)),
                    }
                }
                seen = *revision;
            }
            RegisterNews::Transacted(..) => {}
        }
    }
}

/// Adds to a counter by compare and swap, from what the last reply said.
struct Counter {
    revision: u64,
    value: u64,
    written: BTreeSet<u64>,
    /// Outcomes that nobody knows.
    unknown: u64,
}

impl Counter {
    fn new() -> Counter {
        Counter { revision: 0, value: 0, written: BTreeSet::new(), unknown: 0 }
    }

    fn add(&mut self, follower: &Follower, id: u64) {
        let next = self.value + 1;
        let transaction = Transaction {
            id: TransactionId(id),
            conditions: vec![("counter".into(), self.revision)],
            writes: vec![("counter".into(), Some(next.to_string()))],
        };
        match follower.transact(transaction) {
            Transacted::Written(revision) => {
                (self.revision, self.value) = (revision, next);
                assert!(self.written.insert(revision), "two writes at revision {revision}");
            }
            Transacted::Refused(held) => {
                let value = held[0].value.as_deref().map_or(0, |value| value.parse().expect("a number"));
                (self.revision, self.value) = (held[0].revision, value);
            }
            Transacted::Unknown(_) => self.unknown += 1,
        }
    }
}

/// Three nodes count together while one thing after the other happens to etcd: no count is lost, none is made twice, and all
/// three are told the same.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn no_write_is_lost_and_none_is_made_up() {
    let mut stage = Stage::new();
    let mut counters = [Counter::new(), Counter::new(), Counter::new()];
    let mut id = 0;
    let mut count = |stage: &Stage, rounds: u64| {
        for _ in 0..rounds {
            id += 1;
            std::thread::scope(|scope| {
                for (counter, follower) in counters.iter_mut().zip(&stage.followers) {
                    scope.spawn(move || counter.add(follower, id));
                }
            });
        }
    };
    count(&stage, 20);
    let place = |stage: &Stage| stage.etcd.leader(stage.places[0].namespace()).expect("there is a leader");
    let leader = place(&stage);
    stage.etcd.members[leader].kill();
    count(&stage, 20);
    stage.etcd.members[leader].run();
    count(&stage, 10);
    let leader = place(&stage);
    stage.etcd.members[leader].signal(Signal::STOP);
    count(&stage, 10);
    stage.etcd.members[leader].signal(Signal::CONT);
    count(&stage, 10);
    stage.network.cut("e1");
    count(&stage, 10);
    stage.network.mend();
    stage.wait_for_heartbeats();
    count(&stage, 20);
    let value = counters.iter().map(|counter| counter.value).max().expect("three");
    let written: usize = counters.iter().map(|counter| counter.written.len()).sum();
    let unknown: u64 = counters.iter().map(|counter| counter.unknown).sum();
    let all: BTreeSet<u64> = counters.iter().flat_map(|counter| counter.written.clone()).collect();
    assert_eq!(all.len(), written, "two nodes were told that they wrote at one revision");
    let written = u64::try_from(written).expect("a few");
    assert!(
        (written..=written + unknown).contains(&value),
        "{written} to {} counted as {value}",
        written + unknown
    );
    assert!(written > 60, "{written} writes, {unknown} unknown");
    stage.check();
    println!("{written} writes, {unknown} of which nobody knows, counted as {value}");
}

/// The member says nothing for half a minute; the node leaves it.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_member_that_is_cut_off_from_the_others_is_left() {
    let stage = Stage::new();
    let first = &stage.followers[0];
    let e1 = stage.etcd.endpoints_from(0)[0].clone();
    wait_until("the first member is followed", AMPLE, || first.followed().as_ref() == Some(&e1));
    let cut = Instant::now();
    for other in ["e2", "e3"] {
        stage.network.cut_way("e1", other);
        stage.network.cut_way(other, "e1");
    }
    let left = first.wait_for_snapshot(cut, 8 * SECOND);
    assert_ne!(first.followed(), Some(stage.etcd.endpoints_from(0)[0].clone()));
    println!("left {:?} after the cut: {:?}", left - cut, first.health().error);
    let written = first.wait_for_heartbeat(cut, 8 * SECOND);
    println!("a heartbeat was written {:?} after it", written - cut);
    stage.network.mend();
    stage.wait_for_heartbeats();
    stage.check();
}

#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_lost_leader_costs_a_few_seconds_of_writes() {
    let mut stage = Stage::new();
    for (number, how) in ["killed", "stopped"].into_iter().enumerate() {
        let leader = stage.etcd.leader(stage.places[0].namespace()).expect("there is one");
        let lost = Instant::now();
        match number {
            0 => stage.etcd.members[leader].kill(),
            _ => stage.etcd.members[leader].signal(Signal::STOP),
        }
        for follower in &stage.followers {
            let written = follower.wait_for_heartbeat(lost + SECOND / 10, 12 * SECOND);
            println!("{how}: a heartbeat {:?} after the loss", written - lost);
        }
        match number {
            0 => stage.etcd.members[leader].run(),
            _ => stage.etcd.members[leader].signal(Signal::CONT),
        }
        stage.wait_for_heartbeats();
    }
    stage.check();
}

/// No etcd at all: every transaction has an outcome in time, and all goes on when it is back.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_lost_etcd_is_unknown_in_time_and_taken_up_again() {
    let stage = Stage::new();
    for member in &stage.etcd.members {
        member.signal(Signal::STOP);
    }
    let began = Instant::now();
    let writes = vec![("x".to_owned(), Some("1".to_owned()))];
    let transaction = Transaction { id: TransactionId(1), conditions: vec![("x".into(), 0)], writes };
    let outcome = stage.followers[0].transact(transaction);
    assert!(matches!(outcome, Transacted::Unknown(_)), "{outcome:?}");
    assert!(began.elapsed() < 4 * SECOND, "{:?}", began.elapsed());
    wait_until("everybody has given its member up", AMPLE, || {
        stage.followers.iter().all(|follower| follower.followed().is_none())
    });
    for member in &stage.etcd.members {
        member.signal(Signal::CONT);
    }
    stage.wait_for_heartbeats();
    stage.check();
}

/// Members that answer after two seconds.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn a_slow_etcd_is_unknown_in_time_and_taken_up_again() {
    let delay = Delay::default();
    let stage = Stage::behind(Some(&delay));
    delay.set(SECOND);
    let began = Instant::now();
    let writes = vec![("x".to_owned(), Some("1".to_owned()))];
    let transaction = Transaction { id: TransactionId(1), conditions: vec![("x".into(), 0)], writes };
    let outcome = stage.followers[0].transact(transaction);
    assert!(matches!(outcome, Transacted::Unknown(_)), "{outcome:?}");
    assert!(began.elapsed() < 4 * SECOND, "{:?}", began.elapsed());
    delay.set(Duration::ZERO);
    stage.wait_for_heartbeats();
    stage.check();
}

/// What three nodes with a heartbeat a second ask of etcd.
#[test]
#[ignore = "needs root, network namespaces and etcd: tests/run.sh"]
fn an_idle_cluster_asks_little() {
    const HEARTBEATS: u64 = 20;
    let stage = Stage::new();
    let is_request = |line: &str| {
        // Through the gateway each request is one of gRPC, counted once.
        line.starts_with("grpc_server_started_total{") && !line.contains("grpc_service=\"grpc.health")
    };
    let before = stage.etcd.counted(is_request);
    let began = Instant::now();
    for _ in 0..HEARTBEATS {
        let now = Instant::now();
        stage.followers[0].wait_for_heartbeat(now, AMPLE);
    }
    let asked = stage.etcd.counted(is_request) - before;
    let each = asked / 3.0 / began.elapsed().as_secs_f64();
    println!("{each:.2} requests for each node and second");
    assert!(each <= 2.0, "{each:.2} requests for each node and second");
    assert!(each >= 0.9, "{each:.2} requests: nothing is counted");
}
