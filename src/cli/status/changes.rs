//! What is new in a status since the one before: a pure function, so that what a watch tells is a golden text. Ages and
//! counters are no changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::words::{endpoint_state, with_wait};
use crate::api::{EndpointStatus, GateStatus, NameStatus, RegionStatus, Source, Status};
use crate::model::{GateId, Name, RegionId};
use crate::policy::{Override, OverrideId};

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Subject {
    /// The daemon itself.
    Daemon,
    /// A steered name.
    Name(Name),
    /// A region.
    Region(RegionId),
    /// An address of a region.
    Endpoint(RegionId, IpAddr),
    /// A gate before a region.
    Gate(GateId, RegionId),
    /// An operator's order.
    Override(OverrideId),
    /// What an operator should look at.
    Warning,
}

/// Something that is otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Change {
    /// What it is about.
    pub(in crate::cli) subject: Subject,
    /// What is new, in one line.
    pub(in crate::cli) text: String,
}

impl Change {
    fn new(subject: Subject, text: String) -> Change {
        Change { subject, text }
    }
}

/// All that is otherwise, in the order of the status.
pub(in crate::cli) fn changes(before: &Status, after: &Status) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(restarted(before, after));
    changes.extend(names(before, after));
    changes.extend(overrides(before, after));
    changes.extend(regions(before, after));
    changes.extend(gates(before, after));
    changes.extend(warnings(before, after));
    changes
}

fn restarted(before: &Status, after: &Status) -> Option<Change> {
    let is_other = after.source == Source::Live && before.started != after.started;
    let since = after.started.filter(|_| is_other)?;
    Some(Change::new(Subject::Daemon, format!("cadence-dns {} was started at {since}", after.version)))
}

/// Those of both, by a key; in the order of the second list, then those that are gone.
fn pairs<'s, T, K: Ord>(
    before: impl IntoIterator<Item = &'s T>,
    after: impl IntoIterator<Item = &'s T>,
    key: impl Fn(&'s T) -> K,
) -> Vec<(Option<&'s T>, Option<&'s T>)> {
    let mut old: BTreeMap<K, &T> = before.into_iter().map(|item| (key(item), item)).collect();
    let mut pairs: Vec<_> = after.into_iter().map(|item| (old.remove(&key(item)), Some(item))).collect();
    pairs.extend(old.into_values().map(|item| (Some(item), None)));
    pairs
}

fn names(before: &Status, after: &Status) -> Vec<Change> {
    let change = |pair| match pair {
        (Some(old), Some(new)) => name(old, new),
        (None, Some(new)) => {
            let NameStatus { name, region, .. } = new;
            Some(Change::new(Subject::Name(name.clone()), format!("{name}: {region}: {}", with_wait(new))))
        }
        (Some(old), None) => Some(Change::new(
            Subject::Name(old.name.clone()),
            format!("{}: is not steered any more", old.name),
        )),
        (None, None) => None,
    };
    pairs(&before.names, &after.names, |name| &name.name).into_iter().filter_map(change).collect()
}

fn name(old: &NameStatus, new: &NameStatus) -> Option<Change> {
    let NameStatus { name, region, epoch, .. } = new;
    let wait = |status: &NameStatus| status.wait.as_ref().map(|wait| (wait.to.clone(), wait.hold.clone()));
    let text = if old.region != *region {
        format!("{name}: {} -> {region} (epoch {epoch}): {}", old.region, with_wait(new))
    } else if old.addresses.len() != new.addresses.len() {
        let (from, to) = (old.addresses.len(), new.addresses.len());
        format!("{name}: {region}: {from} -> {to} addresses (epoch {epoch}): {}", with_wait(new))
    } else if old.epoch != *epoch || old.rule != new.rule || wait(old) != wait(new) {
        format!("{name}: stays with {region} (epoch {epoch}): {}", with_wait(new))
    } else {
        return None;
    };
    Some(Change::new(Subject::Name(name.clone()), text))
}

fn overrides(before: &Status, after: &Status) -> Vec<Change> {
    let change = |pair: (Option<&Override>, Option<&Override>)| match pair {
        (None, Some(order)) => {
            let Override { id, order, author, reason, expires, .. } = order;
            let text = format!("override {id}: {order} by {author}, {reason:?}, until {expires}");
            Some(Change::new(Subject::Override(*id), text))
        }
        (Some(order), None) => {
            let text = format!("override {} has ended: {}", order.id, order.order);
            Some(Change::new(Subject::Override(order.id), text))
        }
        (Some(_), Some(_)) | (None, None) => None,
    };
    let (old, new) = (before.overrides.iter(), after.overrides.iter());
    pairs(old.map(|order| &**order), new.map(|order| &**order), |order| order.id)
        .into_iter()
        .filter_map(change)
        .collect()
}

fn regions(before: &Status, after: &Status) -> Vec<Change> {
    let mut changes = Vec::new();
    for pair in pairs(&before.regions, &after.regions, |region| &region.region) {
        let (Some(old), Some(new)) = pair else {
            changes.extend(appeared(pair));
            continue;
        };
        let subject = || Subject::Region(new.region.clone());
        if old.state != new.state {
            changes.push(Change::new(subject(), format!("{}: {} -> {}", new.region, old.state, new.why)));
        } else if is_degraded(old) != is_degraded(new) {
            changes.push(Change::new(subject(), format!("{}: {}", new.region, new.why)));
        }
        let endpoints = pairs(&old.endpoints, &new.endpoints, |endpoint| endpoint.address);
        changes.extend(endpoints.into_iter().filter_map(|pair| endpoint(&new.region, pair)));
    }
    changes
}

fn appeared(pair: (Option<&RegionStatus>, Option<&RegionStatus>)) -> Option<Change> {
    let (region, text) = match pair {
        (None, Some(new)) => (&new.region, format!("{}: {}", new.region, new.why)),
        (Some(old), None) => (&old.region, format!("{}: is not configured any more", old.region)),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Change::new(Subject::Region(region.clone()), text))
}

fn is_degraded(region: &RegionStatus) -> bool {
    !region.degraded.is_empty() || region.endpoints.iter().any(|endpoint| endpoint.degraded.is_some())
}

fn endpoint(
    region: &RegionId,
    (old, new): (Option<&EndpointStatus>, Option<&EndpointStatus>),
) -> Option<Change> {
    let words = |endpoint: Option<&EndpointStatus>| endpoint.map(endpoint_state);
    let (from, to) = (words(old), words(new));
    let address = new.or(old)?.address;
    let text = match (from, to) {
        (from, to) if from == to => return None,
        (Some(from), Some(to)) => {
            let failed = new?.checks.iter().find_map(|check| check.failure.as_ref());
            let why = failed.filter(|_| to != "up").map(|failure| format!(": {failure}")).unwrap_or_default();
            format!("{region} {address}: {from} -> {to}{why}")
        }
        (None, Some(to)) => format!("{region} {address}: {to}"),
        (Some(_), None) | (None, None) => format!("{region} {address}: is not an address of it any more"),
    };
    Some(Change::new(Subject::Endpoint(region.clone(), address), text))
}

fn gates(before: &Status, after: &Status) -> Vec<Change> {
    let key = |gate: &'_ GateStatus| (gate.gate.clone(), gate.region.clone());
    let change = |pair: (Option<&GateStatus>, Option<&GateStatus>)| {
        let (from, GateStatus { gate, region, light, says, .. }) = match pair {
            (Some(old), Some(new)) if old.light != new.light => (format!("{} -> ", old.light), new),
            (None, Some(new)) => (String::new(), new),
            (Some(_), Some(_) | None) | (None, None) => return None,
        };
        let text = format!("gate {gate} before {region}: {from}{light}: {says}");
        Some(Change::new(Subject::Gate(gate.clone(), region.clone()), text))
    };
    pairs(&before.gates, &after.gates, key).into_iter().filter_map(change).collect()
}

/// A warning that only counts on, such as days or lines, is the same one.
fn warnings(before: &Status, after: &Status) -> Vec<Change> {
    let key = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let of = |status: &Status| -> BTreeMap<String, String> {
        status.warnings.iter().map(|warning| (key(&warning.text), warning.text.clone())).collect()
    };
    let (old, new) = (of(before), of(after));
    let come = new.iter().filter(|(key, _)| !old.contains_key(*key)).map(|(_, text)| format!("! {text}"));
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(_, text)| format!("over: {text}"));
    come.chain(gone).map(|text| Change::new(Subject::Warning, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, ago, failed_over};
    use super::*;
    use crate::api::{WaitStatus, Warning};
    use crate::health::State;
    use crate::policy::{Hold, Rule};

    fn told(before: &Status, after: &Status) -> String {
        changes(before, after).into_iter().map(|change| change.text).collect::<Vec<_>>().join("\n")
    }

    /// All is well with the preferred region.
    fn calm() -> Status {
        let mut status = failed_over();
        let name = &mut status.names[0];
        (name.region, name.rule, name.wait, name.epoch) = ("us-east".into(), Rule::Preferred, None, 16);
        name.why = "preferred region, up: 1/1 up".into();
        let region = &mut status.regions[1];
        (region.state, region.why, region.endpoints[0].state) = (State::Up, "up: 1/1 up".into(), State::Up);
        status.warnings.clear();
        status
    }

    #[test]
    fn a_failover_is_told_line_by_line() {
        insta::assert_snapshot!(told(&calm(), &failed_over()), @r"
        cadence.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: 0/1 up, 1 needed, connection refused; failback hold, to us-east at 2026-11-22T16:05:52.000Z
        us-east: up -> down: 0/1 up, 1 needed, connection refused
        us-east 192.0.2.10: up -> DOWN: connection refused
        ! region us-east is down
        ");
        insta::assert_snapshot!(told(&failed_over(), &calm()), @r"
        cadence.example.com: eu-west -> us-east (epoch 16): preferred region, up: 1/1 up
        us-east: down -> up: 1/1 up
        us-east 192.0.2.10: DOWN -> up
        over: region us-east is down
        ");
    }

    #[test]
    fn ages_and_counters_are_no_change() {
        let (before, mut after) = (failed_over(), failed_over());
        after.time = NOW + std::time::Duration::from_secs(5);
        let check = &mut after.regions[0].endpoints[0].checks[0];
        (check.seen, check.latency, check.age) = (Some(ago(0)), Some(0.5), Some(0.0));
        after.dns = None;
        if let Some(WaitStatus { left, .. }) = &mut after.names[0].wait {
            *left = Some(96.0);
        }
        assert_eq!(told(&before, &after), "");
    }

    #[test]
    fn another_wait_is_a_change_and_another_count_in_a_warning_is_none() {
        let (mut before, mut after) = (failed_over(), failed_over());
        after.names[0].wait.as_mut().expect("it waits").hold = Hold::Dwell;
        let warning = |days: u32| Warning { text: format!("expires in {days} days"), help: String::new() };
        before.warnings = vec![warning(10)];
        after.warnings = vec![warning(9)];
        insta::assert_snapshot!(told(&before, &after), @r"cadence.example.com: stays with eu-west (epoch 17): failed over: us-east down: 0/1 up, 1 needed, connection refused; dwell hold, to us-east at 2026-11-22T16:05:52.000Z");
    }

    #[test]
    fn a_restart_and_what_has_come_or_gone_are_told() {
        let (before, mut after) = (calm(), calm());
        after.started = Some(ago(3));
        after.names[0].name = "new.example.com".parse().expect("a name");
        after.regions.remove(0);
        insta::assert_snapshot!(told(&before, &after), @r"
        cadence-dns 1.0.0 was started at 2026-11-22T16:04:08.000Z
        new.example.com: us-east: preferred region, up: 1/1 up
        cadence.example.com: is not steered any more
        eu-west: is not configured any more
        ");
    }
}
