//! The first page: what each name answers now and why, on one glance from across a room.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;

use super::advice::Advice;
use super::chart::Strip;
use super::cluster::standing;
use super::frame::{Frame, Place, Sight, finished};
use super::mark::{Mark, Tone};
use super::when::{At, Left, Since};
use super::words::{certificate_days, list};
use crate::api::{
    CheckHeartbeat, ClusterMatrix, DnsStatus, EndpointStatus, Heartbeats, NameStatus, RegionStatus, Status,
    latency,
};
use crate::controller::Step;
use crate::health::State;
use crate::model::{Moment, Name, RegionId};
use crate::policy::{AtExpiry, Override};

/// So many names are shown as large as a room needs; more of them are rows of a table.
const LARGE_MAX: usize = 6;

/// The names of a page.
const NAMES_A_PAGE: usize = 100;

/// The regions, the addresses of a region, the warnings, the notes and the steps of switchovers that are shown; what is more is counted.
const REGIONS_MAX: usize = 24;
const ADDRESSES_MAX: usize = 8;
const WARNINGS_MAX: usize = 50;
const STEPS_MAX: usize = 10;

/// The bars of a strip among others.
const BARS: usize = 40;

/// Which of the names are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverviewQuery {
    /// Only those that contain this.
    pub find: String,
    /// All of them, or those that are not as preferred.
    pub shown: Shown,
    /// Which page of them, from 1.
    pub page: usize,
}

/// All names, or those that are not as preferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    #[default]
    All,
    /// Those that are not as preferred.
    Trouble,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'s> {
    frame: Frame,
    headline: Headline,
    cluster: Option<(Mark, String)>,
    asked: &'s OverviewQuery,
    only_trouble: bool,
    answers: Vec<Answer<'s>>,
    are_large: bool,
    total: usize,
    found: usize,
    first: usize,
    last: usize,
    newer: Option<usize>,
    older: Option<usize>,
    warnings: Vec<Advice>,
    more_warnings: usize,
    notes: Vec<Advice>,
    orders: Vec<OrderRow<'s>>,
    steps: Vec<(At, &'s Step)>,
    regions: Vec<RegionTile<'s>>,
    more_regions: usize,
    gates: Vec<(Mark, &'s crate::api::GateStatus)>,
    dns: Option<&'s DnsStatus>,
}

/// The page in one line.
struct Headline {
    tone: Tone,
    mark: Mark,
    text: String,
    counts: String,
}

/// What a name answers now.
struct Answer<'s> {
    name: &'s NameStatus,
    mark: Mark,
    since: Since,
    addresses: String,
    ttl: String,
    waits: Option<Waits>,
}

/// The change that is wanted and not yet allowed.
#[derive(Template)]
#[template(path = "waits.html")]
pub(super) struct Waits {
    hold: String,
    to: RegionId,
    left: Option<Left>,
}

impl HtmlSafe for Waits {}

/// An order in force, or planned.
pub(super) struct OrderRow<'s> {
    pub(super) order: &'s Override,
    pub(super) begins: Option<Left>,
    pub(super) ends: Left,
    pub(super) then: &'static str,
}

struct RegionTile<'s> {
    region: &'s RegionStatus,
    mark: Mark,
    since: Since,
    up: usize,
    serves: String,
    certificate: Option<String>,
    addresses: Vec<AddressRow<'s>>,
    more_addresses: usize,
}

struct AddressRow<'s> {
    endpoint: &'s EndpointStatus,
    mark: Mark,
    latency: Option<String>,
    strip: Option<Strip>,
}

/// The overview. Trouble comes first; names beyond a page are on further ones.
#[must_use]
pub fn overview(sight: &Sight<'_>, beats: &Heartbeats, asked: &OverviewQuery) -> String {
    let Sight { status, now, .. } = *sight;
    let states: BTreeMap<&RegionId, State> =
        status.regions.iter().map(|region| (&region.region, region.state)).collect();
    let mark = |name: &NameStatus| Mark::of_name(name, states.get(&name.region) == Some(&State::Down));
    let mut marked: Vec<(Mark, &NameStatus)> = status.names.iter().map(|name| (mark(name), name)).collect();
    let headline = Headline::of(&marked);
    let wanted = asked.find.to_ascii_lowercase();
    marked.retain(|(mark, name)| {
        (asked.shown == Shown::All || mark.tone != Tone::Good)
            && (wanted.is_empty() || name.name.to_string().to_ascii_lowercase().contains(&wanted))
    });
    marked.sort_by_key(|(mark, _)| mark.tone); // stable: else in the order of the configuration
    let found = marked.len();
    let pages = found.div_ceil(NAMES_A_PAGE).max(1);
    let page = asked.page.clamp(1, pages);
    let before = (page - 1) * NAMES_A_PAGE;
    let answers: Vec<Answer<'_>> = marked
        .into_iter()
        .skip(before)
        .take(NAMES_A_PAGE)
        .map(|(mark, name)| Answer::of(mark, name, now))
        .collect();
    let notes = status.notes.iter().take(WARNINGS_MAX).map(Advice::of).collect();
    let (regions, more_regions) = tiles(status, beats, now);
    finished(&Overview {
        frame: sight.frame(headline.title(), Place::Overview),
        cluster: standing(ClusterMatrix::of(status).as_ref()),
        asked,
        only_trouble: asked.shown == Shown::Trouble,
        are_large: found <= LARGE_MAX,
        total: status.names.len(),
        found,
        first: before + usize::from(found > 0),
        last: before + answers.len(),
        newer: (page > 1).then(|| page - 1),
        older: (page < pages).then_some(page + 1),
        answers,
        warnings: status.warnings.iter().take(WARNINGS_MAX).map(Advice::of).collect(),
        more_warnings: status.warnings.len().saturating_sub(WARNINGS_MAX),
        notes,
        orders: status.overrides.iter().map(|order| OrderRow::of(order, now)).collect(),
        steps: status.steps.iter().rev().take(STEPS_MAX).map(|step| (At::new(step.at, now), step)).collect(),
        regions,
        more_regions,
        gates: status.gates.iter().map(|gate| (Mark::of_gate(gate), gate)).collect(),
        dns: status.dns.as_ref(),
        headline,
    })
}

impl Headline {
    fn of(marked: &[(Mark, &NameStatus)]) -> Headline {
        let count = |tone| marked.iter().filter(|(mark, _)| mark.tone == tone).count();
        let (bad, watch, good) = (count(Tone::Bad), count(Tone::Watch), count(Tone::Good));
        let tone = if bad > 0 {
            Tone::Bad
        } else if watch > 0 || marked.is_empty() {
            Tone::Watch
        } else {
            Tone::Good
        };
        let off: Vec<&(Mark, &NameStatus)> = marked.iter().filter(|(mark, _)| mark.tone == tone).collect();
        let total = marked.len();
        let text = match (tone, off.as_slice()) {
            (_, []) => "No name is steered".to_owned(),
            (Tone::Good, [(_, name)]) => format!("{} is answered as preferred", name.name),
            (Tone::Good, all) => format!("All {} names are answered as preferred", all.len()),
            (_, [(mark, name)]) => format!("{} is on {}: {}", name.name, name.region, mark.word),
            (_, [(first, _), rest @ ..]) => {
                let is_same = rest.iter().all(|(mark, _)| mark.word == first.word);
                let word = match tone {
                    _ if is_same => first.word.as_str(),
                    Tone::Bad => "in trouble",
                    Tone::Watch | Tone::Good => "not as preferred",
                };
                format!("{} of {total} names: {word}", off.len())
            }
        };
        let told = [(bad, "in trouble"), (watch, "not as preferred"), (good, "as preferred")];
        let told: Vec<String> = told
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let word = match tone {
            Tone::Bad => "trouble",
            Tone::Watch => "attention",
            Tone::Good => "well",
        };
        Headline { tone, mark: Mark::new(tone, word), text, counts: told.join(", ") }
    }

    /// For the tab of the browser.
    fn title(&self) -> String {
        match self.tone {
            Tone::Good => self.text.clone(),
            Tone::Watch | Tone::Bad => format!("! {}", self.text),
        }
    }
}

impl<'s> Answer<'s> {
    fn of(mark: Mark, name: &'s NameStatus, now: Moment) -> Answer<'s> {
        Answer {
            name,
            mark,
            since: Since::new(name.since, now),
            addresses: list(&name.addresses),
            ttl: name.ttl.map_or_else(|| "unknown".into(), |ttl| ttl.to_string()),
            waits: Waits::of(name, now),
        }
    }
}

impl Waits {
    pub(super) fn of(name: &NameStatus, now: Moment) -> Option<Waits> {
        let wait = name.wait.as_ref()?;
        let left = wait.until.map(|until| Left::new(until, now));
        Some(Waits { hold: wait.hold.to_string(), to: wait.to.clone(), left })
    }
}

impl OrderRow<'_> {
    pub(super) fn of(order: &Override, now: Moment) -> OrderRow<'_> {
        OrderRow {
            order,
            begins: order.starts.map(|starts| Left::new(starts, now)),
            ends: Left::new(order.expires, now),
            then: match order.at_expiry {
                AtExpiry::Automatic => "the evidence decides again",
                AtExpiry::Hold => "the names stay",
            },
        }
    }
}

/// The regions, those in trouble first, and how many are left out.
fn tiles<'s>(status: &'s Status, beats: &Heartbeats, now: Moment) -> (Vec<RegionTile<'s>>, usize) {
    let mut by_region: BTreeMap<&RegionId, Vec<&CheckHeartbeat>> = BTreeMap::new();
    for check in &beats.checks {
        by_region.entry(&check.region).or_default().push(check);
    }
    let mut served: BTreeMap<&RegionId, Vec<&Name>> = BTreeMap::new();
    for name in &status.names {
        served.entry(&name.region).or_default().push(&name.name);
    }
    let mut marked: Vec<(Mark, &RegionStatus)> =
        status.regions.iter().map(|region| (Mark::of_region(region), region)).collect();
    marked.sort_by_key(|(mark, _)| mark.tone);
    let tile = |(mark, region): (Mark, &'s RegionStatus)| {
        let checks = by_region.get(&region.region).map(Vec::as_slice).unwrap_or_default();
        let serves = match served.get(&region.region).map(Vec::as_slice).unwrap_or_default() {
            [] => "serves no name".to_owned(),
            [one] => format!("serves {one}"),
            names => format!("serves {} names", names.len()),
        };
        RegionTile::of(mark, region, checks, serves, now)
    };
    let more = marked.len().saturating_sub(REGIONS_MAX);
    (marked.into_iter().take(REGIONS_MAX).map(tile).collect(), more)
}

impl<'s> RegionTile<'s> {
    fn of(
        mark: Mark,
        region: &'s RegionStatus,
        checks: &[&CheckHeartbeat],
        serves: String,
        now: Moment,
    ) -> RegionTile<'s> {
        let mut endpoints: Vec<(Mark, &EndpointStatus)> =
            region.endpoints.iter().map(|endpoint| (Mark::of_endpoint(endpoint), endpoint)).collect();
        endpoints.sort_by_key(|(mark, _)| mark.tone);
        let address = |(mark, endpoint): (Mark, &'s EndpointStatus)| {
            let of_address = checks.iter().filter(|check| check.address == endpoint.address);
            // Of several checks the one that failed last says most.
            let last_failure = |check: &&&CheckHeartbeat| {
                check.beats.iter().rposition(|beat| beat.why.is_some()).map(|index| check.beats[index].at)
            };
            let strip = of_address.max_by_key(last_failure).map(|check| Strip::new(&check.beats, BARS, now));
            let slowest = endpoint.checks.iter().filter_map(|check| check.latency).max_by(f64::total_cmp);
            AddressRow { endpoint, mark, latency: slowest.map(latency), strip }
        };
        RegionTile {
            region,
            mark,
            since: Since::new(region.since, now),
            up: region.endpoints.iter().filter(|endpoint| endpoint.state == State::Up).count(),
            serves,
            certificate: certificate(region, now),
            more_addresses: endpoints.len().saturating_sub(ADDRESSES_MAX),
            addresses: endpoints.into_iter().take(ADDRESSES_MAX).map(address).collect(),
        }
    }
}

/// The certificate that expires first: `certificate: 41 days`.
fn certificate(region: &RegionStatus, now: Moment) -> Option<String> {
    let checks = region.endpoints.iter().flat_map(|endpoint| &endpoint.checks);
    let expires = checks.filter_map(|check| check.certificate_expires).min()?;
    Some(certificate_days(expires, now))
}
