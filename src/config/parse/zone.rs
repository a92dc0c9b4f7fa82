//! `[[zone]]`: the zones that are served.

use std::collections::{BTreeSet, HashMap};

use super::context::Context;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;
use crate::config::settings::ZoneSettings;
use crate::config::spec::ZoneSpec;
use crate::model::Name;

/// The zones, and a way to find the one of a name among thousands.
pub(super) struct Zones {
    /// In file order.
    pub(super) settings: Vec<ZoneSettings>,
    /// Where in `settings`; none for a zone with another mistake than its name.
    known: HashMap<Name, Option<usize>>,
    /// Whether `known` has all of them.
    complete: bool,
}

/// All of `[[zone]]`.
pub(super) fn zones(specs: Vec<At<ZoneSpec>>, context: Context<'_>) -> Zones {
    let diagnostics = context.diagnostics;
    let mut zones = Zones { settings: Vec::new(), known: HashMap::new(), complete: true };
    let mut lines = HashMap::new();
    for At { value: ZoneSpec { name, file }, place } in specs {
        let file = file.and_then(|text| Some((context.path("file", &text)?, text.place)));
        let Some((name, at)) = name.and_then(|text| Some((domain(&text, diagnostics)?, text.place))) else {
            zones.complete = false;
            continue;
        };
        if let Some(line) = lines.insert(name.clone(), place.line) {
            let found = format!("the zone {name} is already listed in line {line}");
            diagnostics.error(&at, found, "list each zone once");
            continue;
        }
        zones.known.insert(name.clone(), file.is_some().then_some(zones.settings.len()));
        let settings = |(file, place)| ZoneSettings { name, file, place, steered: BTreeSet::new() };
        zones.settings.extend(file.map(settings));
    }
    zones
}

impl Zones {
    /// Hands a steered name to the deepest zone that it lies in; false when there is certainly none.
    pub(super) fn steer(&mut self, name: &Name) -> bool {
        let mut above = std::iter::successors(Some(name.clone()), Name::parent);
        match above.find_map(|zone| self.known.get(&zone)) {
            Some(Some(index)) => {
                self.settings[*index].steered.insert(name.clone());
                true
            }
            Some(None) => true,
            None => !self.complete,
        }
    }
}

/// A domain name as people write it, with or without the last dot.
pub(super) fn domain(text: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<Name> {
    let plain = text.value.bytes().all(|octet| octet.is_ascii_graphic());
    let (why, help) = match text.value.parse::<Name>() {
        Ok(name) if plain => return Some(name),
        Ok(_) => ("it has spaces or characters that are not ASCII".to_owned(), "the punycode form, xn--…"),
        Err(error) => (error.to_string(), "a name as in \"cadence.example.com\""),
    };
    diagnostics.error(&text.place, format!("{} is not a domain name: {why}", quoted(&text.value)), help);
    None
}
