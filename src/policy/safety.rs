//! Rules that a command must not break by mistake. Each has a name, and naming it breaks it on purpose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::decide::{Facts, forbidding};
use super::gate::GateView;
use super::{Decision, Hold, Steer};
use crate::health::{State, Verdict};
use crate::model::{Moment, RegionId};

/// What is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// The least number of a name's regions that are neither down nor drained after a command; all of them, where the name
    /// has fewer.
    pub min_serving: usize,
    /// The largest share of the names of all zones, and of the steered names, in percent, that a reload may take away or
    /// give other answers.
    pub reload_max_share: u8,
}

/// How many names of a kind a reload concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Affected {
    /// How many there are before it.
    pub names: usize,
    /// Those that are not there any more after it.
    pub gone: usize,
    /// Those that are answered with something else.
    pub changed: usize,
}

/// So many names of zones may change whatever their share: small zones are edited by hand.
const RELOAD_FEW: usize = 10;

impl Default for Safety {
    fn default() -> Safety {
        Safety { min_serving: 1, reload_max_share: 50 }
    }
}

/// The name of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SafetyRule {
    /// No name moves to a region whose probes say that it is down.
    TargetDown,
    /// A name keeps so many regions that could serve it.
    MinServing,
    /// The limit of moves within an hour is lifted for none.
    FlipLimit,
    /// No name moves to a region behind a gate that is not green.
    Gate,
    /// No reload takes away or changes too large a share of the answers.
    ReloadShare,
}

/// A rule that a command would break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// Which one.
    pub rule: SafetyRule,
    /// How.
    pub text: String,
}

impl SafetyRule {
    /// All of them.
    pub const ALL: [SafetyRule; 5] = [
        SafetyRule::TargetDown,
        SafetyRule::MinServing,
        SafetyRule::FlipLimit,
        SafetyRule::Gate,
        SafetyRule::ReloadShare,
    ];

    fn word(self) -> &'static str {
        match self {
            SafetyRule::TargetDown => "target-down",
            SafetyRule::MinServing => "min-serving",
            SafetyRule::FlipLimit => "flip-limit",
            SafetyRule::Gate => "gate",
            SafetyRule::ReloadShare => "reload-share",
        }
    }
}

/// The rules that a command breaks for one steer, whose decision becomes `after`. `facts` and `then` are what is known
/// before and after the command.
#[must_use]
pub fn breaches(
    safety: Safety,
    steer: &Steer,
    before: &Decision,
    after: &Decision,
    facts: Facts<'_>,
    then: Facts<'_>,
) -> Vec<Breach> {
    let target = dead_target(before, after, facts);
    let regions = too_few_regions(safety, steer, facts, then);
    target.into_iter().chain(regions).collect()
}

/// The rules that a reload breaks, by the names of all zones and by those that are steered. Of the latter only such count
/// as changed that clients are sent elsewhere for.
#[must_use]
pub fn reload_breaches(safety: Safety, zones: Affected, steered: Affected) -> Vec<Breach> {
    let too_many = |affected: &Affected, few: usize| {
        let concerned = affected.gone + affected.changed;
        concerned > few && concerned * 100 > affected.names * usize::from(safety.reload_max_share)
    };
    let breach = |what: &str, Affected { names, gone, changed }: Affected| Breach {
        rule: SafetyRule::ReloadShare,
        text: format!(
            "of {names} {what}, {gone} would be gone and {changed} answered otherwise, and `reload_max_share` is {} %",
            safety.reload_max_share
        ),
    };
    let zones = too_many(&zones, RELOAD_FEW).then(|| breach("names in the zones", zones));
    let steered = too_many(&steered, 0).then(|| breach("steered names", steered));
    zones.into_iter().chain(steered).collect()
}

/// The gates that a move would pass though they bar.
#[must_use]
pub fn passed_gates(
    steer: &Steer,
    before: &Decision,
    after: &Decision,
    facts: Facts<'_>,
    now: Moment,
) -> Option<Breach> {
    let to = &after.standing.region;
    if before.standing.region == *to {
        return None;
    }
    let barring = forbidding(steer, &before.standing, to, facts, now);
    let told: Vec<String> = barring.iter().map(GateView::headline).collect();
    (!told.is_empty()).then(|| Breach {
        rule: SafetyRule::Gate,
        text: format!("{} would move to {to}, whose way is closed: {}", before.name(), told.join("; ")),
    })
}

/// The move that is held by the flip limit, and would be made nevertheless.
#[must_use]
pub fn lifted_limit(before: &Decision, after: &Decision) -> Option<Breach> {
    let wait = before.derivation.wait.as_ref()?;
    let lifts = wait.hold == Hold::FlipLimit && wait.to == after.standing.region;
    lifts.then(|| Breach {
        rule: SafetyRule::FlipLimit,
        text: format!("{} has used up its moves of this hour", before.name()),
    })
}

/// What probes say counts here, not what an operator says of the region.
fn dead_target(before: &Decision, after: &Decision, facts: Facts<'_>) -> Option<Breach> {
    let target = &after.standing.region;
    let verdict = facts.verdicts.get(target).filter(|verdict| verdict.state == State::Down)?;
    (before.standing.region != *target).then(|| Breach {
        rule: SafetyRule::TargetDown,
        text: format!("{} would move to {target}, which is {verdict}", before.name()),
    })
}

fn too_few_regions(safety: Safety, steer: &Steer, facts: Facts<'_>, then: Facts<'_>) -> Option<Breach> {
    let serving = |facts: Facts<'_>| -> Vec<RegionId> {
        let verdicts = steer.regions.iter().filter_map(|region| facts.verdicts.get(region));
        let overruled = verdicts.map(|verdict| facts.overrides.overrule(verdict));
        overruled.filter(|verdict| could_serve(verdict)).map(|verdict| verdict.region.clone()).collect()
    };
    let (before, after) = (serving(facts), serving(then));
    let least = safety.min_serving.min(steer.regions.len());
    (after.len() < least && after.len() < before.len()).then(|| Breach {
        rule: SafetyRule::MinServing,
        text: format!(
            "{} would have {} of its regions left that could serve it, and `min_serving` is {least}",
            steer.name(),
            after.len()
        ),
    })
}

fn could_serve(verdict: &Verdict) -> bool {
    verdict.state != State::Down && !verdict.is_drained()
}

impl fmt::Display for SafetyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for SafetyRule {
    type Err = String;

    fn from_str(text: &str) -> Result<SafetyRule, String> {
        let known = SafetyRule::ALL.into_iter().find(|rule| rule.word() == text);
        known.ok_or_else(|| {
            let words: Vec<&str> = SafetyRule::ALL.into_iter().map(SafetyRule::word).collect();
            format!("there is no safety rule {text:?}; the rules are {}", words.join(", "))
        })
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}
