//! The program without a descriptor to spare.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread::yield_now;
use std::time::{Duration, Instant};

use cadence_dns::zone::RecordType;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::kit::place::PROGRAM;
use crate::kit::process::{Here, Process};
use crate::kit::query::{PATIENCE, ask, ask_by_udp, client, framed, is_closed, query, read_message};

/// A zone with a name to ask for.
const ZONE: &str = "@ 300 SOA ns a 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.53\nwww 300 A 192.0.2.1\n";

/// The program itself has descriptors below this one.
const OWN_DESCRIPTORS: usize = 64;

/// The program at work; killed at the end, whatever the end is.
struct Program {
    process: Process,
    server: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Program {
    fn start() -> Program {
        Program::start_by(Command::new(PROGRAM))
    }

    fn start_by(mut command: Command) -> Program {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("our own folder");
        write("t.zone", ZONE);
        write(
            "c.toml",
            "[node]\nname = \"ns1\"\nstate_dir = \"state\"\n[control]\nsocket = \"s\"\n\
             [dns]\nlisten = [\"127.0.0.1:0\"]\n[[zone]]\nname = \"t\"\nfile = \"t.zone\"\n",
        );
        command.arg("run").arg("--config").arg(folder.path().join("c.toml"));
        let process = Process::start(&Here, "cadence-dns", folder.path(), command);
        let log = process.wait_for_line("answering on ", PATIENCE);
        let server = log.split("answering on ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let server = server.expect("an address follows").parse().expect("an address");
        Program { process, server, _folder: folder }
    }

    /// Lets it have so many descriptors.
    fn limit_descriptors(&self, most: usize) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(most as u64), maximum: Some(4096) };
        prlimit(pid, Resource::Nofile, limit).expect("our child");
    }

    /// Lets it have no descriptor beyond those that it has, and `more`; returns how many it can still open, for there
    /// may be gaps between those that it has.
    fn leave_descriptors(&self, more: usize) -> usize {
        let numbers = self.settled_descriptors();
        let end = numbers.last().map_or(0, |last| last + 1);
        self.limit_descriptors(end + more);
        end - numbers.len() + more
    }

    /// The descriptors that it has once it has settled: the state is being saved when it starts. Those that the tests
    /// gave it may lie far above the others.
    fn settled_descriptors(&self) -> Vec<usize> {
        let mut looks = vec![self.descriptors()];
        while looks.len() < 200 {
            ask_by_udp(self.server, &query(1, "www.t", RecordType::A));
            looks.push(self.descriptors());
            if looks[0] != looks[looks.len() - 1] {
                looks.drain(..looks.len() - 1);
            }
        }
        looks.swap_remove(0)
    }

    fn descriptors(&self) -> Vec<usize> {
        let numbers = fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("our child");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut numbers: Vec<usize> =
            numbers.map(|entry| name(entry).to_string_lossy().parse().expect("a number")).collect();
        numbers.retain(|number| *number < OWN_DESCRIPTORS);
        numbers.sort_unstable();
        numbers
    }

    /// Waits until the thread of the streams has slept once more: without descriptors it looks again and again.
    fn wait_for_a_turn_of_the_listener(&self) {
        let enough = self.sleeps_of_the_listener() + 1;
        let start = Instant::now();
        while self.sleeps_of_the_listener() < enough {
            assert!(start.elapsed() < PATIENCE, "the listener has descriptors, or hangs");
            yield_now();
        }
    }

    fn sleeps_of_the_listener(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("our child");
        let mut threads = threads.map(|thread| thread.expect("an entry").path());
        let is_the_one = |path: &PathBuf| {
            fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim_end() == "dns-tcp")
        };
        let thread = threads.find(is_the_one).expect("a thread of that name");
        let status = fs::read_to_string(thread.join("status")).expect("our child's thread");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("the kernel counts them").trim().parse().expect("a number")
    }

    /// The processor time that it has taken, in hundredths of a second.
    fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("our child");
        let (_, rest) = stat.rsplit_once(')').expect("a name in parentheses");
        rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }
}

/// The usual limit is for the sake of programs of another time; strangers must not take what the probes need.
#[test]
fn it_takes_as_many_descriptors_as_it_may() {
    let mut command = Command::new("sh");
    let limits = "ulimit -S -n 100 && ulimit -H -n 3000 && exec \"$@\"";
    command.args(["-c", limits, "sh", PROGRAM]);
    let program = Program::start_by(command);
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.process.id())).expect("our child");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    assert_eq!(files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["3000", "3000"]);
}

#[test]
fn without_descriptors_the_listener_waits_and_goes_on_when_there_are_some() {
    let program = Program::start();
    let question = query(7, "www.t", RecordType::A);
    program.settled_descriptors(); // its threads have what they need
    program.limit_descriptors(3);
    let before = program.processor_time();
    let mut waiting = client(program.server);
    waiting.write_all(&framed(&question)).expect("the system takes it");
    waiting.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout above zero");
    let error = waiting.read(&mut [0]).expect_err("nobody can accept it");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert!(program.processor_time() - before < 15, "a second of waiting is not spent on trying");
    assert_eq!(ask_by_udp(program.server, &question)[..2], [0, 7]);
    program.limit_descriptors(100);
    waiting.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    assert_eq!(read_message(&mut waiting)[..2], [0, 7]);
}

#[test]
fn the_last_descriptor_is_used_and_nobody_closed_for_nothing() {
    for more in 1..4 {
        let program = Program::start();
        let left = program.leave_descriptors(more);
        let mut clients: Vec<_> = (0..left).map(|_| client(program.server)).collect();
        for id in 0..100 {
            let client = &mut clients[usize::from(id) % left];
            assert_eq!(ask(client, &query(id, "www.t", RecordType::A))[..2], id.to_be_bytes(), "{left}");
        }
        // As often as the listener tries: whoever were closed for nothing would be closed by now.
        // No client is idle meanwhile, or it would be closed for that on a machine that is busy.
        for turn in 0..5 {
            program.wait_for_a_turn_of_the_listener();
            for client in &mut clients {
                assert!(!is_closed(client), "{left} clients, turn {turn}");
                assert_eq!(ask(client, &query(7, "www.t", RecordType::A))[..2], [0, 7], "{left}");
            }
        }
    }
}

#[test]
fn the_longest_idle_gives_its_descriptor_to_a_new_client() {
    let program = Program::start();
    program.leave_descriptors(5);
    let crowd: Vec<_> = (0..50).map(|_| client(program.server)).collect();
    for id in 0..5 {
        let reply = ask(&mut client(program.server), &query(id, "www.t", RecordType::A));
        assert_eq!(reply[..2], id.to_be_bytes());
    }
    assert!(crowd[..40].iter().all(is_closed));
}
