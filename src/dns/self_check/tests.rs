//! Real listeners, and workers that hang where a test wants it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::{Carrier, bind};
use super::*;
use crate::answer::{AnswerTable, Identity, ResponsePolicy, ResponseRateLimit, RrlKey, Ruling};
use crate::config::DnsSettings;
use crate::dns::Serving;
use crate::dns::counters::Tally;
use crate::model::Moment;
use crate::zone::{MasterFile, parse};

/// How long a listener is waited for here, where every one is quick or hangs.
const LISTENER_MAX: Duration = Duration::from_millis(200);

fn tables() -> Tables {
    let origin: Name = "t".parse().expect("a good name");
    let master =
        MasterFile { file: "t.zone", text: b"@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n" };
    let zone = parse(&origin, &master, &BTreeSet::new(), &mut crate::zone::no_include);
    let zone = zone.unwrap_or_else(|problems| panic!("{}", problems[0])).zone;
    Tables::new(Arc::new(AnswerTable::compile(&[zone], &[], Identity::default())))
}

/// Sits where every query by UDP passes, and lets none pass while a test has the lock.
#[derive(Debug)]
struct Barrier(Arc<Mutex<()>>);

impl ResponseRateLimit for Barrier {
    fn rule(&self, _: IpAddr, _: RrlKey, _: Moment, _: u16) -> Ruling {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ruling::Whole
    }
}

fn settings(changes: DnsSettings) -> DnsSettings {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    DnsSettings { listen: vec![any_port], workers: 2, ..changes }
}

fn check_of(serving: &mut Serving) -> SelfCheck {
    SelfCheck::new(serving.meter(), tables(), LISTENER_MAX)
}

#[test]
fn workers_that_hang_are_noticed_and_those_that_answer_again_as_well() {
    let barrier = Arc::new(Mutex::new(()));
    let limiter: Box<dyn ResponseRateLimit> = Box::new(Barrier(Arc::clone(&barrier)));
    let policy = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: Some(limiter) };
    let bound = bind(&settings(DnsSettings::default())).expect("a free port");
    let address = bound.addresses()[0];
    let mut serving = bound.serve_by(&tables(), Arc::new(policy), &Carrier::Plain).expect("threads");
    let mut check = check_of(&mut serving);
    assert_eq!(check.look(), Ok(1));
    let hangs = barrier.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(check.look(), Err(format!("{address} does not answer")));
    drop(hangs);
    let deadline = Instant::now() + Duration::from_secs(20);
    while check.look() != Ok(1) {
        assert!(Instant::now() < deadline, "they answer again");
    }
    serving.stop();
}

/// All workers but one answer every query that the kernel gives to them.
#[test]
fn one_worker_of_several_that_hangs_is_noticed() {
    let bound = bind(&settings(DnsSettings::default())).expect("a free port");
    let mut serving = bound.serve(&tables()).expect("threads");
    let meter = serving.meter();
    let listeners = meter.listeners();
    // What it has counted stands still: another one that nobody moves.
    let all = listeners.all.iter().map(|asked| {
        let still = Arc::new(Tally::new(crate::dns::Protocol::Udp));
        Asked { address: asked.address, tallies: asked.tallies.iter().cloned().chain([still]).collect() }
    });
    let check = SelfCheck::new(meter, tables(), LISTENER_MAX);
    for asked in all.collect::<Vec<_>>() {
        let apex: Name = "t".parse().expect("a good name");
        let Reply::Wrong(why) = check.ask(&asked, &FrontEnds::default(), &apex, None) else {
            panic!("one of three stands still");
        };
        assert_eq!(why, "1 of 3 workers do not answer");
    }
    serving.stop();
}

/// A hidden server, one behind a front end, and one where clients are told little.
#[test]
fn whoever_may_not_ask_is_answered_as_well() {
    let network = |text: &str| vec![text.parse().expect("a network")];
    let hidden = DnsSettings { allow: Some(network("192.0.2.0/24")), ..DnsSettings::default() };
    let behind = DnsSettings { proxy_protocol_from: network("127.0.0.0/8"), ..DnsSettings::default() };
    let both = DnsSettings { allow: hidden.allow.clone(), ..behind.clone() };
    for changes in [hidden, behind, both] {
        let shown = format!("{changes:?}");
        let mut serving = bind(&settings(changes)).expect("a free port").serve(&tables()).expect("threads");
        assert_eq!(check_of(&mut serving).look(), Ok(1), "{shown}");
        serving.stop();
    }
}

/// Who has the address of another machine need not answer there.
#[test]
fn an_address_of_another_machine_is_not_asked() {
    let check = SelfCheck::new(serving_nothing(), tables(), LISTENER_MAX);
    let address = SocketAddr::from(([192, 0, 2, 53], 53));
    let asked = Asked { address, tallies: vec![Arc::new(Tally::new(crate::dns::Protocol::Udp))] };
    let apex: Name = "t".parse().expect("a good name");
    assert!(matches!(check.ask(&asked, &FrontEnds::default(), &apex, None), Reply::Elsewhere));
}

fn serving_nothing() -> Meter {
    let mut serving =
        bind(&settings(DnsSettings::default())).expect("a free port").serve(&tables()).expect("threads");
    let meter = serving.meter();
    serving.stop();
    meter
}

#[test]
fn only_the_soa_of_the_zone_is_right() {
    let apex: Name = "t".parse().expect("a good name");
    let asked = query(&apex);
    let mut reply = asked.clone();
    reply.metadata.message_type = MessageType::Response;
    let told = |message: &Message| match judge(&message.to_vec().expect("it can be written"), &asked) {
        Reply::Wrong(why) => why,
        Reply::Right => "right".to_owned(),
        Reply::Silence | Reply::Elsewhere => "another".to_owned(),
    };
    reply.metadata.response_code = ResponseCode::ServFail;
    assert!(told(&reply).contains("without it"), "{}", told(&reply));
    reply.metadata.truncation = true;
    assert_eq!(told(&reply), "right");
    reply.metadata.id = reply.metadata.id.wrapping_add(1);
    assert_eq!(told(&reply), "the reply is to another question");
    assert!(matches!(judge(b"nonsense", &asked), Reply::Wrong(_)));
}

#[test]
fn a_listener_on_all_addresses_is_asked_on_the_loopback() {
    let check = |listener: &str, expected: &str| {
        assert_eq!(reached(listener.parse().expect("an address")).to_string(), expected);
    };
    check("0.0.0.0:53", "127.0.0.1:53");
    check("[::]:53", "[::1]:53");
    check("192.0.2.1:53", "192.0.2.1:53");
}
