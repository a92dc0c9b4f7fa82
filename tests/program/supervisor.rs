//! What whoever watches over the process hears of it: that it answers, reloads, hands over and ends; and nothing at all
//! while it hangs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cadence_dns::zone::RecordType;
use rustix::process::{Pid, Signal, kill_process};

use crate::kit::demand::skip;
use crate::kit::place::{PROGRAM, Place};
use crate::kit::process::{Process, wait_until};
use crate::kit::query::{PATIENCE, ask_by_udp, query};
use crate::kit::steered::{AMPLE, NAME};

/// After so long a silence this supervisor would restart the program.
const ITS_PATIENCE: Duration = Duration::from_millis(1500);

/// Hears what the program says, as systemd would.
struct Supervisor {
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Supervisor {
    fn at_path(place: &Place) -> Supervisor {
        let path = place.config().with_file_name("notify");
        let listener = UnixDatagram::bind(&path).expect("our folder");
        Supervisor::hear(path.display().to_string(), listener, None)
    }

    /// In no folder, as in some containers.
    fn at_name(place: &Place) -> Supervisor {
        let name = place.config().display().to_string();
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        Supervisor::hear(format!("@{name}"), UnixDatagram::bind_addr(&address).expect("our name"), None)
    }

    /// What is said first is heard when the listener at this address answers.
    fn hear(address: String, listener: UnixDatagram, dns: Option<std::net::SocketAddr>) -> Supervisor {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            let mut octets = [0; 4096];
            let mut dns = dns;
            while let Ok(read) = listener.recv(&mut octets) {
                if let Some(dns) = dns.take() {
                    assert_eq!(ask_by_udp(dns, &query(7, NAME, RecordType::SOA))[..2], [0, 7]);
                }
                let text = String::from_utf8_lossy(&octets[..read]).into_owned();
                shared.lock().expect("nobody panics with it").push(text);
            }
        });
        Supervisor { address, heard }
    }

    /// The daemon, started by it: by way of a shell, for the variable that names the process.
    fn start(&self, place: &Place) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "WATCHDOG_PID=$$ exec \"$0\" run --config \"$1\"", PROGRAM]).arg(place.config());
        command.env("NOTIFY_SOCKET", &self.address);
        command.env("WATCHDOG_USEC", ITS_PATIENCE.as_micros().to_string());
        place.started_by(command)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("nobody panics with it").clone()
    }

    fn count(&self, line: &str) -> usize {
        self.heard().iter().filter(|text| text.lines().any(|said| said == line)).count()
    }

    fn wait_for(&self, line: &str) {
        wait_until(&format!("{line} is said"), AMPLE, || self.count(line) > 0);
    }

    /// Once more than it has been said so far.
    fn wait_for_another(&self, line: &str) {
        let before = self.count(line);
        wait_until(&format!("{line} is said again"), AMPLE, || self.count(line) > before);
    }
}

/// Keeps a thread of the daemon from running, until it is dropped.
struct Hold(Child);

impl Hold {
    /// None where this machine does not allow it.
    fn of(thread: u32) -> Option<Hold> {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/program/hold.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(thread.to_string());
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut said = String::new();
        let out = holder.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut said).expect("it says something or ends");
        let hold = Hold(holder);
        (said.trim() == "held").then_some(hold)
    }
}

/// The number of a thread that has this name.
fn thread_of(process: u32, name: &str) -> u32 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let is_it = |thread: &fs::DirEntry| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let found = threads.flatten().find(is_it).expect("it has such a thread");
    found.file_name().to_string_lossy().parse().expect("a number")
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.0.stdin.take()); // with it, the thread goes on
        let _ = self.0.wait();
    }
}

#[test]
fn it_is_ready_when_it_answers_and_says_what() {
    let place = Place::new();
    let path = place.config().with_file_name("notify");
    let listener = UnixDatagram::bind(&path).expect("our folder");
    let supervisor = Supervisor::hear(path.display().to_string(), listener, Some(place.listen));
    let daemon = supervisor.start(&place);
    supervisor.wait_for("WATCHDOG=1");
    let first = &supervisor.heard()[0];
    assert!(first.starts_with(&format!("READY=1\nSTATUS={NAME} from us-east, epoch ")), "{first}");
    supervisor.wait_for_another("WATCHDOG=1");
    assert_eq!(supervisor.count("RELOADING=1"), 0);
    drop(daemon);
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end_however_it_ends() {
    let place = Place::new();
    let supervisor = Supervisor::at_name(&place);
    let daemon = supervisor.start(&place);
    supervisor.wait_for("READY=1");
    let good = place.text();
    for (text, word) in [(format!("{good}\nnonsense = 1\n"), "config.kept"), (good, "config.adopted")] {
        let before = supervisor.count("RELOADING=1");
        fs::write(place.config(), text).expect("our folder");
        daemon.signal(Signal::HUP);
        daemon.wait_for_line(word, PATIENCE);
        wait_until("a reload is told", AMPLE, || supervisor.count("RELOADING=1") > before);
        supervisor.wait_for_another("READY=1");
    }
    let reloading = supervisor.heard().into_iter().find(|text| text.starts_with("RELOADING=1\n"));
    assert!(reloading.expect("it was told").contains("\nMONOTONIC_USEC="));
}

#[test]
fn the_end_is_told() {
    let place = Place::new();
    let supervisor = Supervisor::at_path(&place);
    let mut daemon = supervisor.start(&place);
    supervisor.wait_for("READY=1");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_end(PATIENCE).code(), Some(0));
    assert_eq!(supervisor.heard().last().map(String::as_str), Some("STOPPING=1\n"));
}

/// A controller or a worker that hangs is as good as dead, and only a restart helps.
#[test]
fn whoever_hangs_is_not_said_to_be_well() {
    let place = Place::new();
    let supervisor = Supervisor::at_path(&place);
    let daemon = supervisor.start(&place);
    supervisor.wait_for("WATCHDOG=1");
    let worker = format!("dns-0-{}", place.listen.port());
    let threads = [
        (daemon.id(), "the controller hangs"), // the first thread has the number of the process
        (thread_of(daemon.id(), &worker), "does not answer"),
    ];
    for (thread, why) in threads {
        let Some(held) = Hold::of(thread) else {
            return skip(
                "one thread of a process cannot be held: as root, with python3 and ptrace(2), it can",
            );
        };
        daemon.wait_for_line(why, AMPLE);
        let before = supervisor.count("WATCHDOG=1");
        thread::sleep(ITS_PATIENCE); // it is the silence that is looked for
        assert_eq!(supervisor.count("WATCHDOG=1"), before, "{why}, and it is said to be well");
        drop(held);
        supervisor.wait_for_another("WATCHDOG=1");
    }
}

#[test]
fn a_successor_is_watched_over_from_then_on() {
    let place = Place::new();
    let supervisor = Supervisor::at_path(&place);
    let mut daemon = supervisor.start(&place);
    supervisor.wait_for("READY=1");
    let ended = place.ended({
        let mut command = place.program("upgrade");
        command.args(["--output", "json"]);
        command
    });
    ended.assert_code(0);
    let told: serde_json::Value = serde_json::from_slice(&ended.output.stdout).expect("JSON");
    let successor = told["process"].as_u64().expect("a process");
    assert_eq!(daemon.wait_for_end(PATIENCE).code(), Some(0));
    let main = format!("MAINPID={successor}");
    // Its predecessor says so, who may, and then it says so itself.
    wait_until("both have said so", AMPLE, || supervisor.count(&main) == 2);
    let heard = supervisor.heard();
    let last = heard.iter().rposition(|text| text.contains(&main)).expect("it was said");
    assert_eq!(heard.iter().position(|text| *text == format!("{main}\n")), Some(last - 1), "{heard:?}");
    assert!(heard[last].starts_with(&format!("{main}\nREADY=1\nSTATUS={NAME} from us-east")), "{heard:?}");
    assert!(!heard.iter().any(|text| text.contains("STOPPING=1")), "the service goes on: {heard:?}");
    supervisor.wait_for_another("WATCHDOG=1");
    let successor = Pid::from_raw(i32::try_from(successor).expect("a process")).expect("not zero");
    kill_process(successor, Signal::TERM).expect("it runs");
    supervisor.wait_for("STOPPING=1");
}

#[test]
fn one_that_is_not_there_keeps_nobody_from_answering() {
    let place = Place::new();
    let mut command = place.program("run");
    command.env("NOTIFY_SOCKET", "/no/such/socket");
    let daemon = place.started_by(command);
    let log = daemon.wait_for_line("supervisor.absent", AMPLE);
    assert!(log.contains("NOTIFY_SOCKET is /no/such/socket"), "{log}");
}
