//! The status of a running controller, and the one that a dead daemon left behind.

use std::net::IpAddr;
use std::sync::Arc;

use super::advice;
use super::status::{
    BudgetStatus, CheckStatus, EndpointStatus, GateStatus, NameStatus, RegionStatus, Source, Status,
    WaitStatus,
};
use crate::controller::{Controller, Saved, SavedName, SavedRegion, SavedState};
use crate::health::{Check, Verdict};
use crate::model::{Moment, Name, RegionId};
use crate::policy::{Budget, Decision, Gate, Steer};

impl Status {
    /// Everything that a controller knows and does, as of now.
    #[must_use]
    pub fn of(controller: &Controller, now: Moment) -> Status {
        let parameters = controller.parameters();
        let mut status = Status::new(parameters.vantage.as_str(), Source::Live, now);
        status.started = Some(controller.started());
        let decided = controller.decisions().iter().zip(&parameters.steers).zip(controller.budgets());
        for ((decision, steer), budget) in decided {
            let of_name = |name: &Name| NameStatus::of(name, decision, steer, budget.as_ref(), now);
            status.names.extend(decision.names.iter().map(of_name));
        }
        let region = |verdict: &Arc<Verdict>| RegionStatus::of(verdict, controller, now);
        status.regions = controller.verdicts().values().map(region).collect();
        status.gates = gates(controller, now);
        status.overrides = controller.overrides().clone();
        status.steps = controller.steps().cloned().collect();
        status.cluster = controller.cluster(now);
        status.warnings = advice::warnings(&status, controller, now);
        status.notes = advice::notes(parameters);
        status
    }

    /// What the daemon left behind, as it was when it was saved.
    #[must_use]
    pub fn from_saved(saved: Saved, now: Moment) -> Status {
        let state = saved.into_state(now);
        let mut status = Status::new(&state.node, Source::Saved, state.written);
        status.overrides = state.overrides.clone();
        status.names = state.names.iter().map(|saved| NameStatus::from_saved(saved, state.written)).collect();
        status.regions = state.regions.iter().map(|saved| RegionStatus::from_saved(saved, &state)).collect();
        status
    }
}

impl BudgetStatus {
    pub(super) fn new(budget: &Budget, steer: &Steer) -> BudgetStatus {
        BudgetStatus {
            total: budget.total.as_secs_f64(),
            detect: budget.detect.as_secs_f64(),
            rto: steer.rto.map(|rto| rto.as_secs_f64()),
            derivation: budget.to_string(),
        }
    }
}

impl NameStatus {
    fn of(
        name: &Name,
        decision: &Decision,
        steer: &Steer,
        budget: Option<&Budget>,
        now: Moment,
    ) -> NameStatus {
        let standing = &decision.standing;
        let budget = budget.map(|budget| BudgetStatus::new(budget, steer));
        NameStatus {
            name: name.clone(),
            regions: steer.regions.clone(),
            region: standing.region.clone(),
            addresses: standing.addresses.to_vec(),
            ttl: Some(decision.ttl),
            epoch: standing.epoch,
            since: standing.since,
            rule: decision.derivation.rule.clone(),
            why: decision.derivation.headline(&standing.region),
            wait: decision.derivation.wait.as_ref().map(|wait| WaitStatus::new(wait, now)),
            flips_within_hour: standing.flips.within_hour(now),
            budget,
        }
    }

    fn from_saved(saved: &SavedName, now: Moment) -> NameStatus {
        NameStatus {
            name: saved.name.clone(),
            regions: Vec::new(),
            region: saved.standing.region.clone(),
            addresses: saved.standing.addresses.to_vec(),
            ttl: None,
            epoch: saved.standing.epoch,
            since: saved.standing.since,
            rule: saved.rule.clone(),
            why: saved.why.clone(),
            wait: saved.wait.as_ref().map(|wait| WaitStatus::new(wait, now)),
            flips_within_hour: saved.standing.flips.within_hour(now),
            budget: None,
        }
    }
}

impl RegionStatus {
    fn of(verdict: &Verdict, controller: &Controller, now: Moment) -> RegionStatus {
        let alone = controller.parameters().members.len() == 1;
        let endpoints = verdict.endpoints.iter().map(|endpoint| EndpointStatus {
            address: endpoint.address,
            state: endpoint.state,
            doubt: endpoint.doubt,
            suspect: endpoint.suspect,
            degraded: endpoint.degraded.map(|why| why.to_string()),
            checks: CheckStatus::all_of(controller, &verdict.region, endpoint.address, now),
            votes: if alone { Vec::new() } else { endpoint.ballots.clone() },
        });
        RegionStatus {
            region: verdict.region.clone(),
            state: verdict.state,
            doubt: verdict.doubt,
            since: verdict.since,
            why: verdict.to_string(),
            min_up: Some(verdict.needed),
            families: verdict.families.clone(),
            degraded: verdict.degraded(),
            endpoints: endpoints.collect(),
        }
    }

    fn from_saved(saved: &SavedRegion, state: &SavedState) -> RegionStatus {
        let mut endpoints: Vec<EndpointStatus> = Vec::new();
        for check in state.checks.iter().filter(|check| check.check.region == saved.region) {
            let status = CheckStatus::new(&check.vantage, &check.check, &check.state, state.written);
            let address = check.check.address;
            match endpoints.iter_mut().find(|endpoint| endpoint.address == address) {
                Some(endpoint) => endpoint.checks.push(status),
                None => endpoints.push(EndpointStatus {
                    address,
                    state: check.state.health.state(),
                    doubt: None,
                    suspect: check.state.is_suspect(),
                    degraded: check.state.degraded.map(|why| why.to_string()),
                    checks: vec![status],
                    votes: Vec::new(),
                }),
            }
        }
        RegionStatus {
            region: saved.region.clone(),
            state: saved.state,
            doubt: None,
            since: saved.since,
            why: saved.why.clone(),
            min_up: None,
            families: Vec::new(),
            degraded: Vec::new(),
            endpoints,
        }
    }
}

impl CheckStatus {
    /// Every check of an address by this node.
    pub(super) fn all_of(
        controller: &Controller,
        region: &RegionId,
        address: IpAddr,
        now: Moment,
    ) -> Vec<CheckStatus> {
        let parameters = controller.parameters();
        let region = parameters.regions.iter().find(|candidate| candidate.id == *region);
        let checks = region.into_iter().flat_map(|region| &region.checks);
        let status = |check: &Check| {
            let state = controller.states().get(&check.id)?;
            let status = CheckStatus::new(&parameters.vantage, &check.id, state, now);
            Some(CheckStatus { label: check.label.as_deref().map(str::to_owned), ..status })
        };
        checks.filter(|check| check.covers(address)).filter_map(status).collect()
    }
}

/// Every gate before every region that it guards.
fn gates(controller: &Controller, now: Moment) -> Vec<GateStatus> {
    let before = |gate: &Gate, region: &RegionId| {
        let (light, says) = controller.gates().judged(gate, region, controller.verdicts(), now);
        GateStatus {
            gate: gate.id.clone(),
            region: region.clone(),
            names: gate.names.clone(),
            policy: gate.policy,
            light,
            says,
            seen: controller.gates().seen_at(&gate.id),
        }
    };
    let of_gate = |gate: &'_ Gate| -> Vec<GateStatus> {
        let regions = controller.verdicts().keys().filter(|region| gate.guards(region));
        regions.map(|region| before(gate, region)).collect()
    };
    controller.gates().iter().flat_map(of_gate).collect()
}
