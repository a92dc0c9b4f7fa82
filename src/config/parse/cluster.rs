//! `[cluster]`

mod etcd;
mod judge;

use std::collections::HashMap;

use super::context::Context;
use super::label::label;
use super::region::Regions;
use crate::config::cluster::ClusterSettings;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::read::At;
use crate::config::spec::{ClusterNodeSpec, ClusterSpec};
use crate::health::{Member, Role};
use crate::model::{Place, RegionId, VantageId};

/// The most nodes: each has a digit of an epoch to itself.
const NODES: usize = 9;

/// What a node may be.
const ROLES: [&str; 2] = ["server", "witness"];

/// What the rest of the file says that matters to a cluster.
pub(super) struct Surroundings<'a> {
    /// `[node] name`.
    pub(super) node: Option<&'a VantageId>,
    /// Where `[dns]` names addresses that are listened on, if it does.
    pub(super) listen: Option<&'a Place>,
    /// All of `[[region]]`.
    pub(super) regions: &'a Regions,
    /// Whether there is a `[[witness]]`.
    pub(super) has_witness: bool,
}

/// `[cluster]`; without it there is none.
pub(super) fn cluster(
    spec: Option<At<ClusterSpec>>,
    around: &Surroundings<'_>,
    context: Context<'_>,
) -> Option<Option<ClusterSettings>> {
    let Some(At { value: ClusterSpec { name, nodes, etcd }, place }) = spec else { return Some(None) };
    let diagnostics = context.diagnostics;
    let name = name.and_then(|name| folder(&name, diagnostics));
    let nodes = nodes.and_then(|nodes| members(nodes, around, diagnostics));
    let etcd = etcd.and_then(|etcd| etcd::etcd(etcd, context));
    let nodes = nodes?;
    judge::judge(&nodes, &place, around, diagnostics);
    Some(Some(ClusterSettings { name: name?, nodes, etcd: etcd? }))
}

/// A name that is one step of a path.
fn folder(name: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let text = label("the cluster's name", name, diagnostics)?;
    if text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet)) {
        return Some(text);
    }
    let found = format!("the cluster's name {} cannot be that of a folder in etcd", quoted(&text));
    diagnostics.error(&name.place, found, "letters, digits, `-`, `_` and dots");
    None
}

/// All nodes, none twice, this one among them.
fn members(
    At { value: specs, place }: At<Vec<At<ClusterNodeSpec>>>,
    around: &Surroundings<'_>,
    diagnostics: &Diagnostics<'_>,
) -> Option<Vec<Member>> {
    if let Some(At { place, .. }) = specs.get(NODES) {
        let found = format!("a cluster of {} nodes", specs.len());
        diagnostics.error(place, found, format!("at most {NODES}: epochs have a digit for each of them"));
        return None;
    }
    let count = specs.len();
    let mut lines = HashMap::new();
    let nodes: Vec<Member> =
        specs.into_iter().filter_map(|spec| member(spec, &mut lines, around, diagnostics)).collect();
    (nodes.len() == count).then_some(())?;
    if let Some(own) = around.node {
        of_this_node(&nodes, own, &place, around, diagnostics)?;
    }
    if nodes.iter().all(|node| node.role == Role::Witness) {
        let help = "`role = \"witness\"` is for a node that only votes: leave it out where DNS is answered";
        diagnostics.error(&place, "a cluster of witnesses: none of its nodes answers DNS", help);
        return None;
    }
    Some(nodes)
}

fn member(
    At { value: ClusterNodeSpec { name, region, role }, .. }: At<ClusterNodeSpec>,
    lines: &mut HashMap<String, u32>,
    around: &Surroundings<'_>,
    diagnostics: &Diagnostics<'_>,
) -> Option<Member> {
    let name = name.and_then(|name| claim(&name, lines, diagnostics));
    let region = match region {
        Some(region) => known(&region, around.regions, diagnostics).map(Some),
        None => Some(None),
    };
    let role = match role {
        Some(role) => self::role(&role, diagnostics),
        None => Some(Role::Server),
    };
    Some(Member { vantage: name?.as_str().into(), region: region?, role: role? })
}

fn claim(
    name: &At<String>,
    lines: &mut HashMap<String, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Option<String> {
    let text = label("the node's name", name, diagnostics)?;
    if let Some(line) = lines.insert(text.clone(), name.place.line) {
        let found = format!("the node {} stands in line {line} already", quoted(&text));
        diagnostics.error(&name.place, found, "each node once, under a name of its own");
        return None;
    }
    Some(text)
}

fn known(text: &At<String>, regions: &Regions, diagnostics: &Diagnostics<'_>) -> Option<RegionId> {
    let id = RegionId::from(text.value.as_str());
    if regions.names.contains_key(&id) {
        return Some(id);
    }
    if regions.complete {
        let help = match nearest(&text.value, regions.names.keys().map(RegionId::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "the name of a `[[region]]`; leave it out for a node that stands in none".to_owned(),
        };
        diagnostics.absence(&text.place, format!("no `[[region]]` is called {}", quoted(&text.value)), help);
    }
    None
}

fn role(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<Role> {
    match value.as_str() {
        "server" => Some(Role::Server),
        "witness" => Some(Role::Witness),
        other => {
            let help = match nearest(other, ROLES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "server or witness".to_owned(),
            };
            diagnostics.error(place, format!("`role` is {}", quoted(other)), help);
            None
        }
    }
}

/// It must be one of them; and a witness has nothing to listen on.
fn of_this_node(
    nodes: &[Member],
    own: &VantageId,
    place: &Place,
    around: &Surroundings<'_>,
    diagnostics: &Diagnostics<'_>,
) -> Option<()> {
    let Some(node) = nodes.iter().find(|node| node.vantage == *own) else {
        let found = format!("this node, `{own}`, is not among the nodes of the cluster");
        let help = format!("add {{ name = \"{own}\" }}, on every node; or change the name in [node]");
        diagnostics.absence(place, found, help);
        return None;
    };
    if let (Role::Witness, Some(place)) = (node.role, around.listen) {
        let found = format!("this node, `{own}`, is a witness of the cluster, which answers no DNS");
        diagnostics.error(place, found, "leave it out, or make it a server in [cluster]");
        return None;
    }
    Some(())
}
