//! What outlives us.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Controller;
use crate::health::{Machine, State, Verdict};
use crate::model::{CheckId, Moment, Name, RegionId, VantageId};
use crate::policy::{Rule, Standing, Wait};

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
    pub machine: Machine,
}

impl Saved {
    /// In the newest shape, with no moment in the future: a clock that was set back must not stretch a hold.
    #[must_use]
    pub fn into_state(self, now: Moment) -> SavedState {
        let Saved::V1(mut state) = self;
        state.names.retain(|name| !name.standing.addresses.is_empty());
        for saved in &mut state.regions {
            saved.since = saved.since.min(now);
        }
        for saved in &mut state.checks {
            saved.machine.forget_future(now);
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

    pub(super) fn machines(&self) -> BTreeMap<VantageId, BTreeMap<CheckId, Machine>> {
        let mut machines: BTreeMap<VantageId, BTreeMap<CheckId, Machine>> = BTreeMap::new();
        for SavedCheck { vantage, check, machine } in &self.checks {
            machines.entry(vantage.clone()).or_default().insert(check.clone(), machine.clone());
        }
        machines
    }

    /// The saved verdict on a region, as far as the next one builds on it.
    pub(super) fn verdict(&self, region: &RegionId) -> Option<Verdict> {
        let saved = self.regions.iter().find(|saved| saved.region == *region)?;
        let (region, state, since) = (saved.region.clone(), saved.state, saved.since);
        Some(Verdict { region, state, since, min_up: 0, endpoints: Vec::new() })
    }
}

impl Controller {
    /// All that a restart needs to go on as if nothing had happened.
    #[must_use]
    pub fn saved(&self, now: Moment) -> Saved {
        let names = self.decisions.iter().map(|decision| SavedName {
            name: decision.name.clone(),
            standing: decision.standing.clone(),
            rule: decision.derivation.rule.clone(),
            why: decision.derivation.headline(&decision.standing.region),
            wait: decision.derivation.wait.clone(),
        });
        let regions = self.evidence.verdicts().values().map(Arc::as_ref).map(|verdict| SavedRegion {
            region: verdict.region.clone(),
            state: verdict.state,
            since: verdict.since,
            why: verdict.to_string(),
        });
        let machines = self.evidence.machines().iter();
        let checks = machines.flat_map(|(vantage, machines)| {
            machines.iter().map(|(check, machine)| SavedCheck {
                vantage: vantage.clone(),
                check: check.clone(),
                machine: machine.clone(),
            })
        });
        Saved::V1(SavedState {
            written: now,
            node: self.parameters.vantage.to_string(),
            names: names.collect(),
            regions: regions.collect(),
            checks: checks.collect(),
        })
    }
}
