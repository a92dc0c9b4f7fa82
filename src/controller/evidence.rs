//! All that was seen, and the verdicts that follow from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::saved::{SavedCheck, SavedRegion};
use super::{Change, News, Parameters, Report, SavedState};
use crate::health::{
    CheckState, Doubt, Observation, Pace, Region, Rules, State, Verdict, View, guard, judge,
};
use crate::model::{CheckId, Moment, RegionId, VantageId};
use crate::policy::{Steer, Verdicts};

/// Health for each vantage and check, a verdict for each region, and how often each check is probed.
pub(super) struct Evidence {
    regions: BTreeMap<RegionId, Region>,
    rules: BTreeMap<CheckId, Rules>,
    /// Regions that share a name with a region: they are looked at when it is in doubt.
    neighbours: BTreeMap<RegionId, BTreeSet<RegionId>>,
    states: BTreeMap<VantageId, BTreeMap<CheckId, CheckState>>,
    verdicts: Verdicts,
    paces: BTreeMap<CheckId, Pace>,
}

impl Evidence {
    /// With what was saved about checks that still exist.
    pub(super) fn start(parameters: &Parameters, saved: SavedState, now: Moment) -> Evidence {
        let regions: BTreeMap<RegionId, Region> =
            parameters.regions.iter().map(|region| (region.id.clone(), region.clone())).collect();
        let checks = regions.values().flat_map(|region| &region.checks);
        let rules: BTreeMap<CheckId, Rules> = checks.map(|check| (check.id.clone(), check.rules)).collect();
        let mut states = saved.states();
        let ours = states.entry(parameters.vantage.clone()).or_default();
        for check in rules.keys() {
            ours.entry(check.clone()).or_insert_with(|| CheckState::unseen(now));
        }
        states.retain(|vantage, _| *vantage == parameters.vantage);
        for checks in states.values_mut() {
            checks.retain(|check, _| rules.contains_key(check));
        }
        let neighbours = neighbours(&parameters.steers);
        let (verdicts, paces) = (Verdicts::new(), BTreeMap::new());
        let mut evidence = Evidence { regions, rules, neighbours, states, verdicts, paces };
        for region in evidence.regions.keys().cloned().collect::<Vec<_>>() {
            let before = saved.verdict(&region);
            let verdict = evidence.judged(&region, before.as_ref(), now);
            evidence.verdicts.insert(region, Arc::new(verdict));
        }
        evidence
    }

    /// Takes in a probe. The region that has to be judged again, if any.
    pub(super) fn observe(
        &mut self,
        observation: &Observation,
        now: Moment,
        news: &mut News,
    ) -> Option<RegionId> {
        let check = &observation.check;
        let rules = self.rules.get(check)?; // removed while the probe was under way
        let states = self.states.get_mut(&observation.vantage)?;
        let testimony = guard::testimony(check, observation.timings.total, rules, states, now);
        let state = states.get_mut(check)?;
        let before = state.health;
        let changed = state.observe(observation, rules, testimony, now);
        news.reports.extend(Report::of_check(check, before, state));
        if !changed {
            return None;
        }
        let (vantage, state) = (observation.vantage.clone(), state.clone());
        news.changes.push(Change::Check(Box::new(SavedCheck { vantage, check: check.clone(), state })));
        Some(check.region.clone())
    }

    /// Judges a region again.
    pub(super) fn judge(&mut self, region: &RegionId, now: Moment, news: &mut News) {
        let before = self.verdicts.get(region).cloned();
        let verdict = Arc::new(self.judged(region, before.as_deref(), now));
        if let Some(before) = before.filter(|before| before.state != verdict.state) {
            news.changes.push(Change::Region(SavedRegion::of(&verdict)));
            news.reports.push(Report::VerdictChanged { from: before.state, verdict: Arc::clone(&verdict) });
        }
        self.verdicts.insert(region.clone(), verdict);
    }

    /// Regions whose verdict no longer follows from the evidence, because some of it has grown old.
    pub(super) fn gone_stale(&self, now: Moment) -> Vec<RegionId> {
        let judged_otherwise = |region: &&RegionId| {
            let before = self.verdicts.get(*region).map(Arc::as_ref);
            let after = self.judged(region, before, now);
            before.is_none_or(|before| states(before).ne(states(&after)))
        };
        self.regions.keys().filter(judged_otherwise).cloned().collect()
    }

    /// The verdict on each configured region.
    pub(super) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// How often to save though nothing changed: a quarter of the time until evidence is stale, for the last probe
    /// before it and the restart itself take their share. None when nothing is probed.
    pub(super) fn save_every(&self) -> Option<Duration> {
        self.rules.values().map(|rules| rules.stale_after() / 4).min()
    }

    /// Who has seen what.
    pub(super) fn states(&self) -> &BTreeMap<VantageId, BTreeMap<CheckId, CheckState>> {
        &self.states
    }

    /// Checks whose pace is another one than when this was last asked.
    pub(super) fn changed_paces(&mut self) -> Vec<(CheckId, Pace)> {
        let wanted = self.wanted_paces();
        let changed = wanted.iter().filter(|(check, pace)| self.paces.get(*check) != Some(*pace));
        let changed: Vec<(CheckId, Pace)> = changed.map(|(check, pace)| (check.clone(), *pace)).collect();
        self.paces = wanted;
        changed
    }

    /// A check is probed faster while it is unsettled itself, and while a region that it could be compared with or
    /// take over from is failing: that is where the witness comes from, and proof that the other region is fit.
    fn wanted_paces(&self) -> BTreeMap<CheckId, Pace> {
        let states = || self.states.values().flatten();
        let failing =
            states().filter(|(_, state)| state.health.failures() > 0).map(|(check, _)| &check.region);
        let alarmed: BTreeSet<&RegionId> =
            failing.flat_map(|region| self.neighbours.get(region)).flatten().collect();
        let unsettled: BTreeSet<&CheckId> =
            states().filter(|(_, state)| state.health.is_unsettled()).map(|(check, _)| check).collect();
        let pace = |check: &CheckId| match unsettled.contains(check) || alarmed.contains(&check.region) {
            true => Pace::Recheck,
            false => Pace::Steady,
        };
        self.rules.keys().map(|check| (check.clone(), pace(check))).collect()
    }

    fn judged(&self, region: &RegionId, before: Option<&Verdict>, now: Moment) -> Verdict {
        let views: Vec<View<'_>> =
            self.states.iter().map(|(vantage, states)| View { vantage, states }).collect();
        judge(&self.regions[region], &views, before, now)
    }
}

/// The part of a verdict that decisions are made from, and explained with.
fn states(verdict: &Verdict) -> impl Iterator<Item = (State, Option<Doubt>)> {
    let endpoints = verdict.endpoints.iter().map(|endpoint| (endpoint.state, endpoint.doubt));
    std::iter::once((verdict.state, None)).chain(endpoints)
}

fn neighbours(steers: &[Steer]) -> BTreeMap<RegionId, BTreeSet<RegionId>> {
    let mut neighbours: BTreeMap<RegionId, BTreeSet<RegionId>> = BTreeMap::new();
    for steer in steers {
        for region in &steer.regions {
            let others = steer.regions.iter().filter(|other| *other != region).cloned();
            neighbours.entry(region.clone()).or_default().extend(others);
        }
    }
    neighbours
}
