//! Strangers that want to hurt: what they make the program hold, whom they keep out, what they leave behind.
//!
//! Each address `127.0.N.H` of the loopback is host H of network N.

mod http2;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;

use cadence_dns::zone::RecordType;
use http2::{Http2, hello, tls};

use crate::kit::place::PROGRAM;
use crate::kit::process::{Here, Process, wait_until};
use crate::kit::query::{PATIENCE, ask, client_from, framed, query};

/// A name whose reply is as long as a reply can be, and one with a short one.
fn zone() -> String {
    let many: String = (0..200).map(|i| format!("big 300 TXT \"{i:085}\"\n")).collect();
    format!("@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\nwww 300 A 192.0.2.1\n{many}")
}

/// The program at work; killed at the end, whatever the end is.
struct Program {
    process: Process,
    tcp: SocketAddr,
    tls: SocketAddr,
    https: SocketAddr,
    folder: tempfile::TempDir,
}

impl Program {
    /// Started with these lines of `[dns.tcp]`.
    fn start(tcp: &str) -> Program {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("our own folder");
        let issued = rcgen::generate_simple_self_signed(vec!["ns.t".into()]).expect("randomness");
        write("chain.pem", &issued.cert.pem());
        write("key.pem", &issued.signing_key.serialize_pem());
        write("t.zone", &zone());
        write(
            "c.toml",
            &format!(
                "[node]\nname = \"ns1\"\nstate_dir = \"state\"\n[control]\nsocket = \"s\"\n\
                 [dns]\nlisten = [\"127.0.0.1:0\"]\n[dns.tcp]\n{tcp}\n\
                 [dns.tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\nlisten = [\"127.0.0.2:0\"]\n\
                 [dns.https]\nlisten = [\"127.0.0.3:0\"]\n[[zone]]\nname = \"t\"\nfile = \"t.zone\"\n"
            ),
        );
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(folder.path().join("c.toml"));
        let process = Process::start(&Here, "cadence-dns", folder.path(), command);
        let log = process.wait_for_line("answering over HTTPS on ", PATIENCE);
        let address = |before: &str| {
            let rest = log.split(before).nth(1).expect("it says so");
            let address = rest.split_whitespace().next().expect("an address follows");
            address.parse().expect("an address")
        };
        let [tcp, tls, https] =
            ["answering on ", "answering over TLS on ", "answering over HTTPS on "].map(address);
        Program { process, tcp, tls, https, folder }
    }

    /// The connections that it has open, over whatever.
    fn connections(&self) -> usize {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("our child");
        let sockets = fs::read_to_string("/proc/net/tcp").expect("there is TCP");
        let is_connection = |inode: &str| {
            let mut lines = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            lines.any(|words| words[9] == inode && words[3] != "0A") // a listener
        };
        let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links
            .filter(|link| {
                let name = link.to_string_lossy();
                let inode = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
                inode.is_some_and(is_connection)
            })
            .count()
    }

    /// Its memory that is in the machine's, in octets.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("our child");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel counts it");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes << 10
    }
}

/// Bodies that never end, of frames with one octet each, and whole requests that keep the connections.
#[test]
fn bodies_of_tiny_frames_take_little_memory() {
    const BODIES: u32 = 64;
    const OCTETS: usize = 700;
    let program = Program::start("idle_timeout = \"600s\"");
    let mut clients: Vec<_> =
        (1..=4).map(|host| Http2::connect([127, 0, host, 1], program.https, program.folder.path())).collect();
    let before = program.resident();
    for client in &mut clients {
        let bodies: Vec<u32> = (0..BODIES).map(|_| client.post_headers()).collect();
        for _ in 0..OCTETS {
            // Many of them at once, which nobody has read, would end the connection.
            bodies.iter().for_each(|body| client.data(*body, &[0]));
            assert!(client.ask("www.t", RecordType::A).expect("it stands"));
        }
    }
    let held = program.resident().saturating_sub(before) >> 10;
    println!("{held} kB for {} bodies of {OCTETS} octets", 4 * BODIES);
    assert!(held < 4 << 10, "{held} kB for {} bodies of {OCTETS} octets", 4 * BODIES);
}

/// 12 connections of three networks take no reply; one of a fourth asks for something long.
#[test]
fn replies_that_some_do_not_take_cost_nobody_else_a_reply() {
    let program = Program::start("");
    let connect = |host| Http2::connect(host, program.https, program.folder.path());
    let hosts = (1..=3).flat_map(|network| (1..=4).map(move |host| [127, 0, network, host]));
    let mut greedy: Vec<_> = hosts.map(connect).collect();
    for client in &mut greedy {
        client.take_no_bodies();
        // It may be closed in the midst of it: then it has held more than all others.
        let _ = (0..90).try_for_each(|_| client.ask("big.t", RecordType::TXT).map(drop));
    }
    let mut other = connect([127, 0, 9, 1]);
    assert!(other.ask("big.t", RecordType::TXT).expect("a response"));
}

/// CVE-2023-44487: each request costs us more than the client that takes it back.
#[test]
fn who_takes_back_many_requests_at_once_is_told_to_go() {
    let program = Program::start("");
    let mut client = Http2::connect([127, 0, 1, 1], program.https, program.folder.path());
    for _ in 0..200 {
        let request = client.get_headers("www.t", RecordType::A);
        client.reset(request);
    }
    client.flush();
    assert!(client.is_told_to_go());
    let mut other = Http2::connect([127, 0, 1, 1], program.https, program.folder.path());
    assert!(other.ask("www.t", RecordType::A).expect("others are served"));
}

/// Ports of clients whose connections the kernel goes on with although the program has closed them.
fn orphans(server: SocketAddr) -> usize {
    // Of each connection: our address, theirs, its state; FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING.
    let states = ["04", "05", "09", "0B"];
    let port = format!(":{:04X}", server.port());
    let table = fs::read_to_string("/proc/net/tcp").expect("there is TCP");
    let of_server = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words[1].ends_with(&port) && states.contains(&words[3])
    };
    table.lines().skip(1).filter(of_server).count()
}

/// Half of them say that they have no more queries, the others say nothing.
#[test]
fn clients_that_never_read_leave_nothing_in_the_kernel() {
    let program = Program::start("idle_timeout = \"1s\"");
    let many = framed(&query(1, "big.t", RecordType::TXT)).repeat(10);
    let deaf: Vec<_> = (1..=46)
        .map(|host| {
            let socket = client_from([127, 0, 1, host], program.tcp);
            (&socket).write_all(&many).expect("somebody reads");
            if host % 2 == 0 {
                socket.shutdown(Shutdown::Write).expect("our half is ours to close");
            }
            socket
        })
        .collect();
    let mut other = client_from([127, 0, 2, 1], program.tcp);
    assert_eq!(ask(&mut other, &query(7, "big.t", RecordType::TXT))[..2], [0, 7]);
    wait_until("all are closed", PATIENCE, || program.connections() == 0);
    assert_eq!(orphans(program.tcp), 0);
    drop(deaf);
}

/// Whether a connection is closed; what came before that is passed over.
fn is_gone(client: &mut TcpStream) -> bool {
    client.set_nonblocking(true).expect("our socket");
    let end = loop {
        match client.read(&mut [0; 4096]) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
        }
    };
    client.set_nonblocking(false).expect("our socket");
    end
}

/// Three networks that want half of the places each, ask all the time, and come again when they are closed; a client
/// of a fourth that takes its time.
#[test]
fn busy_networks_keep_no_newcomer_out() {
    let program = Program::start("connections = 96\nidle_timeout = \"10s\"");
    let question = framed(&query(7, "www.t", RecordType::A));
    let hosts = (1..=3).flat_map(|network| (1..=48).map(move |host| [127, 0, network, host]));
    let mut crowd: Vec<_> = hosts.map(|host| (host, client_from(host, program.tcp))).collect();
    let mut crowd_asks = || {
        for (host, client) in &mut crowd {
            if is_gone(client) {
                *client = client_from(*host, program.tcp);
            }
            let _ = client.write_all(&question); // it may be closed just now
        }
    };
    let mut newcomer_asks = || {
        let mut newcomer = client_from([127, 0, 9, 1], program.tcp);
        crowd_asks(); // so that the newcomer is the one that has been idle for longest
        newcomer.write_all(&question[..5])?;
        crowd_asks();
        newcomer.write_all(&question[5..])?;
        newcomer.read_exact(&mut [0; 2])
    };
    let answered = (0..19).filter(|_| newcomer_asks().is_ok()).count();
    assert_eq!(answered, 19);
}

/// Strangers of many networks that begin a handshake each and say no more.
#[test]
fn handshakes_that_do_not_end_cost_nobody_else_a_place() {
    let program = Program::start("connections = 40\nidle_timeout = \"60s\"");
    let question = query(7, "www.t", RecordType::A);
    let mut idle: Vec<_> = (1..=10)
        .map(|network| tls([127, 1, network, 1], program.tls, program.folder.path(), "dot"))
        .collect::<io::Result<_>>()
        .expect("handshakes");
    let hosts = (1..=20).flat_map(|network| (1..=10).map(move |host| [127, 0, network, host]));
    let _silent: Vec<_> = hosts.map(|host| client_from(host, program.tls)).collect();
    let newcomer = tls([127, 2, 1, 1], program.tls, program.folder.path(), "dot");
    idle.push(newcomer.expect("a handshake"));
    for client in &mut idle {
        assert_eq!(ask(client, &question)[..2], [0, 7]);
    }
}

/// 150 signatures to be made, as soon as may be.
#[test]
fn who_is_served_is_served_between_the_handshakes_of_a_flood() {
    let program = Program::start("");
    let mut client = tls([127, 2, 1, 1], program.tls, program.folder.path(), "dot").expect("a handshake");
    let hello = hello(program.folder.path(), "dot");
    let mut flood: Vec<_> = (1..=150).map(|host| client_from([127, 0, 1, host], program.tls)).collect();
    let flood = thread::spawn(move || {
        flood.iter_mut().for_each(|stranger| stranger.write_all(&hello).expect("the system takes it"));
        flood.iter_mut().for_each(|stranger| stranger.read_exact(&mut [0]).expect("a reply to the hello"));
    });
    let mut replies = 0;
    while !flood.is_finished() {
        assert_eq!(ask(&mut client, &query(7, "www.t", RecordType::A))[..2], [0, 7]);
        replies += 1;
    }
    flood.join().expect("each has its reply");
    println!("{replies} replies during 150 handshakes");
    assert!(replies > 20, "{replies} replies during 150 handshakes");
}
