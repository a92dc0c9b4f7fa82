//! A region: its addresses and what each vantage says of them, latency, certificates, and the last probes of each check.

use askama::Template;

use super::chart::{Latency, Strip};
use super::frame::{Frame, Place, Sight, finished};
use super::mark::{Mark, Tone};
use super::when::Since;
use super::words::{certificate_days, days, list};
use crate::api::{
    BEATS_MAX, CheckHeartbeat, CheckStatus, EndpointStatus, Heartbeats, NameStatus, RegionStatus, latency,
    probe_of,
};
use crate::health::{Ballot, Health, Vote};
use crate::model::{Moment, RegionId};

/// The checks whose probes are drawn; a region with more of them has their figures in the table.
const CHECKS_MAX: usize = 60;

/// So many bars have room at the least, so that the first ones are no walls.
const BARS_MIN: usize = 60;

/// The names that are listed.
const NAMES_MAX: usize = 100;

#[derive(Template)]
#[template(path = "region.html")]
struct RegionPage<'s> {
    frame: Frame,
    region: &'s RegionStatus,
    mark: Mark,
    since: Since,
    families: String,
    vantages: Vec<String>,
    rows: Vec<Row<'s>>,
    checks: Vec<CheckRow<'s>>,
    beating: Vec<Beating<'s>>,
    more_beating: usize,
    names: Vec<&'s NameStatus>,
    more_names: usize,
}

/// An address, with a cell for each vantage.
struct Row<'s> {
    endpoint: &'s EndpointStatus,
    mark: Mark,
    cells: Vec<Cell>,
}

/// What a vantage says of an address.
struct Cell {
    mark: Mark,
    notes: String,
}

/// What this node knows of a check.
struct CheckRow<'s> {
    endpoint: &'s EndpointStatus,
    probe: String,
    mark: Mark,
    count: String,
    latency: Option<String>,
    seen: Option<Since>,
    said: String,
    certificate: Option<(Tone, String)>,
}

struct Beating<'s> {
    check: &'s CheckHeartbeat,
    strip: Strip,
    latency: Option<Latency>,
}

/// The page of a region; none if there is no such region.
#[must_use]
pub fn region(sight: &Sight<'_>, id: &RegionId, beats: &Heartbeats) -> Option<String> {
    let Sight { status, now, .. } = *sight;
    let region = status.regions.iter().find(|region| region.region == *id)?;
    let mut names: Vec<&NameStatus> = status.names.iter().filter(|name| name.region == *id).collect();
    let more_names = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    let mut beating: Vec<&CheckHeartbeat> = beats.checks.iter().filter(|check| check.region == *id).collect();
    let more_beating = beating.len().saturating_sub(CHECKS_MAX);
    beating.truncate(CHECKS_MAX);
    let vantages = vantages(region, &status.node);
    let row = |endpoint| Row::of(endpoint, &vantages);
    let mark = Mark::of_region(region);
    let page = RegionPage {
        frame: sight.frame(format!("{id}: {}", mark.word), Place::Elsewhere),
        region,
        since: Since::new(region.since, now),
        families: list(&region.families),
        rows: region.endpoints.iter().map(row).collect(),
        checks: region.endpoints.iter().flat_map(|endpoint| CheckRow::all_of(endpoint, now)).collect(),
        beating: beating.into_iter().map(|check| Beating::of(check, now)).collect(),
        more_beating,
        vantages,
        names,
        more_names,
        mark,
    };
    Some(finished(&page))
}

/// Who votes on a region: this node alone, or all that have said something.
fn vantages(region: &RegionStatus, node: &str) -> Vec<String> {
    let mut vantages: Vec<String> = Vec::new();
    for ballot in region.endpoints.iter().flat_map(|endpoint| &endpoint.votes) {
        let vantage = ballot.vantage.to_string();
        if !vantages.contains(&vantage) {
            vantages.push(vantage);
        }
    }
    if vantages.is_empty() {
        vantages.push(node.to_owned());
    }
    vantages
}

impl<'s> Row<'s> {
    fn of(endpoint: &'s EndpointStatus, vantages: &[String]) -> Row<'s> {
        let cell = |vantage: &String| {
            let ballot = endpoint.votes.iter().find(|ballot| ballot.vantage.as_str() == vantage);
            match ballot {
                Some(ballot) => Cell::of(ballot),
                None if endpoint.votes.is_empty() => {
                    Cell { mark: Mark::of_endpoint(endpoint), notes: String::new() }
                }
                None => Cell { mark: Mark::new(Tone::Watch, "has no vote"), notes: String::new() },
            }
        };
        Row { endpoint, mark: Mark::of_endpoint(endpoint), cells: vantages.iter().map(cell).collect() }
    }
}

impl Cell {
    fn of(ballot: &Ballot) -> Cell {
        let mark = match ballot.vote {
            Vote::Up if ballot.suspect => Mark::new(Tone::Watch, "up, failing"),
            Vote::Up | Vote::Down | Vote::Unknown(_) => Mark::of_vote(ballot.vote),
        };
        let notes = [
            ballot.isolated.then(|| "silent, and nothing else was heard".to_owned()),
            ballot.failure.as_ref().map(ToString::to_string),
            ballot.trouble.clone(),
            ballot.degraded.map(|why| why.to_string()),
        ];
        Cell { mark, notes: notes.into_iter().flatten().collect::<Vec<_>>().join(", ") }
    }
}

impl<'s> CheckRow<'s> {
    fn all_of(endpoint: &'s EndpointStatus, now: Moment) -> Vec<CheckRow<'s>> {
        endpoint.checks.iter().map(|check| CheckRow::of(endpoint, check, now)).collect()
    }

    fn of(endpoint: &'s EndpointStatus, check: &CheckStatus, now: Moment) -> CheckRow<'s> {
        let said = match (&check.trouble, &check.failure) {
            (Some(trouble), _) => format!("could not be sent: {trouble}"),
            (None, Some(failure)) => failure.to_string(),
            (None, None) if check.seen.is_some() => "ok".to_owned(),
            (None, None) => "no probe yet".to_owned(),
        };
        CheckRow {
            endpoint,
            probe: probe_of(check),
            mark: Mark::of_state(check.health.state(), None),
            count: count(check.health),
            latency: check.latency.map(latency),
            seen: check.seen.map(|seen| Since::new(seen, now)),
            said,
            certificate: check
                .certificate_expires
                .map(|expires| (urgency(expires, now), certificate_days(expires, now))),
        }
    }
}

/// How far it is on the way to another belief.
fn count(health: Health) -> String {
    match health {
        Health::Up { failures: 0 }
        | Health::Down { passes: 0 }
        | Health::Unknown { passes: 0, failures: 0 } => String::new(),
        Health::Unknown { passes, failures: 0 } | Health::Down { passes } => {
            format!("{passes} passed in a row")
        }
        Health::Unknown { failures, .. } | Health::Up { failures } => format!("{failures} failed in a row"),
    }
}

/// A month is time enough; in a week somebody must act.
fn urgency(expires: Moment, now: Moment) -> Tone {
    match days(expires, now) {
        0..7 => Tone::Bad,
        7..21 => Tone::Watch,
        _ => Tone::Good,
    }
}

impl<'s> Beating<'s> {
    fn of(check: &'s CheckHeartbeat, now: Moment) -> Beating<'s> {
        let strip = Strip::new(&check.beats, check.beats.len().clamp(BARS_MIN, BEATS_MAX), now);
        Beating { check, strip, latency: Latency::new(&check.beats, now) }
    }
}
