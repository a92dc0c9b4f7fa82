//! What outlives us.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ceilings::Ceilings;
use super::{Controller, Parameters};
use crate::health::{CheckState, MinUp, Region, State, Verdict};
use crate::model::{CheckId, Moment, Name, RegionId, Serial, VantageId};
use crate::policy::{Decision, Override, OverrideId, Overrides, Rule, Standing, Wait};

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
    /// What operators have ordered.
    #[serde(default)]
    pub overrides: Overrides,
    /// The number of the last override that there ever was.
    #[serde(default)]
    pub last_override: OverrideId,
    /// Orders that have ended here, though the other nodes of the cluster may not know that yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ended_orders: BTreeSet<OverrideId>,
    /// The configuration that a reload brought last.
    #[serde(default)]
    pub configuration: Option<SavedConfiguration>,
    /// What of the last run may not be here.
    #[serde(skip)]
    pub(super) missing: Missing,
}

/// What of the last run may be missing in the saved state, by how that run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// It ended as it should.
    #[default]
    Nothing,
    /// It was killed: the newest of what it told before it was on the disk, which are serials, but no epochs.
    Notes,
    /// The power failed, or the disk did before: epochs that were told, too.
    Commits,
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
    /// An operator has ordered something.
    Override(Arc<Override>),
    /// That is over.
    OverrideEnded(OverrideId),
    /// A reload has brought another configuration.
    Configuration(SavedConfiguration),
}

/// Which configuration was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedConfiguration {
    /// The files, told apart by this.
    pub hash: String,
    /// Since when.
    pub at: Moment,
}

/// What a name was answered with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedName {
    /// The name.
    pub name: Name,
    /// What the next decision builds on.
    pub standing: Standing,
    /// The rule that fired: for readers of the file, a start does not use it.
    pub rule: Rule,
    /// The rule in words, for readers.
    pub why: String,
    /// What the decision was waiting for, for readers.
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
    /// This state with what happened since; `None` stands for a state that was never saved. An older answer never
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
                Change::Override(order) => {
                    state.last_override = state.last_override.max(order.id);
                    state.overrides = state.overrides.with(order);
                }
                Change::OverrideEnded(id) => {
                    if state.overrides.get(id).is_some_and(|ended| ended.shared) {
                        state.ended_orders.insert(id);
                    }
                    state.overrides = state.overrides.without(&[id]);
                }
                Change::Configuration(configuration) => state.configuration = Some(configuration),
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

    /// This state, of which something may be missing.
    #[must_use]
    pub fn with_missing(self, missing: Missing) -> Saved {
        let Saved::V1(state) = self;
        Saved::V1(SavedState { missing, ..state })
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
        state.overrides.shift(|at| at.before(ahead));
        state
    }
}

impl SavedState {
    /// This state in the names that the regions have now: a region that was renamed is recognised by its addresses.
    pub(super) fn recognised(self, parameters: &Parameters) -> SavedState {
        let renamed: BTreeMap<RegionId, RegionId> = self
            .regions
            .iter()
            .filter(|saved| !parameters.regions.iter().any(|region| region.id == saved.region))
            .filter_map(|saved| Some((saved.region.clone(), self.new_name(&saved.region, parameters)?)))
            .collect();
        self.renamed(&renamed)
    }

    /// This state with other names for some regions. What operators have ordered about them goes with them.
    pub(super) fn renamed(mut self, renamed: &BTreeMap<RegionId, RegionId>) -> SavedState {
        let rename = |region: &mut RegionId| {
            if let Some(new) = renamed.get(region) {
                *region = new.clone();
            }
        };
        self.regions.iter_mut().for_each(|saved| rename(&mut saved.region));
        self.checks.iter_mut().for_each(|saved| rename(&mut saved.check.region));
        self.names.iter_mut().for_each(|saved| rename(&mut saved.standing.region));
        self.overrides = self.overrides.renamed(renamed);
        self
    }

    /// This state with these checks, and no others.
    pub(super) fn with_checks(self, checks: Vec<SavedCheck>) -> SavedState {
        SavedState { checks, ..self }
    }

    /// The configured region, unknown until now, that has an address of this one.
    fn new_name(&self, gone: &RegionId, parameters: &Parameters) -> Option<RegionId> {
        let probed = self.checks.iter().filter(|saved| saved.check.region == *gone);
        let served = self.names.iter().filter(|saved| saved.standing.region == *gone);
        let addresses: Vec<IpAddr> = probed
            .map(|saved| saved.check.address)
            .chain(served.flat_map(|saved| saved.standing.addresses.iter().copied()))
            .collect();
        let is_known = |id: &RegionId| self.regions.iter().any(|saved| saved.region == *id);
        let mut unknown = parameters.regions.iter().filter(|region| !is_known(&region.id));
        let has_one = |region: &&Region| region.addresses.iter().any(|a| addresses.contains(a));
        unknown.find(has_one).map(|region| region.id.clone())
    }

    /// The epochs of every name that there ever was.
    pub(super) fn ceilings(&self, now: Moment) -> Ceilings {
        let mut ceilings = self.ceilings.clone();
        for saved in &self.names {
            ceilings.raise(&saved.name, saved.standing.epoch);
        }
        if self.missing == Missing::Commits {
            ceilings.skip_lost(now.since(self.written));
        }
        ceilings
    }

    /// What each name was answered with, to be looked up.
    pub(super) fn standings(&self) -> Standings<'_> {
        Standings(self.names.iter().map(|saved| (&saved.name, &saved.standing)).collect())
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
            min_up: MinUp::Count(1),
            votes: Vec::new(),
            endpoints: Vec::new(),
            word: None,
        })
    }
}

/// What each name was answered with.
pub(super) struct Standings<'s>(BTreeMap<&'s Name, &'s Standing>);

impl Standings<'_> {
    /// What the names of a group were answered with: the newest, if they were not together.
    pub(super) fn of(&self, names: &[Name]) -> Option<&Standing> {
        self.all_of(names).max_by_key(|standing| standing.epoch)
    }

    /// The decision with an epoch after that of each of its names which gets another answer: names that were apart
    /// have told the same number with different answers.
    pub(super) fn outgrown(&self, mut decision: Decision) -> Decision {
        let new = &decision.standing;
        let is_other = |old: &&Standing| old.addresses != new.addresses && old.epoch >= new.epoch;
        if let Some(told) = self.all_of(&decision.names).filter(is_other).map(|old| old.epoch).max() {
            decision.standing.epoch = told + 1;
        }
        decision
    }

    fn all_of(&self, names: &[Name]) -> impl Iterator<Item = &Standing> {
        names.iter().filter_map(|name| self.0.get(name).copied())
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
        let decisions = match self.proposals.reloading() {
            Some(reloading) => reloading.decisions.iter().collect(),
            None => decisions.collect::<Vec<&Decision>>(),
        };
        Saved::V1(SavedState {
            written: now,
            node: self.parameters.vantage.to_string(),
            names: decisions.into_iter().flat_map(SavedName::all_of).collect(),
            regions: self.judgement.verdicts().values().map(|verdict| SavedRegion::of(verdict)).collect(),
            checks: self.evidence.states().iter().map(check).collect(),
            ceilings: self.ceilings.clone(),
            serials: self.serials(),
            overrides: self.proposals.overrides(&self.overrides),
            last_override: self.last_override,
            ended_orders: self.ended_orders.clone(),
            configuration: self.configuration.clone(),
            missing: Missing::Nothing,
        })
    }
}

impl Controller {
    /// What each zone tells, and what those told that are gone.
    fn serials(&self) -> BTreeMap<Name, Serial> {
        let told = self.table.zones().map(|(zone, serial)| (zone.clone(), serial));
        self.told_serials.clone().into_iter().chain(told).collect()
    }
}

fn by<K: Ord, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, V> {
    values.into_iter().map(|value| (key(&value), value)).collect()
}
