//! Another program in the place of the one that runs: no query and no verdict is lost, and whatever goes wrong, the old one
//! goes on.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cadence_dns::zone::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::kit::demand::skip;
use crate::kit::place::{Ended, PROGRAM, Place, chmod, files, text_of};
use crate::kit::process::{Process, wait_until};
use crate::kit::query::{PATIENCE, ask, ask_by_udp, client, query, query_with, read, udp_client};
use crate::kit::steered::{AMPLE, NAME, STANDBY, Steered};

/// A query that has no reply after this is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);

fn upgrade(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = place.program("upgrade");
    command.args(arguments);
    let output = assert_cmd::Command::from_std(command).timeout(AMPLE * 2).output();
    Ended { output: output.expect("the program was built") }
}

fn told(ended: &Ended) -> String {
    text_of(&ended.output.stdout) + &text_of(&ended.output.stderr)
}

/// Who answers after an upgrade that went well.
fn upgraded(place: &Place) -> Value {
    let ended = upgrade(place, &["--output", "json"]);
    ended.assert_code(0);
    let told: Value = serde_json::from_slice(&ended.output.stdout).expect("JSON");
    assert_eq!(told["schema"], "cadence-dns/upgrade/v1");
    told
}

fn is_answered(place: &Place) {
    assert_eq!(ask_by_udp(place.listen, &query(7, NAME, RecordType::SOA))[..2], [0, 7]);
}

/// A daemon whose program is a file of its own, which may be replaced.
struct Installed {
    place: Place,
    program: PathBuf,
    daemon: Process,
}

impl Installed {
    fn start() -> Installed {
        let place = Place::new();
        let program = place.config().with_file_name("program");
        install(Path::new(PROGRAM), &program);
        let mut command = Command::new(&program);
        command.args(["run", "--config"]).arg(place.config());
        let daemon = place.started_by(command);
        Installed { place, program, daemon }
    }

    /// Another program lies there now.
    fn replace_by(&self, script: &str) {
        let written = self.place.config().with_file_name("script");
        fs::write(&written, script).expect("our folder");
        install(&written, &self.program);
    }

    /// One that has the real one do the work, and does something else when this is said.
    fn replace_by_middleman(&self, at: &str, deed: &str) -> bool {
        if Command::new("python3").arg("--version").output().is_err() {
            skip("python3 is missing: tests/run.sh installs it");
            return false;
        }
        let script = include_str!("middleman.py").replace("@PROGRAM@", PROGRAM);
        self.replace_by(&script.replace("@AT@", at).replace("@DEED@", deed));
        true
    }

    /// The upgrade fails, says so in these words everywhere, and nothing has changed.
    fn fails(&self, arguments: &[&str], words: &[&str]) {
        let ended = upgrade(&self.place, arguments);
        ended.assert_code(1);
        for word in words {
            assert!(told(&ended).contains(word), "nothing is said of {word:?}: {}", told(&ended));
        }
        self.goes_on();
        let folder = self.place.state().join("history");
        let kept = files(&folder).iter().any(|file| {
            fs::read_to_string(folder.join(file)).is_ok_and(|text| text.contains("upgrade.failed"))
        });
        assert!(kept, "the history knows of it");
    }

    /// The old one answers, decides and remembers.
    fn goes_on(&self) {
        is_answered(&self.place);
        self.place.status().assert_code(0);
        wait_until("the state can be saved", AMPLE, || {
            !self.place.status_json().to_string().contains("cannot be saved")
        });
        self.order("release");
    }

    fn order(&self, what: &str) {
        let mut command = self.place.program(what);
        command.args([NAME, "--reason", "a test", "--yes"]);
        let done = self.place.ended(command);
        assert!(!told(&done).contains("the disk has not taken it"), "{}", told(&done));
    }

    /// The real program takes over after all.
    fn succeeds(&mut self) {
        install(Path::new(PROGRAM), &self.program);
        upgraded(&self.place);
        assert_eq!(self.daemon.wait_for_end(PATIENCE).code(), Some(0));
        is_answered(&self.place);
    }
}

/// By other processes: one that another test starts meanwhile must not inherit an open file, or the program would be busy
/// being written.
fn install(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    let done = Command::new("cp").arg(from).arg(&new).status().expect("cp is everywhere");
    assert!(done.success(), "our folder");
    chmod(&new, 0o755);
    fs::rename(new, to).expect("our folder");
}

#[test]
fn the_successor_goes_on_where_its_predecessor_ends() {
    let mut steered = Steered::start("");
    let order = ["--to", STANDBY, "--for", "2h", "--reason", "a test", "--yes"];
    let mut command = steered.place.program("failover");
    command.arg(NAME).args(order);
    steered.place.ended(command).assert_code(0);
    steered.wait_for(STANDBY);
    let before = steered.place.status_json();
    // A cookie of the old one.
    let half = [7; 8];
    let cookie = |octets: &[u8]| EdnsOption::Unknown(EdnsCode::Cookie.into(), octets.to_vec());
    let reply =
        read(&ask_by_udp(steered.place.listen, &query_with(1, NAME, RecordType::A, vec![cookie(&half)])));
    let options = reply.edns.expect("a reply has what the query has");
    let whole: Vec<u8> = Vec::try_from(options.option(EdnsCode::Cookie).expect("a cookie")).expect("octets");
    assert_eq!(whole.len(), 24);

    let mut last = steered.daemon.id();
    for _ in 0..3 {
        let told = upgraded(&steered.place);
        assert_eq!(told["predecessor"], last);
        last = told["process"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("a process");
    }
    assert_eq!(steered.daemon.wait_for_end(PATIENCE).code(), Some(0), "the first one has ended in order");

    steered.wait_for(STANDBY);
    let after = steered.place.status_json();
    for what in ["epoch", "since", "region"] {
        assert_eq!(after["names"][0][what], before["names"][0][what], "{what}");
    }
    let kept = |status: &Value, what: &str| -> Vec<Value> {
        let regions = status["regions"].as_array().expect("regions");
        regions.iter().map(|region| region[what].clone()).collect()
    };
    assert_eq!(kept(&after, "state"), kept(&before, "state"));
    assert_eq!(kept(&after, "since"), kept(&before, "since"), "no verdict was lost");
    assert_eq!(after["overrides"], before["overrides"]);
    let again = query_with(2, NAME, RecordType::A, vec![cookie(&whole)]);
    let reply = read(&ask_by_udp(steered.place.listen, &again));
    let options = reply.edns.expect("a reply has what the query has");
    let same: Vec<u8> = Vec::try_from(options.option(EdnsCode::Cookie).expect("a cookie")).expect("octets");
    assert_eq!(same, whole, "a cookie of the old one is good, and need not be renewed");
    let history = told(&steered.place.ended(steered.place.program("history")));
    assert_eq!(history.matches("handed over to process").count(), 3, "{history}");
    assert!(!history.contains("was killed") && !history.contains("power"), "{history}");
    assert!(steered.place.socket().exists());
    end(last);
}

/// Ends a process that is nobody's child any more.
fn end(process: u32) {
    let process = Pid::from_raw(i32::try_from(process).expect("a process")).expect("not zero");
    kill_process(process, Signal::TERM).expect("it runs");
    wait_until("it has ended", AMPLE, || !is_there(process));
}

/// A zombie has ended, whoever fails to notice.
fn is_there(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(process).is_ok() && !stat.contains(") Z ")
}

#[test]
fn no_query_over_udp_is_lost() {
    let place = Place::new();
    let _daemon = place.started();
    let is_over = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let (client, is_over) = (udp_client(place.listen), Arc::clone(&is_over));
            client.set_read_timeout(Some(LOST_AFTER)).expect("a timeout above zero");
            thread::spawn(move || ask_until(&client, &is_over))
        })
        .collect();
    for _ in 0..5 {
        upgraded(&place);
    }
    is_over.store(true, Ordering::Relaxed);
    for asking in asking {
        let asked = asking.join().expect("every query has its reply");
        assert!(asked > 0);
    }
}

/// Asks one query after another; how many have been answered.
fn ask_until(client: &UdpSocket, is_over: &AtomicBool) -> u64 {
    let mut asked = 0;
    while !is_over.load(Ordering::Relaxed) {
        let id = (asked % 65536) as u16;
        client.send(&query(id, NAME, RecordType::SOA)).expect("somebody listens");
        let mut reply = [0; 512];
        client.recv(&mut reply).unwrap_or_else(|error| panic!("query {asked} is lost: {error}"));
        assert_eq!(reply[..2], id.to_be_bytes());
        asked += 1;
    }
    asked
}

/// On a connection from before, and on one that has asked half a question.
#[test]
fn a_stream_that_is_open_gets_its_answers() {
    let place = Place::new();
    let mut daemon = place.started();
    let (mut open, mut half) = (client(place.listen), client(place.listen));
    let question = query(7, NAME, RecordType::SOA);
    assert_eq!(ask(&mut open, &question)[..2], [0, 7]);
    let framed = crate::kit::query::framed(&question);
    std::io::Write::write_all(&mut half, &framed[..9]).expect("it reads");
    upgraded(&place);
    std::io::Write::write_all(&mut half, &framed[9..]).expect("it reads");
    assert_eq!(crate::kit::query::read_message(&mut half)[..2], [0, 7]);
    assert_eq!(ask(&mut open, &question)[..2], [0, 7]);
    assert_eq!(ask(&mut client(place.listen), &question)[..2], [0, 7]);
    drop((open, half));
    assert_eq!(daemon.wait_for_end(PATIENCE).code(), Some(0), "without connections it need not wait");
}

#[test]
fn a_program_that_crashes_at_its_start_changes_nothing() {
    let mut installed = Installed::start();
    for (script, word) in [
        ("#!/bin/sh\nexit 3\n", "ended with exit code 3"),
        ("#!/bin/sh\nkill -SEGV $$\n", "was ended by signal 11"),
        ("#!/no/such/interpreter\n", "cannot be started"),
    ] {
        installed.replace_by(script);
        installed.fails(&[], &[word]);
    }
    installed.succeeds();
}

#[test]
fn a_configuration_that_is_wrong_changes_nothing() {
    let mut installed = Installed::start();
    let (place, good) = (&installed.place, installed.place.text());
    fs::write(place.config(), format!("{good}\nnonsense = 1\n")).expect("our folder");
    installed.fails(&[], &["nonsense", "cadence-dns.toml:"]);
    fs::write(place.config(), good.replace("name = \"ns1\"", "name = \"ns2\"")).expect("our folder");
    installed
        .fails(&["--socket", &place.socket().display().to_string()], &["[node] name is ns2 and was ns1"]);
    fs::write(place.config(), good.replace("/state\"", "/elsewhere\"")).expect("our folder");
    installed.fails(&[], &["[node] state_dir is ", "no upgrade changes that"]);
    let port = place.listen.port();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let other = taken.local_addr().expect("bound");
    let listen = format!("listen = [\"{}\"", place.listen);
    fs::write(place.config(), good.replace(&listen, &format!("{listen}, \"{other}\""))).expect("our folder");
    installed.fails(&[], &[&format!("cannot listen on {other}"), "another program has it"]);
    assert_ne!(port, other.port());
    fs::write(place.config(), good).expect("our folder");
    installed.succeeds();
}

/// Not even with the lock of the state in its hands.
#[test]
fn a_successor_that_hangs_when_it_is_ready_is_ended() {
    let mut installed = Installed::start();
    for at in ["Ready", "Bequest", "Serving"] {
        if !installed.replace_by_middleman(at, "hang") {
            return;
        }
        installed.fails(&["--within", "3s"], &["took longer than", "was ended by signal 9"]);
    }
    installed.succeeds();
}

/// Epochs only grow: what it has told is known to the old one.
#[test]
fn a_successor_that_dies_before_it_answers_is_forgotten() {
    let mut installed = Installed::start();
    let epoch = installed.place.epoch();
    for at in ["Offer", "Ready", "Bequest", "Serving"] {
        if !installed.replace_by_middleman(at, "crash") {
            return;
        }
        installed.fails(&["--within", "20s"], &["was ended by signal 11"]);
        assert!(installed.place.epoch() >= epoch);
    }
    installed.succeeds();
}

#[test]
fn the_new_one_goes_on_when_the_old_one_is_killed_in_the_middle() {
    for at in ["Sockets", "Ready", "Bequest", "Serving"] {
        let mut installed = Installed::start();
        if !installed.replace_by_middleman(at, "kill the daemon") {
            return;
        }
        let ended = upgrade(&installed.place, &["--within", "20s"]);
        assert_ne!(ended.output.status.code(), Some(0), "{at}: nobody could tell that it went well");
        installed.daemon.wait_for_end(PATIENCE);
        wait_until(&format!("{at}: the new one answers `status`"), AMPLE, || {
            installed.place.status().output.status.code() == Some(0)
        });
        is_answered(&installed.place);
        wait_until("its state is saved", AMPLE, || {
            !installed.place.status_json().to_string().contains("cannot be saved")
        });
    }
}

#[test]
fn one_upgrade_at_a_time() {
    let mut installed = Installed::start();
    installed.replace_by("#!/bin/sh\necho here >\"$0.here\"\nexec sleep 1000\n");
    let mut first = installed.place.program("upgrade");
    let first = first.args(["--within", "10s"]).spawn().expect("the program was built");
    let here = installed.program.with_extension("here");
    wait_until("the first one is under way", AMPLE, || here.exists());
    let second = upgrade(&installed.place, &[]);
    second.assert_code(1);
    assert!(told(&second).contains("an upgrade is under way"), "{}", told(&second));
    let first = first.wait_with_output().expect("our child");
    assert_eq!(first.status.code(), Some(1), "it took too long");
    installed.goes_on();
    installed.succeeds();
}

/// No successor outlives a daemon that was told to stop.
#[test]
fn a_daemon_that_is_told_to_stop_takes_its_successor_with_it() {
    let mut installed = Installed::start();
    installed.replace_by("#!/bin/sh\necho $$ >\"$0.new\"\nmv \"$0.new\" \"$0.here\"\nexec sleep 1000\n");
    let mut waiting = installed.place.program("upgrade").spawn().expect("the program was built");
    let here = installed.program.with_extension("here");
    wait_until("it is under way", AMPLE, || here.exists());
    let process = fs::read_to_string(here).expect("it was written").trim().parse().expect("a number");
    let process = Pid::from_raw(process).expect("not zero");
    let daemon = Pid::from_raw(i32::try_from(installed.daemon.id()).expect("a process")).expect("not zero");
    kill_process(daemon, Signal::TERM).expect("it runs");
    assert_eq!(installed.daemon.wait_for_end(PATIENCE).code(), Some(0));
    wait_until("the successor has ended", AMPLE, || !is_there(process));
    waiting.wait().expect("our child");
}

#[test]
fn a_state_folder_that_cannot_be_written_keeps_the_old_one() {
    let mut installed = Installed::start();
    let state = installed.place.state();
    chmod(&state, 0o500);
    let ended = upgrade(&installed.place, &[]);
    is_answered(&installed.place);
    installed.place.status().assert_code(0);
    chmod(&state, 0o700);
    ended.assert_code(1);
    assert!(told(&ended).contains("ermission denied"), "{}", told(&ended));
    installed.goes_on();
    installed.succeeds();
}

/// The API and the control socket move, which no reload brings about.
#[test]
fn an_upgrade_takes_up_what_a_reload_cannot() {
    let place = Place::new();
    let mut daemon = place.started();
    let old = place.socket();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
    let api = port.expect("a free port");
    let before = place.text();
    place.replace("control.sock", "other.sock");
    fs::write(place.config(), place.text() + &format!("[api]\nlisten = [\"{api}\"]\n")).expect("our folder");
    let socket = old.display().to_string();
    upgrade(&place, &["--socket", &socket]).assert_code(0);
    assert_eq!(daemon.wait_for_end(PATIENCE).code(), Some(0));
    place.status().assert_code(0);
    assert!(!old.exists(), "the old socket is nobody's");
    assert!(std::net::TcpStream::connect_timeout(&api, PATIENCE).is_ok());
    // And back, over the new one.
    let other = old.with_file_name("other.sock").display().to_string();
    fs::write(place.config(), before).expect("our folder");
    upgrade(&place, &["--socket", &other]).assert_code(0);
    let deadline = Instant::now() + AMPLE;
    while place.status().output.status.code() != Some(0) {
        assert!(Instant::now() < deadline, "the old socket is back");
    }
}
