//! The Debian package on a bare Debian with systemd: what README tells a newcomer to do, then an upgrade, a downgrade, and
//! the end.

mod machine;

use std::path::Path;
use std::process::Command;

use crate::kit::documents::blocks;
use crate::kit::place::PROGRAM;
use machine::{Machine, must_run};

/// What README says under "Run it", for Debian.
const README: &str = include_str!("../../README.md");

/// The package of this program under a version.
fn package(version: &str, folder: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("packaging/build-deb.sh");
    let folder = folder.to_str().expect("a temporary folder has a plain name");
    let arguments = ["--binary", PROGRAM, "--version", version, "--fast", folder];
    let told = must_run(script.to_str().expect("a plain name"), &arguments);
    told.lines().last().expect("its last line is the package").to_owned()
}

/// The example with regions that are on this machine, as an editor would make it.
const EDIT: &str = r#"
cd /etc/cadence-dns
sed -i 's/"192.0.2.10", "192.0.2.11", "2001:db8:a::10"/"127.0.0.10"/' cadence-dns.toml
sed -i 's/"198.51.100.20", "198.51.100.21", "2001:db8:b::20"/"127.0.0.20"/' cadence-dns.toml
sed -i 's#https://cadence.example.com/health#http://cadence.example.com:8000/health#' cadence-dns.toml
"#;

const CONFIG: &str = "/etc/cadence-dns/cadence-dns.toml";

/// A whole state file of a format that no program knows yet, with its checksum.
const NEWER_STATE: &str = r#"
import zlib
for path in ("/var/lib/cadence-dns/state.json", "/var/lib/cadence-dns/state.json.previous"):
    body = "\n".join(open(path).read().split("\n")[:-2]) + "\n"
    body = body.replace('{"format":2', '{"format":9', 1)
    open(path, "w").write(body + '{"crc32":"%08x"}\n' % zlib.crc32(body.encode()))
"#;

#[test]
#[ignore = "needs Docker, cargo-deb and lintian: tests/run.sh"]
fn the_package_is_installed_upgraded_taken_back_and_purged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (package("0.0.1-1", folder.path()), package("0.0.2-1", folder.path()));
    // A program that does not print its manual yet has none.
    let has_manual =
        Command::new(PROGRAM).args(["man", "--help"]).output().is_ok_and(|told| told.status.success());
    let suppressed = if has_manual { "--no-cfg" } else { "--suppress-tags=no-manual-page" };
    must_run("lintian", &["--allow-root", "--fail-on", "error,warning", suppressed, &new]);
    let machine = Machine::start(&[&old, &new]);

    // Installed, and nothing runs: the example is nobody's.
    machine.must("apt-get update --quiet=2");
    let told =
        machine.must("apt-get install --yes --no-install-recommends /packages/cadence-dns_0.0.1-1_*.deb");
    assert!(told.contains("does not run yet"), "{told}");
    assert_eq!(
        machine.tells("systemctl is-enabled cadence-dns; systemctl is-active cadence-dns"),
        "disabled\ninactive\n"
    );
    assert_eq!(machine.must("stat -c '%U:%G %a' /etc/cadence-dns"), "root:cadence-dns 750\n");

    // What README says, and an editor.
    machine.start_far_end();
    machine.must(EDIT);
    let [commands] = &blocks(README, "sh debian")[..] else { panic!("README has one block for Debian") };
    let told: String = commands.lines().map(|line| machine.soon(line)).collect();
    assert!(told.contains("127.0.0.10"), "{commands}\n{told}");
    machine.must("systemctl is-enabled cadence-dns && systemctl is-active cadence-dns");
    let exposure = machine.must("systemd-analyze security --no-pager --threshold=16 cadence-dns | tail -n 1");
    println!("{exposure}");
    machine.must("systemd-analyze verify cadence-dns.service");

    // What was ordered outlives an upgrade.
    let order = "cadence-dns failover cadence.example.com --to eu-west --for 2h --reason 'a test' --yes";
    machine.wait_for("cadence-dns status", "eu-west 127.0.0.20  up", 60);
    machine.must(order);
    machine.wait_for("dig +short +timeout=1 @127.0.0.1 cadence.example.com", "127.0.0.20", 20);
    machine.ask_all_the_time();
    let before = machine.process();
    let told = machine.must("apt-get install --yes /packages/cadence-dns_0.0.2-1_*.deb 2>&1");
    assert!(told.contains("answers now") && !told.contains("restarted"), "{told}");
    let process = machine.process();
    assert_ne!(process, before, "the new program runs");
    machine.must("systemctl is-active cadence-dns");
    assert!(machine.must("cadence-dns override list").contains("a test"));
    assert_eq!(machine.must("systemctl show --value --property NRestarts cadence-dns"), "0\n");
    let (asked, lost) = machine.stop_asking();
    assert!(asked > 100 && lost == 0, "{lost} of {asked} queries were not answered");

    // A configuration that the new program refuses leaves the old one running.
    machine.must(&format!("cp {CONFIG} /tmp/right.toml && echo 'nonsense = 1' >>{CONFIG}"));
    let before = machine.process();
    let told = machine.must("apt-get install --yes --reinstall /packages/cadence-dns_0.0.2-1_*.deb 2>&1");
    assert!(told.contains("no key \"nonsense\"") && told.contains("was not restarted"), "{told}");
    assert_eq!(machine.process(), before);
    assert!(
        machine.must("grep nonsense /etc/cadence-dns/cadence-dns.toml").contains("nonsense"),
        "it was edited, and stays"
    );
    machine.must(&format!("cp /tmp/right.toml {CONFIG}"));

    // Back to the older one: it says what may happen, and goes on.
    let told =
        machine.must("apt-get install --yes --allow-downgrades /packages/cadence-dns_0.0.1-1_*.deb 2>&1");
    assert!(told.contains("going back from 0.0.2-1 to 0.0.1-1"), "{told}");
    assert!(told.contains("answers now"), "an older one that knows the state takes over as well: {told}");
    machine.wait_for("cadence-dns override list", "a test", 20);

    // systemd hears of a reload, and restarts what hangs: the successor of a successor as well.
    machine.must("systemctl reload cadence-dns && cadence-dns history | grep 'systemctl reload'");
    machine.must(&format!("echo 'nonsense = 1' >>{CONFIG}"));
    assert!(!machine.succeeds("systemctl reload cadence-dns"), "a mistake is no reload");
    machine.must("systemctl is-active cadence-dns");
    machine.must(&format!("cp /tmp/right.toml {CONFIG} && systemctl reload cadence-dns"));
    let status = machine.must("systemctl status --no-pager cadence-dns");
    assert!(status.contains("Status: \"cadence.example.com from eu-west, epoch "), "{status}");
    machine.must(
        "systemctl restart cadence-dns && dig +short +timeout=1 +tries=1 @127.0.0.1 cadence.example.com",
    );
    let before = machine.process();
    machine.must(&format!("kill -STOP {before}"));
    machine.wait_for("journalctl --no-pager --unit cadence-dns | grep -c 'Watchdog timeout'", "1", 90);
    machine.wait_for("dig +short +timeout=1 @127.0.0.1 cadence.example.com", "127.0.0.20", 30);
    assert_ne!(machine.process(), before, "it was started again");
    machine.must("cadence-dns upgrade");
    let successor = machine.process();
    machine.must("sleep 40"); // longer than systemd waits for a word of it
    assert_eq!(machine.process(), successor, "the successor says that it is well");

    // A state that only a newer program knows is refused with a clear word, and not touched.
    machine.must("systemctl stop cadence-dns");
    machine.must(&format!("python3 - <<'END'\n{NEWER_STATE}\nEND"));
    let kept = machine.must("sha256sum /var/lib/cadence-dns/state.json");
    let told = machine.tells("timeout 20 cadence-dns run 2>&1");
    assert!(told.contains("is of format 9") && told.contains("start the newer version"), "{told}");
    assert_eq!(machine.must("sha256sum /var/lib/cadence-dns/state.json"), kept);

    // Removed, the state stays; purged, only what the operator put there does.
    machine.must("apt-get remove --yes cadence-dns && test -e /var/lib/cadence-dns/state.json && test ! -e /run/cadence-dns");
    machine.must("touch /etc/cadence-dns/my.key && apt-get purge --yes cadence-dns");
    assert_eq!(
        machine.must("find /etc/cadence-dns /var/lib/cadence-dns -type f 2>/dev/null || true"),
        "/etc/cadence-dns/my.key\n"
    );
    assert_eq!(
        machine.tells("find / -xdev -name '*cadence-dns*' -not -path '/packages/*' -not -path '/proc/*'"),
        "/etc/cadence-dns\n"
    );
}
