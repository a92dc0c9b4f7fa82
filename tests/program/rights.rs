//! What the daemon may still do once it answers, as the kernel says: of the process, and of each of its threads.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

use cadence_dns::zone::RecordType;
use rustix::process::Signal;

use crate::kit::demand::skip;
use crate::kit::place::{Place, chmod, is_root};
use crate::kit::process::{Process, wait_until};
use crate::kit::query::{PATIENCE, ask, ask_by_udp, client, query};
use crate::kit::steered::NAME;

/// The user that the tests have: it is on every machine, and owns nothing.
const USER: &str = "nobody";

/// Its number.
const UID: u32 = 65534;

/// A configuration that has the daemon become [`USER`]; none where only root could.
fn place_with_user() -> Option<Place> {
    if !is_root() {
        skip("only root can become another user");
        return None;
    }
    let place = Place::new();
    place.replace("[node]", &format!("[node]\nuser = \"{USER}\""));
    // Where the state and the control socket lie is made for the user when it is missing.
    place.replace("/control.sock", "/run/control.sock");
    Some(place)
}

/// The lines of a `status` in /proc that are about rights.
fn status(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path.join("status")).expect("our child");
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(key, value)| (key.to_owned(), value.trim().replace('\t', " "))).collect()
}

/// Every thread of it.
fn threads(process: &Process) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.id())).expect("our child");
    tasks.map(|task| status(&task.expect("an entry").path())).collect()
}

/// No thread can do what an ordinary user cannot, or could ever again.
fn check_threads(process: &Process, uid: u32) {
    let threads = threads(process);
    assert!(threads.len() >= 5, "the threads that answer, log and save are there: {}", threads.len());
    for thread in &threads {
        let name = &thread["Name"];
        let check = |key: &str, expected: &str| assert_eq!(thread[key], expected, "{key} of thread {name}");
        check("Uid", &format!("{uid} {uid} {uid} {uid}"));
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            check(set, "0000000000000000");
        }
        check("NoNewPrivs", "1");
        check("Seccomp", SECCOMP);
    }
}

/// By a filter, where there is a list of system calls.
pub(crate) const SECCOMP: &str =
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")) {
        "2"
    } else {
        "0"
    };

/// A certificate with its key.
fn certified() -> String {
    let key = rcgen::KeyPair::generate().expect("randomness");
    let params = rcgen::CertificateParams::new(vec!["ns1.example.com".into()]).expect("a name");
    params.self_signed(&key).expect("it signs itself").pem() + &key.serialize_pem()
}

#[test]
fn root_becomes_a_user_that_may_do_nothing_else() {
    let Some(place) = place_with_user() else { return };
    // Port 53: the sockets are taken before the rights are given up.
    let privileged = format!("{}:53", place.listen.ip());
    place.replace(&place.listen.to_string(), &privileged);
    let daemon = place.started();
    daemon.wait_for_line("running as nobody (uid 65534", PATIENCE);
    check_threads(&daemon, UID);
    for thread in threads(&daemon) {
        assert_eq!(thread["Groups"], "", "a group of root is left to {}", thread["Name"]);
    }
    // What is asked of the kernel at the start is asked while it may be.
    assert!(!daemon.log().contains("dns.unknown_sources"), "{}", daemon.log());
    let server = privileged.parse().expect("an address");
    assert_eq!(ask_by_udp(server, &query(7, NAME, RecordType::SOA))[..2], [0, 7]);
    for made in [place.state(), place.state().join("state.json"), place.socket_folder().join("control.sock")]
    {
        let found = fs::metadata(&made).unwrap_or_else(|error| panic!("{}: {error}", made.display()));
        assert_eq!(found.uid(), UID, "{}", made.display());
    }
}

#[test]
fn without_a_user_to_become_root_keeps_its_name_only() {
    if !is_root() {
        return skip("only root can stay root");
    }
    let place = Place::new();
    place.replace("[node]", "[node]\nuser = \"root\"");
    let daemon = place.started();
    check_threads(&daemon, 0);
}

#[test]
fn memory_is_not_left_in_a_core_dump() {
    let place = Place::new();
    let daemon = place.started();
    let proc = format!("/proc/{}", daemon.id());
    let limits = fs::read_to_string(format!("{proc}/limits")).expect("our child");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    // What the kernel keeps even from the process's own user belongs to root then.
    assert_eq!(fs::metadata(format!("{proc}/environ")).expect("our child").uid(), 0);
}

#[test]
fn a_user_that_there_is_not_is_named_with_its_line() {
    let place = Place::new();
    place.replace("[node]", "[node]\nuser = \"no-such-user\"");
    place.refused(&["cadence-dns.toml:2:8", "there is no user no-such-user", "useradd"]);
}

#[test]
fn only_root_can_become_another_user() {
    let place = Place::new();
    place.replace("[node]", "[node]\nuser = \"root\"");
    place.refused_as_nobody_to_start(&["cannot become root", "start it as root"]);
}

#[test]
fn a_state_folder_that_the_user_cannot_write_is_named() {
    let Some(place) = place_with_user() else { return };
    fs::create_dir(place.state()).expect("the folder is writable");
    chmod(&place.state(), 0o755);
    place.refused_to_start(&[
        "/state",
        "ermission denied",
        "it must belong to the user that cadence-dns runs as",
    ]);
    chown(place.state(), Some(UID), None).expect("we are root");
    drop(place.started());
}

/// By a file that is read again whenever it changes: one that lies elsewhere, though its rights let everybody read it.
#[test]
fn a_file_that_lies_elsewhere_cannot_be_read_any_more() {
    let (place, elsewhere) = (Place::new(), tempfile::tempdir().expect("a folder"));
    place.write("tls.pem", &certified());
    let tls =
        "[dns.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.pem\"\nlisten = [\"127.0.0.1:0\"]\n[control]";
    place.replace("[control]", tls);
    let daemon = place.started();
    if daemon.log().contains("no Landlock") {
        return skip("the kernel of this machine has no Landlock");
    }
    fs::write(elsewhere.path().join("new.pem"), certified()).expect("our folder");
    place.write("again.pem", &certified());
    place.link("tls.pem", &elsewhere.path().join("new.pem"));
    daemon.signal(Signal::HUP);
    let log = daemon.wait_for_line("certificate.kept", PATIENCE);
    assert!(log.contains("cannot read the certificate") && log.contains("ermission denied"), "{log}");
    place.link("tls.pem", std::path::Path::new("again.pem"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("certificate.changed", PATIENCE);
}

#[test]
fn what_the_configuration_leaves_out_is_left_open_and_told() {
    let place = Place::new();
    place.replace("[node]", "[node]\nlandlock = \"off\"\nseccomp = \"off\"");
    let daemon = place.started();
    daemon.wait_for_line("files: all of our user's; system calls: all", PATIENCE);
    for thread in threads(&daemon) {
        assert_eq!(
            (&*thread["Seccomp"], &*thread["CapEff"]),
            ("0", "0000000000000000"),
            "{}",
            thread["Name"]
        );
    }
    place.replace("seccomp = \"off\"", "seccomp = \"of\"");
    place.refused(&["cadence-dns.toml:3:11", "`seccomp` is \"of\"", "did you mean `off`?"]);
}

/// The key of root: it was read at the start, and a renewed one would never be taken up.
#[test]
fn a_key_that_the_user_cannot_read_is_named() {
    let Some(place) = place_with_user() else { return };
    place.write("tls.pem", &certified());
    let tls =
        "[dns.tls]\ncertificate = \"tls.pem\"\nkey = \"key.pem\"\nlisten = [\"127.0.0.1:0\"]\n[control]";
    place.replace("[control]", tls);
    place.write(
        "key.pem",
        &fs::read_to_string(place.config().with_file_name("tls.pem")).expect("it is there"),
    );
    chmod(&place.config().with_file_name("key.pem"), 0o600);
    place.refused_to_start(&["key.pem cannot be read by nobody (uid 65534", "ermission denied"]);
    chmod(&place.config().with_file_name("key.pem"), 0o644);
    drop(place.started());
}

/// Whoever adds a system call to the program adds it to the list in `src/rights/calls.rs`, or makes it before the rights
/// are given up: a refusal may be silent.
#[test]
fn no_system_call_of_ours_is_refused() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is missing: tests/run.sh installs it");
    }
    let place = Place::new();
    place.write("tls.pem", &certified());
    place.write("cookies", &"0f".repeat(16));
    let tables = "[dns.cookies]\nsecret_file = \"cookies\"\n\
                  [dns.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.pem\"\nlisten = [\"127.0.0.1:0\"]\n[control]";
    place.replace("[control]", tables);
    // Asked by name, where nobody answers: what that takes is not to be refused.
    let gates = "[[gate]]\nname = \"web\"\nhttp = { url = \"http://localhost:9/\" }\npolicy = \"warn\"\n\
                 [[gate]]\nname = \"db\"\nregion = \"us-east\"\npolicy = \"warn\"\n\
                 postgres = { host = \"localhost\", port = 9, user = \"monitor\", password_file = \"cookies\" }\n";
    std::fs::write(place.config(), place.text() + gates).expect("our folder");
    let (program, trace) = (place.program("run"), place.config().with_file_name("trace"));
    let mut command = Command::new("strace");
    command.args(["-DD", "-f", "-q", "-o"]).arg(&trace).arg(program.get_program()).args(program.get_args());
    let mut daemon = place.started_by(command);
    let question = query(7, NAME, RecordType::SOA);
    assert_eq!(ask_by_udp(place.listen, &question)[..2], [0, 7]);
    assert_eq!(ask(&mut client(place.listen), &question)[..2], [0, 7]);
    wait_until("both gates were asked", PATIENCE, || {
        let status = place.status_json();
        let gates = status["gates"].as_array().cloned().unwrap_or_default();
        gates.iter().all(|gate| gate["says"].as_str().is_some_and(|says| says.contains("onnection refused")))
    });
    place.write("cookies", &"1f".repeat(16));
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("cookies.changed", PATIENCE);
    let mut failback = place.program("failback");
    place.ended({
        failback.args([NAME, "--reason", "a test"]);
        failback
    });
    daemon.signal(Signal::TERM);
    daemon.wait_for_end(PATIENCE);
    let read = || fs::read_to_string(&trace).unwrap_or_default();
    wait_until("strace has written all", PATIENCE, || read().contains("+++ exited with 0 +++"));
    let trace = read();
    let (_, confined) = trace.split_once("PR_SET_NO_NEW_PRIVS").expect("rights are given up");
    let refused = |line: &&str| {
        ["EPERM", "EACCES", "ENOSYS"].iter().any(|error| line.contains(&format!("= -1 {error}")))
    };
    let absent = |line: &&str| line.contains("clone3"); // clone(2) follows
    let refused: Vec<&str> = confined.lines().filter(refused).filter(|line| !absent(line)).collect();
    assert_eq!(refused, [""; 0], "refused");
    assert!(confined.contains("recvmmsg") && confined.contains("accept4"), "it was traced while it answered");
}
