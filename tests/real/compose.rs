//! docker-compose.yml, with the Docker engine of this machine: a region's containers stop, the user moves, and comes back.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::place::PROGRAM;

/// The longest that docker-compose waits for the engine, in seconds.
const ENGINE_MAX: &str = "600";

/// Long enough for a dozen containers to start on a busy machine, and for a failback by the settings in tests/compose.
const AMPLE: Duration = Duration::from_secs(90);

/// The `rto` in tests/compose/cadence-dns.toml, which `check` holds against the budget.
const RTO: Duration = Duration::from_secs(10);

/// What the `rto` does not cover: the client asks once a second and waits up to 3 s for a connection to a dead region,
/// unbound counts whole seconds, and the containers of a region stop one after the other.
const AROUND: Duration = Duration::from_secs(8);

/// How often the client's last line is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Everything of region us-east.
const US_EAST: [&str; 4] = ["us-east", "us-east-1", "us-east-2", "us-east-3"];

#[test]
#[ignore = "needs Docker with docker-compose 1.29 or its v2 plugin: tests/run.sh"]
fn the_user_moves_when_a_region_stops_and_comes_back() {
    let project = Project::up();
    project.wait_for_region("us-east");
    project.wait_until("the health check passes", |project| project.health() == "healthy");

    // The balancer first: from then on the region refuses, and the time that the others take does not count.
    project.must(&["kill", "us-east"]);
    let dead = Instant::now();
    project.wait_for_region("eu-west");
    let moved = dead.elapsed();
    println!("the user was moved after {moved:.1?}; the rto is {RTO:?}");
    assert!(moved <= RTO + AROUND, "the user was moved after {moved:?}; the rto is {RTO:?}");
    project.must(&[&["stop", "--timeout", "1"], &US_EAST[..]].concat());
    let status = project.must(&STATUS);
    assert!(status.contains("eu-west"), "status does not say who is served:\n{status}");

    project.must(&[&["start"], &US_EAST[..]].concat());
    project.wait_for_region("us-east");
}

/// `cadence-dns status` inside its container, as the comment in docker-compose.yml has it.
const STATUS: [&str; 7] =
    ["exec", "-T", "cadence-dns", "cadence-dns", "status", "--config", "/etc/cadence-dns/cadence-dns.toml"];

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

/// What is mounted, each with addresses in it.
const FILES: [&str; 6] = [
    "cadence-dns.toml",
    "cadence.example.com.zone",
    "example.com.zone",
    "root.hints",
    "root.zone",
    "unbound.conf",
];

/// The containers of one run; removed when dropped.
struct Project {
    name: String,
    /// The first half of all addresses, which no other run on this machine has.
    net: String,
    /// tests/compose for that net.
    files: tempfile::TempDir,
    program: &'static [&'static str],
}

impl Project {
    fn up() -> Project {
        let program: &[&str] = if has_plugin() { &["docker", "compose"] } else { &["docker-compose"] };
        let number = std::process::id();
        let net = format!("10.{}", 200 + number % 50);
        let files = tempfile::tempdir().expect("a folder");
        for file in FILES {
            let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose").join(file);
            let text = fs::read_to_string(text).expect("a file of the repository");
            fs::write(files.path().join(file), text.replace("10.253", &net)).expect("our folder");
        }
        // Other users read them.
        let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(files.path()).status();
        assert!(opened.expect("chmod is everywhere").success());
        let project = Project { name: format!("cadence-dns-test-{number}"), net, files, program };
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
                let logs = self.must(&["logs", "--no-color", "--tail", "20", "cadence-dns", "client"]);
                panic!("waited {AMPLE:?} in vain: {what}\n{logs}");
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn last_line_of_client(&self) -> String {
        self.must(&["logs", "--no-color", "--tail", "1", "client"])
    }

    /// What Docker thinks of the name server's container.
    fn health(&self) -> String {
        let id = self.must(&["ps", "--quiet", "cadence-dns"]);
        let inspect = ["inspect", "--format", "{{.State.Health.Status}}", id.trim()];
        let output = Command::new("docker").args(inspect).output().expect("docker was there a moment ago");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn must(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{arguments:?} failed:\n{said}{complained}");
        said.into_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let (program, first) = self.program.split_first().expect("a command has a name");
        Command::new(program)
            .args(first)
            .args(["--project-name", &self.name])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("COMPOSE_HTTP_TIMEOUT", ENGINE_MAX)
            .env("CADENCE_DNS_TAG", &self.name)
            .env("CADENCE_DNS_NET", &self.net)
            .env("CADENCE_DNS_FILES", self.files.path())
            .env("CADENCE_DNS_PORT", (20_000 + std::process::id() % 5_000).to_string())
            .env("CADENCE_DNS_API_PORT", (25_000 + std::process::id() % 5_000).to_string())
            .stdin(Stdio::null())
            .output()
            .expect("docker-compose is there; tests/run.sh installs it")
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
