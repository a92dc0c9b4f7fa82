//! `[dns.tcp]`, `[dns.tls]` and `[dns.https]`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::super::limit::Limit;
use super::Context;
use super::listen::Listening;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;
use crate::config::settings::{HttpsSettings, TcpSettings, TlsSettings};
use crate::config::spec::{HttpsSpec, TcpSpec, TlsSpec};

/// The port of DNS over TLS (RFC 7858 section 3.1).
const TLS_PORT: u16 = 853;
/// The port of DNS over HTTPS.
const HTTPS_PORT: u16 = 443;
/// The path of DNS over HTTPS that most servers use.
const HTTPS_PATH: &str = "/dns-query";

/// Connections open at the same time.
const CONNECTIONS: Limit<i64> = Limit {
    key: "connections",
    least: 2,
    most: 1_000_000,
    why: "each takes a file descriptor, and one client network may hold half of them",
};

/// How long a connection may be idle.
const IDLE_TIMEOUT: Limit<Duration> = Limit {
    key: "idle_timeout",
    least: Duration::from_secs(1),
    most: Duration::from_secs(600),
    why: "RFC 7766 recommends a few seconds",
};

/// `[dns.tcp]`
pub(super) fn tcp(spec: Option<At<TcpSpec>>, diagnostics: &Diagnostics<'_>) -> Option<TcpSettings> {
    let TcpSpec { connections, idle_timeout } = spec.map(|spec| spec.value).unwrap_or_default();
    let default = TcpSettings::default();
    let connections = CONNECTIONS.or(connections.as_ref(), default.connections, diagnostics);
    let idle_timeout = IDLE_TIMEOUT.or(idle_timeout.as_ref(), default.idle_timeout, diagnostics);
    Some(TcpSettings { connections: connections?, idle_timeout: idle_timeout? })
}

/// `[dns.tls]`, and `[dns.https]`, which needs its certificate.
pub(super) fn tls(
    tls: Option<At<TlsSpec>>,
    https: Option<At<HttpsSpec>>,
    listening: &mut Listening,
    context: Context<'_>,
) -> Option<Option<TlsSettings>> {
    let diagnostics = context.diagnostics;
    let Some(tls) = tls else {
        let Some(https) = https else { return Some(None) };
        let help = "add `[dns.tls]` with `certificate` and `key`";
        diagnostics.error(&https.place, "`[dns.https]` has no certificate", help);
        return None;
    };
    let TlsSpec { certificate, key, listen } = tls.value;
    let listen = addresses(listen, TLS_PORT, listening, diagnostics);
    let https = match https {
        None => None,
        Some(https) => Some(self::https(https.value, listening, diagnostics)?),
    };
    let certificate = certificate?;
    let key = key?;
    Some(Some(TlsSettings {
        listen,
        https,
        certificate: context.path("certificate", &certificate)?,
        certificate_place: certificate.place,
        key: context.path("key", &key)?,
        key_place: key.place,
    }))
}

fn https(spec: HttpsSpec, listening: &mut Listening, diagnostics: &Diagnostics<'_>) -> Option<HttpsSettings> {
    let HttpsSpec { listen, path } = spec;
    let listen = addresses(listen, HTTPS_PORT, listening, diagnostics);
    let Some(path) = path else { return Some(HttpsSettings { listen, path: HTTPS_PATH.into() }) };
    let is_allowed = |octet: u8| octet.is_ascii_graphic() && !b"?#%".contains(&octet);
    if path.value.starts_with('/') && path.value.bytes().all(is_allowed) {
        return Some(HttpsSettings { listen, path: path.value.into() });
    }
    let found = format!("`path` is {}", quoted(&path.value));
    diagnostics.error(
        &path.place,
        found,
        "the path of the URL, from its first slash on, as in \"/dns-query\"",
    );
    None
}

fn addresses(
    listen: Option<At<Vec<At<String>>>>,
    port: u16,
    listening: &mut Listening,
    diagnostics: &Diagnostics<'_>,
) -> Vec<SocketAddr> {
    match listen {
        None => vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()],
        Some(listen) => listening.distinct(&listen.value, port, diagnostics),
    }
}
