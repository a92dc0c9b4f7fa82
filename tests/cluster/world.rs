//! Everything together: three members of etcd, three nodes, two regions, an anchor and clients, each at a place of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::etcd::{AMPLE, Etcd, in_memory};
use crate::history::{History, Regions};
use crate::kit::place::PROGRAM;
use crate::network::{Network, Site};
use crate::process::{Process, wait_until};
use crate::slow::{self, Delay};

/// The name that everything is about.
pub(crate) const NAME: &str = "cadence.example.com";

/// All nodes.
pub(crate) const ALL: [usize; 3] = [0, 1, 2];

/// Once the last thing has happened, nodes of one component agree by then.
pub(crate) const SETTLED: Duration = Duration::from_secs(2);

/// Where the histories of failed tests are kept.
const KEPT: &str = env!("CARGO_TARGET_TMPDIR");

/// What is different in a world.
#[derive(Default, Clone)]
pub(crate) struct Settings {
    /// The first node stands in region `a`.
    pub(crate) first_in_a: bool,
    /// Etcd is behind proxies that take their time.
    pub(crate) delay: Option<Delay>,
    /// The clock of the second node is read from a file: `world.set_clock`.
    pub(crate) fake_clock: bool,
    /// The third node probes and votes, and answers nobody.
    pub(crate) third_is_witness: bool,
    /// The first node has a disk of its own, of this many kibibytes.
    pub(crate) small_disk: Option<u32>,
}

/// Three nodes and what is around them; gone when dropped.
pub(crate) struct World {
    /// First, for clients stop before their servers.
    pub(crate) history: History,
    pub(crate) nodes: Vec<Node>,
    pub(crate) etcd: Etcd,
    regions: Vec<Region>,
    _anchor: Region,
    _client: Site,
    pub(crate) network: Network,
    folder: tempfile::TempDir,
}

/// A node.
pub(crate) struct Node {
    pub(crate) site: Site,
    pub(crate) folder: PathBuf,
    name: String,
    clock: Option<PathBuf>,
    disk: bool,
    process: Option<Process>,
}

/// Whatever answers over HTTP: a region, or an anchor.
struct Region {
    site: Site,
    is_sick: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl World {
    /// All is well: the nodes are together, both regions are up, and `a` is answered.
    pub(crate) fn new() -> World {
        World::with(Settings::default())
    }

    /// The same with something that is different.
    pub(crate) fn with(settings: Settings) -> World {
        let folder = in_memory();
        let mut network = Network::new();
        let etcd = Etcd::start(&mut network);
        if let Some(delay) = &settings.delay {
            etcd.members.iter().for_each(|one| slow::start(one.site.namespace(), &one.site.v4(10), delay));
        }
        let regions: Vec<Region> =
            ["region-a", "region-b"].map(|name| Region::start(network.site(name))).into();
        let anchor = Region::start(network.site("anchor"));
        let sites = ["n1", "n2", "n3"].map(|name| network.site(name));
        let node = |(number, site)| Node::new(number, site, folder.path(), &settings);
        let mut nodes: Vec<Node> = sites.into_iter().enumerate().map(node).collect();
        for (number, node) in nodes.iter_mut().enumerate() {
            let mut endpoints = etcd.endpoints_from(number);
            if settings.delay.is_some() {
                endpoints.iter_mut().for_each(|url| *url = url.replace(":2379", &format!(":{}", slow::PORT)));
            }
            let text = configuration(node, &settings, &endpoints, &regions, &anchor);
            fs::write(node.file(), text).expect("the test's folder is writable");
            node.run();
        }
        let client = network.site("client");
        let servers: Vec<SocketAddr> = nodes.iter().map(Node::address).collect();
        let names: Regions = regions.iter().map(|region| (region.address(), region.name())).collect();
        wait_until("every node answers `status`", AMPLE, || nodes.iter().all(Node::is_up));
        let history = History::start(client.namespace(), &servers, &names);
        let world =
            World { history, nodes, etcd, regions, _anchor: anchor, _client: client, network, folder };
        world.wait_until_well(&ALL);
        world.wait_until_agreed(if settings.third_is_witness { &ALL[..2] } else { &ALL });
        world
    }

    /// Waits until these nodes are together, have both regions up, and answer the same.
    pub(crate) fn wait_until_together(&self, nodes: &[usize]) {
        self.wait_until_well(nodes);
        self.wait_until_agreed(nodes);
    }

    /// Waits until these nodes are together, and have both regions up.
    pub(crate) fn wait_until_well(&self, nodes: &[usize]) {
        wait_until("the nodes are together and see both regions", AMPLE, || {
            nodes.iter().all(|node| self.nodes[*node].is_well())
        });
    }

    /// Waits until these nodes answer the same.
    pub(crate) fn wait_until_agreed(&self, nodes: &[usize]) {
        wait_until("the nodes answer the same", AMPLE, || {
            let first = self.history.last(nodes[0]);
            first.is_some() && nodes.iter().all(|node| self.history.last(*node) == first)
        });
    }

    /// Waits until all of these nodes answer with a region; how long after a moment each did.
    pub(crate) fn wait_for(
        &self,
        region: &str,
        nodes: &[usize],
        after: Instant,
        limit: Duration,
    ) -> Vec<Duration> {
        wait_until(&format!("{nodes:?} answer with {region}"), limit, || {
            nodes.iter().all(|node| self.history.first(*node, region, after).is_some())
        });
        let first = |node: &usize| self.history.first(*node, region, after).expect("it was waited for");
        nodes.iter().map(|node| first(node) - after).collect()
    }

    /// A region is cut off from everybody.
    pub(crate) fn lose_region(&self, region: &str) -> Instant {
        let now = self.history.note(&format!("region {region} is cut off"));
        self.network.cut(&format!("region-{region}"));
        now
    }

    /// A region says 503, or is well again.
    pub(crate) fn sicken(&self, region: usize, is_sick: bool) -> Instant {
        self.regions[region].is_sick.store(is_sick, Ordering::Relaxed);
        self.history.note(&format!("region {} is {}", region, if is_sick { "sick" } else { "well" }))
    }

    /// A node hears and is heard by neither etcd nor other nodes; regions, anchor and clients it has.
    pub(crate) fn isolate(&self, node: usize) -> Instant {
        let name = self.nodes[node].site.name;
        let now = self.history.note(&format!("{name} is cut off from etcd and peers"));
        let peers = self.nodes.iter().map(|node| node.site.name).filter(|other| *other != name);
        for other in peers.chain(["e1", "e2", "e3"]) {
            self.cut_between(name, other);
        }
        now
    }

    /// Neither of two places hears the other.
    pub(crate) fn cut_between(&self, one: &str, other: &str) {
        self.network.cut_way(one, other);
        self.network.cut_way(other, one);
    }

    /// All that was cut is whole again.
    pub(crate) fn mend(&self) -> Instant {
        self.network.mend();
        self.history.note("the network is whole again")
    }

    /// Nothing bad was answered by these nodes in all this time, and from `settled` on no two of them answered differently.
    pub(crate) fn assert_agreement(&self, nodes: &[usize], from: Instant, settled: Instant) {
        let now = Instant::now();
        self.history.assert_answered(nodes, from, now);
        let apart = self.history.disagreement(nodes, settled, now);
        assert!(apart.is_zero(), "they answered differently for {apart:?}");
    }

    /// The epoch by which each node answers.
    pub(crate) fn epochs(&self, nodes: &[usize]) -> Vec<u64> {
        nodes.iter().map(|node| self.nodes[*node].epoch()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let file = Path::new(KEPT).join(format!("cluster-{test}.txt"));
        let mut text = self.history.text();
        for node in &self.nodes {
            text.push_str(&format!(
                "\n=== {}\n{}",
                node.name,
                node.process.as_ref().map(Process::log).unwrap_or_default()
            ));
        }
        // Best effort: a panic while a test is already failing would hide why it does.
        let _ = fs::write(&file, text);
        eprintln!("--- the history: {}\n{}", file.display(), self.history.text());
        let _ = &self.folder;
    }
}

impl Node {
    fn new(number: usize, site: Site, folder: &Path, settings: &Settings) -> Node {
        let name = format!("ns{}", number + 1);
        let folder = folder.join(&name);
        fs::create_dir_all(folder.join("state")).expect("the test's folder is writable");
        let zone = format!("@ 60 SOA ns1 hostmaster 1 1h 10m 1w 1\n@ 60 NS ns1\nns1 60 A {}\n", site.v4(10));
        fs::write(folder.join("zone"), zone).expect("the test's folder is writable");
        let clock = (settings.fake_clock && number == 1).then(|| folder.join("clock"));
        if let Some(clock) = &clock {
            fs::write(clock, "+0").expect("the test's folder is writable");
        }
        let disk = settings.small_disk.filter(|_| number == 0);
        if let Some(size) = disk {
            let state = folder.join("state");
            must(
                Command::new("mount")
                    .args(["-t", "tmpfs", "-o", &format!("size={size}k,mode=0750"), "tmpfs"])
                    .arg(state),
            );
        }
        Node { site, folder, name, clock, disk: disk.is_some(), process: None }
    }

    /// Where it is configured.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("cadence-dns.toml")
    }

    /// Where it is asked.
    pub(crate) fn address(&self) -> SocketAddr {
        format!("{}:53", self.site.v4(10)).parse().expect("an address")
    }

    /// Starts it; it must not run.
    pub(crate) fn run(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(self.file());
        if let Some(clock) = &self.clock {
            let library = [
                "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
                "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
            ];
            let library = library.into_iter().find(|file| Path::new(file).exists());
            command.env("LD_PRELOAD", library.expect("tests/run.sh installs faketime"));
            command.env("FAKETIME_TIMESTAMP_FILE", clock).env("FAKETIME_NO_CACHE", "1");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        self.process = Some(Process::start(self.site.namespace(), "cadence-dns", &self.folder, command));
    }

    /// Its clock is wrong by this much from now on, as `faketime` says it: `+1h`.
    pub(crate) fn set_clock(&self, offset: &str) {
        fs::write(self.clock.as_ref().expect("a world with a fake clock"), offset).expect("our folder");
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGSTOP or SIGCONT.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    /// Ends it as systemd does.
    pub(crate) fn end(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.signal(Signal::TERM);
        process.wait_for_end(AMPLE);
    }

    /// A command of an operator on this machine.
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--config").arg(self.file()).env("USER", "tester");
        command.output().expect("the program was built")
    }

    /// What `status --output json` says.
    pub(crate) fn status(&self) -> Value {
        let output = self.command(&["status", "--output", "json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn is_up(&self) -> bool {
        self.status()["source"] == "live"
    }

    /// Together with the others, and both regions are up for it.
    fn is_well(&self) -> bool {
        let status = self.status();
        let regions = status["regions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let up = regions.iter().filter(|region| region["state"] == "up").count();
        up == 2 && status["cluster"]["state"] == "together"
    }

    /// The epoch by which it answers.
    pub(crate) fn epoch(&self) -> u64 {
        self.status()["names"][0]["epoch"].as_u64().expect("each name has an epoch")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process = None;
        if self.disk {
            // Best effort, as above.
            let _ = Command::new("umount").arg(self.folder.join("state")).status();
        }
    }
}

impl Region {
    fn start(site: Site) -> Region {
        let (is_sick, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (sick, stopped, address) = (Arc::clone(&is_sick), Arc::clone(&stop), site.v4(10));
        let listener =
            site.namespace().inside(|| std::net::TcpListener::bind((&*address, 80)).expect("a port"));
        listener.set_nonblocking(true).expect("our socket");
        site.namespace().start(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => drop(reply(stream, sick.load(Ordering::Relaxed))),
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Region { site, is_sick, stop }
    }

    /// Regions are called `a` and `b`, which `ip` would take for something else.
    fn name(&self) -> &'static str {
        self.site.name.trim_start_matches("region-")
    }

    fn address(&self) -> IpAddr {
        self.site.v4(10).parse().expect("an address")
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn reply(mut stream: std::net::TcpStream, is_sick: bool) -> std::io::Result<()> {
    use std::io::{Read, Write};
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 4096];
    if stream.read(&mut buffer)? == 0 {
        return Ok(());
    }
    let status = if is_sick { "503 Service Unavailable" } else { "200 OK" };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

fn configuration(
    node: &Node,
    settings: &Settings,
    endpoints: &[String],
    regions: &[Region],
    anchor: &Region,
) -> String {
    let Node { name, folder, .. } = node;
    let (folder, listen) = (folder.display(), node.address());
    let endpoints = endpoints.iter().map(|url| format!("\"{url}\"")).collect::<Vec<_>>().join(", ");
    let place = if settings.first_in_a { ", region = \"a\"" } else { "" };
    let role = if settings.third_is_witness { ", role = \"witness\"" } else { "" };
    let dns = match settings.third_is_witness && name == "ns3" {
        true => String::new(),
        false => {
            format!("[dns]\nlisten = [\"{listen}\"]\nworkers = 1\n[dns.rate_limit]\nenabled = false\n")
        }
    };
    let region = |region: &Region| {
        let (name, address) = (region.name(), region.address());
        format!(
            "[[region]]\nname = \"{name}\"\naddresses = [\"{address}\"]\n[[region.probe]]\nurl = \"http://{NAME}/health\"\n\
             interval = \"1s\"\nrecheck = \"200ms\"\ntimeout = \"500ms\"\nfall = 3\nrise = 2\n"
        )
    };
    let regions: String = regions.iter().map(region).collect();
    let rights = if node.clock.is_some() { "landlock = \"off\"\nseccomp = \"off\"\n" } else { "" };
    let anchor = anchor.address();
    format!(
        r#"
[node]
name = "{name}"
state_dir = "{folder}/state"
{rights}
{dns}
[control]
socket = "{folder}/control.sock"
[cluster]
name = "edge"
nodes = [{{ name = "ns1"{place} }}, {{ name = "ns2" }}, {{ name = "ns3"{role} }}]
etcd = {{ endpoints = [{endpoints}] }}
[[witness]]
name = "anchor"
address = "{anchor}"
tcp = 80
[[zone]]
name = "{NAME}"
file = "zone"
{regions}
[[steer]]
name = "{NAME}"
regions = ["a", "b"]
ttl = "2s"
ttl_suspect = "1s"
failback = {{ mode = "delayed", after = "2s" }}
dwell = "1s"
max_flips_per_hour = 100
"#
    )
}

fn must(command: &mut Command) {
    let output = command.output().expect("every Debian has it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
