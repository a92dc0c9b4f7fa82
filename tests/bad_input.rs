//! Bad input with real files: each gets a clear error that names the fix, and nothing that was there before is lost.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cadence-dns");

/// A start that should be refused and is not ends after this.
const REFUSAL_MAX: Duration = Duration::from_secs(20);

/// Nobody: the user that may do nothing.
const NOBODY: &str = "65534";

/// The exit code of a failure that is not one of usage.
const FAILED: i32 = 1;

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
    place.refused(&["cadence-dns.toml:7:1", "wokers", "workers", "cadence-dns.toml:17", "interval"]);
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
    second.refused_to_start(&["/state", "another"]);
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
    if fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .is_ok_and(|port| port.trim() == "0")
    {
        return; // within containers no port is privileged
    }
    let place = Place::new();
    place.open_to_all();
    let privileged = format!("{}:53", place.listen.ip());
    let place = place.beside(&[(place.listen.to_string(), privileged.clone())]);
    place.refused_as_nobody_to_start(&[&privileged, "ermission denied"]);
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
    fs::create_dir(place.state()).expect("the folder is writable");
    chmod(&place.state(), 0o777);
    place.refused_as_nobody_to_start(&["control.sock", "ermission denied"]);
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

/// A folder with a configuration and a zone that are right.
struct Place {
    folder: PathBuf,
    config: &'static str,
    listen: SocketAddr,
    _temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn new() -> Place {
        let temporary = tempfile::tempdir().expect("the machine has a temporary folder");
        let folder = temporary.path().to_owned();
        chmod(&folder, 0o755);
        let place =
            Place { folder, config: "cadence-dns.toml", listen: free_port(), _temporary: Some(temporary) };
        fs::write(place.zone(), "@ 60 SOA ns1 hostmaster 1 1h 10m 1w 1m\n@ 60 NS ns1\nns1 60 A 127.0.0.1\n")
            .expect("the folder is writable");
        fs::write(place.config(), configuration(&place.folder, place.listen))
            .expect("the folder is writable");
        place
    }

    /// The same folder with another configuration.
    fn beside(&self, changes: &[(String, String)]) -> Place {
        let config = "second.toml";
        let text = changes.iter().fold(self.text(), |text, (from, to)| text.replace(from, to));
        fs::write(self.folder.join(config), text).expect("the folder is writable");
        Place { folder: self.folder.clone(), config, listen: self.listen, _temporary: None }
    }

    fn config(&self) -> PathBuf {
        self.folder.join(self.config)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).expect("it is readable")
    }

    fn zone(&self) -> PathBuf {
        self.folder.join("zone")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Whoever may enter the folder may also write.
    fn open_to_all(&self) {
        chmod(&self.folder, 0o777);
    }

    /// Neither `check` nor `run` accepts it.
    fn refused(&self, wanted: &[&str]) {
        self.ends("check", false).assert_refusal(wanted);
        self.refused_to_start(wanted);
    }

    /// The same as a user who may read what all may read.
    fn refused_as_nobody(&self, wanted: &[&str]) {
        self.ends("check", true).assert_refusal(wanted);
        self.refused_as_nobody_to_start(wanted);
    }

    /// Only a start finds it.
    fn refused_to_start(&self, wanted: &[&str]) {
        self.ends("run", false).assert_refusal(wanted);
    }

    fn refused_as_nobody_to_start(&self, wanted: &[&str]) {
        self.ends("run", true).assert_refusal(wanted);
    }

    fn status(&self) -> Ended {
        self.ends("status", false)
    }

    fn epoch(&self) -> u64 {
        let output = self.status().output;
        assert_eq!(output.status.code(), Some(0), "the daemon is not there");
        read_epoch(&self.status_json())
    }

    fn epoch_in_saved_status(&self) -> u64 {
        read_epoch(&self.status_json())
    }

    fn status_json(&self) -> serde_json::Value {
        let mut command = self.command("status", false);
        let output = command.args(["--output", "json"]).output().expect("the program was built");
        serde_json::from_slice(&output.stdout).expect("status prints JSON")
    }

    fn ends(&self, subcommand: &str, as_nobody: bool) -> Ended {
        let command =
            assert_cmd::Command::from_std(self.command(subcommand, as_nobody)).timeout(REFUSAL_MAX).output();
        Ended { output: command.unwrap_or_else(|error| panic!("`{subcommand}`: {error}")) }
    }

    fn command(&self, subcommand: &str, as_nobody: bool) -> Command {
        let mut command = if as_nobody && is_root() { self.as_nobody() } else { Command::new(PROGRAM) };
        command.arg(subcommand).arg("--config").arg(self.config());
        command
    }

    /// The program is copied to where nobody can read it.
    fn as_nobody(&self) -> Command {
        let program = self.folder.join("cadence-dns");
        fs::copy(PROGRAM, &program).expect("the folder is writable");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
        command
    }

    /// A daemon that answers `status`.
    fn started(&self) -> Daemon {
        let log = self.folder.join("log");
        let out = fs::File::create(&log).expect("the folder is writable");
        let err = out.try_clone().expect("a file descriptor is left");
        let child = self.command("run", false).stdout(out).stderr(err).stdin(Stdio::null()).spawn();
        let daemon = Daemon { child: child.expect("the program was built"), log };
        let deadline = Instant::now() + REFUSAL_MAX;
        while self.status().output.status.code() != Some(0) {
            assert!(Instant::now() < deadline, "it does not start:\n{}", daemon.log());
            thread::sleep(Duration::from_millis(20));
        }
        daemon
    }
}

/// A daemon that is killed when dropped.
struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Either may fail when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has ended.
struct Ended {
    output: Output,
}

impl Ended {
    /// It failed, and its standard error holds all that is wanted, in any order.
    fn assert_refusal(&self, wanted: &[&str]) {
        self.assert_code(FAILED);
        let text = String::from_utf8_lossy(&self.output.stderr);
        for word in wanted {
            assert!(text.contains(word), "nothing is said about {word:?}:\n{text}");
        }
        assert!(!text.contains("panicked"), "a panic is no error message:\n{text}");
    }

    fn assert_code(&self, code: i32) {
        let Output { status, stdout, stderr } = &self.output;
        let (said, complained) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        assert_eq!(status.code(), Some(code), "it said:\n{said}{complained}");
    }
}

fn configuration(folder: &Path, listen: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        r#"[node]
name = "ns1"
state_dir = "{folder}/state"

[dns]
listen = ["{listen}"]
workers = 1
[control]
socket = "{folder}/control.sock"
[[zone]]
name = "cadence.example.com"
file = "zone"
[[region]]
name = "us-east"
addresses = ["192.0.2.10"]
[[region.probe]]
tcp = 9
interval = "1s"
recheck = "1s"
[[steer]]
name = "cadence.example.com"
regions = ["us-east"]
"#
    )
}

fn read_epoch(status: &serde_json::Value) -> u64 {
    status["names"][0]["epoch"].as_u64().expect("each name has an epoch")
}

/// On a loopback address of its own, so that tests that run at the same time cannot meet.
fn free_port() -> SocketAddr {
    static ADDRESSES: AtomicU8 = AtomicU8::new(1);
    let process = u8::try_from(std::process::id() % 256).expect("it is below 256");
    let address = Ipv4Addr::new(127, 88, process, ADDRESSES.fetch_add(1, Ordering::Relaxed));
    let socket = UdpSocket::bind((address, 0)).expect("a port is free");
    socket.local_addr().expect("it is bound")
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    entries.map(|entry| entry.expect("it is readable").file_name().to_string_lossy().into_owned()).collect()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
