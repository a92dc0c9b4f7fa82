//! What is probed, and how: the settings of the prober.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use url::Position;

use super::probe_url::ProbeUrl;
use crate::model::{CheckId, Name, Place, RecordType};

/// One check as the prober runs it.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Whose health it is.
    pub check: CheckId,
    /// How `passes` of the region calls it, for those who look at it.
    pub label: Option<Arc<str>>,
    /// What is connected to; a program is told the address, and its port is 0.
    pub target: SocketAddr,
    /// From one start to the next while the check passes.
    pub interval: Duration,
    /// From one start to the next while the check is suspect; never longer than `interval`.
    pub recheck: Duration,
    /// From the start of the connection to the end of the body, or of the program.
    pub timeout: Duration,
    /// An idle connection is held open beside, whose loss brings the next probe forward to now.
    pub tripwire: bool,
    /// A certificate that expires sooner fails the probe, though it is valid; zero: only one that is not.
    pub certificate_least: Duration,
    /// What is sent, and expected.
    pub kind: ProbeKind,
}

impl Probe {
    /// What it does, in a few words. A query of a URL may hold a token, and is left out.
    #[must_use]
    pub fn does(&self) -> String {
        let page = |url: &ProbeUrl| url.as_url()[..Position::AfterPath].to_owned();
        match &self.kind {
            ProbeKind::Tcp => format!("connects to port {}", self.target.port()),
            ProbeKind::Http(http) => {
                let version = if http.version == HttpVersion::Two { " by HTTP/2" } else { "" };
                format!("{} {}{version}", http.method, page(&http.url))
            }
            ProbeKind::Grpc(grpc) if grpc.service.is_empty() => {
                format!("gRPC health of {}", page(&grpc.url))
            }
            ProbeKind::Grpc(grpc) => format!("gRPC health of {} at {}", grpc.service, page(&grpc.url)),
            ProbeKind::Dns(dns) => {
                let over = if dns.over == DnsTransport::Tcp { " by TCP" } else { "" };
                format!("asks for {} {}{over}", dns.name, dns.rtype)
            }
            ProbeKind::Exec(exec) => {
                format!("runs {}", exec.arguments.first().map_or("", String::as_str))
            }
        }
    }
}

/// What is sent, and expected.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeKind {
    /// Connects, nothing more.
    Tcp,
    /// One HTTP request.
    Http(Arc<HttpProbe>),
    /// One call of gRPC's health service.
    Grpc(Arc<GrpcProbe>),
    /// One question of DNS.
    Dns(Arc<DnsProbe>),
    /// One run of a program.
    Exec(Arc<ExecProbe>),
}

/// One HTTP request, the same for each address of a region. Its types are those that are sent: nothing in it can turn
/// out to be wrong later.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpProbe {
    /// Its host is the server name, the `Host` header and the name in the certificate; its port is the target's. An
    /// address in it is that of each target.
    pub url: ProbeUrl,
    /// `GET` or `HEAD`, or another method; never `CONNECT`.
    pub method: Method,
    /// Sent in addition to ours; a `Host` header replaces the host of the URL in the request, not in the certificate.
    pub headers: HeaderMap,
    /// What makes it a pass.
    pub expect: Expect,
    /// Which HTTP is spoken; no other is tried.
    pub version: HttpVersion,
    /// Whose certificate is accepted.
    pub trust: TrustSettings,
}

impl ProbeKind {
    /// Whose certificate it accepts, if it can be shown any.
    #[must_use]
    pub fn trust(&self) -> Option<&TrustSettings> {
        match self {
            ProbeKind::Http(http) => Some(&http.trust),
            ProbeKind::Grpc(grpc) => Some(&grpc.trust),
            ProbeKind::Tcp | ProbeKind::Dns(_) | ProbeKind::Exec(_) => None,
        }
    }

    /// Whether its results prove that packets of the far end reach us: what a program has heard, nobody knows.
    #[must_use]
    pub fn hears(&self) -> bool {
        !matches!(self, ProbeKind::Exec(_))
    }
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    One,
    /// HTTP/2: with prior knowledge on a plain connection, by ALPN within TLS.
    Two,
}

/// Whose certificate a probe accepts.
#[derive(Debug, Clone, Eq, Default)]
pub struct TrustSettings {
    /// Certificate authorities to trust instead of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Where the configuration names `ca_file`, for messages.
    pub ca_file_place: Option<Place>,
    /// Accept any certificate. Off by default.
    pub insecure: bool,
}

/// One call of `grpc.health.v1.Health/Check`, the same for each address of a region.
#[derive(Debug, Clone, PartialEq)]
pub struct GrpcProbe {
    /// As that of [`HttpProbe`]; without a path.
    pub url: ProbeUrl,
    /// Whose health is asked for; empty for the server as a whole.
    pub service: String,
    /// Sent in addition to ours.
    pub headers: HeaderMap,
    /// Whose certificate is accepted.
    pub trust: TrustSettings,
}

/// One question of DNS, and the answer that makes it a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsProbe {
    /// The name that is asked for.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// The response code that is expected, by its number.
    pub rcode: u16,
    /// Addresses that must be in the answer.
    pub contains: Vec<IpAddr>,
    /// How it is asked.
    pub over: DnsTransport,
}

/// How a question of DNS is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsTransport {
    /// By a datagram, and by TCP if the reply is truncated.
    #[default]
    Udp,
    /// By TCP.
    Tcp,
}

/// One run of a program: its exit code 0 is a pass.
#[derive(Debug, Clone, Eq)]
pub struct ExecProbe {
    /// The absolute path of the program, then its arguments. `{address}` in an argument is the address that is probed.
    pub arguments: Vec<String>,
    /// Where the configuration names the program, for messages.
    pub place: Option<Place>,
}

/// What a response must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Accepted status codes.
    pub status: Vec<RangeInclusive<u16>>,
    /// JSON pointers (RFC 6901) and the value that must stand there.
    pub json: Vec<(String, serde_json::Value)>,
    /// A time in the body that must be recent.
    pub fresh: Option<Fresh>,
    /// What the body must contain.
    pub body: Option<BodyRule>,
}

/// A time in the body, RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Its JSON pointer.
    pub pointer: String,
    /// How far it may lie behind our clock, or ahead of it.
    pub max_age: Duration,
}

/// What the body as text must contain.
#[derive(Debug, Clone)]
pub enum BodyRule {
    /// This text, letter by letter.
    Contains(String),
    /// A match of this expression.
    Regex(regex::Regex),
}

/// Where the configuration names the file makes no difference.
impl PartialEq for TrustSettings {
    fn eq(&self, other: &TrustSettings) -> bool {
        self.ca_file == other.ca_file && self.insecure == other.insecure
    }
}

/// Where the configuration names the program makes no difference.
impl PartialEq for ExecProbe {
    fn eq(&self, other: &ExecProbe) -> bool {
        self.arguments == other.arguments
    }
}

/// Expressions are the same when they are written the same.
impl PartialEq for BodyRule {
    fn eq(&self, other: &BodyRule) -> bool {
        match (self, other) {
            (BodyRule::Contains(one), BodyRule::Contains(other)) => one == other,
            (BodyRule::Regex(one), BodyRule::Regex(other)) => one.as_str() == other.as_str(),
            (BodyRule::Contains(_) | BodyRule::Regex(_), _) => false,
        }
    }
}

impl Probe {
    /// Whether another probe asks the same of the same place, however often: what was seen by one counts for the other.
    #[must_use]
    pub fn asks_the_same(&self, other: &Probe) -> bool {
        self.target == other.target
            && self.kind == other.kind
            && self.certificate_least == other.certificate_least
    }

    /// The address part of the target.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.target.ip()
    }
}
