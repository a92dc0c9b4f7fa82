//! The spec is judged: it becomes a [`Config`], or what is wrong with it is reported.
//!
//! Everything here returns `None`, or leaves something out, only after it has reported why.

mod address;
mod api;
mod check;
mod cluster;
mod context;
mod control;
mod dns;
mod errand;
mod evidence;
mod expect;
mod gate;
mod grades;
mod history;
mod hook;
mod http;
mod kind;
mod label;
mod limit;
mod node;
mod notify;
mod passes;
mod probe;
mod program;
mod question;
mod record;
mod region;
mod rto;
mod rules;
mod safety;
mod steer;
mod witness;
mod zone;

pub(super) use context::Context;
pub(super) use control::SOCKET;
pub(super) use node::STATE_DIR;

use super::read::entries;
use super::settings::Config;
use super::spec::Spec;
use crate::health::Role;

/// What the file means; complete only if nothing worse than a warning was reported.
pub(super) fn config(spec: Spec, context: Context<'_>) -> Option<Config> {
    #[rustfmt::skip]
    let Spec {
        node, dns, control, api, history, record, check, zone, evidence, witness, region, steer, gate, hook, notify,
        safety, cluster,
    } = spec;
    let node = node::node(node, context);
    let listen = dns::listened(dns.as_ref());
    let dns = dns::dns(dns, context);
    let control = control::control(control, context);
    let api = api::api(api, context);
    let history = history::history(history, context.diagnostics);
    let record = record::record(record, context.diagnostics);
    let check = check::check(check, context);
    let mut zones = zone::zones(entries(zone), context);
    let regions = region::regions(entries(region), context);
    let witnesses = witness::witnesses(entries(witness), context);
    let alone = evidence::alone(evidence, &regions, &witnesses, context.diagnostics);
    let (mut steers, undecided) = steer::steers(entries(steer), &mut zones, &regions, context.diagnostics);
    let gates = gate::gates(entries(gate), &regions, &steers, context);
    gate::keep_data(&mut steers, &undecided, &gates.gates);
    let hooks = hook::hooks(entries(hook), &steers, context);
    let receivers = notify::receivers(entries(notify), &steers, context);
    let safety = safety::safety(safety, context.diagnostics);
    let around = cluster::Surroundings {
        node: node.as_ref().map(|node| &node.name),
        listen: listen.as_ref(),
        regions: &regions,
        has_witness: !witnesses.checks.is_empty(),
    };
    let cluster = cluster::cluster(cluster, &around, context);
    let (node, mut dns, cluster) = (node?, dns?, cluster?);
    if cluster.as_ref().and_then(|cluster| cluster.role(&node.name)) == Some(Role::Witness) {
        dns.listen.clear(); // the default
    }
    Some(Config {
        node,
        dns,
        control: control?,
        api: api?,
        record: record?,
        check,
        history: history?,
        zones: zones.settings,
        alone: alone?,
        witnesses: witnesses.checks,
        regions: regions.regions,
        probes: regions.probes.into_iter().chain(witnesses.probes).collect(),
        steers,
        gates: gates.gates,
        asked: gates.settings,
        hooks: hooks.hooks,
        deeds: hooks.settings,
        receivers,
        safety: safety?,
        cluster,
    })
}
