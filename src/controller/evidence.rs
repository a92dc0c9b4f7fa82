//! What this node has seen itself: a state for each check, and what to probe next.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::saved::SavedCheck;
use super::{Change, Effect, News, Parameters, Report, SavedState};
use crate::health::witness::{FailedProbe, testimony};
use crate::health::{
    Alone, Ballot, Check, CheckState, Observation, Pace, ProbeOutcome, Region, Rules, Testimony, ballots_of,
};
use crate::model::{CheckId, Family, Moment, RegionId, VantageId};

/// Our own evidence, and the pace of each check.
pub(super) struct Evidence {
    vantage: VantageId,
    alone: Alone,
    rules: BTreeMap<CheckId, Rules>,
    states: BTreeMap<CheckId, CheckState>,
    paces: BTreeMap<CheckId, Pace>,
    /// The checks of each region or witness by family: what can witness.
    places: BTreeMap<Family, BTreeMap<RegionId, Vec<CheckId>>>,
    /// Checks with a failure that a place that is heard soon may still witness.
    unwitnessed: BTreeSet<CheckId>,
    /// Checks that fail without a witness, and the regions and witnesses that may still say more, for they were not probed
    /// since.
    awaiting: BTreeMap<CheckId, BTreeSet<RegionId>>,
    /// When any place of a family was last heard.
    heard: BTreeMap<Family, Moment>,
    /// The addresses that are probed.
    addresses: BTreeMap<Family, BTreeSet<IpAddr>>,
    /// When witnesses of a family were last asked for.
    asked: BTreeMap<Family, Moment>,
}

impl Evidence {
    /// With what was saved about checks that still exist.
    pub(super) fn start(parameters: &Parameters, saved: &SavedState, now: Moment) -> Evidence {
        let of_regions = parameters.regions.iter().flat_map(|region| &region.checks);
        let checks = of_regions.chain(&parameters.witnesses);
        let rules: BTreeMap<CheckId, Rules> = checks.map(|check| (check.id.clone(), check.rules)).collect();
        let mut known = saved.states_of(&parameters.vantage);
        let mut state = |(check, rules): (&CheckId, &Rules)| {
            let mut state = known.remove(check).unwrap_or_else(|| CheckState::unseen(now));
            state.set_rules(rules);
            (check.clone(), state)
        };
        let states: BTreeMap<CheckId, CheckState> = rules.iter().map(&mut state).collect();
        let heard_of = |check: &CheckId| rules.get(check).is_some_and(|rules| rules.hears);
        let mut places: BTreeMap<Family, BTreeMap<RegionId, Vec<CheckId>>> = BTreeMap::new();
        for check in rules.keys().filter(|check| heard_of(check)) {
            let of_family = places.entry(check.family()).or_default();
            of_family.entry(check.region.clone()).or_default().push(check.clone());
        }
        let mut addresses: BTreeMap<Family, BTreeSet<IpAddr>> = BTreeMap::new();
        let mut heard = BTreeMap::new();
        for (check, state) in states.iter().filter(|(check, _)| heard_of(check)) {
            addresses.entry(check.family()).or_default().insert(check.address);
            if let Some(last) = state.hearing.last {
                let newest = heard.entry(check.family()).or_insert(last);
                *newest = last.max(*newest);
            }
        }
        let unwitnessed = states.iter().filter(|(_, state)| state.is_unwitnessed());
        let mut evidence = Evidence {
            vantage: parameters.vantage.clone(),
            alone: parameters.alone,
            unwitnessed: unwitnessed.map(|(check, _)| check.clone()).collect(),
            awaiting: BTreeMap::new(),
            rules,
            states,
            paces: BTreeMap::new(),
            places,
            heard,
            addresses,
            asked: BTreeMap::new(),
        };
        for check in evidence.unwitnessed.clone() {
            evidence.note_awaiting(&check);
        }
        let awaiting = &evidence.awaiting;
        evidence.states.iter_mut().for_each(|(check, state)| {
            state.set_awaits_witness(awaiting.contains_key(check));
        });
        evidence
    }

    /// With witnesses asked for as lately as by another, whose place it takes.
    pub(super) fn asked_as(self, before: &Evidence) -> Evidence {
        Evidence { asked: before.asked.clone(), ..self }
    }

    /// Takes in a probe of our own. The regions that have to be judged again because of it.
    pub(super) fn observe(
        &mut self,
        observation: &Observation,
        now: Moment,
        news: &mut News,
    ) -> BTreeSet<RegionId> {
        let mut concerned = BTreeSet::new();
        let check = &observation.check;
        let Some(rules) = self.rules.get(check).filter(|_| observation.vantage == self.vantage).copied()
        else {
            return concerned; // removed while the probe was under way, or not ours
        };
        let testimony = self.testimony(observation, &rules, now);
        let Some(state) = self.states.get_mut(check) else { return concerned };
        let before = state.health;
        let is_news = state.observe(observation, &rules, testimony, now);
        self.note_awaiting(check);
        let Some(state) = self.states.get(check) else { return concerned };
        if is_news {
            concerned.extend(Some(check.region.clone()).filter(|_| !check.is_witness()));
            news.changes.push(Change::Check(Box::new(saved_check(&self.vantage, check, state))));
        }
        news.reports.extend(Report::of_check(check, before, state));
        let heard_since = state.hearing.since.filter(|_| state.hearing.last == Some(now));
        let fails = !before.is_down() && observation.outcome.failure().is_some();
        self.note_unwitnessed(check);
        self.set_pace(check, news);
        if let Some(since) = heard_since {
            self.heard.insert(check.family(), now);
            self.hear(check, since, now, news, &mut concerned);
        }
        if rules.hears {
            self.note_probed(check, news, &mut concerned);
        }
        if fails {
            self.ask_for_witnesses(check, &rules, now, news);
        }
        concerned
    }

    /// What this node says about each address of a region, in the order of the configuration.
    pub(super) fn ballots(&self, region: &Region, now: Moment) -> Vec<Ballot> {
        ballots_of(&self.vantage, region, &self.states, now)
    }

    /// The first moment after which a check of the region that is fresh now would be stale.
    pub(super) fn fresh_until(&self, region: &Region, now: Moment) -> Option<Moment> {
        let until = |check: &Check| self.states.get(&check.id)?.fresh_until(&check.rules);
        region.checks.iter().filter_map(until).filter(|until| *until >= now).min()
    }

    /// How often to save though nothing changed: a quarter of the time until evidence is stale, for the last probe
    /// before it and the restart itself take their share. None when nothing is probed.
    pub(super) fn save_every(&self) -> Option<Duration> {
        self.rules.values().map(|rules| rules.stale_after() / 4).min()
    }

    /// What is known of each check.
    pub(super) fn states(&self) -> &BTreeMap<CheckId, CheckState> {
        &self.states
    }

    /// How many of the `[[witness]]` places were heard since a moment, and how many there are; none without any.
    pub(super) fn anchors_heard(&self, since: Moment) -> Option<(usize, usize)> {
        let mut anchors: BTreeMap<&RegionId, bool> = BTreeMap::new();
        for (check, state) in self.states.iter().filter(|(check, _)| check.is_witness()) {
            let is_heard = state.hearing.last.is_some_and(|last| last >= since);
            *anchors.entry(&check.region).or_default() |= is_heard;
        }
        let heard = anchors.values().filter(|is_heard| **is_heard).count();
        (!anchors.is_empty()).then_some((heard, anchors.len()))
    }

    /// One fresh probe of every `[[witness]]`.
    pub(super) fn ask_anchors(&self, news: &mut News) {
        let anchors = self.states.keys().filter(|check| check.is_witness());
        news.probing.extend(anchors.cloned().map(Effect::ProbeNow));
    }

    /// The pace of every check: what the prober begins with.
    pub(super) fn set_paces(&mut self, news: &mut News) {
        for check in self.states.keys().cloned().collect::<Vec<CheckId>>() {
            self.set_pace(&check, news);
        }
    }

    /// A pass needs no testimony, so it costs the same however many checks there are. Nor does a failure that was heard
    /// of what is down already, or a silent one when nothing at all was heard for too long.
    fn testimony(&self, observation: &Observation, rules: &Rules, now: Moment) -> Testimony {
        let (check, outcome) = (&observation.check, &observation.outcome);
        let lasted = observation.timings.total;
        let down = self.states.get(check).is_some_and(|state| state.health.is_down());
        match outcome {
            ProbeOutcome::Pass | ProbeOutcome::Ours(_) => Testimony::Counts,
            ProbeOutcome::Heard(_) if down => Testimony::Counts,
            ProbeOutcome::Silent(_) if self.is_deaf(check.family(), rules.witnessed_within(lasted), now) => {
                Testimony::Isolated
            }
            ProbeOutcome::Heard(_) | ProbeOutcome::Silent(_) => {
                let failed = FailedProbe { check, outcome, lasted, rules };
                testimony(failed, &self.states, self.alone, now)
            }
        }
    }

    /// Whether a family that has several places was not heard of within a span.
    fn is_deaf(&self, family: Family, span: Duration, now: Moment) -> bool {
        let heard = self.heard.get(&family);
        self.addresses.get(&family).is_some_and(|addresses| addresses.len() > 1)
            && heard.is_none_or(|heard| now.since(*heard) > span)
    }

    /// A place was heard: failures of others that waited for a witness may count now.
    fn hear(
        &mut self,
        place: &CheckId,
        since: Moment,
        now: Moment,
        news: &mut News,
        concerned: &mut BTreeSet<RegionId>,
    ) {
        let waiting = self.unwitnessed.iter();
        let waiting = waiting.filter(|id| id.address != place.address && id.family() == place.family());
        for check in waiting.cloned().collect::<Vec<CheckId>>() {
            let (Some(state), Some(rules)) = (self.states.get_mut(&check), self.rules.get(&check)) else {
                continue;
            };
            let before = state.health;
            if state.hear_witness(since, rules, now) {
                concerned.extend(Some(check.region.clone()).filter(|_| !check.is_witness()));
                news.changes.push(Change::Check(Box::new(saved_check(&self.vantage, &check, state))));
                news.reports.extend(Report::of_check(&check, before, state));
            }
            self.note_unwitnessed(&check);
            self.note_awaiting(&check);
            self.set_pace(&check, news);
        }
    }

    /// A check failed without a witness for the first time, or it does so no longer.
    fn note_awaiting(&mut self, check: &CheckId) {
        let Some(state) = self.states.get(check) else { return };
        if !state.awaits_witness() {
            self.awaiting.remove(check); // it was heard, or all has been forgotten
        }
        let Some(began) = state.isolation_began().filter(|_| !self.awaiting.contains_key(check)) else {
            return; // what others said of the first failure holds for those after it
        };
        let open = self.not_probed_since(check, began);
        if let Some(state) = self.states.get_mut(check) {
            state.set_awaits_witness(!open.is_empty());
        }
        if !open.is_empty() {
            self.awaiting.insert(check.clone(), open);
        }
    }

    /// The regions and witnesses with other addresses of the family that were not probed since a moment; of its own region
    /// only if there is no other. What we cannot probe is not waited for.
    fn not_probed_since(&self, check: &CheckId, since: Moment) -> BTreeSet<RegionId> {
        let groups = self.places.get(&check.family()).into_iter().flatten();
        let others = groups.map(|(region, checks)| {
            let others = checks.iter().filter(|other| other.address != check.address);
            (region, others.filter_map(|other| self.states.get(other)).collect::<Vec<&CheckState>>())
        });
        let (own, elsewhere): (Vec<_>, Vec<_>) =
            others.filter(|(_, states)| !states.is_empty()).partition(|(region, _)| **region == check.region);
        let asked = if elsewhere.is_empty() { own } else { elsewhere };
        let is_open = |state: &&CheckState| {
            state.trouble.is_none() && state.last.as_ref().is_none_or(|last| last.at < since)
        };
        let open = asked.into_iter().filter(|(_, states)| states.iter().all(is_open));
        open.map(|(region, _)| region.clone()).collect()
    }

    /// A place was probed, whatever that said: it is no longer waited for.
    fn note_probed(&mut self, place: &CheckId, news: &mut News, concerned: &mut BTreeSet<RegionId>) {
        let mut settled = Vec::new();
        for (check, open) in &mut self.awaiting {
            let is_other = check.address != place.address && check.family() == place.family();
            if is_other && open.remove(&place.region) && open.is_empty() {
                settled.push(check.clone());
            }
        }
        for check in settled {
            self.awaiting.remove(&check);
            let Some(state) = self.states.get_mut(&check) else { continue };
            state.set_awaits_witness(false);
            concerned.extend(Some(check.region.clone()).filter(|_| !check.is_witness()));
            news.changes.push(Change::Check(Box::new(saved_check(&self.vantage, &check, state))));
        }
    }

    /// One fresh probe in each region and of each witness that has an address of the family, unless one has just ended;
    /// at most once per recheck, however many checks fail.
    fn ask_for_witnesses(&mut self, failing: &CheckId, rules: &Rules, now: Moment, news: &mut News) {
        let family = failing.family();
        if self.asked.get(&family).is_some_and(|asked| now.since(*asked) < rules.recheck) {
            return;
        }
        self.asked.insert(family, now);
        for checks in self.places.get(&family).into_iter().flat_map(BTreeMap::values) {
            let others = || checks.iter().filter(|check| check.address != failing.address);
            let heard = |check: &&CheckId| self.states.get(*check).is_some_and(|s| s.hearing.since.is_some());
            let Some(chosen) = others().find(heard).or_else(|| others().next()) else { continue };
            let last = self.states.get(chosen).and_then(|state| state.last.as_ref());
            if last.is_none_or(|last| now.since(last.at) >= rules.recheck / 2) {
                news.probing.push(Effect::ProbeNow(chosen.clone()));
            }
        }
    }

    fn note_unwitnessed(&mut self, check: &CheckId) {
        if self.states.get(check).is_some_and(CheckState::is_unwitnessed) {
            self.unwitnessed.insert(check.clone());
        } else {
            self.unwitnessed.remove(check);
        }
    }

    fn set_pace(&mut self, check: &CheckId, news: &mut News) {
        let Some(state) = self.states.get(check) else { return };
        let pace = if state.is_unsettled() { Pace::Recheck } else { Pace::Steady };
        if self.paces.insert(check.clone(), pace) != Some(pace) {
            news.probing.push(Effect::Pace(check.clone(), pace));
        }
    }
}

fn saved_check(vantage: &VantageId, check: &CheckId, state: &CheckState) -> SavedCheck {
    SavedCheck { vantage: vantage.clone(), check: check.clone(), state: state.clone() }
}
