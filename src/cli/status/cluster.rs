//! The cluster as text: nodes by regions, who is heard, and by which epoch each of them answers.

use super::look::{Look, finish};
use crate::api::{ClusterMatrix, EtcdStatus, Heard, NodeRow, Said, Status};
use crate::cli::text::{age, latency, table};
use crate::health::Vote;
use crate::model::RegionId;

/// As many names are shown in a row.
const NAMES_SHOWN: usize = 3;

/// The cluster; empty where this node decides alone.
pub(super) fn cluster(status: &Status, look: &Look<'_>) -> String {
    let Some(matrix) = ClusterMatrix::of(status) else { return String::new() };
    let mut header = vec!["NODE", "HEARD"];
    header.extend(matrix.regions.iter().map(|region| region.region.as_str()));
    header.extend(["ANSWERS BY EPOCH", "NOTES"]);
    let mut table = table(&header, look.width);
    for row in &matrix.rows {
        let mut cells = vec![name(row), heard(row.heard)];
        cells.extend(matrix.regions.iter().map(|region| said(row, &region.region)));
        cells.extend([epochs(row), row.notes().join(", ")]);
        table.add_row(cells);
    }
    let mut text = format!("cluster: {}\n", matrix.standing());
    if let Some(etcd) = &status.etcd {
        text.push_str(&format!("etcd: {}\n", members(etcd)));
    }
    text.push_str(&finish(&table, false));
    text
}

fn members(etcd: &EtcdStatus) -> String {
    let told = etcd.members.iter().map(|member| match (&member.error, member.latency) {
        (Some(why), _) => format!("{} {why}", member.endpoint),
        (None, Some(span)) => {
            let leads = if member.leads { ", leads" } else { "" };
            format!("{} answers in {}{leads}", member.endpoint, latency(span))
        }
        (None, None) => format!("{} not asked yet", member.endpoint),
    });
    told.collect::<Vec<String>>().join("; ")
}

fn name(row: &NodeRow<'_>) -> String {
    if row.node.us { format!("{} (this)", row.node.node) } else { row.node.node.to_string() }
}

fn heard(heard: Heard) -> String {
    match heard {
        Heard::Never => "never".into(),
        Heard::Stale(span) => format!("STALE, {} ago", age(span)),
        Heard::Lately(span) => format!("{} ago", age(span)),
    }
}

fn said(row: &NodeRow<'_>, region: &RegionId) -> String {
    let word = match row.said(region) {
        Said::Vote(Vote::Up) => "up",
        Said::Vote(Vote::Down) => "DOWN",
        Said::Vote(Vote::Unknown(_)) => "?",
        Said::Inside => "(inside)",
        Said::Nothing => "-",
    };
    word.into()
}

fn epochs(row: &NodeRow<'_>) -> String {
    let shown = row.epochs.iter().take(NAMES_SHOWN).map(|told| format!("{} {}", told.name, told.epoch));
    let mut shown: Vec<String> = shown.collect();
    let more = row.epochs.len().saturating_sub(NAMES_SHOWN);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}
