//! The cluster as text: nodes by regions, who is heard, and by which epoch each of them answers.

use super::look::{Look, finish};
use crate::api::{EtcdStatus, Status};
use crate::cli::text::{age, latency, table};
use crate::controller::{ClusterView, NodeView, Togetherness};
use crate::health::{Role, Vote};
use crate::model::RegionId;

/// As many names are shown in a row.
const NAMES_SHOWN: usize = 3;

/// The cluster; empty where this node decides alone.
pub(super) fn cluster(status: &Status, look: &Look<'_>) -> String {
    let Some(view) = &status.cluster else { return String::new() };
    let regions: Vec<&RegionId> = status.regions.iter().map(|region| &region.region).collect();
    let mut header = vec!["NODE", "HEARD"];
    header.extend(regions.iter().map(|region| region.as_str()));
    header.extend(["ANSWERS BY EPOCH", "NOTES"]);
    let mut table = table(&header, look.width);
    for node in &view.nodes {
        let mut row = vec![name(node), heard(node)];
        row.extend(regions.iter().map(|region| vote(node, region)));
        row.extend([epochs(node), notes(node)]);
        table.add_row(row);
    }
    let mut text = format!("cluster: {}\n", standing(view));
    if let Some(etcd) = &status.etcd {
        text.push_str(&format!("etcd: {}\n", members(etcd)));
    }
    text.push_str(&finish(&table, false));
    text
}

fn standing(view: &ClusterView) -> String {
    let ClusterView { heard, active, why, .. } = view;
    let heard = format!("{heard} of {active} nodes are heard");
    match (view.state, why) {
        (Togetherness::Together, None) => format!("together, {heard}"),
        (Togetherness::Together, Some(why)) => format!("together, {heard}; moves nothing: {why}"),
        (Togetherness::CutOff, why) => {
            format!("CUT OFF: {}; the answers stay", why.as_deref().unwrap_or("nobody is heard"))
        }
        (Togetherness::Alone, why) => {
            format!("ALONE: {}; a dead region is left", why.as_deref().unwrap_or("nobody is heard"))
        }
    }
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

fn name(node: &NodeView) -> String {
    if node.us { format!("{} (this)", node.node) } else { node.node.to_string() }
}

fn heard(node: &NodeView) -> String {
    match node.age {
        Some(seconds) => {
            let ago = age(std::time::Duration::from_secs_f64(seconds.max(0.0)));
            if node.heard { format!("{ago} ago") } else { format!("STALE, {ago} ago") }
        }
        None => "never".into(),
    }
}

/// Whoever stands in a region has no vote on it.
fn vote(node: &NodeView, region: &RegionId) -> String {
    let word = match node.votes.get(region) {
        Some(Vote::Up) => "up",
        Some(Vote::Down) => "DOWN",
        Some(Vote::Unknown(_)) => "?",
        None if node.region.as_ref() == Some(region) => "(inside)",
        None => "-",
    };
    word.into()
}

fn epochs(node: &NodeView) -> String {
    let shown = node.epochs.iter().take(NAMES_SHOWN).map(|(name, epoch)| format!("{name} {epoch}"));
    let mut shown: Vec<String> = shown.collect();
    let more = node.epochs.len().saturating_sub(NAMES_SHOWN);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn notes(node: &NodeView) -> String {
    let mut notes = Vec::new();
    if node.role == Role::Witness {
        notes.push("witness");
    }
    if node.suspended {
        notes.push("suspended");
    }
    if node.cut_off {
        notes.push("says it is cut off");
    }
    if node.same_configuration == Some(false) {
        notes.push("ANOTHER CONFIGURATION");
    }
    let version = node.version.as_deref().filter(|version| *version != env!("CARGO_PKG_VERSION"));
    let mut text = notes.join(", ");
    if let Some(version) = version {
        text.push_str(&format!("{}version {version}", if text.is_empty() { "" } else { ", " }));
    }
    text
}
