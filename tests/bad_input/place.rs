//! A folder that everything starts from, the program as a user runs it, and what it said.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_cadence-dns");

/// A start that should be refused and is not ends after this.
const REFUSAL_MAX: Duration = Duration::from_secs(20);

/// Nobody: the user that may do nothing.
const NOBODY: &str = "65534";

/// The exit code of a failure that is not one of usage.
const FAILED: i32 = 1;

/// A folder with a configuration and a zone that are right.
pub(crate) struct Place {
    folder: PathBuf,
    config: &'static str,
    pub(crate) listen: SocketAddr,
    _temporary: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn new() -> Place {
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
    pub(crate) fn beside(&self, changes: &[(String, String)]) -> Place {
        let config = "second.toml";
        let text = changes.iter().fold(self.text(), |text, (from, to)| text.replace(from, to));
        fs::write(self.folder.join(config), text).expect("the folder is writable");
        Place { folder: self.folder.clone(), config, listen: self.listen, _temporary: None }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join(self.config)
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.config()).expect("it is readable")
    }

    pub(crate) fn zone(&self) -> PathBuf {
        self.folder.join("zone")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Whoever may enter the folder may also write.
    pub(crate) fn open_to_all(&self) {
        chmod(&self.folder, 0o777);
    }

    /// Neither `check` nor `run` accepts it.
    pub(crate) fn refused(&self, wanted: &[&str]) {
        self.ends("check", false).assert_refusal(wanted);
        self.refused_to_start(wanted);
    }

    /// The same as a user who may read what all may read.
    pub(crate) fn refused_as_nobody(&self, wanted: &[&str]) {
        self.ends("check", true).assert_refusal(wanted);
        self.refused_as_nobody_to_start(wanted);
    }

    /// Only a start finds it.
    pub(crate) fn refused_to_start(&self, wanted: &[&str]) {
        self.ends("run", false).assert_refusal(wanted);
    }

    pub(crate) fn refused_as_nobody_to_start(&self, wanted: &[&str]) {
        self.ends("run", true).assert_refusal(wanted);
    }

    pub(crate) fn status(&self) -> Ended {
        self.ends("status", false)
    }

    pub(crate) fn epoch(&self) -> u64 {
        let output = self.status().output;
        assert_eq!(output.status.code(), Some(0), "the daemon is not there");
        read_epoch(&self.status_json())
    }

    pub(crate) fn epoch_in_saved_status(&self) -> u64 {
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
        // By another process: one that another test starts meanwhile must not inherit the open file, or the program
        // would be busy being written.
        let copied = Command::new("cp").arg(PROGRAM).arg(&program).status().expect("cp is everywhere");
        assert!(copied.success(), "the folder is writable");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
        command
    }

    /// A daemon that answers `status`.
    pub(crate) fn started(&self) -> Daemon {
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
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn log(&self) -> String {
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
pub(crate) struct Ended {
    pub(crate) output: Output,
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

    pub(crate) fn assert_code(&self, code: i32) {
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
pub(crate) fn free_port() -> SocketAddr {
    static ADDRESSES: AtomicU8 = AtomicU8::new(1);
    let process = u8::try_from(std::process::id() % 256).expect("it is below 256");
    let address = Ipv4Addr::new(127, 88, process, ADDRESSES.fetch_add(1, Ordering::Relaxed));
    let socket = UdpSocket::bind((address, 0)).expect("a port is free");
    socket.local_addr().expect("it is bound")
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    entries.map(|entry| entry.expect("it is readable").file_name().to_string_lossy().into_owned()).collect()
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
