//! Behind real front ends that speak the PROXY protocol: HAProxy for TCP, dnsdist for UDP and TCP.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cadence_dns::zone::RecordType;
use hickory_proto::op::ResponseCode;

use crate::kit::place::{Place, free_port};
use crate::kit::process::{Here, Process, wait_until};
use crate::kit::query::{client_from, framed, query, read, read_message, udp_client_from};

const NAME: &str = "ns1.cadence.example.com";

/// Both are on this machine, and may ask for themselves: dnsdist looks whether we live.
const FRONT_END: &str = "127.0.0.1";
const ALLOWED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// Long enough for everything that is not measured, also on a busy machine.
const AMPLE: Duration = Duration::from_secs(60);

/// A name server that answers one client and its front ends, and nobody else.
fn behind_front_ends() -> (Place, Process) {
    let place = Place::new();
    let lists =
        format!("proxy_protocol_from = [\"{FRONT_END}\"]\nallow = [\"{FRONT_END}\", \"{ALLOWED}\"]\n");
    place.replace("workers = 1\n", &format!("workers = 1\n{lists}"));
    let daemon = place.started();
    (place, daemon)
}

fn start(program: &str, arguments: &[&str], config: &Path, text: &str) -> Process {
    fs::write(config, text).expect("the folder is writable");
    let mut command = Command::new(program);
    command.args(arguments).arg(config);
    Process::start(&Here, program, config.parent().expect("it lies in a folder"), command)
}

/// The code of a reply over TCP to a client; none when the connection ends without one.
fn by_tcp(client: IpAddr, front_end: SocketAddr) -> Option<ResponseCode> {
    let mut stream = client_from(client, front_end);
    stream.write_all(&framed(&query(7, NAME, RecordType::A))).ok()?;
    let answered = stream.peek(&mut [0]).is_ok_and(|octets| octets > 0);
    answered.then(|| read(&read_message(&mut stream)).metadata.response_code)
}

/// The code of a reply over UDP; none when nothing comes within `patience`.
fn by_udp(client: IpAddr, front_end: SocketAddr, patience: Duration) -> Option<ResponseCode> {
    let socket = udp_client_from(client, front_end);
    socket.set_read_timeout(Some(patience)).expect("a timeout above zero");
    socket.send(&query(7, NAME, RecordType::A)).expect("a route");
    let mut reply = [0; 1232];
    let octets = socket.recv(&mut reply).ok()?;
    Some(read(&reply[..octets]).metadata.response_code)
}

fn is_open(address: SocketAddr) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}

#[test]
#[ignore = "needs HAProxy: tests/run.sh"]
fn haproxy_says_who_its_clients_are() {
    let (place, _daemon) = behind_front_ends();
    let (front_end, server) = (free_port(), place.listen);
    let text = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         listen dns\n bind {front_end}\n server ns1 {server} send-proxy-v2 source {FRONT_END}\n"
    );
    let _haproxy = start("haproxy", &["-db", "-f"], &place.state().with_extension("haproxy"), &text);
    wait_until("HAProxy listens", AMPLE, || is_open(front_end));
    assert_eq!(by_tcp(ALLOWED, front_end), Some(ResponseCode::NoError));
    assert_eq!(by_tcp(STRANGER, front_end), Some(ResponseCode::Refused));
}

#[test]
#[ignore = "needs dnsdist: tests/run.sh"]
fn dnsdist_says_who_its_clients_are() {
    let (place, _daemon) = behind_front_ends();
    let (front_end, server) = (free_port(), place.listen);
    let text = format!(
        "setSecurityPollSuffix(\"\")\nsetLocal(\"{front_end}\")\n\
         newServer({{address=\"{server}\", source=\"{FRONT_END}\", useProxyProtocol=true}})\n"
    );
    let _dnsdist = start("dnsdist", &["--supervised", "-C"], &place.state().with_extension("dnsdist"), &text);
    let second = Duration::from_secs(1);
    wait_until("dnsdist passes queries on", AMPLE, || {
        by_udp(ALLOWED, front_end, second) == Some(ResponseCode::NoError)
    });
    assert_eq!(by_udp(STRANGER, front_end, second), None);
    assert_eq!(by_tcp(ALLOWED, front_end), Some(ResponseCode::NoError));
    assert_eq!(by_tcp(STRANGER, front_end), Some(ResponseCode::Refused));
}
