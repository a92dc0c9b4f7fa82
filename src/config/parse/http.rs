//! A probe's HTTP request: its target, its content, and the certificates that it accepts.

use std::collections::HashMap;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::context::Context;
use super::expect::expect;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::probe_settings::{GrpcProbe, HttpProbe, HttpVersion, TrustSettings};
use crate::config::probe_url::ProbeUrl;
use crate::config::read::{At, Concealed, Pairs};

use crate::config::spec::ExpectSpec;
use crate::model::Place;

/// The keys of a probe that only an HTTP request has.
pub(super) struct RequestSpec {
    pub(super) method: Option<At<String>>,
    pub(super) version: Option<At<String>>,
    pub(super) headers: Option<At<HeadersSpec>>,
    pub(super) expect: Option<At<ExpectSpec>>,
    pub(super) trust: TrustSpec,
}

/// The keys of a probe that only a call of gRPC has.
pub(super) struct CallSpec {
    pub(super) service: Option<At<String>>,
    pub(super) headers: Option<At<HeadersSpec>>,
    pub(super) trust: TrustSpec,
}

/// The keys of a probe about certificates.
pub(super) struct TrustSpec {
    pub(super) ca_file: Option<At<String>>,
    pub(super) insecure: Option<At<bool>>,
    /// Where `certificate` stands, which is judged elsewhere.
    pub(super) certificate: Option<Place>,
}

/// Headers by name. A value may be a token, so neither the table nor an entry is ever repeated in a message.
pub(super) type HeadersSpec = Concealed<Pairs<Concealed<String>>>;

/// The request, and the port it goes to. `aims` are the addresses it is sent to.
pub(super) fn http(
    text: &At<String>,
    port: Option<&At<u16>>,
    request: RequestSpec,
    aims: &[IpAddr],
    context: Context<'_>,
) -> Option<(u16, HttpProbe)> {
    let RequestSpec { method: wanted, version, headers: extra, expect: spec, trust: certificates } = request;
    let diagnostics = context.diagnostics;
    let url = target(text, port, aims, diagnostics);
    let tls = url.as_ref().is_none_or(ProbeUrl::is_https);
    let trust = trust(certificates, tls, context);
    let method = method(wanted.as_ref(), diagnostics);
    let version = self::version(version.as_ref(), diagnostics);
    let headers = headers(extra, diagnostics);
    let expect = expect(spec, method == Some(Method::HEAD), diagnostics);
    let url = url?;
    let port = url.port();
    let probe = HttpProbe { url, method: method?, headers, expect: expect?, version: version?, trust };
    Some((port, probe))
}

/// The call of gRPC's health service, and the port it goes to.
pub(super) fn grpc(
    text: &At<String>,
    port: Option<&At<u16>>,
    CallSpec { service, headers: extra, trust: certificates }: CallSpec,
    aims: &[IpAddr],
    context: Context<'_>,
) -> Option<(u16, GrpcProbe)> {
    let diagnostics = context.diagnostics;
    let url = target(text, port, aims, diagnostics);
    let tls = url.as_ref().is_none_or(ProbeUrl::is_https);
    let trust = trust(certificates, tls, context);
    let headers = headers(extra, diagnostics);
    let url = url?;
    if url.as_url().path() != "/" || url.as_url().query().is_some() {
        let help = "only the scheme, the host and a port, as in \"https://api.example.com:50051\"; `service` names \
                    what is asked for";
        diagnostics.error(&text.place, "a URL of gRPC with a path", help);
        return None;
    }
    let service = match service {
        Some(At { value, place }) if value.len() > SERVICE_OCTETS => {
            let found = format!("`service` has {} octets", value.len());
            diagnostics.error(&place, found, format!("at most {SERVICE_OCTETS}"));
            return None;
        }
        service => service.map(|service| service.value).unwrap_or_default(),
    };
    let port = url.port();
    Some((port, GrpcProbe { url, service, headers, trust }))
}

/// The longest name of a gRPC service.
const SERVICE_OCTETS: usize = 1024;

/// Which HTTP is spoken.
fn version(text: Option<&At<String>>, diagnostics: &Diagnostics<'_>) -> Option<HttpVersion> {
    let Some(At { value, place }) = text else { return Some(HttpVersion::One) };
    match value.as_str() {
        "1.1" => Some(HttpVersion::One),
        "2" => Some(HttpVersion::Two),
        other => {
            let help = "\"1.1\", or \"2\" for a server that speaks nothing else";
            diagnostics.error(place, format!("`version` is {}", quoted(other)), help);
            None
        }
    }
}

/// The URL with the port that is connected to.
fn target(
    text: &At<String>,
    port: Option<&At<u16>>,
    aims: &[IpAddr],
    diagnostics: &Diagnostics<'_>,
) -> Option<ProbeUrl> {
    let At { value, place } = text;
    let shown = if value.contains('@') {
        diagnostics.conceal(place.line..=place.line); // there may be a password before the @
        "the URL".to_owned()
    } else {
        format!("the URL {}", quoted(value))
    };
    let url = match value.parse::<ProbeUrl>() {
        Ok(url) => url,
        Err(error) => {
            diagnostics.error(place, format!("{shown} {error}"), error.help());
            return None;
        }
    };
    if let Some(address) = url.address()
        && let Some(elsewhere) = aims.iter().find(|aim| **aim != address)
    {
        let found = format!("{shown} names {address}, but the probe connects to {elsewhere}");
        diagnostics.error(place, found, "a host name, which all of the addresses serve");
        return None;
    }
    let Some(port) = port else { return Some(url) };
    if url.unusual_port().is_some() {
        diagnostics.error(&port.place, "`port` beside a `url` that names a port", "one of the two");
        return None;
    }
    Some(url.with_port(port.value))
}

/// Which certificates are accepted, where there are any.
pub(super) fn trust(spec: TrustSpec, tls: bool, context: Context<'_>) -> TrustSettings {
    let (ca_file, insecure) = accepted(spec, tls, context.diagnostics);
    let (ca_file, ca_file_place) = ca_file.map(|at| (context.path("ca_file", &at), at.place)).unzip();
    TrustSettings { ca_file: ca_file.flatten(), ca_file_place, insecure }
}

fn accepted(
    TrustSpec { ca_file, insecure, certificate }: TrustSpec,
    tls: bool,
    diagnostics: &Diagnostics<'_>,
) -> (Option<At<String>>, bool) {
    if !tls {
        let useless = [
            ("ca_file", place(ca_file.as_ref())),
            ("insecure", place(insecure.as_ref())),
            ("certificate", certificate.as_ref()),
        ];
        for (key, place) in useless.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let found = format!("`{key}` beside an http:// URL, where there is no certificate");
            diagnostics.error(place, found, "leave it out, or probe https://");
        }
        return (None, false);
    }
    let Some(At { value: true, place }) = insecure else { return (ca_file, false) };
    if ca_file.is_some() {
        let found = "`insecure` beside `ca_file`: any certificate is accepted, so `ca_file` has no effect";
        diagnostics.error(&place, found, "leave out `insecure`");
    } else {
        let found = "`insecure`: any certificate is accepted, also an expired or stolen one";
        diagnostics.warning(&place, found, "name the authority that signed it in `ca_file`");
    }
    (ca_file, true)
}

fn place<T>(at: Option<&At<T>>) -> Option<&Place> {
    at.map(|at| &at.place)
}

/// The longest method in IANA's registry has 17 letters.
const METHOD_OCTETS: usize = 17;

fn method(wanted: Option<&At<String>>, diagnostics: &Diagnostics<'_>) -> Option<Method> {
    let Some(At { value, place }) = wanted else { return Some(Method::GET) };
    let help = match value.as_str() {
        "CONNECT" => "CONNECT opens a tunnel and requests nothing; use GET or HEAD",
        "" => "GET or HEAD",
        word if word.len() <= METHOD_OCTETS && word.bytes().all(|octet| octet.is_ascii_uppercase()) => {
            return Some(word.parse().expect("capital letters are a token (RFC 9110 section 5.6.2)"));
        }
        _ => "a word in capital letters, as in GET or HEAD",
    };
    diagnostics.error(place, format!("`method` is {}", quoted(value)), help);
    None
}

/// Headers about the connection, which the prober sets itself.
const CONNECTION_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The additional headers, those left out that were reported. A value is never repeated in a message.
fn headers(extra: Option<At<HeadersSpec>>, diagnostics: &Diagnostics<'_>) -> HeaderMap {
    let pairs = extra.map(|At { value: Concealed(Pairs(pairs)), .. }| pairs).unwrap_or_default();
    let mut lines = HashMap::new();
    let mut headers = HeaderMap::new();
    for (name, At { value: Concealed(value), place: value_place }) in pairs {
        let parsed = match name.value.parse::<HeaderName>() {
            Ok(parsed) => parsed,
            Err(_) => {
                diagnostics.error(&name.place, bad_name(&name.value), "letters, digits and hyphens");
                continue;
            }
        };
        let shown = quoted(&name.value);
        if CONNECTION_HEADERS.contains(&parsed.as_str()) {
            let found = format!("the header {shown} is about the connection, which the prober controls");
            diagnostics.error(&name.place, found, "leave it out");
        } else if let Some(line) = lines.insert(parsed.clone(), name.place.line) {
            let found = format!("the header {shown} is already set in line {line}");
            diagnostics.error(&name.place, found, "set each header once");
        } else if let Some(value) = field_value(&value) {
            headers.insert(parsed, value);
        } else {
            let found = format!("the value of the header {shown} cannot be sent");
            let help = "printable ASCII characters in one line, without spaces around them";
            diagnostics.error(&value_place, found, help);
        }
    }
    headers
}

/// What is wrong with the name of a header. Shows it up to the fault only: a value may have been written behind it.
fn bad_name(name: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    match name.split_once(|c| !is_allowed(c)) {
        Some((before, _)) => {
            format!("the name of a header has a character after {} that is not allowed", quoted(before))
        }
        None if name.is_empty() => "the name of a header is empty".to_owned(),
        None => format!("the name of a header has {} octets", name.len()),
    }
}

/// RFC 9110 section 5.5, without the octets above ASCII, whose meaning is not defined.
fn field_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok().filter(|_| text.is_ascii() && text.trim() == text)?;
    value.set_sensitive(true); // logs show no token either
    Some(value)
}
