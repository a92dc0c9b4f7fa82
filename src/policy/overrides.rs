//! What operators have ordered: it beats health, and it always ends.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Steer;
use crate::health::{Says, Verdict, Word};
use crate::model::{GateId, Moment, Name, RegionId, VantageId};

/// How long an override lasts unless its author says otherwise.
pub const LASTS_DEFAULT: Duration = Duration::from_secs(3600);

/// The longest that an override lasts; it can be renewed.
pub const LASTS_MAX: Duration = Duration::from_secs(24 * 3600);

/// The farthest that an order can be planned ahead.
pub const PLANNED_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// As many overrides as can be in force; far more than anybody keeps in mind.
pub const OVERRIDES_MAX: usize = 256;

/// The number of an override; none is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OverrideId(pub u64);

/// What an operator has ordered, why and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its number.
    pub id: OverrideId,
    /// What is ordered.
    pub order: Order,
    /// By whom.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it was given.
    pub made: Moment,
    /// When it comes into force; none for one that is.
    #[serde(default)]
    pub starts: Option<Moment>,
    /// When it ends by itself.
    pub expires: Moment,
    /// What becomes of the names then.
    pub at_expiry: AtExpiry,
    /// The other name servers of the cluster have been told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// What can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "kebab-case")]
pub enum Order {
    /// It counts as up, whatever its probes say.
    ForceUp(Target),
    /// It counts as down, whatever its probes say.
    ForceDown(Target),
    /// It is left as soon as another region is up, and entered only where nothing else is.
    Drain(Target),
    /// The name, and its group, is answered with this region, whatever the probes of any region say.
    Pin {
        /// The name.
        name: Name,
        /// The region.
        region: RegionId,
    },
    /// The answers stay exactly as they are.
    Freeze(Scope),
    /// A gate that is a switch is on, or off.
    Switch {
        /// The gate.
        gate: GateId,
        /// Whether it lets names pass.
        on: bool,
    },
    /// A name server of the cluster does not count: it has no vote and makes no move. It goes on answering.
    Suspend(VantageId),
}

/// What a word of an operator is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// All of a region.
    Region(RegionId),
    /// One address, in whatever region it is.
    Address(IpAddr),
}

/// Which answers are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All of them.
    All,
    /// Those that are given with this region.
    InRegion(RegionId),
    /// Those of a name and its group.
    OfName(Name),
}

/// What becomes of the names when an override ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtExpiry {
    /// The evidence decides again.
    #[default]
    Automatic,
    /// They stay where they are until an operator says more, or until their region dies.
    Hold,
}

/// The overrides in force, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(Vec<Arc<Override>>);

impl Order {
    /// Whether an order about the same thing takes the place of this one.
    #[must_use]
    pub fn has_subject_of(&self, other: &Order) -> bool {
        use Order::{Drain, ForceDown, ForceUp, Freeze, Pin, Suspend, Switch};
        match (self, other) {
            (ForceUp(a) | ForceDown(a) | Drain(a), ForceUp(b) | ForceDown(b) | Drain(b)) => a == b,
            (Pin { name: a, .. }, Pin { name: b, .. }) => a == b,
            (Freeze(a), Freeze(b)) => a == b,
            (Switch { gate: a, .. }, Switch { gate: b, .. }) => a == b,
            (Suspend(a), Suspend(b)) => a == b,
            (
                ForceUp(_) | ForceDown(_) | Drain(_) | Pin { .. } | Freeze(_) | Switch { .. } | Suspend(_),
                _,
            ) => false,
        }
    }

    /// Whether it may bear on the answer for these names.
    #[must_use]
    pub fn concerns(&self, steer: &Steer, served: &RegionId) -> bool {
        match self {
            Order::ForceUp(Target::Region(region))
            | Order::ForceDown(Target::Region(region))
            | Order::Drain(Target::Region(region)) => steer.regions.contains(region),
            Order::ForceUp(Target::Address(_))
            | Order::ForceDown(Target::Address(_))
            | Order::Drain(Target::Address(_)) => true,
            Order::Pin { name, .. } => steer.names.contains(name),
            Order::Freeze(scope) => scope.has(steer, served),
            Order::Switch { .. } => true,
            Order::Suspend(_) => false,
        }
    }

    /// The name that it is about, if it is about one.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            Order::Pin { name, .. } | Order::Freeze(Scope::OfName(name)) => Some(name),
            Order::ForceUp(_)
            | Order::ForceDown(_)
            | Order::Drain(_)
            | Order::Freeze(_)
            | Order::Switch { .. }
            | Order::Suspend(_) => None,
        }
    }

    /// The region that it is about, if it is about one as a whole.
    #[must_use]
    pub fn region(&self) -> Option<&RegionId> {
        match self {
            Order::ForceUp(Target::Region(region))
            | Order::ForceDown(Target::Region(region))
            | Order::Drain(Target::Region(region))
            | Order::Pin { region, .. }
            | Order::Freeze(Scope::InRegion(region)) => Some(region),
            Order::ForceUp(Target::Address(_))
            | Order::ForceDown(Target::Address(_))
            | Order::Drain(Target::Address(_))
            | Order::Freeze(Scope::All | Scope::OfName(_))
            | Order::Switch { .. }
            | Order::Suspend(_) => None,
        }
    }

    /// The same about the new name of its region; none if it has no other name.
    fn renamed(&self, renamed: &BTreeMap<RegionId, RegionId>) -> Option<Order> {
        let new = renamed.get(self.region()?)?;
        let target = || Target::Region(new.clone());
        Some(match self {
            Order::ForceUp(_) => Order::ForceUp(target()),
            Order::ForceDown(_) => Order::ForceDown(target()),
            Order::Drain(_) => Order::Drain(target()),
            Order::Pin { name, .. } => Order::Pin { name: name.clone(), region: new.clone() },
            Order::Freeze(_) => Order::Freeze(Scope::InRegion(new.clone())),
            Order::Switch { .. } | Order::Suspend(_) => return None,
        })
    }

    fn word(&self) -> Option<(&Target, Says)> {
        match self {
            Order::ForceUp(target) => Some((target, Says::Up)),
            Order::ForceDown(target) => Some((target, Says::Down)),
            Order::Drain(target) => Some((target, Says::Drained)),
            Order::Pin { .. } | Order::Freeze(_) | Order::Switch { .. } | Order::Suspend(_) => None,
        }
    }
}

impl Scope {
    fn has(&self, steer: &Steer, served: &RegionId) -> bool {
        match self {
            Scope::All => true,
            Scope::InRegion(region) => region == served,
            Scope::OfName(name) => steer.names.contains(name),
        }
    }
}

impl Override {
    /// The same from now on.
    #[must_use]
    pub fn begun(&self) -> Override {
        Override { starts: None, ..self.clone() }
    }

    /// Whether it takes the place of another: about the same thing, and as near or far ahead.
    #[must_use]
    pub fn replaces(&self, other: &Override) -> bool {
        self.id == other.id
            || (self.order.has_subject_of(&other.order) && self.starts.is_some() == other.starts.is_some())
    }

    fn word(&self, says: Says) -> Arc<Word> {
        Arc::new(Word { says, author: self.author.clone(), reason: self.reason.clone() })
    }
}

impl Overrides {
    /// None in force.
    pub const NONE: &'static Overrides = &Overrides(Vec::new());

    /// In the order in which they were given.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Override>> {
        self.0.iter()
    }

    /// How many are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The override of this number, if it is in force.
    #[must_use]
    pub fn get(&self, id: OverrideId) -> Option<&Arc<Override>> {
        self.0.iter().find(|known| known.id == id)
    }

    /// With one more, in place of those about the same subject.
    #[must_use]
    pub fn with(&self, order: Arc<Override>) -> Overrides {
        let others = self.0.iter().filter(|known| !order.replaces(known));
        Overrides(others.cloned().chain([Arc::clone(&order)]).collect())
    }

    /// With another form of one of them, in its place.
    #[must_use]
    pub fn with_same(&self, order: Arc<Override>) -> Overrides {
        let place = |known: &Arc<Override>| Arc::clone(if known.id == order.id { &order } else { known });
        Overrides(self.0.iter().map(place).collect())
    }

    /// The name servers that are taken out of the cluster for a while.
    pub fn suspended(&self) -> impl Iterator<Item = &VantageId> {
        self.in_force().filter_map(|known| match &known.order {
            Order::Suspend(node) => Some(node),
            Order::ForceUp(_)
            | Order::ForceDown(_)
            | Order::Drain(_)
            | Order::Pin { .. }
            | Order::Freeze(_)
            | Order::Switch { .. } => None,
        })
    }

    /// With other names for some regions.
    #[must_use]
    pub fn renamed(&self, renamed: &BTreeMap<RegionId, RegionId>) -> Overrides {
        let named = |known: &Arc<Override>| match known.order.renamed(renamed) {
            Some(order) => Arc::new(Override { order, ..Override::clone(known) }),
            None => Arc::clone(known),
        };
        Overrides(self.0.iter().map(named).collect())
    }

    /// Without some of them.
    #[must_use]
    pub fn without(&self, ids: &[OverrideId]) -> Overrides {
        Overrides(self.0.iter().filter(|known| !ids.contains(&known.id)).cloned().collect())
    }

    /// Those that have ended.
    #[must_use]
    pub fn expired(&self, now: Moment) -> Vec<Arc<Override>> {
        self.0.iter().filter(|known| known.expires <= now).cloned().collect()
    }

    /// Those that were planned for a moment that has come.
    #[must_use]
    pub fn due(&self, now: Moment) -> Vec<Arc<Override>> {
        self.0.iter().filter(|known| known.starts.is_some_and(|starts| starts <= now)).cloned().collect()
    }

    /// When the next of them begins or ends.
    #[must_use]
    pub fn next_turn(&self, after: Moment) -> Option<Moment> {
        let turns = self.0.iter().flat_map(|known| known.starts.into_iter().chain([known.expires]));
        turns.filter(|turn| *turn > after).min()
    }

    /// The next region that these names are planned to have, and when.
    #[must_use]
    pub fn planned(&self, steer: &Steer) -> Option<(&RegionId, Moment)> {
        let planned = self.0.iter().filter_map(|known| match (&known.order, known.starts) {
            (Order::Pin { name, region }, Some(starts)) if steer.names.contains(name) => {
                Some((region, starts))
            }
            _ => None,
        });
        planned.filter(|(region, _)| steer.regions.contains(region)).min_by_key(|(_, starts)| *starts)
    }

    /// The switches that are turned, whether on, and in words by whom and why; the newest last.
    pub(super) fn switches(&self) -> impl Iterator<Item = (GateId, (bool, String))> {
        self.in_force().filter_map(|known| match &known.order {
            Order::Switch { gate, on } => {
                Some((gate.clone(), (*on, format!("by {}, {:?}", known.author, known.reason))))
            }
            Order::ForceUp(_)
            | Order::ForceDown(_)
            | Order::Drain(_)
            | Order::Pin { .. }
            | Order::Freeze(_)
            | Order::Suspend(_) => None,
        })
    }

    fn in_force(&self) -> impl DoubleEndedIterator<Item = &Arc<Override>> {
        self.0.iter().filter(|known| known.starts.is_none())
    }

    /// A verdict as operators see it.
    #[must_use]
    pub fn overrule(&self, verdict: &Arc<Verdict>) -> Arc<Verdict> {
        let on_region =
            |target: &Target| matches!(target, Target::Region(region) if *region == verdict.region);
        let word = self.word(on_region);
        let on_address = |address| self.word(|target| matches!(target, Target::Address(a) if *a == address));
        let is_spoken_of =
            word.is_some() || verdict.endpoints.iter().any(|endpoint| on_address(endpoint.address).is_some());
        if is_spoken_of { Arc::new(verdict.under(word, on_address)) } else { Arc::clone(verdict) }
    }

    /// The order that decides alone for these names: a pin before a freeze, the newest of each.
    #[must_use]
    pub fn deciding(&self, steer: &Steer, served: Option<&RegionId>) -> Option<&Arc<Override>> {
        let pins = |known: &&Arc<Override>| match &known.order {
            Order::Pin { name, region } => steer.names.contains(name) && steer.regions.contains(region),
            Order::ForceUp(_)
            | Order::ForceDown(_)
            | Order::Drain(_)
            | Order::Freeze(_)
            | Order::Switch { .. }
            | Order::Suspend(_) => false,
        };
        let freezes = |known: &&Arc<Override>| match (&known.order, served) {
            (Order::Freeze(scope), Some(served)) => scope.has(steer, served),
            _ => false,
        };
        let newest_first = || self.in_force().rev();
        newest_first().find(pins).or_else(|| newest_first().find(freezes))
    }

    fn word(&self, is_about: impl Fn(&Target) -> bool) -> Option<Arc<Word>> {
        let spoken = |known: &Arc<Override>| {
            let (target, says) = known.order.word()?;
            is_about(target).then(|| known.word(says))
        };
        self.in_force().rev().find_map(spoken)
    }

    /// Moves the moments of each of them: the clock was set back while we were away.
    pub fn shift(&mut self, shift: impl Fn(Moment) -> Moment) {
        for known in &mut self.0 {
            let known = Arc::make_mut(known);
            (known.made, known.expires) = (shift(known.made), shift(known.expires));
            known.starts = known.starts.map(&shift);
        }
    }
}

impl FromIterator<Override> for Overrides {
    fn from_iter<T: IntoIterator<Item = Override>>(all: T) -> Overrides {
        Overrides(all.into_iter().map(Arc::new).collect())
    }
}

impl fmt::Display for OverrideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// As an operator would say it: `drain us-east`, `pin www.example.com to eu-west`.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::ForceUp(target) => write!(f, "force-up {target}"),
            Order::ForceDown(target) => write!(f, "force-down {target}"),
            Order::Drain(target) => write!(f, "drain {target}"),
            Order::Pin { name, region } => write!(f, "pin {name} to {region}"),
            Order::Freeze(scope) => write!(f, "freeze {scope}"),
            Order::Switch { gate, on: true } => write!(f, "switch {gate} on"),
            Order::Switch { gate, on: false } => write!(f, "switch {gate} off"),
            Order::Suspend(node) => write!(f, "suspend {node}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Region(region) => write!(f, "{region}"),
            Target::Address(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.write_str("all"),
            Scope::InRegion(region) => write!(f, "{region}"),
            Scope::OfName(name) => write!(f, "{name}"),
        }
    }
}
