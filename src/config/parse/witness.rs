//! `[[witness]]`: a place that is heard when a region is silent.

use std::collections::HashMap;
use std::time::Duration;

use super::address;
use super::context::Context;
use super::label::label;
use super::probe::{self, ProbeTargets};
use crate::config::diagnostics::quoted;
use crate::config::read::At;
use crate::config::spec::{BrownoutSpec, ProbeSpec, WitnessSpec};
use crate::model::CheckId;

/// Often enough to know that it works; it is probed in between when somebody needs it.
const INTERVAL: Duration = Duration::from_secs(60);

/// All of `[[witness]]`: their checks, which are in no region, and how they are probed.
pub(super) fn witnesses(specs: Vec<At<WitnessSpec>>, context: Context<'_>) -> ProbeTargets {
    let diagnostics = context.diagnostics;
    let mut all = ProbeTargets::default();
    let mut lines = HashMap::new();
    for At { value, place } in specs {
        let WitnessSpec { name, address, tcp, url, ca_file, insecure } = value;
        let Some(address) = address else { continue };
        let named = name.unwrap_or_else(|| address.clone());
        let name = label("the witness's name", &named, diagnostics);
        if let Some(line) = lines.insert(named.value.clone(), named.place.line) {
            let found = format!("the witness {} stands in line {line} already", quoted(&named.value));
            diagnostics.error(&named.place, found, "each witness once, under a name of its own");
            continue;
        }
        let Some(aim) = address::unicast(&address, diagnostics) else { continue };
        let interval = Some(At { value: INTERVAL, place: place.clone() });
        let off = BrownoutSpec {
            enabled: Some(At { value: false, place: place.clone() }),
            ..BrownoutSpec::default()
        };
        let brownout = Some(At { value: off, place: place.clone() });
        let spec = ProbeSpec { url, tcp, ca_file, insecure, interval, brownout, ..ProbeSpec::default() };
        let Some(name) = name else { continue };
        let id = CheckId::of_witness(&name, aim).region;
        let spec = At { value: spec, place };
        if let Some(targets) = probe::probe(spec, (&id, 0), &[aim], context) {
            all.checks.extend(targets.checks);
            all.probes.extend(targets.probes);
        }
    }
    all
}
