//! A probe's HTTP request: its target, its content, and the certificates that it accepts.

use std::collections::HashMap;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::context::Context;
use super::expect::expect;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::probe_url::ProbeUrl;
use crate::config::read::{At, Concealed, Pairs};
use crate::config::settings::HttpProbe;
use crate::config::spec::ExpectSpec;
use crate::model::Place;

/// The keys of a probe that only an HTTP request has.
pub(super) struct RequestSpec {
    pub(super) method: Option<At<String>>,
    pub(super) headers: Option<At<HeadersSpec>>,
    pub(super) expect: Option<At<ExpectSpec>>,
    pub(super) ca_file: Option<At<String>>,
    pub(super) insecure: Option<At<bool>>,
}

/// Headers by name. A value may be a token, so neither the table nor an entry is ever repeated in a message.
type HeadersSpec = Concealed<Pairs<Concealed<String>>>;

impl RequestSpec {
    /// Reports all of them: a TCP probe sends nothing.
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
            let found = format!("`{key}` beside `tcp`, which only connects");
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
    context: Context<'_>,
) -> Option<(u16, HttpProbe)> {
    let RequestSpec { method: wanted, headers: extra, expect: spec, ca_file, insecure } = request;
    let diagnostics = context.diagnostics;
    let url = target(text, port, aims, diagnostics);
    let tls = url.as_ref().is_none_or(ProbeUrl::is_https);
    let (ca_file, insecure) = trust(ca_file, insecure, tls, diagnostics);
    let (ca_file, ca_file_place) = ca_file.map(|at| (context.path("ca_file", &at), at.place)).unzip();
    let method = method(wanted.as_ref(), diagnostics);
    let headers = headers(extra, diagnostics);
    let expect = expect(spec, method == Some(Method::HEAD), diagnostics);
    let url = url?;
    let port = url.port();
    let probe = HttpProbe {
        url,
        method: method?,
        headers,
        expect: expect?,
        ca_file: ca_file.flatten(),
        ca_file_place,
        insecure,
    };
    Some((port, probe))
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
pub(super) fn trust(
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
