//! Another configuration while the daemon runs: all of it or nothing, and nobody notices but for what is different.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use cadence_dns::zone::RecordType;
use rustix::process::Signal;

use crate::kit::place::{Ended, Place, chmod, text_of};
use crate::kit::process::wait_until;
use crate::kit::query::{PATIENCE, ask_by_udp, query, read, udp_client};
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

fn reload(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = place.program("reload");
    command.args(arguments);
    place.ended(command)
}

fn told(ended: &Ended) -> String {
    text_of(&ended.output.stdout) + &text_of(&ended.output.stderr)
}

/// The response code and the number of records that a question gets.
fn answer(place: &Place, name: &str) -> (String, usize) {
    let reply = read(&ask_by_udp(place.listen, &query(9, name, RecordType::A)));
    (reply.metadata.response_code.to_string(), reply.answers.len())
}

fn zone_with(place: &Place, more: &str) {
    let text = fs::read_to_string(place.zone()).expect("the zone");
    fs::write(place.zone(), text + more).expect("our folder");
}

#[test]
fn a_changed_zone_is_answered_and_told() {
    let place = Place::new();
    let _daemon = place.started();
    assert_eq!(answer(&place, "www.cadence.example.com").0, "Non-Existent Domain");
    zone_with(&place, "www 60 A 127.0.0.2\n");
    let looked = reload(&place, &["--dry-run"]);
    looked.assert_code(0);
    assert!(
        told(&looked).contains("would hold") && told(&looked).contains("www.cadence.example.com"),
        "{looked:?}"
    );
    assert_eq!(answer(&place, "www.cadence.example.com").0, "Non-Existent Domain", "it was only looked at");
    let done = reload(&place, &["--reason", "a new host"]);
    done.assert_code(0);
    assert!(told(&done).contains("names added: 1 (www.cadence.example.com)"), "{done:?}");
    assert_eq!(answer(&place, "www.cadence.example.com").1, 1);
    let status = place.status_json();
    assert_eq!(status["configuration"]["last_reload"]["successful"], true);
    let again = reload(&place, &["--output", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&again.output.stdout).expect("JSON");
    assert_eq!(
        (&document["schema"], &document["changes"]),
        (&"cadence-dns/reload/v1".into(), &serde_json::json!([]))
    );
}

/// The place of the mistake is told by the command, in the log and in status; a good file ends that.
#[test]
fn a_mistake_keeps_everything_and_is_told_everywhere() {
    let place = Place::new();
    let daemon = place.started();
    let good = fs::read_to_string(place.zone()).expect("the zone");
    let hash = place.status_json()["configuration"]["hash"].clone();
    zone_with(&place, "www 60 A 127.0.0.256\n");
    let refused = reload(&place, &[]);
    refused.assert_code(1);
    assert!(told(&refused).contains("zone:4:"), "{refused:?}");
    assert_eq!(answer(&place, "ns1.cadence.example.com").1, 1, "what was is answered");
    assert!(
        daemon.log().contains("config.mistake") && daemon.log().contains("config.kept"),
        "{}",
        daemon.log()
    );
    let status = place.status_json();
    assert_eq!(status["configuration"]["hash"], hash);
    assert!(status["warnings"][0]["text"].as_str().is_some_and(|text| text.contains("zone:4:")), "{status}");
    fs::remove_file(place.zone()).expect("our folder");
    let refused = reload(&place, &[]);
    refused.assert_code(1);
    assert!(told(&refused).contains("cannot read the zone file"), "{refused:?}");
    fs::write(place.config(), "[node\n").expect("our folder");
    daemon.signal(Signal::HUP);
    wait_until("the mistake is told", PATIENCE, || daemon.log().contains("cadence-dns.toml:1:"));
    assert_eq!(answer(&place, "ns1.cadence.example.com").1, 1, "what was is answered");
    fs::write(place.zone(), good).expect("our folder");
}

#[test]
fn what_cannot_change_is_named_and_nothing_is_changed() {
    let place = Place::new();
    let _daemon = place.started();
    zone_with(&place, "www 60 A 127.0.0.2\n");
    let text = place.text();
    let name = text.lines().find(|line| line.trim_start().starts_with("name = ")).expect("a name").to_owned();
    place.replace(&name, "name = \"another\"");
    let refused = reload(&place, &[]);
    refused.assert_code(1);
    assert!(told(&refused).contains("[node] name cannot become another one"), "{refused:?}");
    assert_eq!(answer(&place, "www.cadence.example.com").0, "Non-Existent Domain");
}

/// The new address is bound before the old one is left; one that is taken refuses all of it.
#[test]
fn it_listens_elsewhere() {
    let place = Place::new();
    let _daemon = place.started();
    // The ports that it started with are all that it may listen on.
    let other = std::net::SocketAddr::from(([127, 0, 0, 77], place.listen.port()));
    let taken = std::net::TcpListener::bind(other).expect("a free port");
    let both = format!("listen = [\"{}\", \"{other}\"]", place.listen);
    place.replace(&format!("listen = [\"{}\"]", place.listen), &both);
    let refused = reload(&place, &[]);
    refused.assert_code(1);
    assert!(told(&refused).contains(&format!("cannot listen on {other}")), "{refused:?}");
    drop(taken);
    reload(&place, &[]).assert_code(0);
    for listen in [place.listen, other] {
        assert_eq!(ask_by_udp(listen, &query(7, NAME, RecordType::SOA))[..2], [0, 7]);
    }
    place.replace(&both, &format!("listen = [\"{other}\"]"));
    reload(&place, &[]).assert_code(0);
    assert_eq!(ask_by_udp(other, &query(7, NAME, RecordType::SOA))[..2], [0, 7]);
    wait_until("the old address is left", PATIENCE, || UdpSocket::bind(place.listen).is_ok());
}

#[test]
fn a_storm_of_signals_is_a_few_reloads() {
    let place = Place::new();
    let daemon = place.started();
    (0..200).for_each(|_| daemon.signal(Signal::HUP));
    zone_with(&place, "www 60 A 127.0.0.2\n");
    daemon.signal(Signal::HUP);
    wait_until("the last one is heard", PATIENCE, || answer(&place, "www.cadence.example.com").1 == 1);
    let reloads = daemon.wait_for_line("config.adopted", PATIENCE).matches("config.adopted").count();
    assert!((1..=200).contains(&reloads), "{reloads}");
}

/// Without a word: renamed over, as editors and package managers do it.
#[test]
fn watched_files_are_reloaded_when_they_change() {
    let place = Place::new();
    place.replace("[node]", "[node]\nwatch = true");
    let daemon = place.started();
    let text = fs::read_to_string(place.zone()).expect("the zone");
    place.write("zone.new", &(text.clone() + "www 60 A 127.0.0.2\n"));
    fs::rename(place.zone().with_file_name("zone.new"), place.zone()).expect("our folder");
    wait_until("it is noticed", AMPLE, || answer(&place, "www.cadence.example.com").1 == 1);
    place.write("zone", "nonsense\n");
    daemon.wait_for_line("config.kept", AMPLE);
    place.write("zone", &text);
    wait_until("it is noticed", AMPLE, || answer(&place, "www.cadence.example.com").1 == 0);
}

/// Health, hold and epoch live on through reloads during an outage.
#[test]
fn an_outage_goes_on_through_reloads() {
    let mut steered = Steered::start("failback = { mode = \"manual\" }\nrto = \"10s\"");
    steered.preferred.die();
    steered.wait_for(STANDBY);
    let epoch = steered.place.epoch();
    for round in 0..20 {
        zone_with(&steered.place, &format!("host{round} 60 A 127.0.0.2\n"));
        reload(&steered.place, &[]).assert_code(0);
        assert_eq!(steered.answered(), [steered.standby.address()]);
    }
    assert_eq!(steered.place.epoch(), epoch, "no reload changes an answer by itself");
    let region = |status: &serde_json::Value| {
        let regions = status["regions"].as_array().cloned().unwrap_or_default();
        regions.into_iter().find(|region| region["region"] == PREFERRED).map(|region| region["state"].clone())
    };
    assert_eq!(region(&steered.place.status_json()), Some("down".into()));
    steered.preferred.revive();
    steered.wait_until_proven();
    reload(&steered.place, &[]).assert_code(0);
    assert_eq!(steered.answered(), [steered.standby.address()], "it waits for an operator still");
}

/// A thousand times in the bench; some dozens here. Not one query is lost, and no verdict.
#[test]
fn no_query_is_lost_while_the_configuration_changes() {
    let steered = Steered::start("");
    steered.wait_for(PREFERRED);
    let place = &steered.place;
    let client = udp_client(place.listen);
    client.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout above zero");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                client.send(&query(asked as u16, NAME, RecordType::A)).expect("the loopback");
                client.recv(&mut [0; 512]).unwrap_or_else(|error| panic!("query {asked} is lost: {error}"));
                asked += 1;
            }
            asked
        });
        let text = place.text();
        for round in 0..30 {
            let idle = format!("[dns]\ntcp = {{ idle_timeout = \"{}s\" }}", 5 + round % 2);
            fs::write(place.config(), text.replacen("[dns]", &idle, 1)).expect("our folder");
            reload(place, &[]).assert_code(0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(asking.join().expect("no query is lost") > 100);
    });
    assert_eq!(place.epoch(), 1);
}

/// The daemon's user must be able to read what it is to read again.
#[test]
fn a_file_that_the_daemon_may_not_read_is_told_with_what_helps() {
    if !crate::kit::place::is_root() {
        return; // root alone can start a daemon that is somebody else
    }
    let place = Place::new();
    place.open_to_all();
    place.replace("[node]", "[node]\nuser = \"nobody\"");
    let _daemon = place.started();
    zone_with(&place, "www 60 A 127.0.0.2\n");
    chmod(&place.zone(), 0o600);
    let refused = reload(&place, &[]);
    refused.assert_code(1);
    assert!(told(&refused).contains("let the user that runs cadence-dns read it"), "{refused:?}");
    chmod(&place.zone(), 0o644);
    reload(&place, &[]).assert_code(0);
    assert_eq!(answer(&place, "www.cadence.example.com").1, 1);
}

#[test]
fn check_tells_what_a_file_would_change_in_the_daemon() {
    let place = Place::new();
    let _daemon = place.started();
    let listen = place.listen.to_string();
    let staged =
        place.beside(&[(listen.clone(), listen.clone()), ("[dns]".into(), "[dns]\nversion = \"7\"".into())]);
    let mut command = staged.program("check");
    command.arg("--diff-running");
    let looked = staged.ended(command);
    looked.assert_code(0);
    assert!(told(&looked).contains("dns version is new: \"7\""), "{looked:?}");
    assert!(told(&looked).contains("would hold"), "{looked:?}");
}
