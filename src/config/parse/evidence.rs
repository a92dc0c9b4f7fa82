//! `[evidence]`: what silence proves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::probe::ProbeTargets;
use super::region::Regions;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::read::At;
use crate::config::spec::EvidenceSpec;
use crate::health::Alone;
use crate::model::{Family, Place};

/// What a silent failure proves where a family has no second place to be heard. Warns of such families unless the
/// operator has said what should happen.
pub(super) fn alone(
    spec: Option<At<EvidenceSpec>>,
    regions: &Regions,
    witnesses: &ProbeTargets,
    diagnostics: &Diagnostics<'_>,
) -> Option<Alone> {
    let EvidenceSpec { alone } = spec.map(|spec| spec.value).unwrap_or_default();
    let Some(At { value, place }) = alone else {
        for (region, address) in alone_in_their_family(regions, witnesses) {
            warn(address, region, diagnostics);
        }
        for (region, family) in only_programs(regions, witnesses) {
            warn_of_programs(family, region, diagnostics);
        }
        return Some(Alone::default());
    };
    match value.as_str() {
        "freeze" => Some(Alone::Freeze),
        "trust" => Some(Alone::Trust),
        other => {
            let meant = nearest(other, ["freeze", "trust"]);
            let help = meant.map_or("freeze or trust".into(), |meant| format!("did you mean `{meant}`?"));
            diagnostics.error(&place, format!("`alone` is {}", quoted(other)), help);
            None
        }
    }
}

/// The address of each family that is the only one to be probed, though there is another region to fail over to.
fn alone_in_their_family<'r>(regions: &'r Regions, witnesses: &ProbeTargets) -> Vec<(&'r Place, IpAddr)> {
    if regions.regions.len() < 2 {
        return Vec::new();
    }
    let all = || regions.regions.iter().flat_map(|region| &region.checks).chain(&witnesses.checks);
    let checks = || all().filter(|check| check.rules.hears);
    let needed = |family: &Family| regions.regions.iter().any(|region| region.families.contains(family));
    let places = |family| -> BTreeSet<IpAddr> {
        checks().map(|check| check.id.address).filter(|address| Family::of(*address) == family).collect()
    };
    let alone =
        Family::ALL.into_iter().filter(needed).map(places).filter(|places| places.len() == 1).flatten();
    alone
        .filter_map(|address| {
            let of_region = |check: &&crate::health::Check| check.id.address == address;
            let region = &regions.regions.iter().flat_map(|region| &region.checks).find(of_region)?.id.region;
            Some((regions.names.get(region)?, address))
        })
        .collect()
}

/// The families that programs probe and nothing else, and a region with one: nothing there can ever be heard.
fn only_programs<'r>(regions: &'r Regions, witnesses: &ProbeTargets) -> Vec<(&'r Place, Family)> {
    if regions.regions.len() < 2 {
        return Vec::new();
    }
    let heard = |family: Family| {
        let checks = regions.regions.iter().flat_map(|region| &region.checks).chain(&witnesses.checks);
        checks.filter(|check| check.id.family() == family).any(|check| check.rules.hears)
    };
    let by_program = |family: Family| {
        let mut checks = regions.regions.iter().flat_map(|region| &region.checks);
        let check = checks.find(|check| check.id.family() == family)?;
        Some((regions.names.get(&check.id.region)?, family))
    };
    Family::ALL.into_iter().filter(|family| !heard(*family)).filter_map(by_program).collect()
}

fn warn_of_programs(family: Family, place: &Place, diagnostics: &Diagnostics<'_>) {
    let found = format!(
        "nothing but programs probes {family}: their failures need a witness, as silence does, and there is none to be heard"
    );
    let help = format!(
        "add a `[[witness]]` with an {family} address, or a probe of another kind; or say `alone = \"trust\"` or \"freeze\" \
         in `[evidence]`"
    );
    diagnostics.warning(place, found, help);
}

fn warn(address: IpAddr, place: &Place, diagnostics: &Diagnostics<'_>) {
    let family = Family::of(address);
    let found = format!(
        "{address} is the only {family} address that is probed: when it is silent, that cannot be told from a fault of \
         our own network, and its silence never counts"
    );
    let help = format!(
        "add a `[[witness]]` with an {family} address, or say `alone = \"trust\"` or \"freeze\" in `[evidence]`"
    );
    diagnostics.warning(place, found, help);
}
