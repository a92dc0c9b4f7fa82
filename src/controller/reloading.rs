//! Another configuration takes over while everything goes on.
//!
//! ```text
//! Reload ─▶ what would be decided by it ─▶ may it? ─▶ propose ─▶ Committed ─▶ everything is put in place at once: Configure, Publish, Pace
//! ```
//!
//! It is a start from what is known now: what was seen of a check that stays is kept, names keep their region, their
//! epoch and their holds, and nothing moves that the new configuration does not move.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::adoption::{Commanded, Proposal};
use super::evidence::Evidence;
use super::hooks::Hooks;
use super::judgement::Judgement;
use super::reload::{Kept, Reload, Reloading, renamed_regions};
use super::saved::{SavedCheck, SavedConfiguration};
use super::subject::check_subject;
use super::zones::{reloaded_table, served, steers_by_region};
use super::{
    Change, Controller, Done, Effect, NameEffect, News, Parameters, Refusal, Reply, Report, Saved,
    SavedState, Terms,
};
use crate::model::{Moment, Name, RegionId};
use crate::policy::{
    Affected, Breach, Decision, Facts, Gates, Standing, Steer, budget, decide, reload_breaches,
};

/// All that is known now, in the terms of the new configuration.
struct Known {
    state: SavedState,
    gates: Gates,
    evidence: Evidence,
    judgement: Judgement,
}

impl Controller {
    /// Takes another configuration over, as soon as nothing else is being made durable: that is a matter of milliseconds.
    pub(super) fn reload(&mut self, reload: Box<Reload>, now: Moment, news: &mut News) {
        if reload.expires < now {
            return news.replies.push(Reply { id: reload.id, outcome: Err(Refusal::Expired) });
        }
        if !self.proposals.is_empty() || self.shares_anything() {
            if let Some(before) = self.parked.replace(reload) {
                news.replies.push(Reply { id: before.id, outcome: Err(Refusal::Expired) });
            }
            return;
        }
        self.judge_expired(now, news);
        let (reloading, done) = self.plan_reload(reload, now);
        let Terms { dry_run, break_glass, .. } = &reloading.reload.terms;
        let breaches = self.reload_breaches(&reloading);
        let (broken, forbidden): (Vec<Breach>, Vec<Breach>) =
            breaches.into_iter().partition(|breach| break_glass.contains(&breach.rule));
        let id = reloading.reload.id;
        if !forbidden.is_empty() {
            let refusal = Refusal::Unsafe(forbidden);
            news.reports.push(reloading.refused(&refusal));
            return news.replies.push(Reply { id, outcome: Err(refusal) });
        }
        let done = Done { dry_run: *dry_run, durable: !dry_run, broken, ..done };
        if done.dry_run {
            return news.replies.push(Reply { id, outcome: Ok(done) });
        }
        let command = Some(Commanded { id, done, command: None, tries: 0 });
        self.commit(Proposal { reload: Some(reloading), command, ..Proposal::default() }, news);
    }

    /// What would be decided under the new configuration, and what that means for the names that there are.
    fn plan_reload(&self, reload: Box<Reload>, now: Moment) -> (Reloading, Done) {
        let renamed = renamed_regions(&self.parameters.regions, &reload.parameters.regions);
        let Known { state, gates, judgement, .. } = self.known_to(&reload, &renamed, now);
        let facts = Facts { verdicts: judgement.verdicts(), overrides: &state.overrides, gates: &gates };
        let hooks = Hooks::new(reload.parameters.hooks.clone());
        let standings = state.standings();
        let decided = |steer: &Steer| {
            let before = standings.of(&steer.names);
            let decision = decide(steer, before, facts, now);
            let decision = hooks.postpone(steer, before, decision, now);
            let decision = standings.outgrown(decision);
            match &self.participant {
                Some(part) => {
                    part.first_decision(steer, before, decision, (&reload.parameters, &self.ceilings), now)
                }
                None => self.ceilings.lift(decision, before),
            }
        };
        let decisions: Vec<Decision> = reload.parameters.steers.iter().map(decided).collect();
        let before = Before::of(&self.decisions);
        let names = decisions.iter().zip(&reload.parameters.steers);
        let names = names.filter_map(|(after, steer)| before.effect(after, steer));
        let mut done = Done { names: names.collect(), ..Done::default() };
        done.notes = self.gone_subjects(&state, &reload.parameters);
        (Reloading { reload, decisions, renamed }, done)
    }

    /// What is known now, as a start with the new configuration would find it.
    fn known_to(&self, reload: &Reload, renamed: &BTreeMap<RegionId, RegionId>, now: Moment) -> Known {
        let Saved::V1(state) = self.saved(now);
        let state = state.renamed(renamed).with_checks(self.kept_checks(&reload.kept));
        let evidence = Evidence::start(&reload.parameters, &state, now).asked_as(&self.evidence);
        let others = self.judgement.others(renamed);
        let judgement = Judgement::start_with(&reload.parameters, &state, &evidence, others, now);
        let mut gates = self.gates.renewed(reload.parameters.gates.clone(), &reload.kept.gates);
        gates.turn(&state.overrides);
        Known { state, gates, evidence, judgement }
    }

    /// What was seen of the checks that stay, under the identity that they have then.
    fn kept_checks(&self, kept: &Kept) -> Vec<SavedCheck> {
        let vantage = &self.parameters.vantage;
        let kept = kept.checks.iter().filter_map(|(check, was)| {
            let state = self.evidence.states().get(was)?.clone();
            Some(SavedCheck { vantage: vantage.clone(), check: check.clone(), state })
        });
        kept.collect()
    }

    /// Orders that are about nothing any more.
    fn gone_subjects(&self, state: &SavedState, parameters: &Parameters) -> Vec<String> {
        let idle = state.overrides.iter().filter(|order| {
            check_subject(parameters, &order.order).is_err()
                && self.overrides.get(order.id).is_some_and(|known| self.knows_subject(&known.order))
        });
        let told = idle.map(|order| {
            format!(
                "override {} ({} by {}) is about nothing any more; `cadence-dns override clear {}` ends it",
                order.id, order.order, order.author, order.id.0
            )
        });
        told.collect()
    }

    /// The rules that it would break.
    fn reload_breaches(&self, reloading: &Reloading) -> Vec<Breach> {
        let after = Before::of(&reloading.decisions);
        let mut steered = Affected::default();
        for before in &self.decisions {
            for name in before.names.iter() {
                steered.names += 1;
                match after.index.get(name) {
                    None => steered.gone += 1,
                    Some(after) if is_much_the_same(&before.standing, &after.standing) => {}
                    Some(_) => steered.changed += 1,
                }
            }
        }
        reload_breaches(self.parameters.safety, reloading.reload.affected, steered)
    }

    /// From here on the new configuration holds. What has happened since it was proposed is decided on after that.
    pub(super) fn adopt_reload(
        &mut self,
        reloading: Reloading,
        broken: &[Breach],
        now: Moment,
        news: &mut News,
    ) {
        let Known { state, gates, evidence, judgement } =
            self.known_to(&reloading.reload, &reloading.renamed, now);
        let Reloading { reload, mut decisions, renamed } = reloading;
        let Reload { id, author, reason, kept, parameters, zones, hash, changes, .. } = *reload;
        self.tell_verdicts(&judgement, &renamed, news);
        let before = Before::of(&self.decisions);
        let mut moved = Vec::new();
        for (index, after) in decisions.iter_mut().enumerate() {
            let Some(before) = before.of_decision(after) else { continue };
            after.standing.kept |= is_kept(&before.standing, &after.standing, &renamed);
            if before.standing.epoch != after.standing.epoch {
                news.reports.extend(Report::of_decision(before, after));
            }
            if served(before) != served(after) {
                moved.push(index);
            }
        }
        let places = self.places_in(&parameters.steers);
        let (table, serials) =
            reloaded_table(&self.table, &zones, &decisions, &moved, &parameters, &mut self.told_serials);
        news.replies.extend(self.hooks.renew(&parameters, &places));
        // Also of names that are gone, and may come back.
        self.decisions.iter().chain(&decisions).for_each(|decision| self.ceilings.note(decision));
        let configuration = SavedConfiguration { hash, at: now };
        let serials = serials.into_iter().map(|(zone, serial)| Change::Serial { zone, serial });
        news.changes = serials.chain([Change::Configuration(configuration.clone())]).collect();
        self.configuration = Some(configuration);
        self.table = Arc::new(table);
        self.steers_of = steers_by_region(&parameters.steers);
        self.budgets = parameters.steers.iter().map(|steer| budget(steer, &parameters.regions)).collect();
        self.due.clear();
        self.due_at = vec![None; decisions.len()];
        self.lights.retain(|(gate, _), _| kept.gates.contains(gate));
        self.save_every = evidence.save_every();
        (self.gates, self.evidence, self.judgement) = (gates, evidence, judgement);
        (self.parameters, self.decisions, self.overrides) = (parameters, decisions, state.overrides);
        for index in 0..self.decisions.len() {
            self.note_due(index, now);
        }
        self.take_part_anew(now, news);
        news.configured = Some(Effect::Configure(id));
        news.table = Some(Arc::clone(&self.table));
        self.evidence.set_paces(news);
        let broken = broken.iter().map(|breach| breach.rule).collect();
        news.reports.push(Report::Reloaded { author, reason, changes, broken });
        news.concerned = (0..self.decisions.len()).collect();
    }

    /// Verdicts that are others because other things are asked.
    fn tell_verdicts(&self, judgement: &Judgement, renamed: &BTreeMap<RegionId, RegionId>, news: &mut News) {
        for (region, before) in self.judgement.verdicts() {
            let Some(after) = judgement.verdicts().get(renamed.get(region).unwrap_or(region)) else {
                continue;
            };
            if after.state != before.state {
                news.reports.push(Report::VerdictChanged { from: before.state, verdict: Arc::clone(after) });
            }
        }
    }

    /// Where each steer stands in the new order, if its names are the same.
    fn places_in(&self, steers: &[Steer]) -> BTreeMap<usize, usize> {
        let numbered = steers.iter().enumerate();
        let places: BTreeMap<&[Name], usize> =
            numbered.map(|(place, steer)| (&*steer.names, place)).collect();
        let numbered = self.parameters.steers.iter().enumerate();
        numbered.filter_map(|(index, old)| Some((index, *places.get(&*old.names)?))).collect()
    }
}

/// What every name has, to be looked up.
struct Before<'d> {
    index: BTreeMap<&'d Name, &'d Decision>,
}

impl<'d> Before<'d> {
    fn of(decisions: &'d [Decision]) -> Before<'d> {
        let named = |decision: &'d Decision| decision.names.iter().map(move |name| (name, decision));
        Before { index: decisions.iter().flat_map(named).collect() }
    }

    /// What any of the names of a decision has: the newest, if they are not together.
    fn of_decision(&self, decision: &Decision) -> Option<&'d Decision> {
        let known = decision.names.iter().filter_map(|name| self.index.get(name).copied());
        known.max_by_key(|known| known.standing.epoch)
    }

    /// What becomes of names that are steered before and after, where that is something else.
    fn effect(&self, after: &Decision, steer: &Steer) -> Option<NameEffect> {
        let before = self.of_decision(after)?;
        let (old, new) = (&before.standing, &after.standing);
        let changes = old.addresses != new.addresses || old.region != new.region;
        changes.then(|| NameEffect {
            name: after.name().clone(),
            epoch: old.epoch,
            from: old.region.clone(),
            to: new.region.clone(),
            addresses: new.addresses.to_vec(),
            changes,
            ttl: before.ttl.max(steer.ttl),
            why: after.derivation.headline(&new.region),
        })
    }
}

/// An override that has ended has said that the names stay, perhaps since the decision was made.
fn is_kept(before: &Standing, after: &Standing, renamed: &BTreeMap<RegionId, RegionId>) -> bool {
    before.kept && *renamed.get(&before.region).unwrap_or(&before.region) == after.region
}

/// Whether clients are still sent to the same place: an address more or less is no other place.
fn is_much_the_same(before: &Standing, after: &Standing) -> bool {
    let has = |address: &IpAddr| after.addresses.contains(address);
    before.addresses.iter().any(has)
}
