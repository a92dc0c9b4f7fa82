//! What an operator should look at, each with the command or the place that helps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::cluster::cluster_warnings;
use super::status::{CheckStatus, EndpointStatus, GateStatus, NameStatus, RegionStatus, Status, WaitStatus};
use super::warning::Warning;
use crate::controller::{Controller, Parameters};
use crate::health::{State, Verdict};
use crate::model::{Family, Moment, RegionId};
use crate::policy::{
    Decision, Facts, GatePolicy, GateView, Hold, Light, Override, Rule, Steer, Wait, if_dead,
};

/// What the configuration leaves open, and would be missed in an outage.
pub(super) fn notes(parameters: &Parameters) -> Vec<Warning> {
    let mut notes = Vec::new();
    if parameters.members.len() == 1 && parameters.regions.iter().any(|region| !region.checks.is_empty()) {
        notes.push(Warning {
            text: "one node decides alone: what it cannot reach counts as dead for all clients".into(),
            help: "a second and a third node outside of the regions".into(),
        });
    }
    for member in &parameters.members {
        let outside = parameters.members.iter().any(|other| other.region != member.region);
        if let Some(region) = member.region.as_ref().filter(|_| !outside) {
            notes.push(Warning {
                text: format!("every node is inside {region}: none can see it as clients do"),
                help: "a node in another place".into(),
            });
        }
    }
    let probed = parameters.regions.iter().flat_map(|region| &region.checks);
    let families: BTreeSet<Family> = probed.map(|check| check.id.family()).collect();
    for family in families {
        if !parameters.witnesses.iter().any(|check| check.id.family() == family) {
            notes.push(Warning {
                text: format!("no witness for {family}: when every region is silent, nothing moves"),
                help: format!("a `[[witness]]` with an {family} address outside of all regions"),
            });
        }
    }
    notes
}

/// What an operator should look at, gravest first.
pub(super) fn warnings(status: &Status, controller: &Controller, now: Moment) -> Vec<Warning> {
    let facts = controller.facts();
    let mut warnings = cluster_warnings(status, now);
    warnings.extend(status.names.iter().filter_map(name_warning));
    for (steer, decision) in controller.parameters().steers.iter().zip(controller.decisions()) {
        warnings.extend(pinned_warning(decision));
        warnings.extend(flips_warning(steer, decision, now));
        warnings.extend(standby_warning(steer, decision, facts, now));
    }
    warnings.extend(controller.overrides().iter().filter_map(|order| idle_warning(order, controller)));
    warnings.extend(status.gates.iter().filter_map(gate_warning));
    for region in &status.regions {
        warnings.extend(region_warning(region));
        for endpoint in &region.endpoints {
            for check in &endpoint.checks {
                let warned_within = certificate_warning(controller.parameters(), region, check);
                warnings.extend(check_warning(region, endpoint, check, warned_within, now));
            }
        }
    }
    warnings
}

fn name_warning(name: &NameStatus) -> Option<Warning> {
    let region = &name.region;
    let (text, help) = match (&name.rule, &name.wait) {
        (Rule::FailOpen, _) => (
            format!("{}: every region is down; {region} stays in the answer", name.name),
            format!("bring back any of its regions; look at {region} first"),
        ),
        (Rule::NoneProven | Rule::Freeze, _) => (
            format!("{}: frozen on {region}: {}", name.name, name.why),
            "check this node's own network, then the regions".into(),
        ),
        (Rule::Held, Some(WaitStatus { hold: Hold::Gate(gate), to, until, .. })) => (
            format!("{}: {region} is down, and gate {gate} keeps {to} waiting", name.name),
            match until {
                Some(until) => format!("mend what {gate} asks for; it opens at {until} in any case"),
                None => format!(
                    "mend what {gate} asks for; or past it: `cadence-dns release {} --break-glass gate`",
                    name.name
                ),
            },
        ),
        (Rule::Held, Some(WaitStatus { hold: Hold::Hook(hook), to, .. })) => (
            format!(
                "{}: {region} is down, and hook {hook}, which must succeed, keeps {to} waiting",
                name.name
            ),
            format!("the log has what {hook} said; it is tried again"),
        ),
        (_, Some(WaitStatus { hold: Hold::Hook(hook), to, .. })) => (
            format!("{}: hook {hook}, which must succeed, keeps {to} waiting", name.name),
            format!("the log has what {hook} said; it is tried again"),
        ),
        (Rule::Held, Some(wait)) => (
            format!("{}: {region} is down, and {} keeps {} waiting", name.name, wait.hold, wait.to),
            format!(
                "{} has just come up again; `dwell` of the [[steer]] says for how long it must be",
                wait.to
            ),
        ),
        (Rule::FailedOver { .. }, Some(WaitStatus { hold: Hold::ManualFailback, to, .. })) => (
            format!("{}: {to} is up again and waits for an operator", name.name),
            format!("cadence-dns failback {} --reason TEXT", name.name),
        ),
        (Rule::FailedOver { .. }, Some(WaitStatus { hold: Hold::Kept, to, .. })) => (
            format!("{}: an override has ended and keeps it here; {to} would be preferred", name.name),
            format!("cadence-dns release {} --reason TEXT", name.name),
        ),
        (Rule::Frozen, _) => (
            format!("{}: {}", name.name, name.why),
            "nothing moves it, also no outage; `cadence-dns override list`, `cadence-dns override clear`"
                .into(),
        ),
        (Rule::Draining, _) => (
            format!("{}: {region} cannot be left: {}", name.name, name.why),
            "bring back another of its regions, or `cadence-dns undrain`".into(),
        ),
        (Rule::Unproven | Rule::Preferred | Rule::FailedOver { .. } | Rule::Held | Rule::Pinned, _) => {
            return None;
        }
    };
    Some(Warning { text, help })
}

/// An operator's word keeps clients on a region that does not work.
fn pinned_warning(decision: &Decision) -> Option<Warning> {
    let verdict = decision.verdict().filter(|verdict| verdict.state != State::Up)?;
    (decision.derivation.rule == Rule::Pinned).then(|| Warning {
        text: format!("{}: pinned to {}, which is {verdict}", decision.name(), verdict.region),
        help: format!("cadence-dns release {} --reason TEXT", decision.name()),
    })
}

/// The configuration of today has nothing that the order is about.
fn idle_warning(order: &Override, controller: &Controller) -> Option<Warning> {
    (!controller.knows_subject(&order.order)).then(|| Warning {
        text: format!(
            "override {}, {}, has no effect: it is about nothing that is configured",
            order.id, order.order
        ),
        help: format!("cadence-dns override clear {} --reason TEXT", order.id.0),
    })
}

/// One more automatic move and only escapes happen for the rest of the hour.
fn flips_warning(steer: &Steer, decision: &Decision, now: Moment) -> Option<Warning> {
    let (used, limit) = (decision.standing.flips.within_hour(now), steer.max_flips_per_hour as usize);
    (limit > 1 && used + 1 >= limit).then(|| Warning {
        text: format!("{}: {used} of {limit} automatic moves of this hour are used", steer.name()),
        help: "after the last one the name leaves its region only when that is down; `max_flips_per_hour` sets this"
            .into(),
    })
}

/// No region could take over if the one in service died now. Once it is down the name's own warning says what it waits for.
fn standby_warning(steer: &Steer, decision: &Decision, facts: Facts<'_>, now: Moment) -> Option<Warning> {
    let served = &decision.standing.region;
    let next = if_dead(steer, &decision.standing, facts, now);
    let is_down = decision.verdict().is_some_and(|verdict| verdict.state == State::Down);
    let is_ordered = next.derivation.order.is_some(); // then nothing is to take over
    if is_down || is_ordered || steer.regions.len() == 1 || next.standing.region != *served {
        return None;
    }
    let barred =
        |region: &RegionId| next.derivation.gates.iter().find(|view| view.bars && view.region == *region);
    let said = |verdict: &Arc<Verdict>| match &next.derivation.wait {
        _ if verdict.state == State::Up && barred(&verdict.region).is_some() => {
            barred(&verdict.region).map(GateView::headline).unwrap_or_default()
        }
        Some(Wait { to, until: Some(until), .. }) if *to == verdict.region => {
            format!("{to} has just come up again, and takes over from {until} on")
        }
        _ => format!("{} is {verdict}", verdict.region),
    };
    let others = next.derivation.evidence.iter().filter(|verdict| verdict.region != *served);
    let why: Vec<String> = others.map(said).collect();
    Some(Warning {
        text: format!("{}: no region could take over from {served} now: {}", steer.name(), why.join("; ")),
        help: "mend one of them before it is needed; its probes in `cadence-dns status` tell why they fail"
            .into(),
    })
}

/// A gate that is not green: before it matters.
fn gate_warning(gate: &GateStatus) -> Option<Warning> {
    if gate.light == Light::Green {
        return None;
    }
    let view = GateView {
        gate: gate.gate.clone(),
        region: gate.region.clone(),
        light: gate.light,
        says: gate.says.clone(),
        bars: gate.policy != GatePolicy::Warn,
    };
    let (headline, region) = (view.headline(), &gate.region);
    Some(match gate.policy {
        GatePolicy::Warn => Warning {
            text: format!("before {region} {headline}"),
            help: "moves pass nevertheless: `policy` of the [[gate]] is \"warn\"".into(),
        },
        GatePolicy::Block | GatePolicy::BlockFor(_) => Warning {
            text: format!("nothing moves to {region} now: {headline}"),
            help: "mend it before it is needed".into(),
        },
    })
}

fn region_warning(region: &RegionStatus) -> Option<Warning> {
    let help = match region.state {
        State::Up if !region.degraded.is_empty() => {
            "its addresses stay in the answer; look at its probes that fail".into()
        }
        State::Up if region.endpoints.iter().any(|endpoint| endpoint.degraded.is_some()) => {
            "it stays in the answer, and a region that is not degraded comes before it in an escape".into()
        }
        State::Up => return None,
        State::Down => {
            format!("look at the load balancers of {}: its probes tell why they fail", region.region)
        }
        State::Unknown => {
            "a probe must pass or fail several times in a row before anything is decided".into()
        }
    };
    Some(Warning { text: format!("region {} is {}", region.region, region.why), help })
}

/// How long before the end of its certificate a check is worth a warning.
fn certificate_warning(parameters: &Parameters, region: &RegionStatus, check: &CheckStatus) -> Duration {
    let configured = parameters.regions.iter().find(|configured| configured.id == region.region);
    let checks = configured.into_iter().flat_map(|region| &region.checks);
    let rules = checks.map(|known| (known.id.probe, &known.rules)).find(|(probe, _)| *probe == check.probe);
    rules.map(|(_, rules)| rules.grades.certificate.warning).unwrap_or_default()
}

fn check_warning(
    region: &RegionStatus,
    endpoint: &EndpointStatus,
    check: &CheckStatus,
    warned_within: Duration,
    now: Moment,
) -> Option<Warning> {
    let place = format!("{}/{} from {}", region.region, endpoint.address, check.vantage);
    if let Some(trouble) = &check.trouble {
        return Some(Warning {
            text: format!("{place} cannot be probed: {trouble}"),
            help: "this node's limits".into(),
        });
    }
    let expires = check.certificate_expires.filter(|expires| expires.after(now) < warned_within)?;
    let text = match expires.after(now).as_secs() / 86_400 {
        _ if expires <= now => format!("{place}: the certificate expired at {expires}"),
        days => format!("{place}: the certificate expires in {days} days, at {expires}"),
    };
    Some(Warning { text, help: "renew it on the load balancer".into() })
}
