//! `[[steer]]`: which name follows which regions.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::limit::Limit;
use super::region::Regions;
use super::rto;
use super::zone::{Zones, domain};
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::read::{At, entries};
use crate::config::spec::{FailbackSpec, SteerSpec};
use crate::health::Region;
use crate::model::shown;
use crate::model::{Family, Name, Place, RegionId, Ttl};
use crate::policy::{Failback, Steer};

const TTL: Limit<Duration> = Limit {
    key: "ttl",
    least: Duration::ZERO,
    most: Duration::from_secs(0x7fff_ffff),
    why: "the largest TTL of DNS (RFC 2181 section 8)",
};
const TTL_SUSPECT: Limit<Duration> = Limit { key: "ttl_suspect", ..TTL };
const DWELL: Limit<Duration> = Limit {
    key: "dwell",
    least: Duration::ZERO,
    most: DAY,
    why: "to prevent failback altogether, write `failback = { mode = \"manual\" }`",
};
const AFTER: Limit<Duration> = Limit {
    key: "after",
    least: Duration::from_millis(1),
    most: DAY,
    why: "mode \"auto\" fails back at once, mode \"manual\" never",
};
const RTO: Limit<Duration> = Limit {
    key: "rto",
    least: Duration::from_millis(1),
    most: DAY,
    why: "no failover takes less than a millisecond",
};
const FLIPS: Limit<i64> = Limit {
    key: "max_flips_per_hour",
    least: 1,
    most: 10_000,
    why: "0 would forbid every failover, and more is no limit",
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_TTL: Duration = Duration::from_secs(30);
const DEFAULT_TTL_SUSPECT: Duration = Duration::from_secs(10);
const DEFAULT_DWELL: Duration = Duration::from_secs(60);
const DEFAULT_AFTER: Duration = Duration::from_secs(300);
const DEFAULT_FLIPS: u32 = 3;

/// All of `[[steer]]`, each name goes to its zone; and the first names of those that do not say when they go back.
pub(super) fn steers(
    specs: Vec<At<SteerSpec>>,
    zones: &mut Zones,
    regions: &Regions,
    diagnostics: &Diagnostics<'_>,
) -> (Vec<Steer>, BTreeSet<Name>) {
    let mut parser = SteerParser::new(zones, regions, diagnostics);
    let mut undecided = BTreeSet::new();
    let mut steers = Vec::new();
    for spec in specs {
        let says_when = spec.value.failback.is_some();
        let Some(steer) = parser.steer(spec) else { continue };
        undecided.extend((!says_when).then(|| steer.name().clone()));
        steers.push(steer);
    }
    parser.warn_of_unused_regions();
    (steers, undecided)
}

/// What is known while the steers are judged one after the other.
struct SteerParser<'a> {
    zones: &'a mut Zones,
    regions: &'a Regions,
    diagnostics: &'a Diagnostics<'a>,
    by_id: HashMap<&'a RegionId, &'a Region>,
    lines: HashMap<Name, u32>,
    used: HashSet<RegionId>,
    /// Whether a steer named a region that does not exist.
    strays: bool,
    /// What was warned of once is not repeated for each of a thousand names.
    lacking: BTreeSet<(RegionId, Family)>,
}

impl<'a> SteerParser<'a> {
    fn new(zones: &'a mut Zones, regions: &'a Regions, diagnostics: &'a Diagnostics<'a>) -> SteerParser<'a> {
        let by_id = regions.regions.iter().map(|region| (&region.id, region)).collect();
        SteerParser {
            zones,
            regions,
            diagnostics,
            by_id,
            lines: HashMap::new(),
            used: HashSet::new(),
            strays: false,
            lacking: BTreeSet::new(),
        }
    }

    fn steer(&mut self, At { value: spec, place }: At<SteerSpec>) -> Option<Steer> {
        #[rustfmt::skip]
        let SteerSpec {
            name, names, regions, ttl, ttl_suspect, failback: mode, dwell, max_flips_per_hour, unproven, rto,
        } = spec;
        let diagnostics = self.diagnostics;
        let names = self.names(name, names, &place);
        let regions = self.regions(&entries(regions));
        let (ttl, ttl_suspect) = ttls(ttl, ttl_suspect, diagnostics);
        let failback = failback(mode, diagnostics);
        let dwell = DWELL.or(dwell.as_ref(), DEFAULT_DWELL, diagnostics);
        let flips = FLIPS.or(max_flips_per_hour.as_ref(), DEFAULT_FLIPS, diagnostics);
        let accepts_unproven = accepts_unproven(unproven, diagnostics);
        let rto = rto.and_then(|rto| Some(At { value: RTO.check(&rto, diagnostics)?, place: rto.place }));
        let steer = Steer {
            names: names?.into(),
            regions: regions?,
            ttl: ttl?,
            ttl_suspect: ttl_suspect?,
            failback: failback?,
            dwell: dwell?,
            max_flips_per_hour: flips?,
            accepts_unproven: accepts_unproven?,
            rto: rto.as_ref().map(|rto| rto.value),
        };
        if let Some(rto) = rto.filter(|_| steer.regions.iter().all(|id| self.by_id.contains_key(id))) {
            rto::check(&steer, &rto, &self.regions.regions, diagnostics);
        }
        Some(steer)
    }

    /// One name, or the names of a group.
    fn names(
        &mut self,
        name: Option<At<String>>,
        names: Option<At<Vec<At<String>>>>,
        place: &Place,
    ) -> Option<Vec<Name>> {
        let texts = match (name, names) {
            (Some(name), None) => vec![name],
            (None, Some(names)) => names.value,
            (Some(_), Some(names)) => {
                let help = "one of the two: `names` has all names of a group";
                self.diagnostics.error(&names.place, "a `[[steer]]` with `name` and with `names`", help);
                return None;
            }
            (None, None) => {
                let help = "add `name = \"…\"`, or `names = [\"…\"]` for a group that moves together";
                self.diagnostics.absence(place, "`[[steer]]` has no `name`", help);
                return None;
            }
        };
        let number = texts.len();
        let names: Vec<Name> = texts.iter().filter_map(|text| self.name(text)).collect();
        (names.len() == number && number > 0).then_some(names)
    }

    /// A name within a zone, steered once.
    fn name(&mut self, text: &At<String>) -> Option<Name> {
        let name = domain(text, self.diagnostics)?;
        if let Some(line) = self.lines.insert(name.clone(), text.place.line) {
            let found = format!("{name} is steered in line {line} already");
            self.diagnostics.error(&text.place, found, "each name once, with all of its regions");
            return None;
        }
        if !self.zones.steer(&name) {
            let help = "a zone's apex or a name below it; add the `[[zone]]`, or correct one of the names";
            self.diagnostics.absence(&text.place, format!("{name} is in none of the zones"), help);
            return None;
        }
        Some(name)
    }

    /// Regions that exist, at least one, none twice.
    fn regions(&mut self, texts: &[At<String>]) -> Option<Vec<RegionId>> {
        let mut ids: Vec<At<RegionId>> = Vec::new();
        for At { value, place } in texts {
            let id = RegionId::from(value.as_str());
            self.used.insert(id.clone());
            if !self.regions.names.contains_key(&id) {
                self.unknown(value, place);
            } else if ids.iter().any(|other| other.value == id) {
                let found = format!("{} is in this list twice", quoted(value));
                self.diagnostics.error(place, found, "each region once, the most preferred first");
            } else {
                ids.push(At { value: id, place: place.clone() });
            }
        }
        self.warn_of_lacking_families(&ids);
        let whole = !ids.is_empty() && ids.len() == texts.len();
        whole.then(|| ids.into_iter().map(|at| at.value).collect())
    }

    fn unknown(&mut self, value: &str, place: &Place) {
        self.strays = true;
        if !self.regions.complete {
            return; // it may be the one whose name is missing, which was reported
        }
        let mut names: Vec<&str> = self.regions.names.keys().map(RegionId::as_str).collect();
        names.sort_unstable();
        let help = match nearest(value, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "add a `[[region]]` with its addresses".into(),
            None => format!("the regions here are {}", some_of(&names)),
        };
        self.diagnostics.absence(place, format!("there is no region {}", quoted(value)), help);
    }

    /// A failover must not take a family away unnoticed.
    fn warn_of_lacking_families(&mut self, ids: &[At<RegionId>]) {
        for family in Family::ALL {
            let has = |id: &RegionId| {
                let region = self.by_id.get(id);
                region.is_some_and(|region| region.addresses.iter().any(|a| Family::of(*a) == family))
            };
            let Some(rich) = ids.iter().find(|at| has(&at.value)) else { continue };
            let poor = ids.iter().filter(|at| self.by_id.contains_key(&at.value) && !has(&at.value));
            for At { value: id, place } in poor {
                if self.lacking.insert((id.clone(), family)) {
                    let found =
                        format!("the region `{id}` has no {family} address, and `{}` has", rich.value);
                    let help = format!(
                        "add one; without it, {family} clients get no address while `{id}` is served"
                    );
                    self.diagnostics.warning(place, found, help);
                }
            }
        }
    }

    fn warn_of_unused_regions(&self) {
        if self.strays {
            return; // a mistyped name may mean it
        }
        for (id, place) in self.regions.names.iter().filter(|(id, _)| !self.used.contains(*id)) {
            let found = format!("no `[[steer]]` uses the region {}", quoted(id.as_str()));
            self.diagnostics.warning(place, found, "list it in the `regions` of a `[[steer]]`, or remove it");
        }
    }
}

/// The most names that a message lists.
const LISTED: usize = 10;

fn some_of(names: &[&str]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED { format!("{shown}, …") } else { shown }
}

/// The TTLs of quiet and of suspicion. The second's default gives way to a lower first.
fn ttls(
    ttl: Option<At<Duration>>,
    suspect: Option<At<Duration>>,
    diagnostics: &Diagnostics<'_>,
) -> (Option<Ttl>, Option<Ttl>) {
    let ttl = whole(&TTL, ttl.as_ref(), DEFAULT_TTL, diagnostics);
    let default = ttl.map_or(DEFAULT_TTL_SUSPECT, |ttl| DEFAULT_TTL_SUSPECT.min(ttl.as_duration()));
    let seconds = whole(&TTL_SUSPECT, suspect.as_ref(), default, diagnostics);
    match (ttl, seconds, suspect) {
        (Some(ttl), Some(seconds), Some(at)) if seconds > ttl => {
            let found = format!("`ttl_suspect` is {seconds}, longer than the `ttl` of {ttl}");
            diagnostics.error(
                &at.place,
                found,
                format!("at most {ttl}: it shortens the TTL while a change is likely"),
            );
            (Some(ttl), None)
        }
        (ttl, seconds, _) => (ttl, seconds),
    }
}

/// DNS counts in seconds.
fn whole(
    limit: &Limit<Duration>,
    span: Option<&At<Duration>>,
    default: Duration,
    diagnostics: &Diagnostics<'_>,
) -> Option<Ttl> {
    let seconds = limit.or(span, default, diagnostics)?;
    if let Some(at) = span.filter(|_| seconds.subsec_nanos() != 0) {
        diagnostics.error(
            &at.place,
            format!("`{}` is {}", limit.key, shown(seconds)),
            "whole seconds, the unit of a TTL",
        );
        return None;
    }
    Ttl::from_secs(seconds.as_secs())
}

fn accepts_unproven(text: Option<At<String>>, diagnostics: &Diagnostics<'_>) -> Option<bool> {
    let Some(At { value, place }) = text else { return Some(false) };
    match value.as_str() {
        "refuse" => Some(false),
        "accept" => Some(true),
        other => {
            let meant = nearest(other, ["refuse", "accept"]);
            let help = meant.map_or("refuse or accept".into(), |meant| format!("did you mean `{meant}`?"));
            diagnostics.error(&place, format!("`unproven` is {}", quoted(other)), help);
            None
        }
    }
}

fn failback(spec: Option<At<FailbackSpec>>, diagnostics: &Diagnostics<'_>) -> Option<Failback> {
    let Some(spec) = spec else { return Some(Failback::Delayed(DEFAULT_AFTER)) };
    let FailbackSpec { mode, after } = spec.value;
    let mode = mode?;
    let failback = match mode.value.as_str() {
        "delayed" => return AFTER.or(after.as_ref(), DEFAULT_AFTER, diagnostics).map(Failback::Delayed),
        "auto" => Failback::Auto,
        "manual" => Failback::Manual,
        other => {
            let meant = nearest(other, ["auto", "delayed", "manual"]);
            let help =
                meant.map_or("auto, delayed or manual".into(), |meant| format!("did you mean `{meant}`?"));
            diagnostics.error(&mode.place, format!("there is no failback mode {}", quoted(other)), help);
            return None;
        }
    };
    if let Some(after) = after {
        let found = format!("`after` beside the mode \"{}\", which never waits", mode.value);
        diagnostics.error(&after.place, found, "leave it out, or use the mode \"delayed\"");
        return None;
    }
    Some(failback)
}
