//! The rate limit is one for all workers, however the kernel spreads a flood over them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Barrier;
use std::thread;

use cadence_dns::answer::{AnswerTable, Identity, Outcome, QueryContext, ResponsePolicy, Transport, respond};
use cadence_dns::config::RateLimitSettings;
use cadence_dns::dns::Limiter;
use cadence_dns::model::Moment;

use crate::kit::zone;

const ZONE: &str = "@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n";

/// `ns.t A`
const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x02ns\x01t\0\0\x01\0\x01";

const WORKERS: u8 = 4;
const RATE: usize = 1000;

#[test]
fn workers_count_together() {
    let table = zone::table("t", ZONE, Identity::default());
    let begin = Barrier::new(WORKERS.into());
    let settings =
        RateLimitSettings { rate: 1000, slip: 0, network_rate: 10_000, ..RateLimitSettings::default() };
    let limiter = Box::new(Limiter::new(&settings, [1; 16]));
    let policy = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: Some(limiter) };
    let flood = |worker: u8| {
        let address: IpAddr = Ipv4Addr::new(192, 0, 2, worker).into();
        let now = Moment::from_millis(1_795_363_451_000);
        let context = QueryContext { transport: Transport::Udp, address, now, idle: None, policy: &policy };
        let mut reply = [0; AnswerTable::UDP_REPLY_MAX_OCTETS];
        begin.wait();
        let outcomes = (0..2 * RATE).map(|_| respond(&table, QUERY, &context, &mut reply));
        outcomes.filter(|outcome| matches!(outcome, Outcome::Reply(_))).count()
    };
    let told: usize = thread::scope(|scope| {
        let flood = &flood;
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || flood(worker))).collect();
        workers.into_iter().map(|worker| worker.join().expect("nothing panics")).sum()
    });
    // A worker that the others get in the way of too often lets a reply go.
    assert!((RATE..RATE + RATE / 50).contains(&told), "{told} of {RATE}");
}
