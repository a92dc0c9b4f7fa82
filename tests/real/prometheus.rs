//! A real Prometheus scrapes a real failover: the shipped alerts that are right fire, no other does, and every expression of
//! the shipped dashboard finds something.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use cadence_dns::zone::RecordType;
use serde_json::Value;

use crate::kit::place::{Place, free_port};
use crate::kit::process::{Here, Process, wait_until};
use crate::kit::query::{ask_by_udp, query};
use crate::kit::steered::{AMPLE, NAME, PREFERRED, STANDBY, Steered};

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging");

/// cadence-dns with its API, and Prometheus that scrapes it every second and obeys the shipped rules.
struct Watched {
    steered: Steered,
    prometheus: SocketAddr,
    api: SocketAddr,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Watched {
    fn start() -> Watched {
        let (api, prometheus) = (free_port(), free_port());
        let keys =
            format!("failback = {{ mode = \"delayed\", after = \"1s\" }}\n[api]\nlisten = [\"{api}\"]");
        let steered = Steered::start_at(Place::new(), &keys);
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{PACKAGING}/prometheus/alerts.yml]\n\
             scrape_configs: [{{job_name: cadence-dns, static_configs: [{{targets: ['{api}']}}]}}]\n"
        );
        fs::write(folder.path().join("prometheus.yml"), config).expect("our folder");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={prometheus}"));
        let process = Process::start(&Here, "prometheus", folder.path(), command);
        let watched = Watched { steered, prometheus, api, _process: process, _folder: folder };
        wait_until("Prometheus has scraped cadence-dns", AMPLE, || {
            !watched.found("cadence_dns_region_verdict{verdict=\"up\"} == 1").is_empty()
        });
        watched
    }

    /// What a query finds now.
    fn found(&self, expression: &str) -> Vec<Value> {
        let encoded: String = expression.bytes().map(|octet| format!("%{octet:02x}")).collect();
        let Some(answer) = get(self.prometheus, &format!("/api/v1/query?query={encoded}")) else {
            return Vec::new(); // it is not there yet
        };
        let answer: Value = serde_json::from_str(&answer).expect("Prometheus speaks JSON");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The alerts that fire.
    fn firing(&self) -> BTreeSet<String> {
        let alerts = self.found("ALERTS{alertstate=\"firing\"}");
        let name = |alert: &Value| alert["metric"]["alertname"].as_str().map(str::to_owned);
        alerts.iter().filter_map(name).collect()
    }
}

/// The body of a response; none where nobody answers yet.
fn get(server: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(server).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {server}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned()) // a server that begins is not ready at once
}

/// What a program of Prometheus says about a text; it must be content.
fn promtool(arguments: &[&str], folder: &Path, text: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("tests/run.sh installs promtool");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("our child");
    let said =
        [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
    assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    said
}

#[test]
#[ignore = "needs Prometheus: tests/run.sh"]
fn the_alerts_fire_when_they_should() {
    let folder = Path::new(PACKAGING).join("prometheus");
    promtool(&["check", "rules", "alerts.yml"], &folder, "");
    promtool(&["test", "rules", "alerts_test.yml"], &folder, "");
}

#[test]
#[ignore = "needs Prometheus: tests/run.sh"]
fn a_failover_fires_its_alerts_and_no_other() {
    let mut watched = Watched::start();
    for _ in 0..20 {
        ask_by_udp(watched.steered.place.listen, &query(7, NAME, RecordType::A));
    }
    let metrics = get(watched.api, "/metrics").expect("it is served");
    assert_eq!(promtool(&["check", "metrics"], Path::new("/"), &metrics), "", "promtool has doubts");
    assert_eq!(watched.firing(), BTreeSet::new(), "all is well");

    watched.steered.preferred.die();
    watched.steered.wait_for(STANDBY);
    let expected = ["CadenceDnsFailedOver", "CadenceDnsRegionDown"].map(str::to_owned).into();
    wait_until("both alerts fire", AMPLE, || watched.firing() == expected);
    let dead = watched.found("ALERTS{alertname=\"CadenceDnsRegionDown\", alertstate=\"firing\"}");
    assert_eq!(dead[0]["metric"]["region"], PREFERRED);
    let moved = watched.found("cadence_dns_decision_active == 1");
    assert_eq!((moved.len(), &moved[0]["metric"]["region"]), (1, &STANDBY.into()));
    let escaped = watched.found("cadence_dns_decision_changes_total{cause=\"escape\"} == 1");
    assert_eq!(escaped.len(), 1, "{:?}", watched.found("cadence_dns_decision_changes_total"));
    everything_on_the_dashboard_is_found(&watched);

    watched.steered.preferred.revive();
    watched.steered.wait_for(PREFERRED);
    wait_until("no alert fires", AMPLE, || watched.firing().is_empty());
    wait_until("the way back is counted", AMPLE, || {
        !watched.found("cadence_dns_decision_changes_total{cause=\"failback\"} == 1").is_empty()
    });
    let fired = watched.found("count by (alertname) (count_over_time(ALERTS{alertstate=\"firing\"}[1h]))");
    let fired = fired.iter().filter_map(|alert| alert["metric"]["alertname"].as_str().map(str::to_owned));
    assert_eq!(fired.collect::<BTreeSet<_>>(), expected, "no other has fired meanwhile");
}

/// The regions of this test show no certificates, and its name server decides alone.
const NOT_HERE: [&str; 3] =
    ["cadence_dns_probe_ssl_earliest_cert_expiry", "cadence_dns_cluster_", "cadence_dns_etcd_"];

fn everything_on_the_dashboard_is_found(watched: &Watched) {
    let dashboard =
        fs::read_to_string(Path::new(PACKAGING).join("grafana/cadence-dns.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut asked = 0;
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")) {
        let expression = target["expr"].as_str().expect("an expression");
        let expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*");
        assert!(!expression.contains('$'), "{expression}");
        asked += 1;
        let is_empty = watched.found(&expression).is_empty();
        let is_missed = NOT_HERE.iter().any(|metric| expression.contains(metric));
        assert_eq!(is_empty, is_missed, "{expression} finds nothing");
    }
    assert!(asked >= 20, "{asked} expressions only");
}
