//! What an operator says in a story: `drain us-east for 30m then hold`.

use std::time::Duration;

use super::span::span;
use crate::controller::{Terms, What, Which};
use crate::model::{GateId, Name, RegionId};
use crate::policy::{AtExpiry, LASTS_DEFAULT, Order, SafetyRule, Scope, Target};
use crate::simulator::BEGINNING;

/// A command in words, and its terms.
pub(super) fn order(words: &[&str]) -> Result<(What, Terms), String> {
    let (words, break_glass) = match words {
        [words @ .., "breaking", rule] => (words, vec![rule.parse::<SafetyRule>()?]),
        words => (words, Vec::new()),
    };
    let (words, at_expiry) = match words {
        [words @ .., "then", "hold"] => (words, AtExpiry::Hold),
        words => (words, AtExpiry::Automatic),
    };
    let (words, lasts) = match words {
        [words @ .., "for", lasts] => (words, span(lasts)?),
        words => (words, LASTS_DEFAULT),
    };
    let what = what(words, lasts, at_expiry)?;
    Ok((what, Terms { break_glass, ..Terms::default() }))
}

fn what(words: &[&str], lasts: Duration, at_expiry: AtExpiry) -> Result<What, String> {
    let ordered = |order| What::Order { order, starts: None, lasts, at_expiry };
    let pin = |name: &str, region: &str| -> Result<Order, String> {
        Ok(Order::Pin { name: self::name(name)?, region: RegionId::from(region) })
    };
    Ok(match words {
        ["failback", name] => What::FailBack(self::name(name)?),
        ["release", name] => What::Release(self::name(name)?),
        ["failover", name, "to", region] => ordered(pin(name, region)?),
        ["switchover", name, "to", region, "at", moment] => {
            let starts = Some(BEGINNING + span(moment)?);
            What::Order { order: pin(name, region)?, starts, lasts, at_expiry }
        }
        ["drain", place] => ordered(Order::Drain(target(place))),
        ["undrain", place] => What::Withdraw(Which::Order(Order::Drain(target(place)))),
        ["force-up", place] => ordered(Order::ForceUp(target(place))),
        ["force-down", place] => ordered(Order::ForceDown(target(place))),
        ["freeze", "all"] => ordered(Order::Freeze(Scope::All)),
        ["freeze", "in", region] => ordered(Order::Freeze(Scope::InRegion(RegionId::from(*region)))),
        ["freeze", name] => ordered(Order::Freeze(Scope::OfName(self::name(name)?))),
        ["switch", gate, word @ ("on" | "off")] => {
            ordered(Order::Switch { gate: GateId::from(*gate), on: *word == "on" })
        }
        ["clear", "all"] => What::Withdraw(Which::All),
        _ => return Err("nothing that an operator can say".into()),
    })
}

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error| format!("`{text}` is no name: {error}"))
}

fn target(place: &str) -> Target {
    place.parse().map_or_else(|_| Target::Region(RegionId::from(place)), Target::Address)
}
