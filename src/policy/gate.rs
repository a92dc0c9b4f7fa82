//! Gates: what a region must prove before a name may move to it.
//!
//! ```text
//! what a shell saw ─note─▶ Gates ─judged─▶ a light, and in words why ─▶ barrier: may this name enter that region now?
//! ```
//!
//! A light is judged when it is asked for, from what was seen and from the present: what was green a minute ago says
//! nothing any more.

mod postgres;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hold::{Hold, Wait};
use super::{Overrides, Steer, Verdicts};
use crate::health::{MinUp, State, Verdict};
use crate::model::{Family, GateId, Moment, Name, RegionId};
use postgres::Primaries;

pub use postgres::{DatabaseRules, Role};
pub use seen::{Database, Lsn, Seen};

/// What a region must prove before a name may move to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its name.
    pub id: GateId,
    /// The region that it guards; every one, if none.
    pub region: Option<RegionId>,
    /// The names that it concerns, and with a name its group; all, if none.
    pub names: Vec<Name>,
    /// What must be proven.
    pub proof: Proof,
    /// What it does while nothing is proven.
    pub policy: GatePolicy,
    /// What was seen counts for this long.
    pub stale_after: Duration,
}

/// What must be proven at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// What the one who asks makes of the reply.
    Reply {
        /// It is about data: how far a copy lags behind, say.
        of_data: bool,
    },
    /// The state of a PostgreSQL server.
    Database(DatabaseRules),
    /// So many endpoints of the region are up, in each family that it needs.
    Capacity(MinUp),
    /// An operator wants it open.
    Switch {
        /// Whether it is, while no operator says otherwise.
        on: bool,
    },
}

/// What a gate does while it is not green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatePolicy {
    /// No move passes.
    Block,
    /// It is said, and nothing else.
    Warn,
    /// No move passes, but an escape does once the region in service has been down for this long.
    BlockFor(Duration),
}

/// What a gate shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// It is proven.
    Green,
    /// The contrary is.
    Red,
    /// Nobody knows: that is not green.
    Unknown,
}

impl fmt::Display for Light {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Light::Green => "green",
            Light::Red => "red",
            Light::Unknown => "unknown",
        })
    }
}

/// What a gate shows before a region, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// The gate.
    pub gate: GateId,
    /// Before this region.
    pub region: RegionId,
    /// What it shows.
    pub light: Light,
    /// Why, in words.
    pub says: String,
    /// It lets nobody pass now.
    pub bars: bool,
}

impl GateView {
    /// In one line.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.light {
            Light::Green => format!("gate {}: {}", self.gate, self.says),
            Light::Red => format!("gate {} says {}", self.gate, self.says),
            Light::Unknown => format!("gate {} is unknown: {}", self.gate, self.says),
        }
    }
}

/// Every gate, and what was seen at it last.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    gates: Vec<Gate>,
    seen: BTreeMap<GateId, (Moment, Seen)>,
    /// Switches that operators have turned: whether on, and in words by whom and why.
    turned: BTreeMap<GateId, (bool, String)>,
    primaries: Primaries,
}

impl Gates {
    /// No gate at all.
    pub const NONE: &'static Gates = &Gates {
        gates: Vec::new(),
        seen: BTreeMap::new(),
        turned: BTreeMap::new(),
        primaries: Primaries::NONE,
    };

    /// These, of which nothing is known yet.
    #[must_use]
    pub fn new(gates: Vec<Gate>) -> Gates {
        Gates { gates, ..Gates::default() }
    }

    /// Other gates, with what was seen at those of these that are `kept`.
    #[must_use]
    pub fn renewed(&self, gates: Vec<Gate>, kept: &BTreeSet<GateId>) -> Gates {
        let seen = self.seen.iter().filter(|(gate, _)| kept.contains(gate));
        Gates {
            seen: seen.map(|(gate, seen)| (gate.clone(), seen.clone())).collect(),
            primaries: self.primaries.kept(kept),
            ..Gates::new(gates)
        }
    }

    /// In the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter()
    }

    /// Takes in what was seen just now. False for a gate that is not there: a reload took it.
    pub fn note(&mut self, gate: &GateId, seen: Seen, now: Moment) -> bool {
        let Some(known) = self.gates.iter().find(|known| known.id == *gate) else { return false };
        if let (Seen::Database(database), Some(region)) = (&seen, &known.region) {
            self.primaries.note(gate, region, database, now);
        }
        self.seen.insert(gate.clone(), (now, seen));
        true
    }

    /// Takes in which switches operators want on and off now.
    pub fn turn(&mut self, overrides: &Overrides) {
        self.turned = overrides.switches().collect();
    }

    /// When something was last seen at a gate.
    #[must_use]
    pub fn seen_at(&self, gate: &GateId) -> Option<Moment> {
        self.seen.get(gate).map(|(at, _)| *at)
    }

    /// What a gate shows before a region, and in words why.
    #[must_use]
    pub fn judged(
        &self,
        gate: &Gate,
        region: &RegionId,
        verdicts: &Verdicts,
        now: Moment,
    ) -> (Light, String) {
        if let Proof::Capacity(least) = gate.proof {
            return match verdicts.get(region) {
                Some(verdict) => capacity(least, verdict),
                None => (Light::Unknown, format!("{region} is not configured")),
            };
        }
        if let Proof::Switch { on } = gate.proof {
            let as_configured = (on, "as configured".to_owned());
            let (on, says) = self.turned.get(&gate.id).cloned().unwrap_or(as_configured);
            return if on {
                (Light::Green, format!("on: {says}"))
            } else {
                (Light::Red, format!("off: {says}"))
            };
        }
        let Some((at, seen)) = self.seen.get(&gate.id) else {
            return (Light::Unknown, "not asked yet".into());
        };
        let age = now.since(*at);
        if age > gate.stale_after {
            let (age, limit) = (age.as_secs(), gate.stale_after.as_secs_f64());
            return (Light::Unknown, format!("last seen {age} s ago, which counts for {limit} s only"));
        }
        match (seen, &gate.proof) {
            (Seen::Fine(says), _) => (Light::Green, says.clone()),
            (Seen::Unfit(says), _) => (Light::Red, says.clone()),
            (Seen::Blind(says), _) => (Light::Unknown, says.clone()),
            (Seen::Database(database), Proof::Database(rules)) => {
                postgres::judge(rules, database, *at, &self.primaries, verdicts)
            }
            (Seen::Database(_), Proof::Reply { .. } | Proof::Capacity(_) | Proof::Switch { .. }) => {
                (Light::Unknown, "the reply is none for this gate".into())
            }
        }
    }

    /// What every gate shows that stands before a region for the names of a steer. `from` is the region in service, whose
    /// death opens a gate that blocks for a time.
    #[must_use]
    pub fn views(
        &self,
        steer: &Steer,
        to: &RegionId,
        from: Option<&Verdict>,
        verdicts: &Verdicts,
        now: Moment,
    ) -> Vec<GateView> {
        let before = self.gates.iter().filter(|gate| gate.concerns(steer) && gate.guards(to));
        let view = |gate: &Gate| {
            let (light, says) = self.judged(gate, to, verdicts, now);
            let bars = light != Light::Green && gate.bars_until(from).is_some_and(|until| until.lasts(now));
            GateView { gate: gate.id.clone(), region: to.clone(), light, says, bars }
        };
        before.map(view).collect()
    }

    /// What keeps the names of a steer out of a region just now: the gate that does so for the longest.
    pub(super) fn barrier(
        &self,
        steer: &Steer,
        to: &RegionId,
        from: Option<&Verdict>,
        verdicts: &Verdicts,
        now: Moment,
    ) -> Option<Wait> {
        if self.gates.is_empty() {
            return None;
        }
        let views = self.views(steer, to, from, verdicts, now).into_iter().filter(|view| view.bars);
        let until = |view: &GateView| {
            let gate = self.gates.iter().find(|gate| gate.id == view.gate);
            gate.and_then(|gate| gate.bars_until(from)).and_then(BarredUntil::moment)
        };
        let longest = views.max_by_key(|view| (until(view).is_none(), until(view)))?;
        let until = until(&longest);
        Some(Wait { to: to.clone(), hold: Hold::Gate(longest.gate), until })
    }
}

/// How long a gate bars that is not green.
#[derive(Debug, Clone, Copy)]
enum BarredUntil {
    Green,
    Moment(Moment),
}

impl BarredUntil {
    fn lasts(self, now: Moment) -> bool {
        match self {
            BarredUntil::Green => true,
            BarredUntil::Moment(until) => now < until,
        }
    }

    fn moment(self) -> Option<Moment> {
        match self {
            BarredUntil::Green => None,
            BarredUntil::Moment(until) => Some(until),
        }
    }
}

impl Gate {
    /// Whether it concerns the names of a steer.
    #[must_use]
    pub fn concerns(&self, steer: &Steer) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| steer.names.contains(name))
    }

    /// Whether it stands before a region.
    #[must_use]
    pub fn guards(&self, region: &RegionId) -> bool {
        self.region.as_ref().is_none_or(|guarded| guarded == region)
    }

    /// Whether it is about data, which an automatic return could lose.
    #[must_use]
    pub fn is_of_data(&self) -> bool {
        matches!(self.proof, Proof::Database(_) | Proof::Reply { of_data: true })
    }

    /// Whether nobody is asked at it: the verdicts or the operators say all.
    #[must_use]
    pub fn is_judged_alone(&self) -> bool {
        matches!(self.proof, Proof::Capacity(_) | Proof::Switch { .. })
    }

    /// None if it never bars.
    fn bars_until(&self, from: Option<&Verdict>) -> Option<BarredUntil> {
        match (self.policy, from) {
            (GatePolicy::Warn, _) => None,
            (GatePolicy::BlockFor(span), Some(from)) if from.state == State::Down => {
                Some(BarredUntil::Moment(from.since + span))
            }
            (GatePolicy::Block | GatePolicy::BlockFor(_), _) => Some(BarredUntil::Green),
        }
    }
}

/// So many endpoints must be up in each family that the region needs.
fn capacity(least: MinUp, verdict: &Verdict) -> (Light, String) {
    if verdict.is_unprobed() {
        return (Light::Unknown, format!("nothing probes {}", verdict.region));
    }
    let mut said = Vec::new();
    let mut light = Light::Green;
    for family in &verdict.families {
        let of_family = verdict.endpoints.iter().filter(|one| Family::of(one.address) == *family);
        let (all, up) =
            of_family.fold((0, 0), |(all, up), one| (all + 1, up + usize::from(one.state == State::Up)));
        let needed = least.of(all);
        said.push(format!("{up} of {all} {family} endpoints are up, {needed} needed"));
        if up < needed {
            light = Light::Red;
        }
    }
    (light, said.join(", "))
}
