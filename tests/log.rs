//! The built program with a reader of its log that is stuck, away, or deceived.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cadence_dns::dns::client::{Reply, lookup};
use cadence_dns::zone::RecordType;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything on this machine may take at the worst.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const PROGRAM: &str = env!("CARGO_BIN_EXE_cadence-dns");

const ZONE: &str = "@ 60 SOA ns1 hostmaster 1 1h 10m 1w 1m\n@ 60 NS ns1\nns1 60 A 127.0.0.1\n";

/// A daemon with two regions on the loopback, whose load balancers are listeners of this test.
struct Node {
    folder: TempDir,
    listen: SocketAddr,
    regions: [Option<LoadBalancer>; 2],
    daemon: Child,
}

impl Node {
    fn start(stderr: Stdio) -> Node {
        let folder = tempfile::tempdir().expect("the machine has a temporary folder");
        let regions = [LoadBalancer::start(), LoadBalancer::start()];
        let listen = free_port();
        let table = |name: &str, address: &str, balancer: &LoadBalancer| {
            let port = balancer.address.port();
            format!(
                "[[region]]\nname = \"{name}\"\naddresses = [\"{address}\"]\n[[region.probe]]\ntcp = {port}\n\
                 address = \"127.0.0.1\"\ninterval = \"100ms\"\nrecheck = \"100ms\"\ntimeout = \"100ms\"\nfall = 2\nrise = 2\n"
            )
        };
        let text = format!(
            "[node]\nname = \"ns1\"\nstate_dir = \"state\"\n[control]\nsocket = \"socket\"\n[evidence]\nalone = \"freeze\"\n\
             [dns]\nlisten = [\"{listen}\"]\nworkers = 1\n[[zone]]\nname = \"t\"\nfile = \"zone\"\n{}{}\
             [[steer]]\nname = \"app.t\"\nregions = [\"us-east\", \"eu-west\"]\ndwell = \"0s\"\n",
            table("us-east", "192.0.2.1", &regions[0]),
            table("eu-west", "192.0.2.2", &regions[1]),
        );
        fs::write(folder.path().join("zone"), ZONE).expect("our folder");
        fs::write(folder.path().join("cadence-dns.toml"), text).expect("our folder");
        let daemon =
            command(&folder, "run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn();
        let node = Node { folder, listen, regions: regions.map(Some), daemon: daemon.expect("it was built") };
        node.wait_until("it answers", |node| node.address().is_some());
        node
    }

    /// What the steered name is answered with.
    fn address(&self) -> Option<String> {
        let name = "app.t".parse().expect("a good name");
        let lookup = lookup(self.listen, &name, RecordType::A, Duration::from_secs(1));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("descriptors");
        let Reply { addresses, .. } = runtime.block_on(lookup).ok()?;
        addresses.first().map(ToString::to_string)
    }

    fn status(&self) -> String {
        let output = command(&self.folder, "status").output().expect("the program was built");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Node) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "waited in vain: {what}\n{}", self.status());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Lets the first region die, and waits for the answer to move.
    fn flip(&mut self) {
        self.wait_until("both regions are up", |node| node.status().matches("  up: 1/1 up").count() == 2);
        assert_eq!(self.address().as_deref(), Some("192.0.2.1"));
        self.regions[0] = None;
        self.wait_until("the answer moves", |node| node.address().as_deref() == Some("192.0.2.2"));
    }

    /// Asks it to stop, and waits until it has.
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.daemon), Signal::TERM).expect("it runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.daemon.try_wait().expect("our child") {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Accepts connections and closes them, until it is dropped.
struct LoadBalancer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LoadBalancer {
    fn start() -> LoadBalancer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let accept = move || while listener.accept().is_ok() && !stopped.load(Ordering::SeqCst) {};
        LoadBalancer { address, stop, thread: Some(thread::spawn(accept)) }
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address)); // it looks up
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it cannot panic
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Either may fail when it has ended by itself.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn command(folder: &TempDir, subcommand: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(subcommand).arg("--config").arg(folder.path().join("cadence-dns.toml"));
    command.env_remove("CADENCE_DNS_LOG");
    command
}

fn free_port() -> SocketAddr {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket.local_addr().expect("it is bound")
}

/// A pipe without any room left, and how many octets it holds.
fn full_pipe() -> (PipeReader, Stdio, usize) {
    let (reader, writer) = io::pipe().expect("descriptors");
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    // Opened anew, so that the daemon's end stays a blocking one.
    let mut filler =
        File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path).expect("it is ours");
    let mut octets = 0;
    while let Ok(more) = filler.write(&[b'x'; 4096]) {
        octets += more;
    }
    while filler.write(b"x").is_ok() {
        octets += 1;
    }
    (reader, writer.into(), octets)
}

#[test]
fn a_full_pipe_that_is_never_read_stops_neither_flips_nor_the_end() {
    let (reader, stderr, _) = full_pipe();
    let mut node = Node::start(stderr);
    node.flip();
    node.wait_until("status tells it", |node| node.status().contains("the log cannot be written"));
    node.stop();
    drop(reader); // only now: a pipe without a reader would not block
}

#[test]
fn nothing_is_lost_when_the_reader_comes_back_in_time() {
    let (mut reader, stderr, octets) = full_pipe();
    let mut node = Node::start(stderr);
    node.flip();
    reader.read_exact(&mut vec![0; octets]).expect("what was there before");
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("text"));
    assert!(lines.any(|line| line.contains("answering on")), "the start is told");
    assert!(lines.any(|line| line.contains("eu-west") && line.contains("app.t")), "the flip is told");
    let rest = thread::spawn(move || lines.last());
    node.stop();
    let last = rest.join().expect("it only reads").expect("more lines");
    assert!(last.contains("event=\"stopped\""), "the last line is written before the end: {last}");
}

#[test]
fn a_reason_cannot_forge_a_line_of_the_log() {
    let (mut reader, writer) = io::pipe().expect("descriptors");
    let mut node = Node::start(writer.into());
    let mut log = String::new();
    let failback = |reason: &str| -> Output {
        let mut failback = command(&node.folder, "failback");
        failback.args(["app.t", "--reason", reason]).output().expect("the program was built")
    };
    let output = failback("all well\n2026-11-25T00:00:00Z  INFO forged by a reason");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("line break"), "{said}");
    node.regions = [None, None];
    node.stop();
    reader.read_to_string(&mut log).expect("text");
    assert!(!log.contains("forged"), "{log}");
}
