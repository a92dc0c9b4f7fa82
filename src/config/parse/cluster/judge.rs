//! What a cluster cannot do, though nothing in it is wrong.

use super::Surroundings;
use crate::config::diagnostics::Diagnostics;
use crate::health::Member;
use crate::model::{Place, RegionId};

/// How long a node without the others waits before it acts by its own view.
const ALONE: &str = "60 s";

/// Warns of failures that would stop the cluster from moving a name, or make it wait.
pub(super) fn judge(
    nodes: &[Member],
    place: &Place,
    around: &Surroundings<'_>,
    diagnostics: &Diagnostics<'_>,
) {
    let warn = |found: String, help: &str| diagnostics.warning(place, found, help);
    match nodes.len() {
        0 | 1 => {
            let help = "add the others; or leave out [cluster], and nothing needs an etcd";
            warn("a cluster of one node, which decides as it would alone".to_owned(), help);
        }
        2 => {
            let found = format!(
                "a cluster of two nodes: when either is dead, no name moves by itself until the other has been alone \
                 for {ALONE}"
            );
            warn(found, "add a third, which can be a node that only votes: role = \"witness\"");
        }
        _ => {
            for region in &around.regions.regions {
                judge_region(&region.id, nodes, &warn);
            }
        }
    }
    if !around.has_witness {
        let found = "a cluster without a `[[witness]]`: a node that is cut off from the others never moves a name, for \
                     it cannot tell whether the region is dead or its own network";
        warn(
            found.to_owned(),
            "add a `[[witness]]` or two: addresses outside your regions that are always there",
        );
    }
}

/// The death of a region together with the nodes in it.
fn judge_region(region: &RegionId, nodes: &[Member], warn: &impl Fn(String, &str)) {
    let outsiders = nodes.iter().filter(|node| node.region.as_ref() != Some(region)).count();
    if outsiders == 0 {
        let found = format!("every node of the cluster stands in `{region}`: nobody outside can judge it");
        warn(found, "add a node elsewhere, which can be a witness");
    } else if outsiders * 2 <= nodes.len() {
        let found = format!(
            "{} of {} nodes stand in `{region}`: if they die with it, the others are no majority, and move a name only \
             after {ALONE} alone",
            nodes.len() - outsiders,
            nodes.len()
        );
        warn(found, "spread the nodes, so that the most stand outside of each region");
    }
}
