//! A folder that everything starts from, the program as a user runs it, and what it said.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::process::{Here, Process, wait_until};

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

    /// A folder for the control socket alone, where the configuration says so.
    pub(crate) fn socket_folder(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// Whoever may enter the folder may also write.
    pub(crate) fn open_to_all(&self) {
        chmod(&self.folder, 0o777);
    }

    /// Writes a file of its folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).expect("the folder is writable");
    }

    /// Makes a file of its folder a symbolic link, whatever it was before.
    pub(crate) fn link(&self, name: &str, target: &Path) {
        let new = self.folder.join("new-link");
        std::os::unix::fs::symlink(target, &new).expect("the folder is writable");
        fs::rename(new, self.folder.join(name)).expect("the folder is writable");
    }

    /// Writes its configuration anew, with some of it replaced.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "{from:?} does not stand in:\n{text}");
        fs::write(self.config(), text.replace(from, to)).expect("the folder is writable");
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
        self.status().assert_code(0);
        read_epoch(&self.status_json())
    }

    pub(crate) fn epoch_in_saved_status(&self) -> u64 {
        read_epoch(&self.status_json())
    }

    /// What `status --output json` prints, from the daemon or from what it left behind.
    pub(crate) fn status_json(&self) -> serde_json::Value {
        let mut command = self.command("status", false);
        let output = command.args(["--output", "json"]).output().expect("the program was built");
        serde_json::from_slice(&output.stdout).expect("status prints JSON")
    }

    fn ends(&self, subcommand: &str, as_nobody: bool) -> Ended {
        self.ended(self.command(subcommand, as_nobody))
    }

    /// Runs a command to its end, which must come soon.
    pub(crate) fn ended(&self, command: Command) -> Ended {
        let shown = format!("{command:?}");
        let output = assert_cmd::Command::from_std(command).timeout(REFUSAL_MAX).output();
        Ended { output: output.unwrap_or_else(|error| panic!("{shown}: {error}")) }
    }

    /// A start as nobody, where only root may take ports below 1024, is refused.
    ///
    /// Within containers the kernel often lets everybody have them, so root makes a network for it in which it does not.
    pub(crate) fn refused_on_a_privileged_port(&self, wanted: &[&str]) {
        const LIMIT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
        if !is_root() {
            if fs::read_to_string(LIMIT).is_ok_and(|port| port.trim() == "0") {
                return super::demand::skip("every port is free for all here, and only root can change that");
            }
            return self.refused_as_nobody_to_start(wanted);
        }
        let inner = self.command("run", true);
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c"]);
        command.arg(format!("mount -o remount,rw /proc/sys 2>/dev/null; echo 1024 >{LIMIT} && ip link set lo up && exec \"$@\""));
        command.arg("sh").arg(inner.get_program()).args(inner.get_args());
        self.ended(command).assert_refusal(wanted);
    }

    /// The program with a subcommand and this configuration.
    pub(crate) fn program(&self, subcommand: &str) -> Command {
        self.command(subcommand, false)
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
    pub(crate) fn started(&self) -> Process {
        self.started_by(self.program("run"))
    }

    /// A daemon that this command starts and that answers `status`.
    pub(crate) fn started_by(&self, command: Command) -> Process {
        let daemon = Process::start(&Here, "cadence-dns", &self.folder, command);
        wait_until("the daemon answers `status`", REFUSAL_MAX, || {
            self.status().output.status.code() == Some(0)
        });
        daemon
    }
}

/// A program that has ended.
#[derive(Debug)]
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

/// What a program has said.
pub(crate) fn text_of(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("what is said is text")
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

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
