//! Verdicts become decisions.
//!
//! ```text
//! Verdicts ─▶ decide: what is wanted, and by which rule ─▶ hold: may it happen now? ─▶ Decision
//! ```
//!
//! Everything that a decision rests on travels with it as a [`Derivation`].

mod budget;
mod cause;
mod choice;
mod decide;
mod escape;
mod gate;
mod hold;
mod imagined;
mod overrides;
mod safety;
mod urgency;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::{Failure, State, Verdict};
use crate::model::{Moment, Name, RegionId, Ttl};

pub use budget::{Budget, INTERVAL_JITTER_PERCENT, budget, kept};
pub use cause::Cause;
pub use decide::{Facts, decide, fail_back_now, forbidding, if_dead, release_now, withheld};
pub use gate::{Database, DatabaseRules, Gate, GatePolicy, GateView, Gates, Light, Lsn, Proof, Role, Seen};
pub use hold::{Flips, Hold, Wait};
pub use imagined::{Turn, decisive, imagine, turns};
pub use overrides::{
    AtExpiry, LASTS_DEFAULT, LASTS_MAX, OVERRIDES_MAX, Order, Override, OverrideId, Overrides, PLANNED_MAX,
    Scope, Target,
};
pub use safety::{
    Affected, Breach, Safety, SafetyRule, breaches, lifted_limit, passed_gates, reload_breaches,
};
pub use urgency::Urgency;

/// The verdict on each region.
pub type Verdicts = BTreeMap<RegionId, Arc<Verdict>>;

/// Caches count whole seconds, and keep an answer for up to one more.
const CACHES_ROUND: Duration = Duration::from_secs(1);

/// How a name, or a group of names that move together, is steered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steer {
    /// The names whose A and AAAA are decided: one decision, one epoch; at least one name.
    pub names: Arc<[Name]>,
    /// In order of preference; at least one, none twice.
    pub regions: Vec<RegionId>,
    /// The TTL of its addresses while all is quiet.
    pub ttl: Ttl,
    /// The same while a change may be near; never above `ttl`.
    pub ttl_suspect: Ttl,
    /// When a more preferred region that has come back gets the name again.
    pub failback: Failback,
    /// The least time between two automatic changes of region, escapes excepted; and how long a region must have been up
    /// again, after it was down, before a name escapes to it.
    pub dwell: Duration,
    /// Automatic changes of region within any hour; after that only escapes from a dead region happen.
    pub max_flips_per_hour: u32,
    /// Whether a region that nothing is known about may take over from one that is down, when no region is up.
    pub accepts_unproven: bool,
    /// The longest that a well-behaved client may be sent to a dead region; `check` enforces it.
    pub rto: Option<Duration>,
}

impl Steer {
    /// The name that stands for all of them: the first.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.names[0]
    }
}

/// When a more preferred region that has come back gets the name again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failback {
    /// As soon as it is up.
    Auto,
    /// After it has been up without a break for this long.
    Delayed(Duration),
    /// Never by itself.
    Manual,
}

/// Which region a name gets, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The names that it is about.
    pub names: Arc<[Name]>,
    /// What they are answered with.
    pub standing: Standing,
    /// The TTL that goes with it.
    pub ttl: Ttl,
    /// What it rests on.
    pub derivation: Derivation,
}

/// What a name is answered with: the part of a decision that the next one builds on, and that outlives us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The region in service.
    pub region: RegionId,
    /// What is served from it; never empty.
    pub addresses: Arc<[IpAddr]>,
    /// Grows by one whenever region or addresses change, and never otherwise.
    pub epoch: u64,
    /// Since when this region is served.
    pub since: Moment,
    /// The automatic changes of region that still count.
    pub flips: Flips,
    /// An operator's order has ended here and said that the names stay: only an escape moves them, or another order.
    #[serde(default)]
    pub kept: bool,
}

/// What a decision rests on: the rule that fired, the evidence that it read, what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// The rule that fired.
    pub rule: Rule,
    /// The verdicts that it read, in the name's order of preference.
    pub evidence: Vec<Arc<Verdict>>,
    /// The change that is wanted and not yet allowed.
    pub wait: Option<Wait>,
    /// What the gates show before every other region of the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateView>,
    /// The order of an operator that was obeyed, if one was.
    pub order: Option<Arc<Override>>,
    /// Why the TTL is what it is.
    pub ttl_rule: TtlRule,
}

/// The rules by which a region gets a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Nothing is proven yet about the region in service; at the very first start it is the preferred one.
    Unproven,
    /// The preferred region is up.
    Preferred,
    /// A more preferred region is not served.
    FailedOver {
        /// The most preferred region.
        from: RegionId,
    },
    /// Every region is down: the last answer stays.
    FailOpen,
    /// The region in service is down, and no other is known to be up: the last answer stays.
    NoneProven,
    /// Nothing is known about the region in service: the last answer stays.
    Freeze,
    /// The region is down, and none that could take over may do so yet: it has been up for too short a time, or a gate or
    /// a hook keeps the names out of it.
    Held,
    /// An operator wants this region.
    Pinned,
    /// An operator wants the answer to stay.
    Frozen,
    /// An operator wants the region left, and no other could take over.
    Draining,
}

impl Rule {
    /// Every word that [`label`](Rule::label) can say.
    pub const LABELS: [&str; 10] = [
        "unproven",
        "preferred",
        "failed-over",
        "fail-open",
        "none-proven",
        "freeze",
        "held",
        "pinned",
        "frozen",
        "draining",
    ];

    /// A word for logs, metrics and JSON.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Rule::Unproven => "unproven",
            Rule::Preferred => "preferred",
            Rule::FailedOver { .. } => "failed-over",
            Rule::FailOpen => "fail-open",
            Rule::NoneProven => "none-proven",
            Rule::Freeze => "freeze",
            Rule::Held => "held",
            Rule::Pinned => "pinned",
            Rule::Frozen => "frozen",
            Rule::Draining => "draining",
        }
    }
}

/// Why the TTL is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TtlRule {
    /// All is quiet.
    Steady,
    /// Something fails, or nobody knows: a change may be near.
    Suspect,
    /// A change is due before a steady TTL would run out.
    ChangeDue,
    /// A planned change is so near that caches must ask again at once.
    Imminent,
}

impl Decision {
    /// The name that stands for all of them: the first.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.names[0]
    }

    /// The verdict on the region that is served.
    #[must_use]
    pub fn verdict(&self) -> Option<&Arc<Verdict>> {
        self.derivation.verdict_on(&self.standing.region)
    }

    /// When the same evidence may lead to another decision.
    #[must_use]
    pub fn due(&self, steer: &Steer, now: Moment) -> Option<Moment> {
        let wait = self.derivation.wait.as_ref()?;
        let until = wait.until?;
        let mut turns = vec![until, until.before(steer.ttl.as_duration())];
        if wait.hold == Hold::Switchover {
            turns.extend(
                [steer.ttl, steer.ttl_suspect].map(|ttl| until.before(ttl.as_duration() + CACHES_ROUND)),
            );
        }
        Some(turns.into_iter().filter(|turn| *turn > now).min().unwrap_or(until))
    }
}

impl Derivation {
    /// The verdict that was read about a region.
    #[must_use]
    pub fn verdict_on(&self, region: &RegionId) -> Option<&Arc<Verdict>> {
        self.evidence.iter().find(|verdict| verdict.region == *region)
    }

    /// The decision in one line: the WHY of `status`.
    #[must_use]
    pub fn headline(&self, region: &RegionId) -> String {
        let said = |region: &RegionId| match self.verdict_on(region) {
            Some(verdict) => format!("{region} {verdict}"),
            None => format!("{region} is not configured"),
        };
        match &self.rule {
            Rule::Unproven => format!("unproven: {}", said(region)),
            Rule::Preferred => format!("preferred region, {}", self.state_on(region)),
            Rule::FailedOver { from } if self.is_up_again(from) => {
                format!("failed over from {from}, which is up again")
            }
            Rule::FailedOver { from } => format!("failed over: {}", said(from)),
            Rule::FailOpen => match self.common_failure() {
                Some(failure) => format!("FAIL OPEN, every region is down: {failure}"),
                None => format!("FAIL OPEN, no region is up: {}", said(region)),
            },
            Rule::NoneProven => format!("FROZEN, no other region is proven up: {}", said(region)),
            Rule::Freeze => format!("FROZEN, {}", said(region)),
            Rule::Held => match self.barred() {
                Some(view) => format!("held out of {} by {}; {}", view.region, view.headline(), said(region)),
                None => format!("held: {}", said(region)),
            },
            Rule::Pinned => format!("pinned {}: {}", self.by_order(), said(region)),
            Rule::Frozen => format!("FROZEN {}: {}", self.by_order(), said(region)),
            Rule::Draining => format!("no other region could take over: {}", said(region)),
        }
    }

    fn by_order(&self) -> String {
        let order = self.order.as_ref();
        order.map(|order| format!("by {}, {:?}", order.author, order.reason)).unwrap_or_default()
    }

    /// The gate that the names wait for.
    #[must_use]
    pub fn barred(&self) -> Option<&GateView> {
        let Some(Wait { to, hold: Hold::Gate(gate), .. }) = &self.wait else { return None };
        self.gates.iter().find(|view| view.gate == *gate && view.region == *to)
    }

    /// What every region failed with, if all of them failed with the same.
    fn common_failure(&self) -> Option<&Failure> {
        let mut failures = self.evidence.iter().map(|verdict| verdict.failure());
        let first = failures.next()??;
        failures.all(|failure| failure == Some(first)).then_some(first)
    }

    fn is_up_again(&self, region: &RegionId) -> bool {
        self.verdict_on(region).is_some_and(|verdict| verdict.state == State::Up && !verdict.is_drained())
    }

    fn state_on(&self, region: &RegionId) -> String {
        self.verdict_on(region).map_or_else(|| "not configured".into(), |verdict| verdict.to_string())
    }
}

#[cfg(test)]
mod tests;
