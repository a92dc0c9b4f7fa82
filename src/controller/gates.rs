//! What is heard from the gates, and when it concerns whom.

use std::collections::BTreeMap;

use super::{Controller, News, Report};
use crate::model::{GateId, Moment, RegionId};
use crate::policy::{Decision, Gate, Hold, Light, Proof, Seen};

/// What each gate showed last, before each region where that differs.
pub(super) type Lights = BTreeMap<(GateId, RegionId), Light>;

impl Controller {
    /// What was seen at a gate. Often it opens or closes another one, too: a primary's position is what its replicas are
    /// measured against.
    pub(super) fn hear_of_gate(&mut self, gate: &GateId, seen: Seen, now: Moment, news: &mut News) {
        if self.gates.note(gate, seen, now) {
            self.look_at_gates(now, news);
        }
    }

    /// Whoever may enter a region that a gate shows another light before is decided again.
    pub(super) fn look_at_gates(&mut self, now: Moment, news: &mut News) {
        if self.parameters.gates.is_empty() {
            return;
        }
        let mut changed = Vec::new();
        for gate in self.gates.iter() {
            for region in self.places_of(gate) {
                let (light, says) = self.gates.judged(gate, &region, self.judgement.verdicts(), now);
                let key = (gate.id.clone(), region);
                let known = self.lights.get(&key).copied();
                // The first that is heard of a gate is told, whatever it is; before that there is nothing to tell.
                let is_heard = gate.is_judged_alone() || self.gates.seen_at(&gate.id).is_some();
                if known == Some(light) || known.is_none() && !is_heard {
                    continue;
                }
                let before = known.unwrap_or(Light::Unknown);
                let entering = self.parameters.steers.iter().enumerate();
                let concerned = entering.filter(|(_, steer)| {
                    gate.concerns(steer) && steer.regions.iter().any(|r| gate.guards(r))
                });
                news.concerned.extend(concerned.map(|(index, _)| index));
                let (gate, region) = (gate.id.clone(), gate.region.clone());
                news.reports.push(Report::GateChanged { gate, region, from: before, to: light, says });
                changed.push((key, light));
            }
        }
        self.lights.extend(changed);
        // What is said of a name that waits is to be the present.
        let waits = |decision: &Decision| {
            decision.derivation.wait.as_ref().is_some_and(|wait| matches!(wait.hold, Hold::Gate(_)))
        };
        let waiting = self.decisions.iter().enumerate().filter(|(_, decision)| waits(decision));
        news.concerned.extend(waiting.map(|(index, _)| index));
    }

    /// The regions before which a gate may show different lights; one of them where it shows the same before all.
    fn places_of(&self, gate: &Gate) -> Vec<RegionId> {
        match (&gate.region, &gate.proof) {
            (Some(region), _) => vec![region.clone()],
            (None, Proof::Capacity(_)) => Vec::new(), // a verdict that changes it decides again by itself
            (None, Proof::Reply { .. } | Proof::Database(_) | Proof::Switch { .. }) => {
                self.parameters.regions.first().map(|region| region.id.clone()).into_iter().collect()
            }
        }
    }
}
