//! The way through the zones, in words, and the code at its end.

use super::PathStep;
use crate::answer::{TraceFound, TraceStep};
use crate::model::{Name, RecordType};

/// Every step in words.
pub(super) fn path(steps: &[TraceStep], rtype: RecordType) -> Vec<PathStep> {
    steps.iter().map(|step| explain(step, rtype)).collect()
}

/// The name on the way whose addresses a decision gives.
pub(super) fn steered(steps: &[TraceStep]) -> Option<&Name> {
    let last = steps.last()?;
    let is_steered = matches!(last.found, TraceFound::Steered { .. } | TraceFound::NoData { steered: true });
    is_steered.then(|| last.wildcard.as_ref().unwrap_or(&last.name))
}

fn explain(TraceStep { name, zone, wildcard, found }: &TraceStep, rtype: RecordType) -> PathStep {
    let of_zone = zone.as_ref().map(|zone| format!(" in zone {zone}")).unwrap_or_default();
    let by = wildcard.as_ref().map(|wildcard| format!(" by the wildcard {wildcard}")).unwrap_or_default();
    let (word, text) = match found {
        TraceFound::NotOurs => ("refused", "in none of our zones, so we have no say in it".to_owned()),
        TraceFound::Records { rtype, count, ttl } => {
            ("records", format!("{count} {rtype} of the zone file{of_zone}{by}, TTL {ttl}"))
        }
        TraceFound::Steered { rtype, count, ttl } => {
            ("steered", format!("{count} {rtype} by a decision{of_zone}{by}, TTL {ttl}"))
        }
        TraceFound::Alias(target) => {
            ("alias", format!("CNAME of the zone file{of_zone}{by}: goes on at {target}"))
        }
        TraceFound::Renamed(owner, Some(target)) => {
            ("renamed", format!("below the DNAME at {owner}{of_zone}: goes on at {target}"))
        }
        TraceFound::Renamed(owner, None) => {
            ("renamed", format!("below the DNAME at {owner}{of_zone}: the name that it becomes is too long"))
        }
        TraceFound::Delegated(cut) => {
            ("delegated", format!("delegated at {cut}{of_zone}: a referral to its name servers"))
        }
        TraceFound::NoData { steered: true } => {
            ("no-data", format!("its addresses are steered{of_zone}{by}, and none of them is {rtype}"))
        }
        TraceFound::NoData { steered: false } => ("no-data", format!("exists{of_zone}{by}, without {rtype}")),
        TraceFound::Absent(closest) => {
            ("absent", format!("does not exist{of_zone}, and no wildcard stands for it; {closest} does"))
        }
        TraceFound::AskedAnew => (
            "asked-anew",
            "outside of the zone, or one alias too many: the resolver asks for it itself".to_owned(),
        ),
    };
    PathStep { name: name.clone(), found: word.to_owned(), text }
}
