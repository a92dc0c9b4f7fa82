//! The part of a status that is about one name or one region.

use std::net::IpAddr;

use crate::api::{GateStatus, NameStatus, Status, Warning};
use crate::model::{Name, RegionId};
use crate::policy::{Order, Scope, Target};

/// The status without what has nothing to do with `what`, a steered name or a region. A name comes with the regions that
/// it may have; a region with the names that may have it.
///
/// # Errors
/// In words, when there is no such name or region.
pub(super) fn narrow(status: Status, what: &str) -> Result<Status, String> {
    let name = what.parse::<Name>().ok();
    let name = name.filter(|name| status.names.iter().any(|status| status.name == *name));
    let is_name = |status: &NameStatus| name.as_ref() == Some(&status.name);
    let is_region = |region: &RegionId| name.is_none() && region.as_str() == what;
    let names = |status: &NameStatus| is_name(status) || regions_of(status).any(is_region);
    let kept: Vec<NameStatus> = status.names.iter().filter(|status| names(status)).cloned().collect();
    let mut regions: Vec<RegionId> = match &name {
        Some(_) => kept.iter().flat_map(|name| regions_of(name).cloned()).collect(),
        None => status.regions.iter().map(|status| status.region.clone()).filter(is_region).collect(),
    };
    regions.sort();
    regions.dedup();
    if name.is_none() && regions.is_empty() {
        return Err(unknown(what, &status));
    }
    Ok(of(status, kept, &regions, name.as_ref()))
}

fn regions_of(name: &NameStatus) -> impl Iterator<Item = &RegionId> {
    name.regions.iter().chain(name.regions.is_empty().then_some(&name.region))
}

fn unknown(what: &str, status: &Status) -> String {
    let names: Vec<String> = status.names.iter().map(|status| status.name.to_string()).collect();
    let regions: Vec<&str> = status.regions.iter().map(|status| status.region.as_str()).collect();
    format!(
        "there is no steered name and no region {what:?}; the names are {}, the regions {}",
        names.join(", "),
        regions.join(", ")
    )
}

fn of(status: Status, names: Vec<NameStatus>, regions: &[RegionId], name: Option<&Name>) -> Status {
    let is_gone = gone(&status, &names, regions);
    let gates = |gate: &GateStatus| {
        let concerns = name.is_none_or(|name| gate.names.is_empty() || gate.names.contains(name));
        concerns && regions.contains(&gate.region)
    };
    let of_regions = status.regions.iter().filter(|status| regions.contains(&status.region));
    let endpoints = of_regions.flat_map(|status| &status.endpoints);
    let addresses: Vec<IpAddr> = endpoints.map(|endpoint| endpoint.address).collect();
    let orders = |order: &Order| match order {
        Order::Pin { name, .. } | Order::Freeze(Scope::OfName(name)) => {
            names.iter().any(|status| status.name == *name)
        }
        Order::Freeze(Scope::InRegion(region))
        | Order::Drain(Target::Region(region))
        | Order::ForceUp(Target::Region(region))
        | Order::ForceDown(Target::Region(region)) => regions.contains(region),
        Order::Drain(Target::Address(address))
        | Order::ForceUp(Target::Address(address))
        | Order::ForceDown(Target::Address(address)) => addresses.contains(address),
        Order::Freeze(Scope::All) | Order::Switch { .. } | Order::Suspend(_) => true,
    };
    Status {
        regions: status.regions.into_iter().filter(|status| regions.contains(&status.region)).collect(),
        gates: status.gates.into_iter().filter(gates).collect(),
        overrides: status
            .overrides
            .iter()
            .filter(|order| orders(&order.order))
            .map(|order| (**order).clone())
            .collect(),
        warnings: status.warnings.into_iter().filter(|warning| !is_gone(warning)).collect(),
        names,
        dns: None,
        notes: Vec::new(),
        ..status
    }
}

/// A warning goes when it is about names or regions that are not shown, and about none that is.
fn gone(status: &Status, names: &[NameStatus], regions: &[RegionId]) -> impl Fn(&Warning) -> bool + use<> {
    let all = status.names.iter().map(|status| status.name.to_string());
    let all = all.chain(status.regions.iter().map(|status| status.region.to_string()));
    let kept: Vec<String> = names.iter().map(|status| status.name.to_string()).collect();
    let kept: Vec<String> = kept.into_iter().chain(regions.iter().map(ToString::to_string)).collect();
    let hidden: Vec<String> = all.filter(|word| !kept.contains(word)).collect();
    move |warning: &Warning| {
        let says = |word: &String| has_word(&warning.text, word);
        hidden.iter().any(says) && !kept.iter().any(says)
    }
}

/// Whether the text has this word, not only as a part of another.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !before.ends_with(is_part) && !before.ends_with('.') && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::failed_over;
    use super::*;

    /// Two names: one of us-east and eu-west, one of ap-south alone.
    fn two_names() -> Status {
        let mut status = failed_over();
        let mut other = status.names[0].clone();
        other.name = "other.example.com".parse().expect("a name");
        (other.region, other.regions) = ("ap-south".into(), vec!["ap-south".into()]);
        status.names.push(other);
        let mut region = status.regions[0].clone();
        region.region = "ap-south".into();
        status.regions.push(region);
        let warning = |text: &str| Warning { text: text.into(), help: String::new() };
        status.warnings.push(warning("region ap-south is degraded"));
        status.warnings.push(warning("the log cannot be written"));
        status
    }

    fn shown(what: &str) -> String {
        match narrow(two_names(), what) {
            Err(why) => why,
            Ok(status) => {
                let names = status.names.iter().map(|name| name.name.to_string());
                let regions = status.regions.iter().map(|region| region.region.to_string());
                let warnings = status.warnings.iter().map(|warning| format!("! {}", warning.text));
                names.chain(regions).chain(warnings).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn a_name_comes_with_its_regions_and_a_region_with_its_names() {
        let own =
            "cadence.example.com; eu-west; us-east; ! region us-east is down; ! the log cannot be written";
        assert_eq!(shown("cadence.example.com"), own);
        assert_eq!(shown("Cadence.Example.COM."), own);
        assert_eq!(shown("eu-west"), "cadence.example.com; eu-west; ! the log cannot be written");
        assert_eq!(
            shown("ap-south"),
            "other.example.com; ap-south; ! region ap-south is degraded; ! the log cannot be written"
        );
    }

    #[test]
    fn what_is_neither_is_told_with_what_there_is() {
        insta::assert_snapshot!(shown("eu-wst"), @r#"there is no steered name and no region "eu-wst"; the names are cadence.example.com, other.example.com, the regions eu-west, us-east, ap-south"#);
    }

    #[test]
    fn a_part_of_a_word_is_no_word() {
        assert!(has_word("region eu is down", "eu") && has_word("eu: x", "eu"));
        assert!(!has_word("region eu-west is down", "eu") && !has_word("x.eu is down", "eu"));
    }
}
