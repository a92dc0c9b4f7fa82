//! A bare Debian whose first process is systemd, in a container.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Debian with systemd, what a newcomer asks with, and what the far end is made of.
const IMAGE: &str = "
FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends systemd bind9-dnsutils python3-minimal \
    libpython3-stdlib && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGRTMIN+3
CMD [\"/lib/systemd/systemd\"]
";

/// What systemd needs to look after services; none of it is for the name server.
const RIGHTS: [&str; 6] = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "IPC_LOCK", "SYS_NICE", "AUDIT_CONTROL"];

/// Answers `/health` at every address.
const FAR_END: &str = "
import datetime, http.server, json
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({\"status\": \"ok\", \"time\": datetime.datetime.utcnow().isoformat() + \"Z\"}).encode()
        self.send_response(200)
        self.send_header(\"Content-Length\", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer((\"0.0.0.0\", 8000), Health).serve_forever()
";

/// Asks until it is ended; a query that has no answer after two seconds is lost.
const CLIENT: &str = "
import signal, socket, sys
asked = lost = 0
def end(*_):
    open(\"/tmp/asked\", \"w\").write(f\"{asked} {lost}\")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
name = b\"\".join(bytes([len(label)]) + label for label in b\"cadence.example.com\".split(b\".\")) + b\"\\0\"
while True:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect((\"127.0.0.1\", 53))
        asked += 1
        try:
            client.send(b\"\\0\\7\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\" + name + b\"\\0\\1\\0\\1\")
            lost += client.recv(512)[3] & 15 != 0
        except OSError:
            lost += 1
";

/// How often is looked whether something has come true.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A container; removed when dropped.
pub(super) struct Machine {
    name: String,
}

impl Machine {
    /// Starts one with these files in `/packages`.
    pub(super) fn start(packages: &[&str]) -> Machine {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        must_run(root.join("tests/compose/base-images.sh").to_str().expect("a plain name"), &["debian"]);
        let context = tempfile::tempdir().expect("a folder");
        std::fs::write(context.path().join("Dockerfile"), IMAGE).expect("our folder");
        let context = context.path().to_str().expect("a plain name");
        must_run("docker", &["build", "--quiet", "--tag", "cadence-dns-test-systemd", context]);
        let machine = Machine { name: format!("cadence-dns-test-debian-{}", std::process::id()) };
        let mut arguments =
            vec!["run", "--detach", "--tty", "--name", &machine.name, "--env", "container=docker"];
        arguments.extend(["--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]);
        arguments.extend(["--security-opt", "seccomp=unconfined"]);
        arguments.extend(["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"]);
        arguments.extend(RIGHTS.iter().flat_map(|right| ["--cap-add", right]));
        arguments.push("cadence-dns-test-systemd");
        must_run("docker", &arguments);
        machine.must("mkdir /packages");
        for package in packages {
            must_run("docker", &["cp", package, &format!("{}:/packages/", machine.name)]);
        }
        machine.wait_for("systemctl is-system-running", "running", 60);
        machine
    }

    /// What its regions answer.
    pub(super) fn start_far_end(&self) {
        self.must(&format!("systemd-run --unit far-end python3 -c '{FAR_END}'"));
        let up =
            "python3 -c 'import socket; socket.create_connection((\"127.0.0.10\", 8000)); print(\"up\")'";
        self.wait_for(up, "up", 20);
    }

    /// What a shell says; it must end well.
    pub(super) fn must(&self, script: &str) -> String {
        let Output { status, stdout, stderr } = self.shell("-ec", script);
        let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{script}\n{said}{complained}");
        said.into_owned()
    }

    /// Whether a shell ends well.
    pub(super) fn succeeds(&self, script: &str) -> bool {
        self.shell("-ec", script).status.success()
    }

    /// Asks one query after another from now on.
    pub(super) fn ask_all_the_time(&self) {
        self.must(&format!("rm -f /tmp/asked; systemd-run --unit client python3 -c '{CLIENT}'"));
        self.wait_for("systemctl is-active client", "active", 20);
    }

    /// How many were asked until now, and how many of them had no answer.
    pub(super) fn stop_asking(&self) -> (u64, u64) {
        self.must("systemctl stop client");
        let told = self.must("cat /tmp/asked");
        let mut numbers = told.split_whitespace().map(|word| word.parse().expect("a number"));
        (numbers.next().expect("two"), numbers.next().expect("two"))
    }

    /// What a shell says once it ends well: a service that was started may need a moment.
    pub(super) fn soon(&self, script: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let Output { status, stdout, .. } = self.shell("-ec", script);
            if status.success() {
                return String::from_utf8_lossy(&stdout).into_owned();
            }
            thread::sleep(LOOK_EVERY);
        }
        self.must(script)
    }

    /// What a shell says, however it ends.
    pub(super) fn tells(&self, script: &str) -> String {
        String::from_utf8_lossy(&self.shell("-c", script).stdout).into_owned()
    }

    /// Until a shell says it.
    pub(super) fn wait_for(&self, script: &str, wanted: &str, seconds: u64) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while !self.tells(script).contains(wanted) {
            if Instant::now() > deadline {
                let log = self.tells("journalctl --no-pager --lines 40 --unit cadence-dns");
                panic!("{script} has not said {wanted:?} for {seconds} s:\n{}\n{log}", self.tells(script));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// The number of the daemon's process.
    pub(super) fn process(&self) -> String {
        self.must("systemctl show --value --property MainPID cadence-dns")
    }

    fn shell(&self, how: &str, script: &str) -> Output {
        let mut command = Command::new("docker");
        command.args(["exec", "--env", "DEBIAN_FRONTEND=noninteractive", &self.name, "sh", how, script]);
        command.stdin(Stdio::null()).output().expect("docker was there a moment ago")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Best effort: the reason why a test fails matters more than what is left.
        let _ = Command::new("docker").args(["rm", "--force", &self.name]).output();
    }
}

/// What a program says; it must end well.
pub(super) fn must_run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{program} {arguments:?}\n{said}{complained}");
    said.into_owned()
}
