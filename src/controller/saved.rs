//! What outlives us.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Controller;
use super::Parameters;
use crate::health::{CheckState, State, Verdict};
use crate::model::{CheckId, Moment, Name, RegionId, Serial, VantageId};
use crate::policy::{Decision, Rule, Standing, Wait};

/// The saved state, in every shape that it ever had. Only [`Saved::into_state`] knows the old ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "version", rename_all = "kebab-case")]
pub enum Saved {
    /// The first shape.
    V1(SavedState),
}

/// The saved state in its newest shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SavedState {
    /// When it was saved.
    pub written: Moment,
    /// Who saved it.
    pub node: String,
    /// What each name is answered with.
    pub names: Vec<SavedName>,
    /// The verdicts, and since when.
    pub regions: Vec<SavedRegion>,
    /// What each vantage believes.
    pub checks: Vec<SavedCheck>,
    /// The epochs of every name that there ever was.
    #[serde(default)]
    pub ceilings: Ceilings,
    /// The serial that each zone told last.
    #[serde(default)]
    pub serials: BTreeMap<Name, Serial>,
    /// What was not on the disk when the power failed is lost: epochs up to the ceilings may have been told.
    #[serde(skip)]
    lost_power: bool,
}

/// How far ahead of the epochs in use the ceilings are written.
const RESERVED_EPOCHS: u64 = 16;

/// The epochs that were told, and those that may have been while the disk hung, of every name there ever was: so that
/// no epoch is ever told with two meanings, though a name is gone for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ceilings(BTreeMap<Name, Ceiling>);

/// The epochs of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Ceiling {
    /// The greatest one that is known.
    epoch: u64,
    /// None above this was told, whatever was lost.
    reserved: u64,
}

impl Ceilings {
    /// Those of the saved state, and of the names in it. When what was told last is lost, the known epoch is the reserved
    /// one, and one more for each second since then: a disk may take nothing for as long as several runs of ours.
    pub(super) fn of(state: &SavedState, now: Moment) -> Ceilings {
        let mut ceilings = state.ceilings.clone();
        for saved in &state.names {
            ceilings.raise(&saved.name, saved.standing.epoch);
        }
        for ceiling in ceilings.0.values_mut().filter(|_| state.lost_power) {
            ceiling.epoch = ceiling.reserved + now.since(state.written).as_secs();
        }
        ceilings
    }

    /// The decision with an epoch that was never told before, if its answer is another one than `before`.
    pub(super) fn lift(&self, mut decision: Decision, before: Option<&Standing>) -> Decision {
        if before.is_none_or(|before| before.epoch != decision.standing.epoch) {
            let told = decision.names.iter().filter_map(|name| self.0.get(name)).map(|ceiling| ceiling.epoch);
            let least = told.max().map_or(1, |told| told + 1);
            decision.standing.epoch = decision.standing.epoch.max(least);
        }
        decision
    }

    /// A decision is in force.
    pub(super) fn note(&mut self, decision: &Decision) {
        for name in decision.names.iter() {
            self.raise(name, decision.standing.epoch);
        }
    }

    fn raise(&mut self, name: &Name, epoch: u64) {
        let reserved = epoch + RESERVED_EPOCHS;
        let ceiling = self.0.entry(name.clone()).or_insert(Ceiling { epoch, reserved });
        ceiling.epoch = ceiling.epoch.max(epoch);
        ceiling.reserved = ceiling.reserved.max(reserved);
    }
}

/// One fact of the saved state that has become another: an entry of the state log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// What a name is answered with.
    Name(SavedName),
    /// The verdict on a region.
    Region(SavedRegion),
    /// What a vantage believes about a check.
    Check(Box<SavedCheck>),
    /// The serial that a zone tells.
    Serial {
        /// Its apex.
        zone: Name,
        /// The serial.
        serial: Serial,
    },
}

/// What a name was answered with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedName {
    /// The name.
    pub name: Name,
    /// What the next decision builds on.
    pub standing: Standing,
    /// The rule that fired, for whoever reads this.
    pub rule: Rule,
    /// The same in words.
    pub why: String,
    /// What it was waiting for, likewise.
    pub wait: Option<Wait>,
}

/// The verdict on a region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedRegion {
    /// The region.
    pub region: RegionId,
    /// What was agreed.
    pub state: State,
    /// Since when.
    pub since: Moment,
    /// In words, for people.
    pub why: String,
    /// The last state that was proven.
    #[serde(default)]
    pub proven: Option<State>,
    /// When it last came up after it had been proven down.
    #[serde(default)]
    pub recovered: Option<Moment>,
}

/// What one vantage believes about one check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedCheck {
    /// Who looked.
    pub vantage: VantageId,
    /// At what.
    pub check: CheckId,
    /// And what it saw.
    pub state: CheckState,
}

impl Saved {
    /// The same with what happened since; `None` stands for a state that was never saved. An older answer never
    /// replaces a newer one.
    #[must_use]
    pub fn with_changes(saved: Option<Saved>, changes: Vec<Change>) -> Option<Saved> {
        if saved.is_none() && changes.is_empty() {
            return None;
        }
        let Saved::V1(mut state) = saved.unwrap_or(Saved::V1(SavedState::default()));
        let mut names: BTreeMap<Name, SavedName> = by(state.names, |saved| saved.name.clone());
        let mut regions: BTreeMap<RegionId, SavedRegion> = by(state.regions, |saved| saved.region.clone());
        let mut checks = by(state.checks, |saved| (saved.vantage.clone(), saved.check.clone()));
        for change in changes {
            match change {
                Change::Name(name) => {
                    let known = names.get(&name.name).map_or(0, |known| known.standing.epoch);
                    if name.standing.epoch >= known {
                        names.insert(name.name.clone(), name);
                    }
                }
                Change::Region(region) => drop(regions.insert(region.region.clone(), region)),
                Change::Serial { zone, serial } => {
                    let known = state.serials.get(&zone).copied().unwrap_or(serial);
                    state.serials.insert(zone, known.max(serial));
                }
                Change::Check(check) => {
                    drop(checks.insert((check.vantage.clone(), check.check.clone()), *check))
                }
            }
        }
        state.names = names.into_values().collect();
        state.regions = regions.into_values().collect();
        state.checks = checks.into_values().collect();
        Some(Saved::V1(state))
    }

    /// The same, after a power cut: what was told last may be lost.
    #[must_use]
    pub fn after_power_loss(self) -> Saved {
        let Saved::V1(state) = self;
        Saved::V1(SavedState { lost_power: true, ..state })
    }

    /// In the newest shape, with no moment in the future: a clock that was set back must not stretch a hold. It is the
    /// age of everything at the time of writing that counts then, and no probe, for its age is not known.
    #[must_use]
    pub fn into_state(self, now: Moment) -> SavedState {
        let Saved::V1(mut state) = self;
        state.names.retain(|name| !name.standing.addresses.is_empty());
        let ahead = state.written.since(now);
        let shift = |at: &mut Moment| *at = at.before(ahead).min(now);
        for saved in &mut state.regions {
            shift(&mut saved.since);
            saved.recovered.iter_mut().for_each(shift);
        }
        for saved in &mut state.checks {
            saved.state.forget_future(now);
        }
        for saved in &mut state.names {
            shift(&mut saved.standing.since);
            saved.standing.flips.shift(shift);
        }
        state
    }
}

impl SavedState {
    /// The same in the names that the regions have now: a region that was renamed is recognised by its addresses.
    pub(super) fn recognised(mut self, parameters: &Parameters) -> SavedState {
        let renamed: BTreeMap<RegionId, RegionId> = self
            .regions
            .iter()
            .filter(|saved| !parameters.regions.iter().any(|region| region.id == saved.region))
            .filter_map(|saved| Some((saved.region.clone(), self.new_name(&saved.region, parameters)?)))
            .collect();
        let rename = |region: &mut RegionId| {
            if let Some(new) = renamed.get(region) {
                *region = new.clone();
            }
        };
        self.regions.iter_mut().for_each(|saved| rename(&mut saved.region));
        self.checks.iter_mut().for_each(|saved| rename(&mut saved.check.region));
        self.names.iter_mut().for_each(|saved| rename(&mut saved.standing.region));
        self
    }

    /// The configured region, unknown until now, that has an address of this one.
    fn new_name(&self, gone: &RegionId, parameters: &Parameters) -> Option<RegionId> {
        let probed = self.checks.iter().filter(|saved| saved.check.region == *gone);
        let served = self.names.iter().filter(|saved| saved.standing.region == *gone);
        let addresses: Vec<std::net::IpAddr> = probed
            .map(|saved| saved.check.address)
            .chain(served.flat_map(|saved| saved.standing.addresses.iter().copied()))
            .collect();
        let is_known = |id: &RegionId| self.regions.iter().any(|saved| saved.region == *id);
        let mut unknown = parameters.regions.iter().filter(|region| !is_known(&region.id));
        let has_one =
            |region: &&crate::health::Region| region.addresses.iter().any(|a| addresses.contains(a));
        unknown.find(has_one).map(|region| region.id.clone())
    }

    /// Whether what was told last may be lost.
    pub(super) fn has_lost_power(&self) -> bool {
        self.lost_power
    }

    /// What the names of a group were answered with: the newest, if they were not together.
    pub(super) fn standing(&self, names: &[Name]) -> Option<Standing> {
        let of_group = self.names.iter().filter(|saved| names.contains(&saved.name));
        of_group.map(|saved| &saved.standing).max_by_key(|standing| standing.epoch).cloned()
    }

    /// What a vantage believed about each check.
    pub(super) fn states_of(&self, vantage: &VantageId) -> BTreeMap<CheckId, CheckState> {
        let own = self.checks.iter().filter(|saved| saved.vantage == *vantage);
        own.map(|saved| (saved.check.clone(), saved.state.clone())).collect()
    }

    /// The saved verdict on a region, as far as the next one builds on it.
    pub(super) fn verdict(&self, region: &RegionId) -> Option<Verdict> {
        let saved = self.regions.iter().find(|saved| saved.region == *region)?;
        let proven = Some(saved.state).filter(|state| *state != State::Unknown);
        Some(Verdict {
            region: saved.region.clone(),
            state: saved.state,
            doubt: None,
            since: saved.since,
            proven: saved.proven.or(proven),
            recovered: saved.recovered,
            steady: false,
            families: Vec::new(),
            needed: 0,
            votes: Vec::new(),
            endpoints: Vec::new(),
        })
    }
}

impl SavedName {
    /// One for each name of a decision.
    pub(super) fn all_of(decision: &Decision) -> impl Iterator<Item = SavedName> {
        decision.names.iter().map(|name| SavedName::of(name, decision))
    }

    fn of(name: &Name, decision: &Decision) -> SavedName {
        SavedName {
            name: name.clone(),
            standing: decision.standing.clone(),
            rule: decision.derivation.rule.clone(),
            why: decision.derivation.headline(&decision.standing.region),
            wait: decision.derivation.wait.clone(),
        }
    }
}

impl SavedRegion {
    pub(super) fn of(verdict: &Verdict) -> SavedRegion {
        SavedRegion {
            region: verdict.region.clone(),
            state: verdict.state,
            since: verdict.since,
            why: verdict.to_string(),
            proven: verdict.proven,
            recovered: verdict.recovered,
        }
    }
}

impl Controller {
    /// All that a restart needs to go on as if nothing had happened.
    #[must_use]
    pub fn saved(&self, now: Moment) -> Saved {
        let check = |(check, state): (&CheckId, &CheckState)| SavedCheck {
            vantage: self.parameters.vantage.clone(),
            check: check.clone(),
            state: state.clone(),
        };
        // What is being committed stands in the log already: what is written after it must not take it back.
        let decisions = self.decisions.iter().enumerate();
        let decisions = decisions.map(|(index, decision)| self.proposals.pending(index).unwrap_or(decision));
        Saved::V1(SavedState {
            written: now,
            node: self.parameters.vantage.to_string(),
            names: decisions.flat_map(SavedName::all_of).collect(),
            regions: self.judgement.verdicts().values().map(|verdict| SavedRegion::of(verdict)).collect(),
            checks: self.evidence.states().iter().map(check).collect(),
            ceilings: self.ceilings.clone(),
            serials: self.table.zones().map(|(zone, serial)| (zone.clone(), serial)).collect(),
            lost_power: false,
        })
    }
}

fn by<K: Ord, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, V> {
    values.into_iter().map(|value| (key(&value), value)).collect()
}
