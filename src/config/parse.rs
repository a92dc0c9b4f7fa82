//! The spec is judged: it becomes a [`Config`], or what is wrong with it is reported.
//!
//! Everything here returns `None`, or leaves something out, only after it has reported why.

mod address;
mod evidence;
mod expect;
mod http;
mod limit;
mod node;
mod probe;
mod rate_limit;
mod region;
mod rto;
mod rules;
mod steer;
mod streams;
mod witness;
mod zone;

pub(super) use node::{SOCKET, STATE_DIR};

use std::path::Path;

use super::diagnostics::{Diagnostics, quoted};
use super::read::At;
use super::settings::Config;
use super::spec::Spec;

/// What the file means; complete only if nothing worse than a warning was reported.
pub(super) fn config(spec: Spec, base: &Path, cores: usize, diagnostics: &Diagnostics<'_>) -> Option<Config> {
    let Spec { node, dns, control, zone, evidence, witness, region, steer } = spec;
    let node = node::node(node, base, diagnostics);
    let dns = node::dns(dns, base, cores, diagnostics);
    let control = node::control(control, base, diagnostics);
    let mut zones = zone::zones(entries(zone), base, diagnostics);
    let regions = region::regions(entries(region), base, diagnostics);
    let witnesses = witness::witnesses(entries(witness), base, diagnostics);
    let alone = evidence::alone(evidence, &regions, &witnesses, diagnostics);
    let steers = steer::steers(entries(steer), &mut zones, &regions, diagnostics);
    Some(Config {
        node: node?,
        dns: dns?,
        control: control?,
        zones: zones.settings,
        alone: alone?,
        witnesses: witnesses.checks,
        regions: regions.regions,
        probes: regions.probes.into_iter().chain(witnesses.probes).collect(),
        steers,
    })
}

/// The entries of a list that may have been left out.
fn entries<T>(list: Option<At<Vec<At<T>>>>) -> Vec<At<T>> {
    list.map(|list| list.value).unwrap_or_default()
}

/// The longest name of a node or region, in characters: it is a column of `status` and a metric label.
const LABEL_CHARACTERS: usize = 64;

/// A name of our own making: what appears in tables, labels and on command lines.
fn label(key: &str, text: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let found = if text.value.is_empty() {
        "is empty"
    } else if text.value.len() > LABEL_CHARACTERS {
        "is too long"
    } else if text.value.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Some(text.value.clone());
    } else {
        "has characters that tables and command lines cannot show"
    };
    let help = format!("1 to {LABEL_CHARACTERS} letters, digits or signs of ASCII, no spaces");
    diagnostics.error(&text.place, format!("{key} {} {found}", quoted(&text.value)), help);
    None
}
