//! The three servers with the same zones: NSD and Knot as Debian has them, and ours in this process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cadence_dns::answer::{AnswerTable, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::Serving;
use cadence_dns::model::Name;
use cadence_dns::zone::Zone;

use super::ask::ask_once;
use super::corpus::Query;
use super::reply::Reply;
use crate::kit::process::{Here, Process, wait_until};
use crate::kit::zone;

/// What each of them says when it is asked for its NSID.
const NSID: &str = "conformance";

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
    _process: Process,
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
        let process = Process::start(&Here, name, &folder, command(&file));
        let peer = Peer { name, address, _process: process };
        zones.iter().for_each(|zone| peer.wait_for(&zone.name));
        peer
    }

    /// Asks until it answers with authority.
    fn wait_for(&self, zone: &Name) {
        let query = Query::soa_of(zone);
        let serves = |reply: Reply| reply.code == 0 && !reply.answer.is_empty();
        wait_until(&format!("{} serves {zone}", self.name), START_MAX, || {
            ask_once(self.address, &query).is_some_and(serves)
        });
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
    let table = AnswerTable::compile(zones, &[], Identity { nsid: NSID.into(), ..Identity::default() });
    zone::serve(DnsSettings::default(), table)
}
