//! cadence-dns itself: the program that users run, with a configuration as they would write it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::kit::place::PROGRAM;
use crate::network::Site;
use crate::process::Process;
use crate::region::Region;
use crate::world::{NAME, Settings};

/// A name server with its files.
pub(crate) struct NameServer {
    /// Where it is asked.
    pub(crate) address: SocketAddr,
    /// The failover budget that `check` printed.
    pub(crate) budget: Duration,
    /// The part of it until the answer has changed.
    detect: Duration,
    folder: PathBuf,
    name: &'static str,
    process: Option<Process>,
}

impl NameServer {
    /// Writes its files, has them checked, and starts it on an address of the site.
    pub(crate) fn start(
        name: &'static str,
        site: &Site,
        host: u8,
        settings: &Settings,
        regions: [&Region; 2],
        authority: Option<&Path>,
        folder: &Path,
    ) -> NameServer {
        let folder = folder.join(name);
        fs::create_dir(&folder).expect("the test's folder is writable");
        let address: SocketAddr = format!("{}:53", site.v4(host)).parse().expect("an address");
        fs::write(folder.join("zone"), zone(&site.v4(host))).expect("the test's folder is writable");
        let text = configuration(name, &folder, address, settings, regions, authority);
        fs::write(folder.join("cadence-dns.toml"), text).expect("the test's folder is writable");
        let (budget, detect) = checked_budget(&folder.join("cadence-dns.toml"));
        let mut server = NameServer { address, budget, detect, folder, name, process: None };
        server.run(site);
        server
    }

    /// Starts the daemon, which must not run.
    pub(crate) fn run(&mut self, site: &Site) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(self.folder.join("cadence-dns.toml"));
        self.process = Some(Process::start(site.namespace(), "cadence-dns", &self.folder, command));
    }

    /// Until when a real death must have changed the answer: what `check` calls `detect`, and a tenth.
    pub(crate) fn detect_allowed(&self) -> Duration {
        self.detect * 11 / 10
    }

    /// From now on it shares the first processor with whoever is there, at the lowest priority.
    pub(crate) fn starve(&self) {
        let id = self.process.as_ref().expect("it runs").id();
        let threads = fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
        let threads = threads.map(|thread| thread.expect("it runs").file_name());
        must(Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", "0", &id.to_string()]));
        must(Command::new("renice").args(["-n", "19", "-p"]).args(threads));
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGSTOP or SIGCONT, as a machine that is suspended or overloaded does.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    /// What `status --output json` says.
    pub(crate) fn status(&self) -> serde_json::Value {
        let mut command = Command::new(PROGRAM);
        command.arg("status").arg("--config").arg(self.folder.join("cadence-dns.toml"));
        let output = command.args(["--output", "json"]).output().expect("the program was built");
        serde_json::from_slice(&output.stdout).expect("status prints JSON")
    }
}

fn zone(address: &str) -> String {
    format!("@ 60 SOA ns1 hostmaster 1 1h 10m 1w 1\n@ 60 NS ns1\nns1 60 A {address}\n")
}

fn configuration(
    name: &str,
    folder: &Path,
    listen: SocketAddr,
    settings: &Settings,
    regions: [&Region; 2],
    authority: Option<&Path>,
) -> String {
    let folder = folder.display();
    let regions_toml: String = regions.iter().map(|one| region(one, settings, authority)).collect();
    let [first, second] = regions.map(|one| one.name);
    let steer = settings.steer;
    format!(
        r#"
[node]
name = "{name}"
state_dir = "{folder}/state"
[dns]
listen = ["{listen}"]
workers = 1
# A few clients of ours ask as often as thousands would.
[dns.rate_limit]
enabled = false
[control]
socket = "{folder}/control.sock"
[[zone]]
name = "{NAME}"
file = "zone"
{regions_toml}
[[steer]]
name = "{NAME}"
regions = ["{first}", "{second}"]
{steer}
"#
    )
}

fn region(region: &Region, settings: &Settings, authority: Option<&Path>) -> String {
    let Region { name, .. } = region;
    let [v4, v6] = region.addresses();
    let scheme = if authority.is_some() { "https" } else { "http" };
    let trust = authority.map(|file| format!("ca_file = \"{}\"", file.display())).unwrap_or_default();
    let Settings { probe, min_up, .. } = settings;
    let max_age = settings.max_age.as_millis();
    format!(
        r#"
[[region]]
name = "{name}"
addresses = ["{v4}", "{v6}"]
min_up = "{min_up}"
[[region.probe]]
url = "{scheme}://{NAME}/health"
expect = {{ status = "200", json = {{ "/status" = "ok" }}, fresh = {{ pointer = "/time", max_age = "{max_age}ms" }} }}
{trust}
{probe}
"#
    )
}

/// Runs a command that must succeed.
fn must(command: &mut Command) {
    let output = command.output().expect("every Debian has it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `check`, which is as strict as the start, and takes the budget and its `detect` from what it prints.
fn checked_budget(config: &Path) -> (Duration, Duration) {
    let output = Command::new(PROGRAM)
        .args(["check", "--config"])
        .arg(config)
        .output()
        .expect("the program was built");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "check refuses the configuration:\n{text}{errors}");
    spans_in(&text).unwrap_or_else(|| panic!("check prints no budget for {NAME}:\n{text}{errors}"))
}

/// Reads `cadence.example.com  budget 37s  = … = 13.5s to detect; …`.
fn spans_in(text: &str) -> Option<(Duration, Duration)> {
    let line = text.lines().find(|line| line.trim_start().starts_with(NAME) && line.contains("budget"))?;
    let (_, rest) = line.split_once("budget")?;
    let (before, _) = line.split_once(" to detect")?;
    Some((span(rest.split_whitespace().next()?)?, span(before.split_whitespace().last()?)?))
}

fn span(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok())
}
