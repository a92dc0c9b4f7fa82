//! docker-compose.yml, with the Docker engine of this machine: a region's containers stop, the user moves, and comes back.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Builds included: the name server is compiled in a container, in seconds.
const BUILD_MAX: &str = "1800";

/// Long enough for containers to start, and for a flip or failback by the settings in tests/compose.
const AMPLE: Duration = Duration::from_secs(90);

/// How often the client's last line is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Everything of region us-east.
const US_EAST: [&str; 4] = ["us-east", "us-east-1", "us-east-2", "us-east-3"];

#[test]
#[ignore = "needs Docker with docker-compose 1.29 or its v2 plugin: tests/run.sh"]
fn the_user_moves_when_a_region_stops_and_comes_back() {
    make_base_images();
    let project = Project::up();
    project.wait_for_region("us-east");
    project.wait_until("the health check passes", |project| project.health() == "healthy");

    project.must(&[&["stop", "--timeout", "1"], &US_EAST[..]].concat());
    project.wait_for_region("eu-west");
    let status = project.must(&STATUS);
    assert!(status.contains("eu-west"), "status does not say who is served:\n{status}");

    project.must(&[&["start"], &US_EAST[..]].concat());
    project.wait_for_region("us-east");
}

/// `cadence-dns status` inside its container, as the comment in docker-compose.yml has it.
const STATUS: [&str; 7] =
    ["exec", "-T", "cadence-dns", "cadence-dns", "status", "--config", "/etc/cadence-dns/cadence-dns.toml"];

/// No registry is reachable on every machine; where the images exist already, this does nothing.
fn make_base_images() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compose/base-images.sh");
    let made = Command::new(script).status().expect("the script is executable");
    assert!(made.success(), "the base images cannot be made");
}

/// The containers of one run; removed when dropped.
struct Project {
    name: String,
    program: &'static [&'static str],
}

impl Project {
    fn up() -> Project {
        let program: &[&str] = if has_plugin() { &["docker", "compose"] } else { &["docker-compose"] };
        let project = Project { name: format!("cadence-dns-test-{}", std::process::id()), program };
        project.must(&["build", "--build-arg", "PROFILE=dev"]);
        project.must(&["up", "--detach"]);
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
            .env("COMPOSE_HTTP_TIMEOUT", BUILD_MAX)
            .stdin(Stdio::null())
            .output()
            .expect("docker-compose is there; tests/run.sh installs it")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // Best effort: the reason why a test fails matters more than what is left.
        let _ = self.run(&["down", "--timeout", "1", "--volumes", "--rmi", "local"]);
    }
}

fn has_plugin() -> bool {
    let version = Command::new("docker").args(["compose", "version"]).output();
    version.is_ok_and(|output| output.status.success())
}
