//! What outlives us.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Controller;
use crate::health::{CheckState, State, Verdict};
use crate::model::{CheckId, Moment, Name, RegionId, VantageId};
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
    /// In words, for whoever reads this.
    pub why: String,
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

    /// In the newest shape, with no moment in the future: a clock that was set back must not stretch a hold.
    #[must_use]
    pub fn into_state(self, now: Moment) -> SavedState {
        let Saved::V1(mut state) = self;
        state.names.retain(|name| !name.standing.addresses.is_empty());
        for saved in &mut state.regions {
            saved.since = saved.since.min(now);
        }
        for saved in &mut state.checks {
            saved.state.forget_future(now);
        }
        for saved in &mut state.names {
            saved.standing.since = saved.standing.since.min(now);
            saved.standing.flips.forget_future(now);
        }
        state
    }
}

impl SavedState {
    pub(super) fn standings(&self) -> BTreeMap<Name, Standing> {
        self.names.iter().map(|saved| (saved.name.clone(), saved.standing.clone())).collect()
    }

    pub(super) fn states(&self) -> BTreeMap<VantageId, BTreeMap<CheckId, CheckState>> {
        let mut states: BTreeMap<VantageId, BTreeMap<CheckId, CheckState>> = BTreeMap::new();
        for SavedCheck { vantage, check, state } in &self.checks {
            states.entry(vantage.clone()).or_default().insert(check.clone(), state.clone());
        }
        states
    }

    /// The saved verdict on a region, as far as the next one builds on it.
    pub(super) fn verdict(&self, region: &RegionId) -> Option<Verdict> {
        let saved = self.regions.iter().find(|saved| saved.region == *region)?;
        let (region, state, since) = (saved.region.clone(), saved.state, saved.since);
        Some(Verdict { region, state, since, min_up: 0, endpoints: Vec::new() })
    }
}

impl SavedName {
    pub(super) fn of(decision: &Decision) -> SavedName {
        SavedName {
            name: decision.name.clone(),
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
        }
    }
}

impl Controller {
    /// All that a restart needs to go on as if nothing had happened.
    #[must_use]
    pub fn saved(&self, now: Moment) -> Saved {
        let states = self.evidence.states().iter();
        let checks = states.flat_map(|(vantage, states)| {
            states.iter().map(|(check, state)| SavedCheck {
                vantage: vantage.clone(),
                check: check.clone(),
                state: state.clone(),
            })
        });
        Saved::V1(SavedState {
            written: now,
            node: self.parameters.vantage.to_string(),
            names: self.decisions.iter().map(SavedName::of).collect(),
            regions: self.evidence.verdicts().values().map(|verdict| SavedRegion::of(verdict)).collect(),
            checks: checks.collect(),
        })
    }
}

fn by<K: Ord, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, V> {
    values.into_iter().map(|value| (key(&value), value)).collect()
}
