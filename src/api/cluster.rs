//! What an operator should look at between the name servers of a cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use super::status::Status;
use super::warning::Warning;
use crate::controller::{ClusterView, NodeView, Togetherness};
use crate::health::Vote;
use crate::model::{Moment, RegionId, shown};

/// What is the matter between the name servers, gravest first; nothing where this one decides alone.
#[must_use]
pub fn cluster_warnings(status: &Status, now: Moment) -> Vec<Warning> {
    let Some(view) = &status.cluster else { return Vec::new() };
    let mut warnings: Vec<Warning> = standing(view, now).into_iter().collect();
    if view.namesake {
        warnings.push(Warning {
            text: "another process says that it is this node".into(),
            help: "give every name server a `[node] name` of its own, and end the other one".into(),
        });
    }
    let is_with_us = view.state == Togetherness::Together;
    for node in view.nodes.iter().filter(|node| !node.us) {
        warnings.extend(silent(node).filter(|_| is_with_us));
        warnings.extend(different(node));
        warnings.extend(cut_off(node).filter(|_| is_with_us));
    }
    let divided =
        status.regions.iter().map(|region| &region.region).filter(|region| is_divided(view, region));
    warnings.extend(divided.map(|region| split_vantage(view, region)));
    warnings.extend(differing_epochs(view).filter(|_| is_with_us));
    warnings.extend(differing_zones(view).filter(|_| is_with_us));
    if !view.unshared.is_empty() {
        let ids: Vec<String> = view.unshared.iter().map(ToString::to_string).collect();
        warnings.push(Warning {
            text: format!("the other name servers do not know of override {} yet", ids.join(", ")),
            help: "they are told as soon as they are heard".into(),
        });
    }
    warnings.extend(view.unreadable.iter().map(|(key, why)| Warning {
        text: format!("this node cannot read {key} in etcd: {why}"),
        help: "another version wrote it: run the same one on every name server".into(),
    }));
    warnings
}

fn standing(view: &ClusterView, now: Moment) -> Option<Warning> {
    let since =
        view.since.map(|since| now.since(since).as_secs()).map(Duration::from_secs).unwrap_or_default();
    let why = view.why.clone().unwrap_or_default();
    let help = || "the network of this node, and etcd: `cadence-dns check --live`".to_owned();
    match view.state {
        Togetherness::Alone => Some(Warning {
            text: format!(
                "ALONE: cut off from the cluster for {} ({why}); a region that is down from here is left",
                shown(since)
            ),
            help: help(),
        }),
        Togetherness::CutOff => Some(Warning {
            text: format!("cut off from the cluster for {}: {why}; the answers stay", shown(since)),
            help: help(),
        }),
        Togetherness::Together => view.why.as_ref().map(|why| Warning {
            text: format!("this node moves nothing: {why}"),
            help: "`cadence-dns status --cluster` shows the others".into(),
        }),
    }
}

fn silent(node: &NodeView) -> Option<Warning> {
    (!node.heard && !node.suspended).then(|| Warning {
        text: match node.age {
            Some(age) => format!("{} is not heard, for {} now", node.node, shown(whole_seconds(age))),
            None => format!("{} was not heard since this node started", node.node),
        },
        help: format!(
            "look after it; before maintenance say `cadence-dns cluster suspend {} --for 1h --reason TEXT`",
            node.node
        ),
    })
}

fn different(node: &NodeView) -> Option<Warning> {
    (node.heard && node.same_configuration == Some(false)).then(|| Warning {
        text: format!("{} decides by another configuration than this node", node.node),
        help: "deploy the same one on every name server, and reload".into(),
    })
}

fn cut_off(node: &NodeView) -> Option<Warning> {
    (node.heard && node.cut_off).then(|| Warning {
        text: format!("{} says that it is cut off", node.node),
        help: format!("`cadence-dns status` on {}", node.node),
    })
}

/// Whether a region is seen up from some places and down from others, also where most of them agree.
pub(super) fn is_divided(view: &ClusterView, region: &RegionId) -> bool {
    let says = |wanted: Vote| view.nodes.iter().any(|node| node.votes.get(region) == Some(&wanted));
    says(Vote::Up) && says(Vote::Down)
}

/// Who says what of a region.
fn split_vantage(view: &ClusterView, region: &RegionId) -> Warning {
    let said = |node: &NodeView| {
        let word = match node.votes.get(region)? {
            Vote::Up => "up",
            Vote::Down => "down",
            Vote::Unknown(_) => "cannot say",
        };
        Some(format!("{} {word}", node.node))
    };
    let votes: Vec<String> = view.nodes.iter().filter_map(said).collect();
    Warning {
        text: format!("split vantage: {region} is seen differently: {}", votes.join(", ")),
        help: "the network between those name servers and the region".into(),
    }
}

/// Name servers that answer a name by different epochs.
fn differing_epochs(view: &ClusterView) -> impl Iterator<Item = Warning> {
    let mut epochs: BTreeMap<&String, BTreeMap<u64, Vec<&NodeView>>> = BTreeMap::new();
    for node in view.nodes.iter().filter(|node| node.heard && !node.cut_off) {
        for (name, epoch) in &node.epochs {
            epochs.entry(name).or_default().entry(*epoch).or_default().push(node);
        }
    }
    let different = epochs.into_iter().filter(|(_, by_epoch)| by_epoch.len() > 1);
    different.map(|(name, by_epoch)| {
        let nodes = |nodes: &[&NodeView]| {
            nodes.iter().map(|node| node.node.as_str()).collect::<Vec<&str>>().join(" and ")
        };
        let told: Vec<String> =
            by_epoch.iter().map(|(epoch, all)| format!("{epoch} on {}", nodes(all))).collect();
        Warning {
            text: format!("{name} is answered by different epochs: {}", told.join(", ")),
            help: "they agree within a second or two; if not, see what each of them says".into(),
        }
    })
}

/// Who tells what of each zone, by the serial and the checksum that they have.
type Contents<'v> = BTreeMap<(&'v String, u32), BTreeMap<&'v String, Vec<&'v str>>>;

fn contents(view: &ClusterView) -> Contents<'_> {
    let mut told = Contents::new();
    for node in view.nodes.iter().filter(|node| node.heard) {
        for (zone, (serial, checksum)) in &node.zones {
            told.entry((zone, *serial)).or_default().entry(checksum).or_default().push(node.node.as_str());
        }
    }
    told
}

/// Every zone, and whether name servers tell one serial of it though something else stands in it.
pub(super) fn zones_that_differ(view: &ClusterView) -> BTreeMap<&str, bool> {
    let mut zones = BTreeMap::new();
    for ((zone, _), by_content) in contents(view) {
        *zones.entry(zone.as_str()).or_default() |= by_content.len() > 1;
    }
    zones
}

/// Zones of which name servers tell the same serial though something else stands in them: secondaries and caches cannot
/// tell them apart.
fn differing_zones(view: &ClusterView) -> impl Iterator<Item = Warning> {
    let different = contents(view).into_iter().filter(|(_, by_content)| by_content.len() > 1);
    different.map(|((zone, serial), by_content)| {
        let nodes: Vec<String> = by_content.values().map(|nodes| nodes.join(" and ")).collect();
        Warning {
            text: format!("zone {zone} is not the same under serial {serial} on {}", nodes.join(", and on ")),
            help: "deploy the same zone file on every name server, with a serial that grows".into(),
        }
    })
}

fn whole_seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.floor()).unwrap_or_default()
}
