//! What a configuration means, once it is known to be right.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::cluster::ClusterSettings;
use super::errands::{GateSettings, HookSettings, SecretFile};
use super::notify::ReceiverSettings;
use super::probe_settings::Probe;
use crate::controller::Hook;
use crate::health::{Alone, Check, Region};
use crate::model::{Name, Place, VantageId};
use crate::policy::{Gate, Safety, Steer};

/// The meaning of a whole configuration file.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[node]`
    pub node: NodeSettings,
    /// `[dns]`
    pub dns: DnsSettings,
    /// `[control]`
    pub control: ControlSettings,
    /// `[api]`
    pub api: ApiSettings,
    /// `[record]`
    pub record: RecordSettings,
    /// `[check]`
    pub check: CheckSettings,
    /// `[history]`
    pub history: HistorySettings,
    /// `[[zone]]`
    pub zones: Vec<ZoneSettings>,
    /// `[evidence] alone`: what silence proves where there is no second place to be heard.
    pub alone: Alone,
    /// `[[witness]]`: places that are heard, and never served.
    pub witnesses: Vec<Check>,
    /// `[[region]]`: what the core decides by.
    pub regions: Vec<Region>,
    /// `[[region.probe]]` and `[[witness]]`, one for each check: what the prober does.
    pub probes: Vec<Probe>,
    /// `[[steer]]`
    pub steers: Vec<Steer>,
    /// `[[gate]]`: what the core decides by.
    pub gates: Vec<Gate>,
    /// The same for those who ask at them.
    pub asked: Vec<GateSettings>,
    /// `[[hook]]`: what the core decides by.
    pub hooks: Vec<Hook>,
    /// The same for those who run them.
    pub deeds: Vec<HookSettings>,
    /// `[[notify]]`
    pub receivers: Vec<ReceiverSettings>,
    /// `[safety]`: what no command may do by mistake.
    pub safety: Safety,
    /// `[cluster]`: those that decide with this name server.
    pub cluster: Option<ClusterSettings>,
}

/// This name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name: NSID, metrics label, vantage.
    pub name: VantageId,
    /// The folder of the saved state.
    pub state_dir: PathBuf,
    /// Whom root becomes once the sockets are open; without it `cadence-dns`, if there is such a user.
    pub user: Option<String>,
    /// Where the configuration names it, for messages.
    pub user_place: Option<Place>,
    /// Whether Landlock keeps us to our own files, where the kernel has it.
    pub landlock: bool,
    /// What becomes of a system call that we should not make.
    pub seccomp: Seccomp,
    /// Whether changed files are reloaded without a word.
    pub watch: bool,
}

/// What becomes of a system call that is not on our list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seccomp {
    /// It fails.
    #[default]
    Enforce,
    /// It is made, and the kernel logs it.
    Log,
    /// It is made.
    Off,
}

/// Where queries are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsSettings {
    /// UDP and TCP, each address with its port.
    pub listen: Vec<SocketAddr>,
    /// The networks that are answered; `None` for every one.
    pub allow: Option<Vec<IpNet>>,
    /// The front ends that say, by the PROXY protocol, who their clients are: each of their datagrams and streams must.
    pub proxy_protocol_from: Vec<IpNet>,
    /// UDP threads for each address.
    pub workers: usize,
    /// The receive buffer of each UDP socket, in octets: how long a peak may last that no worker keeps up with.
    pub receive_buffer: usize,
    /// The send buffer of each UDP socket, in octets: how many replies may wait for neighbours that do not answer.
    pub send_buffer: usize,
    /// Round robin: a set of addresses begins with another one for each query.
    pub rotate: bool,
    /// The text at `version.bind` and `version.server` in class CH.
    pub version: Option<String>,
    /// The node's name at `hostname.bind` and `id.server` in class CH.
    pub identity: bool,
    /// UDP past the kernel's network stack, beside the sockets.
    pub xdp: Option<XdpSettings>,
    /// `[dns.cookies]`
    pub cookies: CookieSettings,
    /// `[dns.rate_limit]`
    pub rate_limit: RateLimitSettings,
    /// `[dns.tcp]`
    pub tcp: TcpSettings,
    /// `[dns.tls]`
    pub tls: Option<TlsSettings>,
}

/// Streams (RFC 7766).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpSettings {
    /// Connections at a time, and as many again that are encrypted. Half of them may be one client network's.
    pub connections: usize,
    /// How long a connection may be idle; less when more than half of the connections are taken.
    pub idle_timeout: Duration,
}

impl Default for TcpSettings {
    /// Below the usual limit of 1024 descriptors, with some left for everything else; and the few seconds that
    /// RFC 7766 section 6.2.3 asks for.
    fn default() -> TcpSettings {
        TcpSettings { connections: 800, idle_timeout: Duration::from_secs(10) }
    }
}

/// Encrypted streams: DNS over TLS (RFC 7858).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The addresses of DNS over TLS; there may be none.
    pub listen: Vec<SocketAddr>,
    /// `[dns.https]`
    pub https: Option<HttpsSettings>,
    /// The certificate and those that lead to its authority, PEM.
    pub certificate: PathBuf,
    /// Where the configuration names it, for messages.
    pub certificate_place: Place,
    /// The certificate's private key, PEM.
    pub key: PathBuf,
    /// Where the configuration names it, for messages.
    pub key_place: Place,
}

/// DNS over HTTPS (RFC 8484).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsSettings {
    /// The addresses of DNS over HTTPS.
    pub listen: Vec<SocketAddr>,
    /// The path of its URL.
    pub path: Arc<str>,
}

/// AF_XDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdpSettings {
    /// The interface that queries come in on.
    pub interface: String,
    /// Where the configuration names it, for messages.
    pub place: Place,
}

/// DNS cookies (RFC 7873).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieSettings {
    /// Whether replies carry cookies.
    pub enabled: bool,
    /// The secrets that several servers share; without it each server makes one at its start.
    pub secret_file: Option<PathBuf>,
    /// Where the configuration names `secret_file`, for messages.
    pub secret_file_place: Option<Place>,
}

impl Default for CookieSettings {
    fn default() -> CookieSettings {
        CookieSettings { enabled: true, secret_file: None, secret_file_place: None }
    }
}

/// Response rate limiting: the most replies to one network (/24, or /56 of IPv6) over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitSettings {
    /// Whether there is a limit.
    pub enabled: bool,
    /// Replies per second about one thing.
    pub rate: u32,
    /// Replies per second about all things together; no less than `rate`.
    pub network_rate: u32,
    /// Every n-th reply beyond the limit is sent truncated, the others are dropped; 0 sends none.
    pub slip: u32,
    /// Networks without a limit, besides the loopback.
    pub exempt: Vec<IpNet>,
}

impl Default for RateLimitSettings {
    fn default() -> RateLimitSettings {
        let rate = 200;
        let network_rate = rate * NETWORK_RATE_FACTOR;
        RateLimitSettings { enabled: true, rate, network_rate, slip: 2, exempt: Vec::new() }
    }
}

/// As many things at their full rate a network gets unless it is configured.
pub(super) const NETWORK_RATE_FACTOR: u32 = 10;

impl DnsSettings {
    /// Whether other settings do the same; where they are written makes no difference.
    #[must_use]
    pub fn does_the_same(&self, other: &DnsSettings) -> bool {
        self.without_places() == other.without_places()
    }

    fn without_places(&self) -> DnsSettings {
        let nowhere = || Place { file: "".into(), line: 0, column: 0 };
        let mut settings = self.clone();
        settings.cookies.secret_file_place = None;
        settings.xdp.iter_mut().for_each(|xdp| xdp.place = nowhere());
        if let Some(tls) = &mut settings.tls {
            (tls.certificate_place, tls.key_place) = (nowhere(), nowhere());
        }
        settings
    }
}

impl Default for DnsSettings {
    fn default() -> DnsSettings {
        let everywhere = [(Ipv4Addr::UNSPECIFIED, DNS_PORT).into(), (Ipv6Addr::UNSPECIFIED, DNS_PORT).into()];
        DnsSettings {
            listen: everywhere.into(),
            allow: None,
            proxy_protocol_from: Vec::new(),
            workers: 1,
            receive_buffer: BUFFER_OCTETS,
            send_buffer: BUFFER_OCTETS,
            rotate: true,
            version: None,
            identity: false,
            xdp: None,
            cookies: CookieSettings::default(),
            rate_limit: RateLimitSettings::default(),
            tcp: TcpSettings::default(),
            tls: None,
        }
    }
}

/// Room for 10,900 short datagrams, as the kernel counts them: 50 ms of what one worker answers at most, and three
/// seconds of 3,600 replies each to hosts that are not there. It is a limit; memory is taken as it is filled.
const BUFFER_OCTETS: usize = 4 << 20;

/// The port of DNS over UDP and TCP.
pub(super) const DNS_PORT: u16 = 53;

/// Where the command line reaches the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// A UNIX socket, mode 0660.
    pub socket: PathBuf,
}

/// Where the HTTP API is served over TCP; the control socket serves it in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Each address with its port; none of them, and there is no TCP.
    pub listen: Vec<SocketAddr>,
    /// Names that a request may have as its host, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Whether those who are not known may read.
    pub anonymous: bool,
    /// Who may do what.
    pub access_file: Option<SecretFile>,
    /// The certificate that clients are shown, and theirs.
    pub tls: Option<ApiTlsSettings>,
}

impl Default for ApiSettings {
    fn default() -> ApiSettings {
        ApiSettings { listen: Vec::new(), hosts: Vec::new(), anonymous: true, access_file: None, tls: None }
    }
}

/// TLS of the API.
#[derive(Debug, Clone, Eq)]
pub struct ApiTlsSettings {
    /// The certificate and those that lead to its authority, PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, PEM.
    pub key: PathBuf,
    /// Whose client certificates are believed, PEM.
    pub client_ca: Option<PathBuf>,
    /// Where the configuration names the certificate, for messages.
    pub place: Place,
}

/// Where the configuration names the certificate makes no difference.
impl PartialEq for ApiTlsSettings {
    fn eq(&self, other: &ApiTlsSettings) -> bool {
        (&self.certificate, &self.key, &self.client_ca) == (&other.certificate, &other.key, &other.client_ca)
    }
}

/// What is kept of the probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSettings {
    /// The octets that all recordings may take together; 0 for none.
    pub max_size: u64,
}

impl Default for RecordSettings {
    /// A month of a dozen checks: some eleven octets a probe.
    fn default() -> RecordSettings {
        RecordSettings { max_size: 64 << 20 }
    }
}

/// What `check` plays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckSettings {
    /// Stories that must go as they say.
    pub scenarios: Vec<ScenarioSettings>,
}

/// A story that must go as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioSettings {
    /// Its file; relative paths of the configuration are already resolved.
    pub file: PathBuf,
    /// Where the configuration names it, for messages about the file as a whole.
    pub place: Place,
}

/// How much history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// When a file has so many octets, the next one is begun.
    pub max_size: u64,
    /// The newest files that are kept; at least 2.
    pub files: usize,
}

impl Default for HistorySettings {
    /// A decision takes one to three kilobytes, so this is some fifty thousand of them.
    fn default() -> HistorySettings {
        HistorySettings { max_size: 10 << 20, files: 10 }
    }
}

/// A zone to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSettings {
    /// The apex.
    pub name: Name,
    /// The master file; relative paths of the configuration are already resolved.
    pub file: PathBuf,
    /// Where the configuration names it, for messages about the file as a whole.
    pub place: Place,
    /// The names in it whose addresses come from a decision.
    pub steered: BTreeSet<Name>,
}
