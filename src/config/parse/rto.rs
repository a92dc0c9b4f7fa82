//! `rto`: what the failover budget must not exceed.

use std::time::Duration;

use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::health::Region;
use crate::model::shown;
use crate::policy::{Budget, Steer, budget};

/// Reports a failover budget that exceeds the `rto`, or that cannot be computed because a region has no probe.
pub(super) fn check(steer: &Steer, rto: &At<Duration>, regions: &[Region], diagnostics: &Diagnostics<'_>) {
    let name = steer.name();
    let blind = regions.iter().find(|region| region.checks.is_empty() && steer.regions.contains(&region.id));
    let (found, help) = match (blind, budget(steer, regions)) {
        _ if steer.regions.len() < 2 => {
            (format!("{name} has an `rto` and a single region"), "a second region to fail over to".into())
        }
        (Some(blind), _) => (
            format!("{name} has an `rto`, but nothing probes the region `{}`", blind.id),
            "add a `[[region.probe]]` to the region, or leave out `rto`".into(),
        ),
        (None, Some(budget)) if budget.total > rto.value => (
            format!(
                "the failover of {name} takes up to {}, its `rto` is {}",
                shown(budget.total),
                shown(rto.value)
            ),
            format!("{}; now it is {budget}", remedy(&budget, rto.value)),
        ),
        (None, Some(_) | None) => return,
    };
    diagnostics.error(&rto.place, found, help);
}

/// What to change so that the budget is kept.
fn remedy(budget: &Budget, rto: Duration) -> String {
    let region = &budget.slowest.region;
    if budget.detect > rto {
        return format!(
            "a shorter `interval`, `recheck` or `timeout`, or a smaller `fall`, in the region `{region}`"
        );
    }
    let part = |key: &str, before: Duration, ttl: Duration| {
        let longest = Budget::longest_ttl(rto - before);
        (ttl > longest).then(|| format!("`{key}` of at most {}", shown(longest)))
    };
    let ttl = part("ttl", budget.first_failed, budget.ttl.as_duration());
    let suspect = part("ttl_suspect", budget.detect, budget.ttl_suspect.as_duration());
    let parts: Vec<String> = [ttl, suspect].into_iter().flatten().collect();
    parts.join(" and ")
}
