//! `[[region]]`: addresses, and how many of them must be up.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::address;
use super::context::Context;
use super::label::label;
use super::passes;
use super::probe::{self, ProbeTargets};
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::probe_settings::Probe;
use crate::config::read::{At, Word, entries};
use crate::config::spec::{ProbeSpec, RegionSpec};
use crate::health::{MinUp, Region};
use crate::model::{Family, Place, RegionId};

/// The most probes of one region: each is a check for each address.
const PROBES: usize = 100;

/// The regions, and a way to find one by its name.
pub(super) struct Regions {
    /// Those without a mistake, in file order.
    pub(super) regions: Vec<Region>,
    /// Their probes.
    pub(super) probes: Vec<Probe>,
    /// Every name that was written, and where.
    pub(super) names: HashMap<RegionId, Place>,
    /// Whether `names` has all of them.
    pub(super) complete: bool,
}

/// All of `[[region]]`.
pub(super) fn regions(specs: Vec<At<RegionSpec>>, context: Context<'_>) -> Regions {
    let diagnostics = context.diagnostics;
    let mut all = Regions { regions: Vec::new(), probes: Vec::new(), names: HashMap::new(), complete: true };
    let mut owners = HashMap::new();
    for At { value: RegionSpec { name, addresses, min_up, families, passes, probe }, .. } in specs {
        let id = name.as_ref().and_then(|name| all.claim(name, diagnostics));
        all.complete &= name.is_some();
        let addresses = distinct(&entries(addresses), diagnostics);
        shared(id.as_ref(), &addresses, &mut owners, diagnostics);
        let addresses: Vec<IpAddr> = addresses.into_iter().map(|address| address.value).collect();
        let min_up = capacity(min_up.as_ref(), addresses.len(), diagnostics);
        let families = needed_families(families, &addresses, diagnostics);
        // Judged even when the region has no usable name: its mistakes are to be seen now, too.
        let looked_as = id.clone().unwrap_or_else(|| "?".into());
        let specs = entries(probe);
        let watched = !specs.is_empty();
        let passes = passes::passes(passes, &specs, diagnostics);
        let targets = look(specs, &looked_as, &addresses, context);
        let (Some(id), Some(name), Some(min_up), Some(families), Some(passes)) =
            (id, name, min_up, families, passes)
        else {
            continue;
        };
        if !watched {
            unwatched(&id, &name.place, diagnostics);
        }
        all.probes.extend(targets.probes);
        all.regions.push(Region { id, addresses, min_up, families, passes, checks: targets.checks });
    }
    all
}

impl Regions {
    /// The region's name, unless another region has it.
    fn claim(&mut self, name: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<RegionId> {
        let id = RegionId::from(name.value.as_str());
        if let Some(first) = self.names.get(&id) {
            let found =
                format!("the region {} is already listed in line {}", quoted(&name.value), first.line);
            diagnostics.error(&name.place, found, "list each region once, with all of its addresses");
            return None;
        }
        self.names.insert(id, name.place.clone());
        label("the region's name", name, diagnostics).map(|name| name.as_str().into())
    }
}

/// The addresses of one region, none twice.
fn distinct(texts: &[At<String>], diagnostics: &Diagnostics<'_>) -> Vec<At<IpAddr>> {
    let mut lines = HashMap::new();
    let mut addresses = Vec::new();
    for text in texts {
        let Some(address) = address::unicast(text, diagnostics) else { continue };
        match lines.insert(address, text.place.line) {
            None => addresses.push(At { value: address, place: text.place.clone() }),
            Some(line) => {
                let found = format!("{address} is already listed in line {line}");
                diagnostics.error(&text.place, found, "list each address of a region once");
            }
        }
    }
    addresses
}

/// Warns of addresses that another region has, too.
fn shared(
    id: Option<&RegionId>,
    addresses: &[At<IpAddr>],
    owners: &mut HashMap<IpAddr, RegionId>,
    diagnostics: &Diagnostics<'_>,
) {
    for At { value: address, place } in addresses {
        let Some(id) = id else { return };
        match owners.get(address) {
            Some(other) => {
                let found = format!("{address} is also an address of the region `{other}`");
                diagnostics.warning(
                    place,
                    found,
                    "each address in one region only: a failover between these regions would not change it",
                );
            }
            None => _ = owners.insert(*address, id.clone()),
        }
    }
}

/// How many of a family's addresses must be up.
fn capacity(min_up: Option<&At<Word>>, addresses: usize, diagnostics: &Diagnostics<'_>) -> Option<MinUp> {
    const HALF: MinUp = MinUp::Percent(50);
    let Some(At { value, place }) = min_up else { return (addresses > 0).then_some(HALF) };
    let (found, help) = match value {
        Word::Text(text) => match text.strip_suffix('%').and_then(|digits| digits.parse().ok()) {
            Some(percent @ 1..=100) => return (addresses > 0).then_some(MinUp::Percent(percent)),
            Some(_) | None => {
                (quoted(text), "a share from \"1%\" to \"100%\", or a number of addresses".into())
            }
        },
        Word::Number(number) => match usize::try_from(*number) {
            Ok(count @ 1..) if count <= addresses => return Some(MinUp::Count(count)),
            Ok(1..) if addresses == 0 => return None, // they have mistakes of their own
            Ok(_) | Err(_) => (number.to_string(), format!("from 1 to {addresses}, the number of addresses")),
        },
    };
    diagnostics.error(place, format!("`min_up` is {found}"), help);
    None
}

/// The families that a region needs: those that are named, each of which must have an address.
fn needed_families(
    named: Option<At<Vec<At<String>>>>,
    addresses: &[IpAddr],
    diagnostics: &Diagnostics<'_>,
) -> Option<Vec<Family>> {
    let Some(named) = named else {
        return (!addresses.is_empty()).then(|| Region::default_families(addresses));
    };
    let mut families = BTreeSet::new();
    for At { value, place } in &named.value {
        let same = |family: &Family| family.to_string().eq_ignore_ascii_case(value);
        let Some(family) = Family::ALL.into_iter().find(same) else {
            diagnostics.error(place, format!("there is no family {}", quoted(value)), "IPv4 or IPv6");
            return None;
        };
        if !addresses.iter().any(|address| Family::of(*address) == family) {
            let found = format!("the region needs {family}, and has no {family} address");
            diagnostics.error(place, found, format!("add one to `addresses`, or leave {family} out"));
            return None;
        }
        families.insert(family);
    }
    Some(families.into_iter().collect())
}

/// Everything that is probed in a region.
fn look(
    specs: Vec<At<ProbeSpec>>,
    region: &RegionId,
    addresses: &[IpAddr],
    context: Context<'_>,
) -> ProbeTargets {
    let mut all = ProbeTargets::default();
    if let Some(spec) = specs.get(PROBES) {
        let help = format!("at most {PROBES}: each is a check of each address");
        let found = format!("the region `{region}` has {} probes", specs.len());
        context.diagnostics.error(&spec.place, found, help);
    }
    for (number, spec) in (0..).zip(specs.into_iter().take(PROBES)) {
        if let Some(ProbeTargets { checks, probes }) =
            probe::probe(spec, (region, number), addresses, context)
        {
            all.checks.extend(checks);
            all.probes.extend(probes);
        }
    }
    all
}

fn unwatched(id: &RegionId, place: &Place, diagnostics: &Diagnostics<'_>) {
    let found = format!("nothing probes the region `{id}`: it always counts as up");
    diagnostics.warning(place, found, "add a `[[region.probe]]` with a `url` or a `tcp` port");
}
