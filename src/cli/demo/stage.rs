//! The folder of the demo: a configuration and a zone as an operator would write them.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::region::{EU_WEST, US_EAST};

/// The settings are fast, so that a whole cycle can be watched; the shape is that of any other configuration.
pub(super) fn config(dns_port: u16, api_port: u16, region_port: u16) -> String {
    let [a, b] = US_EAST.addresses;
    let [c, d] = EU_WEST.addresses;
    format!(
        r#"# What `cadence-dns demo` runs on. Everything is much faster than the defaults, so that it can be watched.

[node]
name = "demo"
state_dir = "state"

[dns]
listen = ["127.0.0.1:{dns_port}"]

[control]
socket = "control.sock"

[api]
listen = ["127.0.0.1:{api_port}"]

[[zone]]
name = "cadence.example.com"
file = "cadence.example.com.zone"

[[region]]
name = "{east}"
addresses = ["{a}", "{b}"]
[[region.probe]]
url = "http://cadence.example.com:{region_port}/health"
expect = {{ status = 200, json = {{ "/status" = "ok" }}, fresh = {{ pointer = "/time", max_age = "30s" }} }}
interval = "1s"
recheck = "500ms"               # while something fails
timeout = "500ms"
fall = 3
rise = 2

[[region]]
name = "{west}"
addresses = ["{c}", "{d}"]
[[region.probe]]
url = "http://cadence.example.com:{region_port}/health"
expect = {{ status = 200, json = {{ "/status" = "ok" }}, fresh = {{ pointer = "/time", max_age = "30s" }} }}
interval = "1s"
recheck = "500ms"
timeout = "500ms"
fall = 3
rise = 2

[[steer]]
name = "cadence.example.com"
regions = ["{east}", "{west}"]  # in order of preference
ttl = "5s"
ttl_suspect = "2s"              # from the first failed probe on
failback = {{ mode = "delayed", after = "5s" }}
dwell = "3s"
max_flips_per_hour = 1000       # the demo flips all day long; leave this at its 3
rto = "8s"                      # `cadence-dns check` refuses settings that cannot keep this
"#,
        east = US_EAST.name,
        west = EU_WEST.name,
    )
}

/// Everything of the name but its addresses.
const ZONE: &str = "\
; No A and no AAAA at the apex: the [[steer]] of the configuration answers those.
$TTL 1h
@    30s SOA  ns1 hostmaster 1 1h 15m 1w 30s
@        NS   ns1
ns1      A    127.0.0.1
";

/// The folder; it goes when this is dropped.
pub(super) struct Stage {
    folder: TempDir,
}

impl Stage {
    /// Writes everything.
    ///
    /// # Errors
    /// When the folder for temporary files cannot be written to.
    pub(super) fn build(dns_port: u16, api_port: u16, region_port: u16) -> Result<Stage, String> {
        let folder = tempfile::Builder::new().prefix("cadence-dns-demo-").tempdir();
        let folder = folder.map_err(|error| {
            let place = std::env::temp_dir();
            format!("no temporary folder in {}: {error}; TMPDIR names another place", place.display())
        })?;
        let stage = Stage { folder };
        stage.write(stage.config(), &config(dns_port, api_port, region_port))?;
        stage.write(stage.folder.path().join("cadence.example.com.zone"), ZONE)?;
        Ok(stage)
    }

    /// The configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("cadence-dns.toml")
    }

    /// The control socket, as the configuration names it.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    fn write(&self, file: PathBuf, text: &str) -> Result<(), String> {
        fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }
}
