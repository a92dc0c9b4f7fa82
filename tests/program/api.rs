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
        ("/metrics", "cadence_dns_decision_changes_total{cause=\"escape\"} 0\n"),
        ("/metrics", "cadence_dns_config_last_reload_successful 1\n"),
    ] {
        let answer = get(api, path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(wanted), "{path}: {answer}");
    }
    let log = daemon.log();
    assert!(!log.contains("panic") && log.contains(&format!("the API is on http://{api}/")), "{log}");
}

#[test]
fn metrics_tell_of_a_reload_that_failed_until_one_succeeds() {
    let (place, api) = (Place::new(), free_port());
    place.replace("[control]", &format!("[api]\nlisten = [\"{api}\"]\n[control]"));
    let _daemon = place.started();
    let value = |name: &str| -> f64 {
        let page = get(api, "/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{page}")).trim().parse().expect("a number")
    };
    const SUCCESSFUL: &str = "cadence_dns_config_last_reload_successful";
    const SINCE: &str = "cadence_dns_config_last_reload_success_timestamp_seconds";
    let (started, good) = (value(SINCE), place.text());
    place.replace("[node]", "[node");
    place.ended(place.program("reload")).assert_code(1);
    assert_eq!((value(SUCCESSFUL), value(SINCE)), (0.0, started));
    place.write("cadence-dns.toml", &good);
    place.ended(place.program("reload")).assert_code(0);
    assert_eq!(value(SUCCESSFUL), 1.0);
    assert!(value(SINCE) > started, "it holds anew");
}

#[test]
fn an_address_that_is_taken_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound");
    let place = Place::new();
    place.replace("[control]", &format!("[api]\nlisten = [\"{address}\"]\n[control]"));
    place.refused_to_start(&["cannot listen on", "for the API", "[api] listen"]);
}
