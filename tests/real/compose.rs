//! docker-compose.yml, with the Docker engine of this machine: a region's containers stop, the user moves, and comes back;
//! three name servers decide together while name servers, members of etcd and regions are killed.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cadence_dns::zone::RecordType;

use crate::kit::place::PROGRAM;
use crate::kit::query::{ask_by_udp, query, read};

/// The longest that docker-compose waits for the engine, in seconds.
const ENGINE_MAX: &str = "600";

/// Long enough for two dozen containers to start on a busy machine, and for a failback by the settings in tests/compose.
const AMPLE: Duration = Duration::from_secs(120);

/// The `rto` in tests/compose/cadence-dns.toml, which `check` holds against the budget.
const RTO: Duration = Duration::from_secs(10);

/// What the `rto` does not cover: the client asks once a second and waits up to 3 s for a connection to a dead region,
/// unbound counts whole seconds, and the containers of a region stop one after the other.
const AROUND: Duration = Duration::from_secs(8);

/// How often something is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Everything of region us-east.
const US_EAST: [&str; 4] = ["us-east", "us-east-1", "us-east-2", "us-east-3"];

const NAMESERVERS: [&str; 3] = ["ns1", "ns2", "ns3"];

#[test]
#[ignore = "needs Docker with docker-compose 1.29 or its v2 plugin: tests/run.sh"]
fn the_user_moves_when_a_region_stops_and_comes_back() {
    let project = Project::up(&[], "client");
    project.wait_for_region("us-east");
    project.wait_until("the health check passes", |project| project.health("cadence-dns") == "healthy");

    // The balancer first: from then on the region refuses, and the time that the others take does not count.
    project.must(&["kill", "us-east"]);
    let dead = Instant::now();
    project.wait_for_region("eu-west");
    let moved = dead.elapsed();
    println!("the user was moved after {moved:.1?}; the rto is {RTO:?}");
    assert!(moved <= RTO + AROUND, "the user was moved after {moved:?}; the rto is {RTO:?}");
    project.must(&[&["stop", "--timeout", "1"], &US_EAST[..]].concat());
    let status = project.on("cadence-dns", &["status"]);
    assert!(status.contains("eu-west"), "status does not say who is served:\n{status}");

    project.must(&[&["start"], &US_EAST[..]].concat());
    project.wait_for_region("us-east");
}

#[test]
#[ignore = "needs Docker with docker-compose 1.29 or its v2 plugin: tests/run.sh"]
fn three_name_servers_go_on_together_while_things_are_killed() {
    let project = Project::up(&["cluster"], "cluster-client");
    project.wait_for_region("us-east");
    project.wait_until("all are heard", |project| {
        NAMESERVERS.iter().all(|node| project.sees(node, "together, 3 of 3 nodes are heard"))
    });

    let failover =
        ["failover", "cadence.example.com", "--to", "eu-west", "--for", "10m", "--reason", "drill", "--yes"];
    let before = project.answers()[0].clone();
    project.on("ns1", &failover);
    project.wait_until("all answer what ns1 was told", |project| {
        let answers = project.answers();
        answers.iter().all(|answer| *answer != before && *answer == answers[0])
    });
    project.wait_for_region("eu-west");
    project.on("ns3", &["override", "clear", "all", "--reason", "drill", "--yes"]);
    project.wait_for_region("us-east");

    project.must(&["kill", "ns2", "etcd2"]);
    project.wait_until("ns2 is missed, and so is etcd2", |project| {
        project.sees("ns3", "STALE") && project.sees("ns3", "together, 2 of 3 nodes are heard")
    });
    let lines = project.client_after(Duration::from_secs(6));
    let lost = lines.lines().filter(|line| !line.contains(" us-east ")).count();
    assert!(lost <= 1, "the user missed ns2:\n{lines}"); // a resolver asks a dead server once in a while, and then another
    project.must(&["start", "ns2", "etcd2"]);
    project.wait_until("ns2 is back", |project| project.sees("ns1", "together, 3 of 3 nodes are heard"));

    // The name server in the region dies with it, and its vote is not missed.
    project.must(&["kill", "us-east", "ns1"]);
    let dead = Instant::now();
    project.wait_for_region("eu-west");
    let moved = dead.elapsed();
    println!("the user of the cluster was moved after {moved:.1?}; the rto is {RTO:?}");
    assert!(moved <= RTO + AROUND, "the user was moved after {moved:?}; the rto is {RTO:?}");
    assert!(project.sees("ns3", "DOWN"), "status does not say what is down");
    project.must(&["start", "us-east", "ns1"]);
    project.wait_for_region("us-east");
}

/// The images: the surroundings as the Dockerfile has them, and the name server from the program that was built for the
/// tests. Only the base image comes from elsewhere.
fn build_images(tag: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(root.join("tests/compose/base-images.sh")).arg("debian").status();
    assert!(made.expect("the script is executable").success(), "the base image cannot be made");
    docker_build(root, &["--target", "surroundings", "--tag", &format!("cadence-dns-surroundings:{tag}")]);
    let runtime = format!("cadence-dns-runtime:{tag}");
    docker_build(root, &["--target", "runtime", "--tag", &runtime]);
    let context = tempfile::tempdir().expect("a folder");
    fs::copy(PROGRAM, context.path().join("cadence-dns")).expect("the program was built");
    let text = format!("FROM {runtime}\nCOPY cadence-dns /usr/local/bin/cadence-dns\n");
    fs::write(context.path().join("Dockerfile"), text).expect("our folder");
    docker_build(context.path(), &["--tag", &format!("cadence-dns:{tag}")]);
}

fn docker_build(context: &Path, arguments: &[&str]) {
    let output = Command::new("docker").arg("build").args(arguments).arg(context).output();
    let Output { status, stdout, stderr } = output.expect("tests/run.sh installs docker");
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "docker build {arguments:?} failed:\n{said}{complained}");
}

/// The containers of one run; removed when dropped.
struct Project {
    name: String,
    /// Its ports on this machine begin here.
    port: u16,
    /// Besides those that always start.
    profiles: Vec<&'static str>,
    /// The service that prints which region answers.
    client: &'static str,
    program: &'static [&'static str],
}

impl Project {
    fn up(profiles: &[&'static str], client: &'static str) -> Project {
        let program: &[&str] = if has_plugin() { &["docker", "compose"] } else { &["docker-compose"] };
        let number = std::process::id();
        let port =
            u16::try_from(20_000 + number % 1_200 * 10).expect("below the ports that the system gives");
        let name = format!("cadence-dns-test-{number}-{client}");
        let port = if profiles.is_empty() { port } else { port + 5 };
        let project = Project { name, port, profiles: profiles.to_vec(), client, program };
        build_images(&project.name);
        project.must(&["up", "--detach", "--no-build"]);
        project
    }

    fn wait_for_region(&self, region: &str) {
        self.wait_until(&format!("the client is answered by {region}"), |project| {
            project.last_line_of_client().contains(&format!(" {region} "))
        });
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Project) -> bool) {
        let deadline = Instant::now() + AMPLE;
        while !holds(self) {
            if Instant::now() > deadline {
                let logs = self.must(&["logs", "--no-color", "--tail", "20"]);
                panic!("waited {AMPLE:?} in vain: {what}\n{logs}");
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn last_line_of_client(&self) -> String {
        self.must(&["logs", "--no-color", "--tail", "1", self.client])
    }

    /// What the client prints from now on for a while.
    fn client_after(&self, span: Duration) -> String {
        thread::sleep(span); // what is looked for is that nothing happens meanwhile
        let lines = (span.as_secs() - 1).to_string();
        self.must(&["logs", "--no-color", "--tail", &lines, self.client])
            .lines()
            .filter(|line| line.contains('|'))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// What Docker thinks of a service's container.
    fn health(&self, service: &str) -> String {
        let id = self.must(&["ps", "--quiet", service]);
        let inspect = ["inspect", "--format", "{{.State.Health.Status}}", id.trim()];
        let output = Command::new("docker").args(inspect).output().expect("docker was there a moment ago");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A command of the program on a name server, as the comment in docker-compose.yml has it.
    fn on(&self, node: &str, arguments: &[&str]) -> String {
        self.must(&[&["exec", "-T", node, "cadence-dns"], arguments].concat())
    }

    /// Whether a name server says this of the cluster.
    fn sees(&self, node: &str, words: &str) -> bool {
        let output = self.run(&["exec", "-T", node, "cadence-dns", "status", "--cluster"]);
        String::from_utf8_lossy(&output.stdout).contains(words) // until it listens it says nothing
    }

    /// What each name server of the cluster answers.
    fn answers(&self) -> Vec<String> {
        let answer = |number: u16| {
            let server = SocketAddr::from(([127, 0, 0, 1], self.port + number));
            let reply = read(&ask_by_udp(server, &query(7, "cadence.example.com", RecordType::A)));
            reply.answers.iter().map(|record| record.data.to_string()).collect::<Vec<String>>().join(" ")
        };
        [1, 2, 3].map(answer).into()
    }

    fn must(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{arguments:?} failed:\n{said}{complained}");
        said.into_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let (program, first) = self.program.split_first().expect("a command has a name");
        let ports = [
            "CADENCE_DNS_PORT",
            "CADENCE_DNS_NS1_PORT",
            "CADENCE_DNS_NS2_PORT",
            "CADENCE_DNS_NS3_PORT",
            "CADENCE_DNS_API_PORT",
        ];
        let mut command = Command::new(program);
        command.args(first).args(["--project-name", &self.name]);
        command.args(self.profiles.iter().flat_map(|profile| ["--profile", profile]));
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("COMPOSE_HTTP_TIMEOUT", ENGINE_MAX).env("CADENCE_DNS_TAG", &self.name);
        command.envs(ports.iter().zip(self.port..).map(|(name, port)| (name, port.to_string())));
        command.stdin(Stdio::null()).output().expect("docker-compose is there; tests/run.sh installs it")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // Best effort: the reason why a test fails matters more than what is left.
        let _ = self.run(&["down", "--timeout", "1", "--volumes", "--rmi", "all"]);
        let _ = Command::new("docker").args(["rmi", &format!("cadence-dns-runtime:{}", self.name)]).output();
    }
}

fn has_plugin() -> bool {
    let version = Command::new("docker").args(["compose", "version"]).output();
    version.is_ok_and(|output| output.status.success())
}
