//! A probe's HTTP request: where to, how, and whom to trust.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use url::{Host, Url};

use super::expect::expect;
use super::node::path;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::{At, Pairs};
use crate::config::settings::HttpProbe;
use crate::config::spec::ExpectSpec;
use crate::model::Place;

/// The keys of a probe that only HTTP gives a meaning.
pub(super) struct RequestSpec {
    pub(super) method: Option<At<String>>,
    pub(super) headers: Option<At<Pairs<String>>>,
    pub(super) expect: Option<At<ExpectSpec>>,
    pub(super) ca_file: Option<At<String>>,
    pub(super) insecure: Option<At<bool>>,
}

impl RequestSpec {
    /// Reports all of them: a TCP probe connects, nothing more.
    pub(super) fn refuse_beside_tcp(self, diagnostics: &Diagnostics<'_>) {
        let RequestSpec { method, headers, expect, ca_file, insecure } = self;
        let keys = [
            ("method", place(method.as_ref())),
            ("headers", place(headers.as_ref())),
            ("expect", place(expect.as_ref())),
            ("ca_file", place(ca_file.as_ref())),
            ("insecure", place(insecure.as_ref())),
        ];
        for (key, place) in keys.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let found = format!("`{key}` beside `tcp`, which connects and nothing more");
            diagnostics.error(place, found, "leave it out, or probe a `url`");
        }
    }
}

/// The request, and the port it goes to. `aims` are the addresses it is sent to.
pub(super) fn http(
    text: &At<String>,
    port: Option<&At<u16>>,
    request: RequestSpec,
    aims: &[IpAddr],
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<(u16, HttpProbe)> {
    let RequestSpec { method: wanted, headers: extra, expect: spec, ca_file, insecure } = request;
    let url = target(text, port, aims, diagnostics);
    let tls = url.as_ref().is_none_or(|url| url.scheme() == "https");
    let (ca_file, insecure) = trust(ca_file, insecure, tls, diagnostics);
    let (ca_file, ca_file_place) =
        ca_file.map(|at| (path(&at, "ca_file", base, diagnostics), at.place)).unzip();
    let method = method(wanted.as_ref(), diagnostics);
    let headers = headers(extra, diagnostics);
    let expect = expect(spec, method.as_deref() == Some("HEAD"), diagnostics);
    let url = url?;
    let probe = HttpProbe {
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        method: method?,
        headers,
        expect: expect?,
        ca_file: ca_file.flatten(),
        ca_file_place,
        insecure,
        url: url.as_str().to_owned(),
    };
    Some((url.port_or_known_default()?, probe))
}

/// The URL with the port that is connected to.
fn target(
    text: &At<String>,
    port: Option<&At<u16>>,
    aims: &[IpAddr],
    diagnostics: &Diagnostics<'_>,
) -> Option<Url> {
    let mut url = match Url::parse(&text.value) {
        Ok(url) => url,
        Err(error) => {
            let found = format!("{} is no URL: {error}", quoted(&text.value));
            diagnostics.error(&text.place, found, "as in \"https://cadence.example.com/health\"");
            return None;
        }
    };
    if let Some((found, help)) = unfit(&url, aims) {
        diagnostics.error(&text.place, format!("the URL {} {found}", quoted(&text.value)), help);
        return None;
    }
    if let Some(port) = port {
        if url.port().is_some() {
            let found = "`port` beside a `url` that names a port";
            diagnostics.error(&port.place, found, "one of the two");
            return None;
        }
        // Only a URL without a host takes no port.
        url.set_port(Some(port.value)).ok()?;
    }
    Some(url)
}

/// What keeps a well-formed URL from being probed, and what would be right.
fn unfit(url: &Url, aims: &[IpAddr]) -> Option<(String, &'static str)> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some((
            format!("is for `{}`", url.scheme()),
            "http:// or https://; for others, `tcp` and a port",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("has a user in it".into(), "send it as `headers = { Authorization = \"Basic …\" }`"));
    }
    if url.fragment().is_some() {
        return Some(("has a fragment, which is never sent".into(), "leave out what follows the #"));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) if is_host_name(name) => return None,
        Some(Host::Domain(_)) | None => {
            return Some(("has a host that is no domain name".into(), "the name that clients use"));
        }
    };
    let elsewhere = aims.iter().find(|aim| **aim != literal)?;
    Some((format!("names {literal}, but {elsewhere} is connected to"), "a host name: it says who, not where"))
}

/// Whether a certificate can be for it (RFC 1123 section 2.1, with the underscore that people use).
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len());
        fits && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Which certificates are accepted, where there are any.
fn trust(
    ca_file: Option<At<String>>,
    insecure: Option<At<bool>>,
    tls: bool,
    diagnostics: &Diagnostics<'_>,
) -> (Option<At<String>>, bool) {
    if !tls {
        let useless = [("ca_file", place(ca_file.as_ref())), ("insecure", place(insecure.as_ref()))];
        for (key, place) in useless.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let found = format!("`{key}` beside an http:// URL, where there is no certificate");
            diagnostics.error(place, found, "leave it out, or probe https://");
        }
        return (None, false);
    }
    let Some(At { value: true, place }) = insecure else { return (ca_file, false) };
    if ca_file.is_some() {
        let found = "`insecure` beside `ca_file`: any certificate is accepted, so nobody asks the authority";
        diagnostics.error(&place, found, "leave out `insecure`");
    } else {
        let found = "`insecure`: any certificate is accepted, an expired or stolen one, too";
        diagnostics.warning(&place, found, "name the authority that signed it in `ca_file`");
    }
    (ca_file, true)
}

fn place<T>(at: Option<&At<T>>) -> Option<&Place> {
    at.map(|at| &at.place)
}

/// The longest method that IANA knows has 17 letters.
const METHOD_OCTETS: usize = 17;

fn method(wanted: Option<&At<String>>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let Some(At { value, place }) = wanted else { return Some("GET".into()) };
    let help = match value.as_str() {
        "CONNECT" => "it opens a tunnel and asks nothing; GET or HEAD",
        "" => "GET or HEAD",
        word if word.len() <= METHOD_OCTETS && word.bytes().all(|octet| octet.is_ascii_uppercase()) => {
            return Some(value.clone());
        }
        _ => "a word in capitals, as in GET or HEAD",
    };
    diagnostics.error(place, format!("`method` is {}", quoted(value)), help);
    None
}

/// What the connection's owner says about it, and nobody else.
const NOT_YOURS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The additional headers, those left out that were reported.
fn headers(extra: Option<At<Pairs<String>>>, diagnostics: &Diagnostics<'_>) -> Vec<(String, String)> {
    let pairs = extra.map(|extra| extra.value.0).unwrap_or_default();
    let mut lines = HashMap::new();
    let mut headers = Vec::new();
    for (name, value) in pairs {
        let lower = name.value.to_ascii_lowercase();
        let first = lines.insert(lower.clone(), name.place.line);
        let (found, help) = if !is_token(&name.value) {
            ("is no name of a header".to_owned(), "letters, digits and dashes")
        } else if NOT_YOURS.contains(&lower.as_str()) {
            ("is about the connection, which is the prober's".to_owned(), "leave it out")
        } else if let Some(line) = first {
            (format!("stands in line {line} already"), "each header once")
        } else if !is_field_value(&value.value) {
            let found = format!("the header {} has the value {}", quoted(&name.value), quoted(&value.value));
            diagnostics.error(
                &value.place,
                found,
                "characters of ASCII, in one line, without spaces around them",
            );
            continue;
        } else {
            headers.push((name.value, value.value));
            continue;
        };
        diagnostics.error(&name.place, format!("the header {} {found}", quoted(&name.value)), help);
    }
    headers
}

/// RFC 9110 section 5.6.2.
fn is_token(name: &str) -> bool {
    let is_one = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !name.is_empty() && name.bytes().all(is_one)
}

/// RFC 9110 section 5.5, without the octets above ASCII that nobody agrees on.
fn is_field_value(value: &str) -> bool {
    value.trim() == value && value.bytes().all(|octet| octet == b'\t' || (b' '..=b'~').contains(&octet))
}
