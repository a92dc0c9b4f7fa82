//! `[dns.tcp]`, `[dns.tls]` and `[dns.https]`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::limit::Limit;
use super::node::{distinct, path};
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;
use crate::config::settings::{HttpsSettings, TcpSettings, TlsSettings};
use crate::config::spec::{HttpsSpec, TcpSpec, TlsSpec};

/// Where clients ask over TLS (RFC 7858).
const TLS_PORT: u16 = 853;
/// Where they ask over HTTPS.
const HTTPS_PORT: u16 = 443;
/// The path that everybody else has.
const HTTPS_PATH: &str = "/dns-query";

/// Connections at a time.
const CONNECTIONS: Limit<i64> = Limit {
    key: "connections",
    least: 2,
    most: 1_000_000,
    why: "each takes a descriptor of the system, and half of them may be one network's",
};

/// How long a connection may be idle.
const IDLE_TIMEOUT: Limit<Duration> = Limit {
    key: "idle_timeout",
    least: Duration::from_secs(1),
    most: Duration::from_secs(600),
    why: "RFC 7766 asks for some seconds",
};

/// `[dns.tcp]`
pub(super) fn tcp(spec: Option<At<TcpSpec>>, diagnostics: &Diagnostics<'_>) -> Option<TcpSettings> {
    let TcpSpec { connections, idle_timeout } = spec.map(|spec| spec.value).unwrap_or_default();
    let default = TcpSettings::default();
    let connections = CONNECTIONS.or(connections.as_ref(), default.connections, diagnostics);
    let idle_timeout = IDLE_TIMEOUT.or(idle_timeout.as_ref(), default.idle_timeout, diagnostics);
    Some(TcpSettings { connections: connections?, idle_timeout: idle_timeout? })
}

/// `[dns.tls]`, and `[dns.https]` which needs it. `taken` are the addresses that have a line already.
pub(super) fn tls(
    tls: Option<At<TlsSpec>>,
    https: Option<At<HttpsSpec>>,
    taken: &mut BTreeMap<SocketAddr, u32>,
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<Option<TlsSettings>> {
    let Some(tls) = tls else {
        let Some(https) = https else { return Some(None) };
        diagnostics.error(
            &https.place,
            "`[dns.https]` has no certificate",
            "`[dns.tls]` with `certificate` and `key`",
        );
        return None;
    };
    let TlsSpec { certificate, key, listen } = tls.value;
    let listen = addresses(listen, TLS_PORT, taken, diagnostics);
    let https = match https {
        None => None,
        Some(https) => Some(self::https(https.value, taken, diagnostics)?),
    };
    let (certificate, key) = (certificate?, key?);
    Some(Some(TlsSettings {
        listen,
        https,
        certificate: path(&certificate, "certificate", base, diagnostics)?,
        certificate_place: certificate.place,
        key: path(&key, "key", base, diagnostics)?,
        key_place: key.place,
    }))
}

fn https(
    spec: HttpsSpec,
    taken: &mut BTreeMap<SocketAddr, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Option<HttpsSettings> {
    let HttpsSpec { listen, path } = spec;
    let listen = addresses(listen, HTTPS_PORT, taken, diagnostics);
    let Some(path) = path else { return Some(HttpsSettings { listen, path: HTTPS_PATH.into() }) };
    let fits = |octet: u8| octet.is_ascii_graphic() && !b"?#%".contains(&octet);
    if path.value.starts_with('/') && path.value.bytes().all(fits) {
        return Some(HttpsSettings { listen, path: path.value.into() });
    }
    let found = format!("`path` is {}", quoted(&path.value));
    diagnostics.error(&path.place, found, "what stands behind the host in the URL, as in \"/dns-query\"");
    None
}

fn addresses(
    listen: Option<At<Vec<At<String>>>>,
    port: u16,
    taken: &mut BTreeMap<SocketAddr, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Vec<SocketAddr> {
    match listen {
        None => vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()],
        Some(listen) => distinct(&listen.value, port, taken, diagnostics),
    }
}
