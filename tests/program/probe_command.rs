//! `cadence-dns probe` and `check --live`: what would be seen, without a daemon.

use std::net::TcpListener;

use crate::kit::place::{Ended, Place, text_of};

/// Two regions on this machine, each probed by TCP; the first listens.
fn place() -> (Place, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let place = Place::new();
    place.replace("192.0.2.10", "127.0.0.1");
    place.replace("tcp = 9", &format!("label = \"port\"\ntcp = {port}"));
    let second =
        "[[region]]\nname = \"eu-west\"\naddresses = [\"127.0.0.2\"]\n[[region.probe]]\ntcp = 1\n[[steer]]";
    place.replace("[[steer]]", second);
    place.replace("regions = [\"us-east\"]", "regions = [\"us-east\", \"eu-west\"]");
    (place, listener)
}

fn ended(place: &Place, subcommand: &str, arguments: &[&str]) -> Ended {
    let mut command = place.program(subcommand);
    command.args(arguments);
    place.ended(command)
}

#[test]
fn a_region_that_is_well() {
    let (place, _listener) = place();
    let done = ended(&place, "probe", &["us-east"]);
    done.assert_code(0);
    let text = text_of(&done.output.stdout);
    assert!(text.contains("us-east/127.0.0.1#0 port  pass"), "{text}");
    assert!(text.contains("us-east would be up: 1/1 up") && !text.contains("eu-west"), "{text}");
    assert!(!place.state().exists(), "nothing is left behind");
}

#[test]
fn a_region_that_is_dead() {
    let (place, _listener) = place();
    let done = ended(&place, "probe", &["eu-west", "--verbose"]);
    done.assert_code(1);
    let text = text_of(&done.output.stdout);
    assert!(text.contains("* connects to port 1 at 127.0.0.2:1"), "{text}");
    assert!(text.contains("* FAIL: connection refused, after"), "{text}");
    assert!(text.contains("eu-west would be down: 0/1 up, 1 needed, connection refused"), "{text}");
    assert!(text_of(&done.output.stderr).contains("1 of 1 probes did not pass"), "{done:?}");
}

#[test]
fn a_region_that_there_is_not() {
    let (place, _listener) = place();
    let done = ended(&place, "probe", &["us-wets"]);
    done.assert_code(1);
    let text = text_of(&done.output.stderr);
    assert!(
        text.contains("there is no region us-wets; those of the configuration are eu-west, us-east"),
        "{text}"
    );
    ended(&place, "probe", &["us-east", "--loud"]).assert_code(2);
}

/// What programs read.
#[test]
fn as_json() {
    let (place, _listener) = place();
    let done = ended(&place, "probe", &["--output", "json"]);
    done.assert_code(1);
    let probed: serde_json::Value = serde_json::from_slice(&done.output.stdout).expect("JSON");
    assert_eq!(probed["schema"], "cadence-dns/probe/v1");
    let [near, far] = [&probed["regions"][0], &probed["regions"][1]];
    assert_eq!((near["region"].as_str(), near["state"].as_str()), (Some("us-east"), Some("up")));
    assert_eq!((far["region"].as_str(), far["state"].as_str()), (Some("eu-west"), Some("down")));
    let check = &near["checks"][0];
    assert_eq!((check["label"].as_str(), check["outcome"].as_str()), (Some("port"), Some("pass")));
    assert!(check["tcp"].as_f64() <= check["total"].as_f64() && check["tcp"].is_number(), "{check}");
    assert_eq!(far["checks"][0]["outcome"]["heard"], "refused");
}

#[test]
fn before_a_deployment_every_region_must_be_up() {
    let (place, listener) = place();
    ended(&place, "check", &[]).assert_code(0);
    let done = ended(&place, "check", &["--live"]);
    done.assert_code(1);
    let text = text_of(&done.output.stdout);
    assert!(text.contains("eu-west/127.0.0.2#0  FAIL: connection refused  (connects to port 1)"), "{text}");
    assert!(text.contains("us-east would be up"), "{text}");
    assert!(text_of(&done.output.stderr).contains("eu-west would not be up"), "{done:?}");
    let port = listener.local_addr().expect("it is bound").port();
    let _second = TcpListener::bind(("127.0.0.2", port)).expect("the same port there");
    place.replace("tcp = 1\n", &format!("tcp = {port}\n"));
    ended(&place, "check", &["--live"]).assert_code(0);
}
