//! The three servers with the same zones: NSD and Knot as Debian has them, and ours in this process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cadence_dns::answer::{AnswerTable, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::{self, Serving, Tables};
use cadence_dns::model::Name;
use cadence_dns::zone::Zone;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::ask::ask_once;
use crate::corpus::Query;
use crate::reply::Reply;

/// What each of them says when it is asked for its NSID.
const NSID: &str = "conformance";

/// How often a server is asked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long a server may take to read its zones.
const START_MAX: Duration = Duration::from_secs(30);

/// A zone as a file.
pub(crate) struct ZoneFile {
    pub(crate) name: Name,
    pub(crate) path: PathBuf,
}

/// A foreign server and its children, in a process group of their own; ended when dropped.
pub(crate) struct Peer {
    name: &'static str,
    pub(crate) address: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Peer {
    pub(crate) fn nsd(folder: &Path, zones: &[ZoneFile]) -> Peer {
        Peer::start("nsd", folder, zones, nsd_configuration, |file| {
            let mut command = Command::new("nsd");
            command.arg("-d").arg("-c").arg(file);
            command
        })
    }

    pub(crate) fn knot(folder: &Path, zones: &[ZoneFile]) -> Peer {
        Peer::start("knotd", folder, zones, knot_configuration, |file| {
            let mut command = Command::new("knotd");
            command.arg("-c").arg(file);
            command
        })
    }

    fn start(
        name: &'static str,
        folder: &Path,
        zones: &[ZoneFile],
        configuration: impl FnOnce(SocketAddr, &Path, &[ZoneFile]) -> String,
        command: impl FnOnce(&Path) -> Command,
    ) -> Peer {
        let folder = folder.join(name);
        fs::create_dir(&folder).expect("the test's folder is writable");
        let address = free_address();
        let file = folder.join("server.conf");
        fs::write(&file, configuration(address, &folder, zones)).expect("the test's folder is writable");
        let log = folder.join("log");
        let out = File::create(&log).expect("the test's folder is writable");
        let err = out.try_clone().expect("a file descriptor is left");
        // Debian keeps servers where only root looks for commands.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = command(&file);
        command.env("PATH", path).process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({error}); tests/run.sh installs it"));
        let peer = Peer { name, address, child, log };
        zones.iter().for_each(|zone| peer.wait_for(&zone.name));
        peer
    }

    /// Asks until it answers with authority.
    fn wait_for(&self, zone: &Name) {
        let deadline = Instant::now() + START_MAX;
        let query = Query::soa_of(zone);
        let serves = |reply: Reply| reply.code == 0 && !reply.answer.is_empty();
        while !ask_once(self.address, &query).is_some_and(serves) {
            let late = Instant::now() >= deadline;
            assert!(!late, "{} does not serve {zone}; it said:\n{}", self.name, self.tail());
            thread::sleep(LOOK_EVERY);
        }
    }

    fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Either may fail when it has ended by itself, and then nothing is left to do.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A port of the loopback that nobody has now.
fn free_address() -> SocketAddr {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = udp.local_addr().expect("a bound socket has an address");
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn nsd_configuration(listen: SocketAddr, folder: &Path, zones: &[ZoneFile]) -> String {
    let folder = folder.display();
    let server = format!(
        r#"
server:
    ip-address: {}@{}
    server-count: 1
    username: ""
    database: ""
    zonesdir: "{folder}"
    xfrdir: "{folder}"
    pidfile: "{folder}/pid"
    zonelistfile: "{folder}/zones.list"
    xfrdfile: "{folder}/xfrd.state"
    nsid: "ascii_{NSID}"
    hide-version: yes
    rrl-ratelimit: 0
remote-control:
    control-enable: no
"#,
        listen.ip(),
        listen.port()
    );
    let zone = |zone: &ZoneFile| {
        format!("zone:\n    name: \"{}\"\n    zonefile: \"{}\"\n", zone.name, zone.path.display())
    };
    server + &zones.iter().map(zone).collect::<String>()
}

fn knot_configuration(listen: SocketAddr, folder: &Path, zones: &[ZoneFile]) -> String {
    let folder = folder.display();
    let server = format!(
        r#"
server:
    listen: {}@{}
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    version: ""
    identity: ""
    nsid: "{NSID}"
database:
    storage: "{folder}"
log:
  - target: stderr
    any: warning
zone:
"#,
        listen.ip(),
        listen.port()
    );
    let zone = |zone: &ZoneFile| {
        let path = zone.path.display();
        format!(
            "  - domain: \"{}\"\n    file: \"{path}\"\n    zonefile-load: whole\n    journal-content: none\n",
            zone.name
        )
    };
    server + &zones.iter().map(zone).collect::<String>()
}

/// Ours.
pub(crate) fn serve(zones: &[Zone]) -> (SocketAddr, Serving) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = DnsSettings { listen: vec![any_port], ..DnsSettings::default() };
    let bound = dns::bind(&settings).expect("a free port");
    let table = AnswerTable::compile(zones, &[], Identity { nsid: NSID.into(), ..Identity::default() });
    (bound.addresses()[0], bound.serve(&Tables::new(Arc::new(table))).expect("threads"))
}
