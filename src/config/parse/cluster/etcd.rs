//! `[cluster] etcd`

use std::collections::HashMap;

use crate::config::cluster::{ClientCertificate, EtcdLogin, EtcdSettings};
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::errands::SecretFile;
use crate::config::parse::context::Context;
use crate::config::parse::errand::{authorities, secret_file, web};
use crate::config::probe_url::ProbeUrl;
use crate::config::read::{At, entries};
use crate::config::spec::EtcdSpec;

/// The most endpoints: an etcd of more members only gets slower.
const ENDPOINTS: usize = 9;

/// `etcd = { … }`
pub(super) fn etcd(spec: At<EtcdSpec>, context: Context<'_>) -> Option<EtcdSettings> {
    let At { value: EtcdSpec { endpoints, ca_file, certificate, key, username, password_file }, .. } = spec;
    let endpoints = self::endpoints(entries(endpoints), context)?;
    let plain = endpoints.iter().find(|endpoint| !endpoint.value.is_https());
    let has_tls = endpoints.iter().any(|endpoint| endpoint.value.is_https());
    if let (Some(plain), Some(certificate)) = (plain, &certificate) {
        let found =
            format!("`certificate` beside {}, where none is shown", quoted(plain.value.as_url().as_str()));
        context.diagnostics.error(
            &certificate.place,
            found,
            "https:// for every endpoint, or no certificate",
        );
    }
    let authorities = authorities(ca_file, None, has_tls, context);
    let certificate = shown(certificate, key, context)?;
    let login = login(username, password_file, context)?;
    if let (Some(plain), Some(_)) = (far_and_plain(&endpoints), &login) {
        let found = "a password that goes to another machine without encryption";
        context.diagnostics.warning(&plain.place, found, "https:// for every endpoint");
    }
    let endpoints = endpoints.into_iter().map(|endpoint| endpoint.value).collect();
    Some(EtcdSettings { endpoints, authorities, certificate, login })
}

fn far_and_plain(endpoints: &[At<ProbeUrl>]) -> Option<&At<ProbeUrl>> {
    let is_near = |url: &ProbeUrl| {
        url.host() == "localhost" || url.address().is_some_and(|address| address.is_loopback())
    };
    endpoints.iter().find(|endpoint| !endpoint.value.is_https() && !is_near(&endpoint.value))
}

fn endpoints(texts: Vec<At<String>>, context: Context<'_>) -> Option<Vec<At<ProbeUrl>>> {
    let diagnostics = context.diagnostics;
    if let Some(At { place, .. }) = texts.get(ENDPOINTS) {
        diagnostics.error(place, format!("{} endpoints", texts.len()), format!("at most {ENDPOINTS}"));
        return None;
    }
    let count = texts.len();
    let mut lines = HashMap::new();
    let urls: Vec<At<ProbeUrl>> =
        texts.iter().filter_map(|text| endpoint(text, &mut lines, context)).collect();
    (count > 0 && urls.len() == count).then_some(urls)
}

fn endpoint(
    text: &At<String>,
    lines: &mut HashMap<String, u32>,
    context: Context<'_>,
) -> Option<At<ProbeUrl>> {
    let diagnostics = context.diagnostics;
    let url = web(text, None, None, context)?.url;
    if url.as_url().path() != "/" || url.as_url().query().is_some() {
        let found = format!("the endpoint {} has a path", quoted(&text.value));
        let help = "only the scheme, the host and a port, as in \"https://etcd1.example.net:2379\"";
        diagnostics.error(&text.place, found, help);
        return None;
    }
    if let Some(line) = lines.insert(url.to_string(), text.place.line) {
        let found = format!("the endpoint {} stands in line {line} already", quoted(&text.value));
        diagnostics.error(&text.place, found, "each member once");
        return None;
    }
    Some(At { value: url, place: text.place.clone() })
}

/// The certificate that we show.
fn shown(
    certificate: Option<At<String>>,
    key: Option<At<String>>,
    context: Context<'_>,
) -> Option<Option<ClientCertificate>> {
    let (certificate, key) = both("certificate", certificate, "key", key, context.diagnostics)?;
    let (Some(certificate), Some(key)) = (certificate, key) else { return Some(None) };
    let file = |key, text| -> Option<SecretFile> { secret_file(key, Some(text), context)? };
    let certificate = file("certificate", certificate);
    Some(Some(ClientCertificate { key: file("key", key)?, certificate: certificate? }))
}

fn login(
    username: Option<At<String>>,
    password_file: Option<At<String>>,
    context: Context<'_>,
) -> Option<Option<EtcdLogin>> {
    let diagnostics = context.diagnostics;
    let (username, file) = both("username", username, "password_file", password_file, diagnostics)?;
    let (Some(username), Some(file)) = (username, file) else { return Some(None) };
    if username.value.is_empty() {
        diagnostics.error(&username.place, "`username` is empty", "the name of a user of etcd");
        return None;
    }
    let password_file = secret_file("password_file", Some(file), context)??;
    Some(Some(EtcdLogin { username: username.value, password_file }))
}

/// Two keys that only mean something together: either of them, or neither.
type Pair = (Option<At<String>>, Option<At<String>>);

/// Refuses one of them without the other.
fn both(
    one: &str,
    first: Option<At<String>>,
    other: &str,
    second: Option<At<String>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<Pair> {
    let (alone, is, lacks) = match (&first, &second) {
        (Some(alone), None) => (alone, one, other),
        (None, Some(alone)) => (alone, other, one),
        (Some(_), Some(_)) | (None, None) => return Some((first, second)),
    };
    let found = format!("`{is}` without `{lacks}` has no effect");
    diagnostics.error(&alone.place, found, format!("add `{lacks}`"));
    None
}
