//! What gates and hooks have in common: names that they concern, programs, places of the web, secrets.

use std::collections::BTreeSet;

use super::context::Context;
use super::http::{TrustSpec, trust};
use super::zone::domain;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::errands::{SecretFile, Web};
use crate::config::near::nearest;
use crate::config::probe_settings::TrustSettings;
use crate::config::probe_url::{ProbeUrl, ProbeUrlError};
use crate::config::read::{At, entries};
use crate::model::Name;
use crate::policy::Steer;

/// The most arguments of a program.
const ARGUMENTS: usize = 64;

/// Names that are steered; none stands for all.
pub(super) fn names(
    texts: Option<At<Vec<At<String>>>>,
    steers: &[Steer],
    diagnostics: &Diagnostics<'_>,
) -> Option<Vec<Name>> {
    let texts = entries(texts);
    let number = texts.len();
    let names: BTreeSet<Name> = texts.iter().filter_map(|text| steered(text, steers, diagnostics)).collect();
    (names.len() == number).then(|| names.into_iter().collect())
}

fn steered(text: &At<String>, steers: &[Steer], diagnostics: &Diagnostics<'_>) -> Option<Name> {
    let name = domain(text, diagnostics)?;
    let known = || steers.iter().flat_map(|steer| steer.names.iter());
    if known().any(|known| *known == name) {
        return Some(name);
    }
    let shown: Vec<String> = known().map(ToString::to_string).collect();
    let help = match nearest(&name.to_string(), shown.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "a name of a `[[steer]]`".to_owned(),
    };
    diagnostics.absence(&text.place, format!("no `[[steer]]` has {name}"), help);
    None
}

/// A program with its arguments: no shell reads them, and no list of folders is searched.
pub(super) fn program(
    key: &str,
    words: At<Vec<At<String>>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<Vec<String>> {
    let At { value: words, place } = words;
    if words.len() > ARGUMENTS {
        let found = format!("`{key}` has {} words", words.len());
        diagnostics.error(&place, found, format!("at most {ARGUMENTS}; a script holds more"));
        return None;
    }
    if let Some(bad) = words.iter().find(|word| word.value.contains('\0')) {
        diagnostics.error(&bad.place, format!("`{key}` has a word with an octet of zero"), "text");
        return None;
    }
    let first = words.first()?;
    if !first.value.starts_with('/') {
        let found = format!("`{key}` begins with {}", quoted(&first.value));
        let help =
            "the whole path of a program; each argument is a word of the list, and no shell reads them";
        diagnostics.error(&first.place, found, help);
        return None;
    }
    Some(words.into_iter().map(|word| word.value).collect())
}

/// A URL, and whose certificates are believed there.
pub(super) fn web(
    url: &At<String>,
    ca_file: Option<At<String>>,
    insecure: Option<At<bool>>,
    context: Context<'_>,
) -> Option<Web> {
    let diagnostics = context.diagnostics;
    let At { value, place } = url;
    let shown = if value.contains('@') {
        diagnostics.conceal(place.line..=place.line); // there may be a password before the @
        "the URL".to_owned()
    } else {
        format!("the URL {}", quoted(value))
    };
    let url = match value.parse::<ProbeUrl>() {
        Ok(url) => url,
        Err(error) => {
            let help = match &error {
                ProbeUrlError::User => "leave it out: a URL is shown in logs and in `status`",
                ProbeUrlError::Scheme(_) => "http:// or https://",
                ProbeUrlError::Syntax(_) | ProbeUrlError::Fragment | ProbeUrlError::Host => error.help(),
            };
            diagnostics.error(place, format!("{shown} {error}"), help);
            return None;
        }
    };
    let authorities = authorities(ca_file, insecure, url.is_https(), context);
    Some(Web { url, authorities })
}

/// Whose certificates are believed, where there are any.
pub(super) fn authorities(
    ca_file: Option<At<String>>,
    insecure: Option<At<bool>>,
    tls: bool,
    context: Context<'_>,
) -> TrustSettings {
    trust(TrustSpec { ca_file, insecure, certificate: None }, tls, context)
}

/// A file with a secret; the secret itself has no place in the configuration.
pub(super) fn secret_file(
    key: &str,
    text: Option<At<String>>,
    context: Context<'_>,
) -> Option<Option<SecretFile>> {
    match text {
        Some(text) => Some(Some(SecretFile { file: context.path(key, &text)?, place: text.place })),
        None => Some(None),
    }
}
