//! What each name is answered with, and what operators have ordered.

use std::collections::BTreeMap;

use super::NAMES_MAX;
use super::families::Page;
use crate::api::status::{NameStatus, Status};
use crate::model::{Moment, RegionId};
use crate::policy::{Cause, Order, Rule};

pub(super) fn tell(page: &mut Page, status: &Status) {
    let names = &status.names[..status.names.len().min(NAMES_MAX)];
    let named: Vec<(String, &NameStatus)> = names.iter().map(|name| (name.name.to_string(), name)).collect();
    answers(page, &named);
    reasons(page, &named);
    budgets(page, &named);
    let untold = status.names.len() - names.len();
    page.gauge("cadence_dns_names_untold", "Steered names beyond those that metrics tell of one by one.")
        .only(untold as f64);
    overrides(page, status);
}

/// How often answers have changed.
pub(super) fn tell_changes(page: &mut Page, changes: &[u64; Cause::ALL.len()]) {
    let mut total = page.counter(
        "cadence_dns_decision_changes_total",
        "Changes of answers since the start by their cause; those of a group that moves together are one.",
    );
    for (cause, count) in Cause::ALL.into_iter().zip(changes) {
        total.put(&[("cause", cause.label())], *count as f64);
    }
}

fn answers(page: &mut Page, names: &[(String, &NameStatus)]) {
    let mut epoch = page
        .gauge("cadence_dns_decision_epoch", "The epoch of the answer: it grows with every change of it.");
    names.iter().for_each(|(name, status)| epoch.put(&[("name", name)], status.epoch as f64));
    drop(epoch);
    let mut active =
        page.gauge("cadence_dns_decision_active", "1 for the region that the name is answered with.");
    for (name, status) in names {
        let in_service = std::slice::from_ref(&status.region);
        let regions = if status.regions.is_empty() { in_service } else { &status.regions };
        for region in with(regions, &status.region) {
            active.flag(&[("name", name), ("region", region.as_str())], *region == status.region);
        }
    }
    drop(active);
    let mut changed = page.gauge(
        "cadence_dns_decision_last_change_timestamp_seconds",
        "Since when the name is answered with this region.",
    );
    names.iter().for_each(|(name, status)| changed.put(&[("name", name)], seconds(status.since)));
    drop(changed);
    let mut addresses =
        page.gauge("cadence_dns_decision_addresses", "Addresses that the name is answered with.");
    names.iter().for_each(|(name, status)| addresses.put(&[("name", name)], status.addresses.len() as f64));
}

/// The regions of a name, and the one in service: after a change of the configuration it may be none of them.
fn with<'r>(regions: &'r [RegionId], in_service: &'r RegionId) -> impl Iterator<Item = &'r RegionId> {
    regions.iter().chain((!regions.contains(in_service)).then_some(in_service))
}

fn reasons(page: &mut Page, names: &[(String, &NameStatus)]) {
    let mut rule = page.gauge(
        "cadence_dns_decision_rule",
        "1 for the rule that decides the name: fail-open, none-proven, freeze, frozen and held keep it where it should not be.",
    );
    for (name, status) in names {
        for label in Rule::LABELS {
            rule.flag(&[("name", name), ("rule", label)], status.rule.label() == label);
        }
    }
    drop(rule);
    let mut waiting =
        page.gauge("cadence_dns_decision_waiting", "1 while a change is wanted and not yet allowed.");
    names.iter().for_each(|(name, status)| waiting.flag(&[("name", name)], status.wait.is_some()));
    drop(waiting);
    let mut flips =
        page.gauge("cadence_dns_decision_flips_last_hour", "Automatic changes within the last hour.");
    names.iter().for_each(|(name, status)| flips.put(&[("name", name)], status.flips_within_hour as f64));
}

fn budgets(page: &mut Page, names: &[(String, &NameStatus)]) {
    let mut budget = page.gauge(
        "cadence_dns_failover_budget_seconds",
        "From the death of a region to the new answer (detect), and to the last well-behaved client (total).",
    );
    for (name, status) in names {
        if let Some(of_name) = &status.budget {
            budget.put(&[("name", name), ("until", "detect")], of_name.detect);
            budget.put(&[("name", name), ("until", "total")], of_name.total);
        }
    }
}

fn overrides(page: &mut Page, status: &Status) {
    let mut by_verb: BTreeMap<&'static str, u64> = VERBS.iter().map(|verb| (*verb, 0)).collect();
    for order in status.overrides.iter() {
        *by_verb.entry(verb(&order.order)).or_default() += 1;
    }
    let mut active =
        page.gauge("cadence_dns_override_active", "Overrides in force or planned, by what they order.");
    by_verb.iter().for_each(|(verb, count)| active.put(&[("verb", verb)], *count as f64));
    drop(active);
    if let Some(oldest) = status.overrides.iter().map(|order| order.made).min() {
        page.gauge("cadence_dns_override_oldest_timestamp_seconds", "When the oldest override was ordered.")
            .only(seconds(oldest));
    }
}

const VERBS: [&str; 7] = ["drain", "force-down", "force-up", "freeze", "pin", "suspend", "switch"];

fn verb(order: &Order) -> &'static str {
    match order {
        Order::Drain(_) => "drain",
        Order::ForceDown(_) => "force-down",
        Order::ForceUp(_) => "force-up",
        Order::Freeze(_) => "freeze",
        Order::Pin { .. } => "pin",
        Order::Suspend(_) => "suspend",
        Order::Switch { .. } => "switch",
    }
}

/// A moment as Prometheus counts time.
pub(super) fn seconds(moment: Moment) -> f64 {
    moment.as_millis() as f64 / 1000.0
}
