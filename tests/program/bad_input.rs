//! Bad input with real files: each gets a clear error that names the fix, and nothing that was there before is lost.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::kit::place::{Ended, PROGRAM, Place, chmod, files, free_port};

#[test]
fn a_missing_configuration_is_named() {
    let place = Place::new();
    fs::remove_file(place.config()).expect("it is there");
    place.refused(&["cadence-dns.toml", "No such file"]);
}

#[test]
fn an_unreadable_configuration_is_named() {
    let place = Place::new();
    chmod(&place.config(), 0o000);
    place.refused_as_nobody(&["cadence-dns.toml", "ermission denied"]);
}

#[test]
fn every_mistake_of_a_configuration_is_reported_with_its_line() {
    let place = Place::new();
    let mistaken =
        place.text().replace("workers = 1", "wokers = 1").replace("interval = \"1s\"", "interval = \"1\"");
    fs::write(place.config(), mistaken).expect("the folder is writable");
    place.refused(&["cadence-dns.toml:7:1", "wokers", "workers", "cadence-dns.toml:18:12", "interval"]);
}

#[test]
fn a_configuration_that_is_not_text_is_named() {
    let place = Place::new();
    fs::write(place.config(), [0xff, 0xfe, 0x00, 0x80]).expect("the folder is writable");
    place.refused(&["cadence-dns.toml", "UTF-8"]);
}

#[test]
fn a_missing_zone_file_is_named_with_the_line_that_wants_it() {
    let place = Place::new();
    fs::remove_file(place.zone()).expect("it is there");
    place.refused(&["cadence-dns.toml:12", "zone", "No such file"]);
}

#[test]
fn an_unreadable_zone_file_is_named() {
    let place = Place::new();
    chmod(&place.zone(), 0o000);
    place.refused_as_nobody(&["/zone", "ermission denied"]);
}

#[test]
fn a_mistake_in_a_zone_file_is_reported_with_its_line() {
    let place = Place::new();
    let mistaken = fs::read_to_string(place.zone()).expect("it is there") + "www 60 A 192.0.2.300\n";
    fs::write(place.zone(), mistaken).expect("the folder is writable");
    place.refused(&["zone:4", "192.0.2.300"]);
}

#[test]
fn a_udp_port_in_use_is_named() {
    let place = Place::new();
    let _holder = UdpSocket::bind(place.listen).expect("the port was free");
    place.refused_to_start(&[&place.listen.to_string(), "in use"]);
}

#[test]
fn a_tcp_port_in_use_is_named() {
    let place = Place::new();
    let _holder = TcpListener::bind(place.listen).expect("the port was free");
    place.refused_to_start(&[&place.listen.to_string(), "in use"]);
}

#[test]
fn a_second_daemon_with_the_same_state_is_refused() {
    let place = Place::new();
    let _first = place.started();
    let second = place.beside(&[(place.listen.to_string(), free_port().to_string())]);
    second.refused_to_start(&["/state", "in use by process", "state_dir"]);
}

/// Both would share the port by SO_REUSEPORT, and each would get some of the queries.
#[test]
fn a_second_daemon_on_the_same_port_is_refused() {
    let place = Place::new();
    let _first = place.started();
    let second =
        place.beside(&[("/state".into(), "/state2".into()), ("control.sock".into(), "control2.sock".into())]);
    second.refused_to_start(&[&place.listen.to_string(), "in use"]);
}

#[test]
fn a_socket_of_a_running_daemon_is_not_taken_over() {
    let place = Place::new();
    let _first = place.started();
    let port = free_port().to_string();
    let second = place.beside(&[("/state".into(), "/state2".into()), (place.listen.to_string(), port)]);
    second.refused_to_start(&["control.sock"]);
    place.status().assert_code(0);
}

#[test]
fn a_privileged_port_without_the_privilege_is_named() {
    let place = Place::new();
    place.open_to_all();
    let privileged = format!("{}:53", place.listen.ip());
    let place = place.beside(&[(place.listen.to_string(), privileged.clone())]);
    place.refused_on_a_privileged_port(&[&privileged, "ermission denied"]);
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named() {
    let place = Place::new();
    place.refused_as_nobody_to_start(&["/state", "ermission denied"]);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let place = Place::new();
    fs::create_dir(place.state()).expect("the folder is writable");
    chmod(&place.state(), 0o555);
    place.refused_as_nobody_to_start(&["/state", "ermission denied"]);
}

#[test]
fn a_socket_folder_that_cannot_be_written_is_named() {
    let place = Place::new();
    place.open_to_all();
    fs::create_dir(place.socket_folder()).expect("the folder is writable");
    place.replace("/control.sock", "/run/control.sock");
    place.refused_as_nobody_to_start(&["control.sock", "ermission denied"]);
}

#[test]
fn a_state_folder_that_others_can_write_is_refused() {
    let place = Place::new();
    fs::create_dir(place.state()).expect("the folder is writable");
    chmod(&place.state(), 0o777);
    place.refused_to_start(&["/state can be written to by every user (mode 777)", "chmod 750"]);
    assert_eq!(files(&place.state()), [""; 0], "nothing is touched");
    chmod(&place.state(), 0o750);
    drop(place.started());
}

#[test]
fn a_file_where_the_socket_should_be_is_kept() {
    let place = Place::new();
    fs::write(place.socket(), "precious").expect("the folder is writable");
    place.refused_to_start(&["control.sock"]);
    assert_eq!(fs::read_to_string(place.socket()).expect("it is kept"), "precious");
}

#[test]
fn a_socket_that_nobody_listens_on_any_more_is_replaced() {
    let place = Place::new();
    drop(UnixListener::bind(place.socket()).expect("the folder is writable"));
    assert!(place.socket().exists(), "closing it leaves the file, as kill -9 does");
    let _daemon = place.started();
}

#[test]
fn a_damaged_state_is_set_aside_and_the_start_goes_on() {
    for damage in [&b"{"[..], b"", b"\xff\xff\xff", b"{\"version\": \"v99\"}\n"] {
        let place = Place::new();
        fs::create_dir(place.state()).expect("the folder is writable");
        fs::write(place.state().join("state.json"), damage).expect("the folder is writable");
        let daemon = place.started();
        assert!(daemon.log().contains("state.json"), "the log does not name the file:\n{}", daemon.log());
        let kept = files(&place.state()).into_iter().find(|file| file.contains("damaged"));
        let kept = place.state().join(kept.unwrap_or_else(|| panic!("{damage:?} was not set aside")));
        assert_eq!(fs::read(kept).expect("it is readable"), damage);
    }
}

#[test]
fn a_damaged_state_gives_way_to_the_one_before() {
    let place = Place::new();
    drop(place.started());
    let (state, previous) = (place.state().join("state.json"), place.state().join("state.json.previous"));
    assert!(state.exists(), "a daemon that has answered has saved: {:?}", files(&place.state()));
    fs::rename(&state, previous).expect("the folder is writable");
    fs::write(&state, "half a st").expect("the folder is writable");
    let before = place.epoch_in_saved_status();
    let _daemon = place.started();
    assert!(place.epoch() >= before, "epochs only grow");
}

#[test]
fn a_daemon_that_is_not_there_is_told_apart_from_a_failure() {
    Place::new().status().assert_code(3);
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let output = Command::new(PROGRAM).arg("rnu").output().expect("the program was built");
    Ended { output }.assert_code(2);
}
