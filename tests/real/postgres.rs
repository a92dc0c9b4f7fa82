//! Gates that ask a primary and its replica of PostgreSQL, and a hook that promotes the replica.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::certificates::Authority;
use crate::kit::place::{Place, free_port};
use crate::kit::process::{Here, Process, wait_until};
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

/// Where Debian keeps the programs of a version.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Whom the gates are, with a password and no right but to log in.
const PASSWORD: &str = "s3cr3t";

/// A server and its data.
struct Server {
    address: SocketAddr,
    data: PathBuf,
    process: Option<Process>,
}

/// A program of PostgreSQL, as the user that Debian has for it: none of them wants to be root.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(format!("{PROGRAMS}/{name}"));
    command.current_dir("/");
    command
}

fn must(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("tests/run.sh installs it");
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

impl Server {
    /// A primary that nobody has written to.
    fn primary(folder: &Path) -> Server {
        let server = Server::at(folder, "primary");
        let data = &server.data;
        must(program("initdb").args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]).arg(data));
        let hba = "host all postgres 127.0.0.0/8 trust\nhost replication postgres 127.0.0.0/8 trust\n\
                   host all monitor 127.0.0.0/8 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), hba).expect("we are root");
        server.started(&[])
    }

    /// A replica of it that has everything.
    fn replica(folder: &Path, primary: &Server, settings: &[&str]) -> Server {
        let server = Server::at(folder, "replica");
        let from = format!("host={} port={} user=postgres", primary.address.ip(), primary.address.port());
        let mut copy = program("pg_basebackup");
        copy.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-d", &from, "-D"])
            .arg(&server.data);
        must(&mut copy);
        let server = server.started(settings);
        server.wait_for("SELECT count(*) FROM pg_stat_wal_receiver", "1");
        server
    }

    fn at(folder: &Path, name: &str) -> Server {
        let data = folder.join(name);
        fs::create_dir(&data).expect("our folder");
        must(Command::new("chown").arg("postgres:").arg(&data));
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("our folder");
        Server { address: free_port(), data, process: None }
    }

    fn started(mut self, settings: &[&str]) -> Server {
        let mut command = program("postgres");
        command.arg("-D").arg(&self.data).args(["-p", &self.address.port().to_string()]);
        let listen = format!("listen_addresses={}", self.address.ip());
        // It does not outlive the test, so nothing has to reach the disk.
        let usual =
            [listen.as_str(), "unix_socket_directories=", "fsync=off", "wal_retrieve_retry_interval=100ms"];
        for setting in usual.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        let folder = self.data.parent().expect("the test's folder");
        let name = self.data.file_name().expect("a name").to_string_lossy().into_owned();
        self.process = Some(Process::start(&Here, &name, folder, command));
        wait_until("the server answers", AMPLE, || self.ask("SELECT 1").is_some_and(|answer| answer == "1"));
        self
    }

    /// As its superuser; none if it does not answer.
    fn ask(&self, sql: &str) -> Option<String> {
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let mut psql = program("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"]);
        let output =
            psql.args(["-h", &host, "-p", &port, "-c", sql]).output().expect("tests/run.sh installs it");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn must(&self, sql: &str) -> String {
        self.ask(sql).unwrap_or_else(|| panic!("{sql}: refused"))
    }

    fn wait_for(&self, sql: &str, answer: &str) {
        wait_until(sql, AMPLE, || self.ask(sql).is_some_and(|told| told == answer));
    }

    /// Its main process alone: its children have groups of their own.
    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    /// All connections end, as of a machine that is switched off.
    fn die(&mut self) {
        self.signal(Signal::QUIT);
        self.process.as_mut().expect("it runs").wait_for_end(AMPLE);
        self.process = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // An orderly end: what it has in shared memory goes with it.
            process.signal(Signal::CONT);
            process.signal(Signal::QUIT);
            let deadline = Instant::now() + Duration::from_secs(10);
            while self.data.join("postmaster.pid").exists() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A primary in the preferred region and its replica in the standby, with a gate before each.
struct Scene {
    steered: Steered,
    primary: Server,
    replica: Server,
    _folder: tempfile::TempDir,
}

/// Quick, so that a test takes seconds.
const TIMES: &str = "interval = \"1s\"\ntimeout = \"1s\"\nstale_after = \"5s\"\n";

impl Scene {
    /// With these conditions of the standby's gate, and further tables.
    fn new(conditions: &str, settings: &[&str], tables: &str) -> Scene {
        let folder = tempfile::tempdir().expect("the machine has a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our folder");
        let primary = Server::primary(folder.path());
        primary.must(&format!("CREATE USER monitor PASSWORD '{PASSWORD}'"));
        primary.must("CREATE TABLE t (n int)");
        let replica = Server::replica(folder.path(), &primary, settings);
        let place = Place::new();
        place.write("password", PASSWORD);
        let gate = |name: &str, region: &str, server: &Server, conditions: &str, policy: &str| {
            let (host, port) = (server.address.ip(), server.address.port());
            format!(
                "[[gate]]\nname = \"{name}\"\nregion = \"{region}\"\npolicy = \"{policy}\"\n{TIMES}postgres = {{ \
                 host = \"{host}\", port = {port}, user = \"monitor\", password_file = \"password\", tls = false{conditions} }}\n"
            )
        };
        let gates = gate("primary", PREFERRED, &primary, "", "warn")
            + &gate("lag", STANDBY, &replica, conditions, "block");
        let tables = tables
            .replace("FOLDER", &folder.path().display().to_string())
            .replace("PRIMARY", &connection(&primary))
            .replace("REPLICA", &connection(&replica));
        let scene = Scene {
            steered: Steered::start_at(place, &format!("{gates}{tables}")),
            primary,
            replica,
            _folder: folder,
        };
        scene.wait_for("green", "");
        scene
    }

    /// Waits until the standby's gate shows this, for a reason with these words.
    fn wait_for(&self, light: &str, says: &str) -> String {
        let told = || {
            let status = self.steered.place.status_json();
            let gate = status["gates"].as_array()?.iter().find(|gate| gate["gate"] == "lag").cloned()?;
            Some((gate["light"].as_str()?.to_owned(), gate["says"].as_str()?.to_owned()))
        };
        let is_wanted = |told: &(String, String)| told.0 == light && told.1.contains(says);
        wait_until(&format!("the gate is {light}: {says}"), AMPLE, || {
            told().is_some_and(|told| is_wanted(&told))
        });
        told().map(|(_, says)| says).unwrap_or_default()
    }

    /// Waits until `status` warns of this.
    fn wait_for_warning(&self, text: &str) {
        wait_until(text, AMPLE, || {
            let shown = self.steered.place.status();
            String::from_utf8_lossy(&shown.output.stdout).contains(text)
        });
    }

    fn hold(&self) -> Value {
        self.steered.place.status_json()["names"][0]["wait"]["hold"].clone()
    }

    fn wait_for_hold(&self) {
        wait_until("the name waits for the gate", AMPLE, || self.hold()["gate"] == "lag");
    }

    /// The whole region dies, its database with it.
    fn lose_preferred(&mut self) {
        self.primary.die();
        self.steered.preferred.die();
    }
}

fn connection(server: &Server) -> String {
    format!("host={} port={} dbname=postgres user=postgres", server.address.ip(), server.address.port())
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_region_that_dies_is_left_for_one_whose_replica_has_everything() {
    let mut scene = Scene::new(", role = \"replica\", lag = \"2s\", lag_bytes = 0", &[], "");
    scene.primary.must("INSERT INTO t SELECT generate_series(1, 1000)");
    scene.wait_for("green", "0 bytes behind");
    scene.lose_preferred();
    scene.steered.wait_for(STANDBY);
    let status = scene.steered.place.status_json();
    assert_eq!(status["names"][0]["epoch"], 2, "{status}");
    // Nothing goes back by itself where data is behind a gate, though the file does not say so.
    scene.steered.preferred.revive();
    wait_until("it waits for an operator", AMPLE, || scene.hold() == "manual-failback");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_replica_that_lags_keeps_its_region_closed_until_it_has_caught_up() {
    let mut scene = Scene::new(", lag = \"1s\"", &[], "");
    scene.replica.must("SELECT pg_wal_replay_pause()");
    scene.replica.wait_for("SELECT pg_get_wal_replay_pause_state()", "paused");
    scene.primary.must("INSERT INTO t VALUES (1)");
    let says = scene.wait_for("red", "replay lag");
    assert!(says.ends_with("> 1 s"), "{says}");
    scene.lose_preferred();
    scene.wait_for_hold();
    let kept = scene.steered.answered();
    assert_eq!(kept, [scene.steered.preferred.address()], "a dead answer is the operator's own word");
    scene.replica.must("SELECT pg_wal_replay_resume()");
    scene.steered.wait_for(STANDBY);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_replica_that_applies_late_is_as_far_behind_as_it_applies_late() {
    let scene = Scene::new(", lag = \"1s\"", &["recovery_min_apply_delay=1min"], "");
    scene.primary.must("INSERT INTO t VALUES (1)");
    scene.wait_for("red", "replay lag");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn broken_replication_is_no_standby_though_nobody_writes() {
    let scene = Scene::new(", lag_bytes = 0", &[], "");
    scene.replica.must("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
    scene.replica.must("SELECT pg_reload_conf()");
    scene.wait_for("red", "replication is broken: it receives nothing from us-east");
    // What it would lack if the primary died now is told before that happens.
    scene.primary.must("INSERT INTO t VALUES (1)");
    scene.wait_for_warning("no region could take over from us-east now: gate lag says replay lag");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_dead_primary_takes_with_it_what_its_replica_lacks() {
    let mut scene = Scene::new(", lag_bytes = 64", &[], "");
    scene.replica.must("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
    scene.replica.must("SELECT pg_reload_conf()");
    scene.wait_for("red", "replication is broken");
    scene.primary.must("INSERT INTO t SELECT generate_series(1, 1000)");
    let known = || {
        let status = scene.steered.place.status_json();
        status["gates"].as_array().is_some_and(|gates| {
            gates[0]["says"]
                .as_str()
                .is_some_and(|says| says.contains(&scene.primary.must("SELECT pg_current_wal_lsn()")))
        })
    };
    wait_until("the primary's position is known", AMPLE, known);
    scene.lose_preferred();
    scene.wait_for("red", "bytes > 64 bytes");
    scene.wait_for_hold();
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_replica_that_was_promoted_is_none_any_more() {
    let scene = Scene::new(", role = \"replica\"", &[], "");
    assert_eq!(scene.replica.must("SELECT pg_promote()"), "t");
    scene.wait_for("red", "it is a primary, not a replica");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_server_that_is_away_hangs_or_refuses_us_is_unknown_and_says_which() {
    let mut scene = Scene::new(", lag = \"5s\"", &[], "");
    scene.replica.signal(Signal::STOP);
    scene.wait_for("unknown", "no answer within 1 s");
    scene.replica.signal(Signal::CONT);
    scene.wait_for("green", "replica");
    // Read again each time: no restart, and the old one is not kept.
    scene.steered.place.write("password", "h0pper");
    scene.wait_for("unknown", "password authentication failed for user \"monitor\"");
    let log = scene.steered.daemon.log();
    assert!(!log.contains("h0pper") && !log.contains(PASSWORD), "{log}");
    scene.steered.place.write("password", PASSWORD);
    scene.wait_for("green", "replica");
    scene.replica.die();
    scene.wait_for("unknown", "onnection refused");
    scene.lose_preferred();
    scene.wait_for_hold();
}

/// With a password by SCRAM, bound to the channel.
#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn a_server_proves_who_it_is() {
    let folder = tempfile::tempdir().expect("the machine has a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our folder");
    let primary = Server::primary(folder.path());
    primary.must(&format!("CREATE USER monitor PASSWORD '{PASSWORD}'"));
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    [&ours, &theirs].into_iter().for_each(|folder| fs::create_dir(folder).expect("our folder"));
    let [authority, stranger] = [&ours, &theirs].map(|folder| Authority::new(folder));
    let pem = primary.data.join("server.pem");
    authority.sign_for(&primary.address.ip().to_string(), &pem, 2099);
    must(Command::new("chown").arg("postgres:").arg(&pem));
    fs::set_permissions(&pem, fs::Permissions::from_mode(0o600)).expect("our folder");
    for setting in ["ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.pem'", "ssl = on"] {
        primary.must(&format!("ALTER SYSTEM SET {setting}"));
    }
    let hba = "host all postgres 127.0.0.0/8 trust\nhostssl all monitor 127.0.0.0/8 scram-sha-256\n";
    fs::write(primary.data.join("pg_hba.conf"), hba).expect("our folder");
    primary.must("SELECT pg_reload_conf()");
    let place = Place::new();
    place.write("password", PASSWORD);
    let gate = |name: &str, tls: &str| {
        let (host, port) = (primary.address.ip(), primary.address.port());
        format!(
            "[[gate]]\nname = \"{name}\"\nregion = \"{STANDBY}\"\n{TIMES}postgres = {{ host = \"{host}\", \
             port = {port}, user = \"monitor\", password_file = \"password\", {tls} }}\n"
        )
    };
    let with = |name: &str, authority: &Authority| {
        gate(name, &format!("ca_file = \"{}\"", authority.file.display()))
    };
    let gates = with("right", &authority) + &with("wrong", &stranger) + &gate("plain", "tls = false");
    let steered = Steered::start_at(place, &gates);
    let says = |name: &str, light: &str, says: &str| {
        wait_until(&format!("{name} is {light}: {says}"), AMPLE, || {
            let status = steered.place.status_json();
            let gates = status["gates"].as_array().cloned().unwrap_or_default();
            gates.iter().any(|gate| {
                gate["gate"] == *name
                    && gate["light"] == *light
                    && gate["says"].as_str().is_some_and(|told| told.contains(says))
            })
        });
    };
    says("right", "green", "primary, at ");
    says("wrong", "unknown", "invalid peer certificate");
    says("plain", "unknown", "no pg_hba.conf entry");
}

/// The sample, word for word as it is installed.
#[test]
#[ignore = "needs PostgreSQL: tests/run.sh"]
fn the_sample_hook_promotes_the_replica_and_refuses_the_past() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/hooks/promote-postgresql");
    let hook = format!(
        "[[hook]]\nname = \"promote\"\nwhen = \"before\"\nmust_succeed = true\ndeadline = \"20s\"\ncommand = [\"{}\", \
         \"FOLDER/hooks\", \"{PREFERRED}=PRIMARY\", \"{STANDBY}=REPLICA\"]\n",
        sample.display()
    );
    let mut scene = Scene::new(", lag = \"5s\"", &[], &hook);
    scene.primary.must("INSERT INTO t VALUES (1)");
    scene.replica.wait_for("SELECT count(*) FROM t", "1");
    scene.lose_preferred();
    scene.steered.wait_for(STANDBY);
    let log = scene.steered.daemon.wait_for_line("hook promote (epoch 2): done", AMPLE);
    assert!(log.contains("eu-west was promoted (epoch 2)"), "{log}");
    assert_eq!(scene.replica.must("SELECT pg_is_in_recovery()"), "f");
    scene.replica.must("INSERT INTO t VALUES (2)"); // no promise of the replica's
    let folder = scene.replica.data.parent().expect("the test's folder").join("hooks");
    let run = |epoch: &str| {
        let mut command = Command::new(&sample);
        command.arg(&folder).arg(format!("{STANDBY}={}", connection(&scene.replica)));
        command.env("CADENCE_NAME", NAME).env("CADENCE_TO", STANDBY).env("CADENCE_EPOCH", epoch);
        let output = command.output().expect("it may be executed");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (code, said) = run("1");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("has epoch 1, and 2 was told before: refused"), "{said}");
    assert_eq!(run("2"), (Some(0), "eu-west has a primary already (epoch 2)\n".into()));
    assert_eq!(run("7").0, Some(0));
    assert_eq!(run("2").0, Some(3), "what was told since then counts");
}
