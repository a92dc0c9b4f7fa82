//! The demo as a newcomer runs it: the real program, real servers, real answers.

use std::net::TcpListener;

use assert_cmd::Command;
use cadence_dns::dashboard::Failover;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cadence-dns"));
    command.arg("demo").args(arguments);
    command
}

#[test]
fn a_region_dies_and_the_name_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("failover.svg");
    let output = demo(&["--seconds", "40", "--port", "0", "--resolver-port", "0", "--api-port", "0"])
        .arg("--picture")
        .arg(&picture)
        .output()
        .expect("the program runs");
    let timeline = String::from_utf8(output.stdout).expect("text");
    let mut rest = timeline.as_str();
    for line in [
        "  dig @127.0.0.1 -p ",
        "cadence.example.com is us-east: 127.0.0.11 127.0.0.12",
        "US-EAST DIES",
        "first failed probe: 127.0.0.1",
        "FLIP: cadence.example.com is eu-west: 127.0.0.21 127.0.0.22",
        "CLIENT MOVED: the cache says eu-west: 127.0.0.21 127.0.0.22",
        "US-EAST RETURNS",
        "first probe that passes: 127.0.0.1",
        "failback hold: the name may not go to us-east yet",
        "FAILBACK: cadence.example.com is us-east: ",
        "CLIENT BACK: the cache says us-east: 127.0.0.11 127.0.0.12",
        "the region is declared down",
        "the name server answers with the next region",
        "the client behind the cache gets it",
        "Done: flip and failback were seen in real answers, also behind the cache",
    ] {
        let Some((_, after)) = rest.split_once(line) else {
            panic!("no {line:?} in its place in:\n{timeline}")
        };
        rest = after;
    }
    assert!(!timeline.contains('\x1b'), "colour without a terminal:\n{timeline}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}\n{timeline}", output.status);
    assert_eq!(errors, "", "the daemon's log has no place in the timeline");
    let svg = std::fs::read_to_string(picture).expect("it was drawn");
    let drawn = Failover::of_picture(&svg).expect("it has in it what was measured");
    assert_eq!((drawn.from.as_str(), drawn.to.as_str()), ("us-east", "eu-west"));
    assert!(drawn.noticed <= drawn.proven && drawn.proven <= drawn.answered, "{drawn:?}");
}

#[test]
fn a_port_that_is_taken_gets_an_error_that_names_the_option() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port();
    let options = ["--port", "--resolver-port", "--api-port"];
    for option in options {
        let port_of = |of: &str| if of == option { port.to_string() } else { "0".to_owned() };
        let arguments = options.map(|of| format!("{of}={}", port_of(of)));
        let output = demo(&arguments.each_ref().map(String::as_str)).output().expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(&format!("port {port} of 127.0.0.1 is taken")), "{errors}");
        assert!(errors.contains(&format!("with {option}")), "{errors}");
    }
}

#[test]
fn too_little_time_for_a_cycle_is_a_mistake_of_usage() {
    let output = demo(&["--seconds", "5"]).output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("at least 35"), "{errors}");
}
