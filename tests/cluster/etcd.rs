//! Members of an etcd, each at a place of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cadence_dns::cluster::{Examined, Found, examine, prepare};
use cadence_dns::config::{ClusterSettings, EtcdSettings, TrustSettings};
use cadence_dns::health::Member as Node;
use rustix::process::Signal;

use crate::network::{Namespace, Network, Site};
use crate::process::{Process, wait_until};

/// Long enough for everything that is not measured, also on a busy machine.
pub(crate) const AMPLE: Duration = Duration::from_secs(60);

/// Three members, with the folders of their data in memory.
pub(crate) struct Etcd {
    pub(crate) members: Vec<Member>,
    _folder: tempfile::TempDir,
}

/// A member.
pub(crate) struct Member {
    pub(crate) site: Site,
    name: &'static str,
    folder: PathBuf,
    peers: String,
    process: Option<Process>,
}

impl Etcd {
    /// Starts three members behind a network's router: `e1`, `e2`, `e3`. They are there when they have a leader.
    pub(crate) fn start(network: &mut Network) -> Etcd {
        let folder = in_memory();
        let sites = ["e1", "e2", "e3"].map(|name| network.site(name));
        let peer = |site: &Site| format!("{}=http://{}:2380", site.name, site.v4(10));
        let peers = sites.iter().map(peer).collect::<Vec<_>>().join(",");
        let member = |site: Site| Member {
            name: site.name,
            folder: folder.path().to_owned(),
            peers: peers.clone(),
            process: None,
            site,
        };
        let mut members: Vec<Member> = sites.into_iter().map(member).collect();
        members.iter_mut().for_each(Member::run);
        let etcd = Etcd { members, _folder: folder };
        wait_until("etcd has a leader", AMPLE, || {
            let looked = etcd.look(etcd.members[0].site.namespace());
            looked.iter().all(|one| one.found.is_ok()) && etcd.leader_of(&looked).is_some()
        });
        etcd
    }

    /// Client URLs, this member's first.
    pub(crate) fn endpoints_from(&self, first: usize) -> Vec<String> {
        let url = |number: usize| {
            let member = &self.members[(first + number) % self.members.len()];
            format!("http://{}:2379", member.site.v4(10))
        };
        (0..self.members.len()).map(url).collect()
    }

    /// The number of the member that leads, seen from a place.
    pub(crate) fn leader(&self, from: &Namespace) -> Option<usize> {
        self.leader_of(&self.look(from))
    }

    fn leader_of(&self, looked: &[Examined]) -> Option<usize> {
        let leads = |one: &Examined| one.found.as_ref().is_ok_and(|Found { leads, .. }| *leads);
        looked.iter().position(leads)
    }

    fn look(&self, from: &Namespace) -> Vec<Examined> {
        let settings = settings(&self.endpoints_from(0));
        from.inside(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let prepared = prepare(&settings).unwrap_or_else(|why| panic!("{why:?}"));
            runtime.expect("a runtime").block_on(examine(prepared))
        })
    }

    /// The sum of a counter over all members that run: `grpc_server_handled_total` of a method, say.
    pub(crate) fn counted(&self, is_counted: impl Fn(&str) -> bool) -> f64 {
        let of_member = |member: &Member| {
            let text =
                member.site.namespace().inside(|| get(&format!("{}:2379", member.site.v4(10)), "/metrics"));
            let lines = text.lines().filter(|line| is_counted(line));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
        };
        self.members.iter().filter(|member| member.process.is_some()).map(of_member).sum()
    }
}

impl Member {
    /// Starts it; it has the data that it had.
    pub(crate) fn run(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let (name, address) = (self.name, self.site.v4(10));
        let data = self.folder.join(name);
        // What a member that is already part of an etcd is told here, it ignores.
        let mut command = Command::new("etcd");
        command.args(["--name", name, "--initial-cluster", &self.peers, "--pre-vote=true"]);
        command.arg("--data-dir").arg(&data);
        let (client, peer) = (format!("http://{address}:2379"), format!("http://{address}:2380"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        self.process = Some(Process::start(self.site.namespace(), name, &self.folder, command));
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGSTOP or SIGCONT.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }
}

/// Settings of a node that knows these endpoints.
pub(crate) fn settings(endpoints: &[String]) -> ClusterSettings {
    let endpoints = endpoints.iter().map(|url| url.parse().expect("a URL")).collect();
    let authorities = TrustSettings { ca_file: None, ca_file_place: None, insecure: true };
    ClusterSettings {
        name: "edge".into(),
        nodes: vec![Node::server("ns1".into())],
        etcd: EtcdSettings { endpoints, authorities, certificate: None, login: None },
    }
}

/// A folder in memory where the machine has one: many members on one disk wait for each other.
pub(crate) fn in_memory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    let folder =
        if fs::metadata(shared).is_ok() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    folder.expect("the machine has a temporary folder")
}

/// A page over HTTP.
fn get(host: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let fetch = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    fetch().unwrap_or_else(|error| panic!("{host}{path}: {error}"))
}
