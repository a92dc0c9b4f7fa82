//! What the tests of `[dns] xdp` serve, in this process or as the program.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cadence_dns::answer::{AnswerTable, Identity, Served};
use cadence_dns::config::{CookieSettings, DnsSettings, RateLimitSettings, XdpSettings};
use cadence_dns::dns::Tables;
use cadence_dns::model::{Place, Ttl};
use rustix::process::Signal;

use crate::kit::place::PROGRAM;
use crate::kit::zone::{name, steered_zone};
use crate::network::Site;
use crate::process::Process;

const ZONE: &str = "\
@      300 SOA   ns a 1 2 3 4 60
@      300 NS    ns
ns     300 A     192.0.2.53
www    300 A     192.0.2.1
www    300 A     192.0.2.2
alias  300 CNAME www
*.wild 300 A     192.0.2.3
sub    300 NS    ns.sub
ns.sub 300 A     192.0.2.4
";

/// The zone, with a set that no datagram of 1232 octets holds.
fn zone_text() -> String {
    let big = (0..12).map(|n| format!("big 300 TXT \"{}{n}\"\n", "x".repeat(150)));
    ZONE.to_owned() + &big.collect::<String>()
}

/// The table of zone `t`, in which `app.t` is steered.
pub(crate) fn tables() -> Tables {
    let zone = steered_zone("t", &zone_text(), &[name("app.t")]);
    let addresses = ["198.51.100.1", "2001:db8::1"].map(|one| one.parse().expect("an address"));
    let served = Served { addresses: Arc::new(addresses), ttl: Ttl::from_secs(30).expect("a TTL") };
    let table = AnswerTable::compile(&[zone], &[(name("app.t"), served)], Identity::default());
    Tables::new(Arc::new(table))
}

/// Without cookies, which no two servers would make alike, and without a limit to how often one thing is asked.
pub(crate) fn settings(listen: &[SocketAddr], interface: Option<&str>) -> DnsSettings {
    let place = Place { file: "test".into(), line: 1, column: 1 };
    let xdp = interface.map(|interface| XdpSettings { interface: interface.to_owned(), place });
    let cookies = CookieSettings { enabled: false, ..CookieSettings::default() };
    let rate_limit = RateLimitSettings { enabled: false, ..RateLimitSettings::default() };
    DnsSettings { listen: listen.to_vec(), workers: 1, xdp, cookies, rate_limit, ..DnsSettings::default() }
}

/// cadence-dns as users run it, on all addresses of a site.
pub(crate) struct Program {
    process: Process,
    _folder: tempfile::TempDir,
}

impl Program {
    /// Starts it with `xdp` on an interface, as root; `wrapper` is what starts it, if anything.
    pub(crate) fn start(site: &Site, interface: &str, wrapper: &[String]) -> Program {
        let folder = tempfile::tempdir().expect("a writable temporary folder");
        write_files(folder.path(), interface);
        // It must be able to enter and write when it does not run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("our own folder");
        let mut words = wrapper.iter().map(String::as_str).chain([PROGRAM]);
        let mut command = Command::new(words.next().expect("at least the program"));
        command.args(words).arg("run").arg("--config").arg(folder.path().join("cadence-dns.toml"));
        let process = Process::start(site.namespace(), "cadence-dns", folder.path(), command);
        Program { process, _folder: folder }
    }

    /// The same as nobody, with these rights and that to listen on port 53.
    pub(crate) fn start_with_rights(site: &Site, interface: &str, rights: &[&str]) -> Program {
        let rights: String = rights.iter().map(|right| format!(",+{right}")).collect();
        let sets = ["inh-caps", "bounding-set", "ambient-caps"];
        let wrapper = ["setpriv", "--reuid=65534", "--clear-groups"].map(str::to_owned).into_iter();
        let sets = sets.map(|set| format!("--{set}=-all,+net_bind_service{rights}"));
        Program::start(site, interface, &wrapper.chain(sets).collect::<Vec<_>>())
    }

    /// Waits until it has said this in its log.
    pub(crate) fn wait_for_line(&self, said: &str) {
        self.process.wait_for_line(said, Duration::from_secs(10));
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// No thread of it has a capability left, those that answer from the rings included.
    pub(crate) fn assert_no_capabilities(&self) {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("our child");
        for task in tasks {
            let status =
                fs::read_to_string(task.expect("an entry").path().join("status")).expect("our child");
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert!(status.contains(&format!("{set}:\t0000000000000000")), "{set}:\n{status}");
            }
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        }
    }

    /// kill -9.
    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(self) {
        self.process.signal(Signal::TERM);
        self.wait_for_line("event=\"stopped\"");
    }
}

fn write_files(folder: &Path, interface: &str) {
    let text = format!(
        "[node]\nname = \"ns1\"\nstate_dir = \"state\"\n[control]\nsocket = \"control.sock\"\n\
         [dns]\nxdp = \"{interface}\"\n[[zone]]\nname = \"t\"\nfile = \"t.zone\"\n"
    );
    fs::write(folder.join("cadence-dns.toml"), text).expect("a writable folder");
    fs::write(folder.join("t.zone"), zone_text()).expect("a writable folder");
}
