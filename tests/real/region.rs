//! A region: three stand-in Cadence instances behind a real load balancer, and everything that can go wrong with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::certificates::Authority;
use crate::network::Site;
use crate::process::Process;

/// The stand-in, shared with docker-compose.yml.
const STANDIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compose/standin.py");

/// The last parts of the instances' addresses.
const INSTANCES: [u8; 3] = [21, 22, 23];

/// The last part of the load balancer's addresses.
pub(crate) const BALANCER: u8 = 10;

/// By then a balancer has noticed that an instance is gone, also on a busy machine.
const NOTICED_MAX: Duration = Duration::from_secs(60);

/// Far enough in the future.
const YEAR_VALID: i32 = 2100;

/// Long over.
const YEAR_EXPIRED: i32 = 2021;

/// Which load balancer a region runs.
#[derive(Clone, Copy)]
pub(crate) enum Balancer {
    /// Probes its instances: `option httpchk GET /health`, `fall 3 rise 2`.
    HaProxy,
    /// Only notices failed requests.
    Nginx,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// All instances are gone: the balancer says 502 or 503.
    InstancesKilled,
    /// The instances themselves say 503.
    Unavailable,
    /// Connections are refused.
    BalancerKilled,
    /// Connections are accepted by the kernel and then nothing happens.
    BalancerFrozen,
    /// Packets vanish on the way.
    NetworkCut,
    /// Only TLS notices.
    CertificateExpired,
    /// 200, but the status in the body is not "ok".
    BodyWrong,
    /// 200 and "ok", but the time in the body stands still.
    TimeFrozen,
}

/// A region that runs.
pub(crate) struct Region {
    /// Its name, and that of its site.
    pub(crate) name: &'static str,
    pub(crate) site: Site,
    kind: Balancer,
    tls: bool,
    folder: PathBuf,
    balancer: Option<Process>,
    instances: Vec<Process>,
}

impl Region {
    /// Starts everything; with an authority, the balancer speaks TLS on port 443 as well.
    pub(crate) fn start(site: Site, kind: Balancer, authority: Option<&Authority>, folder: &Path) -> Region {
        let folder = folder.join(site.name);
        fs::create_dir(&folder).expect("the test's folder is writable");
        INSTANCES.iter().for_each(|host| site.add_address(*host));
        if let Some(authority) = authority {
            authority.sign(&folder.join("site.pem"), YEAR_VALID);
        }
        let tls = authority.is_some();
        let mut region =
            Region { name: site.name, site, kind, tls, folder, balancer: None, instances: Vec::new() };
        region.start_instances();
        region.start_balancer();
        region
    }

    /// The addresses of the balancer, one for each family.
    pub(crate) fn addresses(&self) -> [String; 2] {
        [self.site.v4(BALANCER), self.site.v6(BALANCER)]
    }

    /// Does what a failure does within the region; the network is the world's.
    pub(crate) fn fail(&mut self, failure: Failure, authority: Option<&Authority>) {
        match failure {
            Failure::InstancesKilled => self.instances.clear(),
            Failure::Unavailable => self.set_fault(r#"{"kind": "status", "status": 503}"#),
            Failure::BalancerKilled => self.balancer().kill(),
            Failure::BalancerFrozen => self.signal_balancer(Signal::STOP),
            Failure::NetworkCut => {}
            Failure::CertificateExpired => self.renew_certificate(authority, YEAR_EXPIRED),
            Failure::BodyWrong => self.set_fault(r#"{"kind": "body"}"#),
            Failure::TimeFrozen => self.set_fault(r#"{"kind": "frozen"}"#),
        }
    }

    /// Undoes it.
    pub(crate) fn heal(&mut self, failure: Failure, authority: Option<&Authority>) {
        match failure {
            Failure::InstancesKilled => self.start_instances(),
            Failure::BalancerKilled => self.start_balancer(),
            Failure::BalancerFrozen => self.signal_balancer(Signal::CONT),
            Failure::NetworkCut => {}
            Failure::CertificateExpired => self.renew_certificate(authority, YEAR_VALID),
            Failure::Unavailable | Failure::BodyWrong | Failure::TimeFrozen => {
                fs::remove_file(self.fault_file()).expect("the fault was set");
            }
        }
    }

    /// The next probe of cadence-dns, and only that, gets its answer so late.
    pub(crate) fn answer_one_probe_after(&self, delay: Duration) {
        let seconds = delay.as_secs_f32();
        self.set_fault(&format!(
            r#"{{"kind": "slow", "seconds": {seconds}, "agent": "cadence-dns", "once": true}}"#
        ));
    }

    /// The next probe of cadence-dns, and only that, gets 503.
    pub(crate) fn fail_one_probe(&self) {
        self.set_fault(r#"{"kind": "status", "status": 503, "agent": "cadence-dns", "once": true}"#);
    }

    /// One instance is gone, and the balancer has noticed.
    pub(crate) fn lose_an_instance(&mut self) {
        let noticed = format!("Server instances/i{} is DOWN", INSTANCES[INSTANCES.len() - 1]);
        self.instances.pop().expect("they run").kill();
        self.balancer.as_ref().expect("the balancer runs").wait_for_line(&noticed, NOTICED_MAX);
    }

    /// One of the instances, the first, answers requests of cadence-dns with 503, though not the balancer's own checks.
    pub(crate) fn break_one_instance(&self) {
        let instance = self.site.v4(INSTANCES[0]);
        self.set_fault(&format!(
            r#"{{"kind": "status", "status": 503, "agent": "cadence-dns", "instance": "{instance}"}}"#
        ));
    }

    /// Undoes that.
    pub(crate) fn repair(&self) {
        fs::remove_file(self.fault_file()).expect("the fault was set");
    }

    /// Whether such a fault has hit.
    pub(crate) fn fault_used_up(&self) -> bool {
        !self.fault_file().exists()
    }

    /// What the balancer is told to be quick about: nothing here waits for defaults of seconds.
    fn start_balancer(&mut self) {
        let (file, text, mut command) = match self.kind {
            Balancer::HaProxy => ("haproxy.cfg", self.haproxy(), Command::new("haproxy")),
            Balancer::Nginx => ("nginx.conf", self.nginx(), Command::new("nginx")),
        };
        let file = self.folder.join(file);
        fs::write(&file, text).expect("the test's folder is writable");
        match self.kind {
            Balancer::HaProxy => command.args(["-W", "-db", "-f"]).arg(&file),
            Balancer::Nginx => command.arg("-p").arg(&self.folder).arg("-c").arg(&file),
        };
        self.balancer = Some(Process::start(self.site.namespace(), "balancer", &self.folder, command));
    }

    fn start_instances(&mut self) {
        for host in INSTANCES {
            let mut command = Command::new("python3");
            command.arg(STANDIN).args(["--address", &self.site.v4(host), "--port", "8000"]);
            command.arg("--fault").arg(self.fault_file());
            let name = format!("instance-{host}");
            self.instances.push(Process::start(self.site.namespace(), &name, &self.folder, command));
        }
    }

    fn balancer(&mut self) -> Process {
        self.balancer.take().expect("the balancer runs")
    }

    fn signal_balancer(&self, signal: Signal) {
        self.balancer.as_ref().expect("the balancer runs").signal(signal);
    }

    /// Reloads, as whoever renews certificates does.
    fn renew_certificate(&mut self, authority: Option<&Authority>, year: i32) {
        authority.expect("this world speaks TLS").sign(&self.folder.join("site.pem"), year);
        match self.kind {
            Balancer::HaProxy => self.signal_balancer(Signal::USR2),
            Balancer::Nginx => self.signal_balancer(Signal::HUP),
        }
    }

    fn fault_file(&self) -> PathBuf {
        self.folder.join("fault.json")
    }

    /// Appears at once with all its text; its time is now.
    fn set_fault(&self, text: &str) {
        let beside = self.folder.join("fault.new");
        fs::write(&beside, text).expect("the test's folder is writable");
        fs::rename(&beside, self.fault_file()).expect("the test's folder is writable");
    }

    fn haproxy(&self) -> String {
        let servers: String = INSTANCES
            .iter()
            .map(|host| format!("    server i{host} {}:8000\n", self.site.v4(*host)))
            .collect();
        let pem = self.folder.join("site.pem");
        let tls = if self.tls {
            format!(
                "    bind :443 ssl crt {pem}\n    bind [::]:443 v6only ssl crt {pem}\n",
                pem = pem.display()
            )
        } else {
            String::new()
        };
        format!(
            "global\n    maxconn 500\n\
             defaults\n    mode http\n    timeout connect 1s\n    timeout client 10s\n    timeout server 10s\n\
             frontend cadence\n    bind :80\n    bind [::]:80 v6only\n{tls}    default_backend instances\n\
             backend instances\n    option httpchk GET /health\n    \
             default-server check inter 500ms fall 3 rise 2\n{servers}"
        )
    }

    fn nginx(&self) -> String {
        let servers: String = INSTANCES
            .iter()
            .map(|host| format!("server {}:8000 max_fails=3 fail_timeout=1s;\n", self.site.v4(*host)))
            .collect();
        let tls = if self.tls {
            "listen 443 ssl; listen [::]:443 ssl; ssl_certificate site.pem; ssl_certificate_key site.pem;\n"
        } else {
            ""
        };
        let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path scratch-{kind};\n"))
            .collect();
        format!(
            "daemon off;\nuser root;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr error;\n\
             events {{ worker_connections 512; }}\n\
             http {{\naccess_log off;\n{scratch}upstream instances {{\n{servers}}}\n\
             server {{\nlisten 80; listen [::]:80;\n{tls}location / {{\nproxy_pass http://instances;\n\
             proxy_connect_timeout 1s; proxy_next_upstream error timeout http_502 http_503;\n}}\n}}\n}}\n"
        )
    }
}
