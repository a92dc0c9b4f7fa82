//! `cadence-dns drill` as an operator uses it: in shadow and for real, and what becomes of a drill that loses him.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};

use crate::kit::place::{Ended, PROGRAM, text_of};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

/// The name comes home as soon as it may.
const AUTO: &str = "failback = { mode = \"auto\" }\nrto = \"20s\"";

fn drill(steered: &Steered, arguments: &[&str]) -> Ended {
    let mut command = steered.place.program("drill");
    command.args(arguments);
    steered.place.ended(command)
}

fn check(ended: &Ended, code: i32, wanted: &[&str]) {
    ended.assert_code(code);
    let said = text_of(&ended.output.stdout) + &text_of(&ended.output.stderr);
    wanted.iter().for_each(|text| assert!(said.contains(text), "{text:?} is not in:\n{said}"));
    assert!(!said.contains("panicked"), "{said}");
}

/// Orders in force.
fn orders(steered: &Steered) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(["override", "list", "--config"]).arg(steered.place.config());
    let ended = steered.place.ended(command);
    ended.assert_code(0);
    text_of(&ended.output.stdout)
}

#[test]
fn in_shadow_nothing_is_done() {
    let steered = Steered::start(AUTO);
    let epoch = steered.place.epoch();
    let shadow = drill(&steered, &[PREFERRED, "--shadow"]);
    check(&shadow, 0, &["us-east -> eu-west", "us-east refuses: ", "us-east hangs: ", "to eu-west"]);
    let of_standby = drill(&steered, &[STANDBY, "--shadow"]);
    check(&of_standby, 0, &["stays with us-east", "eu-west hangs: "]);
    assert_eq!(steered.place.epoch(), epoch, "the answer is what it was");
}

#[test]
fn clients_follow_and_come_home() {
    let steered = Steered::start(AUTO);
    let ended = drill(&steered, &[PREFERRED, "--yes", "--for", "30s", "--reason", "the monthly drill"]);
    check(
        &ended,
        0,
        &["the name server answered anew after", "a client behind a cache followed after", "of rto 20s"],
    );
    steered.wait_for(PREFERRED);
    assert!(!orders(&steered).contains("monthly drill"), "the order is taken back: {}", orders(&steered));
    assert!(steered.daemon.log().contains("the monthly drill"), "who rehearsed is in the log");
}

/// One document, whatever comes of it.
#[test]
fn programs_read_what_was_seen() {
    let steered = Steered::start(AUTO);
    let read = |arguments: &[&str], code| -> serde_json::Value {
        let ended = drill(&steered, &[arguments, &["--output", "json"]].concat());
        ended.assert_code(code);
        serde_json::from_slice(&ended.output.stdout).expect("one JSON document")
    };
    let shadow = read(&[PREFERRED, "--shadow"], 0);
    assert_eq!((&shadow["schema"], &shadow["shadow"]), (&"cadence-dns/drill/v1".into(), &true.into()));
    assert_eq!((&shadow["names"][0]["to"], &shadow["passed"]), (&STANDBY.into(), &serde_json::Value::Null));
    assert!(shadow["noticed"].as_array().is_some_and(|ways| ways.len() == 3), "{shadow:#}");
    let passed = read(&[PREFERRED, "--yes", "--for", "30s"], 0);
    assert_eq!((&passed["passed"], &passed["names"][0]["rto"]), (&true.into(), &20.0.into()));
    assert!(
        passed["names"][0]["followed"].as_f64() <= passed["names"][0]["followed_max"].as_f64(),
        "{passed:#}"
    );
    steered.wait_for(PREFERRED);
    let stubborn = one_that_never_follows().to_string();
    let failed = read(&[PREFERRED, "--yes", "--for", "5s", "--server", &stubborn], 1);
    assert_eq!(
        (&failed["passed"], &failed["names"][0]["answered"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

/// Its operator is gone, with kill -9: the order ends by itself.
#[test]
fn a_drill_that_loses_its_operator_ends_by_itself() {
    let steered = Steered::start(AUTO);
    let stubborn = one_that_never_follows().to_string();
    let mut command = steered.place.program("drill");
    let arguments = [PREFERRED, "--yes", "--for", "6s", "--server", &stubborn];
    let mut operator = command.args(arguments).spawn().expect("the program was built");
    steered.wait_for(STANDBY);
    operator.kill().expect("it still waits");
    operator.wait().expect("it was killed");
    assert!(orders(&steered).contains("a drill"), "nobody has taken the order back");
    steered.wait_for(PREFERRED);
    wait_until("the order has ended", AMPLE, || !orders(&steered).contains("a drill"));
}

/// A name server that gives the same address to everybody, whatever happens.
fn one_that_never_follows() -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    thread::spawn(move || {
        let mut octets = [0; 1232];
        while let Ok((length, client)) = socket.recv_from(&mut octets) {
            let query = Message::from_vec(&octets[..length]).expect("a query");
            let name = query.queries[0].name().clone();
            let mut reply = query.into_response();
            reply.add_answer(Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 1))));
            drop(socket.send_to(&reply.to_vec().expect("a reply"), client));
        }
    });
    address
}

#[test]
fn a_name_that_does_not_follow_fails_the_drill() {
    let steered = Steered::start(AUTO);
    let stubborn = one_that_never_follows().to_string();
    let ended = drill(&steered, &[PREFERRED, "--yes", "--for", "5s", "--server", &stubborn]);
    check(&ended, 1, &["NOT FOLLOWED", "the drill was not passed"]);
    steered.wait_for(PREFERRED);
}

#[test]
fn what_cannot_be_rehearsed_is_said() {
    let mut steered = Steered::start(AUTO);
    check(
        &drill(&steered, &["us-wset", "--yes"]),
        1,
        &["there is no region us-wset; there are us-east, eu-west"],
    );
    check(&drill(&steered, &[STANDBY, "--yes"]), 1, &["no answer would change"]);
    check(&drill(&steered, &[PREFERRED]), 2, &["nobody can be asked here"]);
    check(&drill(&steered, &[PREFERRED, "--for", "1s"]), 2, &["from 5s to 1h"]);
    check(
        &drill(&steered, &[PREFERRED, "--yes", "--server", "127.0.0.1:1"]),
        1,
        &["127.0.0.1:1 does not answer"],
    );
    assert_eq!(steered.answered(), [steered.preferred.address()], "nothing was ordered: {NAME}");
    steered.daemon.signal(rustix::process::Signal::TERM);
    steered.daemon.wait_for_end(Duration::from_secs(20));
    check(&drill(&steered, &[PREFERRED, "--yes"]), 3, &["no daemon answers"]);
}
