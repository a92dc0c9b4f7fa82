//! The API over TCP of the program as it runs, without its rights: what is asked for is there, and nothing has panicked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::kit::place::{Place, free_port};

fn get(server: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(server).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {server}\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn all_that_is_served_is_served_without_rights() {
    let (place, api) = (Place::new(), free_port());
    place.replace("[control]", &format!("[api]\nlisten = [\"{api}\"]\n[control]"));
    let daemon = place.started();
    for (path, wanted) in [
        ("/api/v1/status", "\"schema\":\"cadence-dns/status/v1\""),
        ("/api/v1/names", "cadence.example.com"),
        ("/api/v1/names/cadence.example.com", "\"epoch\":1"),
        ("/api/v1/regions/us-east", "192.0.2.10"),
        ("/api/v1/overrides", "\"overrides\":[]"),
        ("/api/v1/config", "\"interval\":\"1s\""),
        ("/api/v1/heartbeats", "us-east/192.0.2.10#0"),
        ("/api/v1/explain?name=cadence.example.com", "\"code\":\"NOERROR\""),
        ("/api/v1/history", "daemon.started"),
        ("/livez?verbose", "[+] controller\nok"),
        ("/readyz?verbose", "[+] dns-tcp"),
        ("/metrics", "\nprocess_resident_memory_bytes "),
        ("/metrics", "\nprocess_open_fds "),
        ("/metrics", "cadence_dns_query_duration_seconds_count{proto=\"udp\"} 0\n"),
    ] {
        let answer = get(api, path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(wanted), "{path}: {answer}");
    }
    let log = daemon.log();
    assert!(!log.contains("panic") && log.contains(&format!("the API is on http://{api}/")), "{log}");
}

#[test]
fn an_address_that_is_taken_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound");
    let place = Place::new();
    place.replace("[control]", &format!("[api]\nlisten = [\"{address}\"]\n[control]"));
    place.refused_to_start(&["cannot listen on", "for the API", "[api] listen"]);
}
