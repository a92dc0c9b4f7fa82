//! The cluster: nodes by regions, by what each of them answers, and how it stands with etcd.

use askama::Template;

use super::advice::Advice;
use super::frame::{Frame, Place, Sight, finished};
use super::mark::{Mark, Tone};
use super::when::Since;
use crate::api::{
    ClusterMatrix, EtcdMemberStatus, EtcdStatus, Heard, NodeEpoch, NodeRow, NodeZone, RegionStatus, Said,
    age, cluster_warnings, latency,
};
use crate::controller::Togetherness;
use crate::model::{Moment, RegionId};

/// The regions that have a column, those in trouble first, and the names and zones of a node that are shown; what is more
/// is counted.
const REGIONS_MAX: usize = 12;
const TOLD_MAX: usize = 3;

#[derive(Template)]
#[template(path = "cluster.html")]
struct Page<'s> {
    frame: Frame,
    mark: Mark,
    standing: String,
    since: Option<Since>,
    warnings: Vec<Advice>,
    regions: Vec<&'s RegionStatus>,
    more_regions: usize,
    rows: Vec<Row<'s>>,
    agreed: Vec<Mark>,
    etcd: Option<Etcd<'s>>,
}

/// A node, with a cell for each region.
struct Row<'s> {
    row: &'s NodeRow<'s>,
    heard: Mark,
    /// What it says of each region; none where it stands inside.
    cells: Vec<(&'s RegionId, Option<Mark>)>,
    epochs: Vec<&'s NodeEpoch<'s>>,
    more_epochs: usize,
    zones: Vec<&'s NodeZone<'s>>,
    more_zones: usize,
    notes: String,
}

struct Etcd<'s> {
    status: &'s EtcdStatus,
    /// What went wrong, while no member is followed.
    error: Option<&'s String>,
    silent_for: Option<String>,
    members: Vec<Member<'s>>,
}

struct Member<'s> {
    member: &'s EtcdMemberStatus,
    mark: Mark,
    latency: Option<String>,
    heard: Option<Since>,
    notes: String,
}

/// How this node stands to the others, for a line of another page; none where it decides alone.
pub(super) fn standing(matrix: Option<&ClusterMatrix<'_>>) -> Option<(Mark, String)> {
    let matrix = matrix?;
    let mark = match (matrix.view.state, &matrix.view.why) {
        (Togetherness::Together, None) if matrix.view.heard == matrix.view.active => {
            Mark::new(Tone::Good, "together")
        }
        (Togetherness::Together, _) => Mark::new(Tone::Watch, "together"),
        (Togetherness::CutOff, _) => Mark::new(Tone::Bad, "CUT OFF"),
        (Togetherness::Alone, _) => Mark::new(Tone::Bad, "ALONE"),
    };
    // The mark has the word already.
    let line = matrix.standing();
    let rest = line.strip_prefix(mark.word.as_str()).map(|rest| rest.trim_start_matches([',', ':', ' ']));
    let rest = rest.map(str::to_owned);
    Some((mark, rest.unwrap_or(line)))
}

/// The page of the cluster; none where this node decides alone.
#[must_use]
pub fn cluster(sight: &Sight<'_>) -> Option<String> {
    let Sight { status, now, .. } = *sight;
    let matrix = ClusterMatrix::of(status)?;
    let (mark, standing) = standing(Some(&matrix))?;
    let mut regions = matrix.regions.clone();
    regions.sort_by_key(|region| Mark::of_region(region).tone); // stable: else by name
    let more_regions = regions.len().saturating_sub(REGIONS_MAX);
    regions.truncate(REGIONS_MAX);
    let mut warnings = cluster_warnings(status, now);
    warnings.extend(status.etcd.iter().flat_map(EtcdStatus::warnings));
    let title = match mark.tone {
        Tone::Good => "Cluster".to_owned(),
        Tone::Watch | Tone::Bad => format!("! Cluster: {}", mark.word),
    };
    Some(finished(&Page {
        frame: sight.frame(title, Place::Cluster),
        mark,
        standing,
        since: matrix.view.since.map(|since| Since::new(since, now)),
        warnings: warnings.iter().map(Advice::of).collect(),
        rows: matrix.rows.iter().map(|row| Row::of(row, &regions)).collect(),
        agreed: regions.iter().map(|region| Mark::of_state(region.state, region.doubt)).collect(),
        regions,
        more_regions,
        etcd: status.etcd.as_ref().map(|etcd| Etcd::of(etcd, now)),
    }))
}

impl<'s> Row<'s> {
    fn of(row: &'s NodeRow<'s>, regions: &[&'s RegionStatus]) -> Row<'s> {
        let heard = heard(row);
        let cell = |region: &&'s RegionStatus| (&region.region, said(row, &region.region));
        Row {
            cells: regions.iter().map(cell).collect(),
            epochs: row.epochs.iter().take(TOLD_MAX).collect(),
            more_epochs: row.epochs.len().saturating_sub(TOLD_MAX),
            zones: row.zones.iter().take(TOLD_MAX).collect(),
            more_zones: row.zones.len().saturating_sub(TOLD_MAX),
            notes: notes(row),
            heard,
            row,
        }
    }
}

fn heard(row: &NodeRow<'_>) -> Mark {
    let calm = if row.node.suspended { Tone::Watch } else { Tone::Bad };
    match row.heard {
        Heard::Never => Mark::new(calm, "never"),
        Heard::Stale(span) => Mark::new(calm, format!("STALE, {} ago", age(span))),
        Heard::Lately(span) => Mark::new(Tone::Good, format!("{} ago", age(span))),
    }
}

fn said(row: &NodeRow<'_>, region: &RegionId) -> Option<Mark> {
    match row.said(region) {
        Said::Vote(vote) => Some(Mark::of_vote(vote)),
        Said::Inside => None,
        Said::Nothing => Some(Mark::new(Tone::Watch, "says nothing")),
    }
}

fn notes(row: &NodeRow<'_>) -> String {
    let stands = row.node.region.as_ref().map(|region| format!("stands in {region}"));
    stands.into_iter().chain(row.notes()).collect::<Vec<String>>().join(", ")
}

impl<'s> Etcd<'s> {
    fn of(status: &'s EtcdStatus, now: Moment) -> Etcd<'s> {
        Etcd {
            status,
            error: status.error.as_ref().filter(|_| status.followed.is_none()),
            silent_for: status.silent_for.and_then(span).map(age),
            members: status.members.iter().map(|member| Member::of(member, now)).collect(),
        }
    }
}

impl<'s> Member<'s> {
    fn of(member: &'s EtcdMemberStatus, now: Moment) -> Member<'s> {
        let mark = match (&member.error, member.complaints.is_empty(), member.latency) {
            (Some(_), _, _) => Mark::new(Tone::Bad, "fails"),
            (None, false, _) => Mark::new(Tone::Bad, "complains"),
            (None, true, None) => Mark::new(Tone::Watch, "not asked yet"),
            (None, true, Some(_)) if member.leads => Mark::new(Tone::Good, "answers, leads"),
            (None, true, Some(_)) => Mark::new(Tone::Good, "answers"),
        };
        let notes: Vec<&str> = member.error.iter().chain(&member.complaints).map(String::as_str).collect();
        Member {
            member,
            mark,
            latency: member.latency.map(latency),
            heard: member.heard.and_then(span).map(|span| Since::new(now.before(span), now)),
            notes: notes.join("; "),
        }
    }
}

fn span(seconds: f64) -> Option<std::time::Duration> {
    std::time::Duration::try_from_secs_f64(seconds).ok()
}
