//! `[api]`

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::address;
use super::context::Context;
use super::errand::secret_file;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::{At, entries};
use crate::config::settings::{ApiSettings, ApiTlsSettings};
use crate::config::spec::ApiSpec;

/// The port that documents and examples use.
const API_PORT: u16 = 8053;

/// `[api]`
pub(super) fn api(spec: Option<At<ApiSpec>>, context: Context<'_>) -> Option<ApiSettings> {
    let ApiSpec { listen, hosts, anonymous, access_file, certificate, key, client_ca } =
        spec.map(|spec| spec.value).unwrap_or_default();
    let diagnostics = context.diagnostics;
    let is_encrypted = certificate.is_some();
    let listen = listened(entries(listen), is_encrypted, diagnostics);
    let hosts: Vec<String> = entries(hosts).iter().filter_map(|host| name(host, diagnostics)).collect();
    if let Some(client_ca) = client_ca.as_ref().filter(|_| access_file.is_none()) {
        let help = "add `access_file`, which says whose certificate may do what";
        diagnostics.error(&client_ca.place, "`client_ca` without `access_file` has no effect", help);
    }
    let access_file = secret_file("access_file", access_file, context)?;
    Some(ApiSettings {
        listen,
        hosts,
        anonymous: anonymous.is_none_or(|anonymous| anonymous.value),
        access_file,
        tls: tls(certificate, key, client_ca, context)?,
    })
}

/// The addresses, those left out that were reported.
fn listened(listen: Vec<At<String>>, is_encrypted: bool, diagnostics: &Diagnostics<'_>) -> Vec<SocketAddr> {
    let mut lines: BTreeMap<SocketAddr, u32> = BTreeMap::new();
    let mut sockets = Vec::new();
    for text in listen {
        let Some(socket) = address::bindable(&text, API_PORT, diagnostics) else { continue };
        if let Some(line) = lines.insert(socket, text.place.line) {
            let found = format!("{socket} is already listed in line {line}");
            diagnostics.error(&text.place, found, "list each address once");
            continue;
        }
        if !is_encrypted && !socket.ip().to_canonical().is_loopback() {
            let found = format!(
                "{socket} can be reached from other machines, and what is said there is not encrypted"
            );
            let help = format!("`certificate` and `key`, or \"127.0.0.1:{}\"", socket.port());
            diagnostics.warning(&text.place, found, help);
        }
        sockets.push(socket);
    }
    sockets
}

/// A host as it stands in a URL, without a port.
fn name(text: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let host = &text.value;
    let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
    if !host.is_empty() && host.len() <= 253 && host.bytes().all(is_allowed) {
        return Some(host.clone());
    }
    diagnostics.error(
        &text.place,
        format!("{} is not a host", quoted(host)),
        "a name without a port, as in \"ns1.example.net\"",
    );
    None
}

fn tls(
    certificate: Option<At<String>>,
    key: Option<At<String>>,
    client_ca: Option<At<String>>,
    context: Context<'_>,
) -> Option<Option<ApiTlsSettings>> {
    let lacks = |at: &At<String>, what: &str, lacking: &str| {
        let found = format!("`{what}` without `{lacking}` has no effect");
        context.diagnostics.error(&at.place, found, format!("add `{lacking}`"));
        None
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Some(ApiTlsSettings {
            certificate: context.path("certificate", &certificate)?,
            key: context.path("key", &key)?,
            client_ca: match client_ca {
                Some(client_ca) => Some(context.path("client_ca", &client_ca)?),
                None => None,
            },
            place: certificate.place,
        })),
        (Some(certificate), None) => lacks(&certificate, "certificate", "key"),
        (None, Some(key)) => lacks(&key, "key", "certificate"),
        (None, None) => match client_ca {
            Some(client_ca) => lacks(&client_ca, "client_ca", "certificate"),
            None => Some(None),
        },
    }
}
