//! Whether an order can be given: what it is about, from when on, for how long.

use std::time::Duration;

use super::command::Refusal;
use super::{Controller, Parameters};
use crate::model::{Moment, Name, RegionId, VantageId, shown};
use crate::policy::{Gate, LASTS_MAX, OVERRIDES_MAX, Order, PLANNED_MAX, Proof, Scope, Steer, Target};

/// The shortest override.
const LASTS_MIN: Duration = Duration::from_secs(1);

/// As few nodes of a cluster may count.
const NODES_MIN: usize = 2;

impl Controller {
    /// Refuses an order that is about nothing, or too long, or one too many.
    pub(super) fn check_order(
        &self,
        order: &Order,
        starts: Option<Moment>,
        lasts: Duration,
        now: Moment,
    ) -> Result<(), Refusal> {
        if !(LASTS_MIN..=LASTS_MAX).contains(&lasts) {
            return Err(Refusal::Lasts { lasts, most: LASTS_MAX });
        }
        if self.overrides.len() >= OVERRIDES_MAX {
            return Err(Refusal::TooMany(OVERRIDES_MAX));
        }
        if let Order::Suspend(node) = order {
            self.check_suspension(node)?;
        }
        starts.map_or(Ok(()), |starts| check_start(order, starts, now))?;
        check_subject(&self.parameters, order)
    }

    /// Two nodes at least must count besides.
    fn check_suspension(&self, node: &VantageId) -> Result<(), Refusal> {
        let Some(part) = &self.participant else { return Ok(()) };
        let left = part.active().filter(|active| active.vantage != *node).count();
        if left < NODES_MIN { Err(Refusal::TooFewNodes) } else { Ok(()) }
    }

    /// Whether an order is about anything that is configured: a restart may have taken it away.
    #[must_use]
    pub fn knows_subject(&self, order: &Order) -> bool {
        check_subject(&self.parameters, order).is_ok()
    }
}

/// Refuses an order that is about nothing that is configured.
pub(super) fn check_subject(parameters: &Parameters, order: &Order) -> Result<(), Refusal> {
    let all: Vec<RegionId> = parameters.regions.iter().map(|region| region.id.clone()).collect();
    let has_region = |region: &RegionId, regions: &[RegionId]| {
        let refusal = || Refusal::NoSuchRegion { region: region.clone(), regions: regions.to_vec() };
        if regions.contains(region) { Ok(()) } else { Err(refusal()) }
    };
    match order {
        Order::ForceUp(target) | Order::ForceDown(target) | Order::Drain(target) => match target {
            Target::Region(region) => has_region(region, &all),
            Target::Address(address) => {
                let is_known = parameters.regions.iter().any(|region| region.addresses.contains(address));
                if is_known { Ok(()) } else { Err(Refusal::NoSuchAddress(*address)) }
            }
        },
        Order::Pin { name, region } => has_region(region, &steer_of(parameters, name)?.regions),
        Order::Freeze(Scope::OfName(name)) => steer_of(parameters, name).map(drop),
        Order::Freeze(Scope::InRegion(region)) => has_region(region, &all),
        Order::Freeze(Scope::All) => Ok(()),
        Order::Switch { gate, .. } => {
            let is_meant = |known: &&Gate| known.id == *gate && matches!(known.proof, Proof::Switch { .. });
            let found = parameters.gates.iter().find(is_meant);
            found.map(drop).ok_or_else(|| Refusal::NoSuchSwitch(gate.clone()))
        }
        Order::Suspend(node) => {
            let nodes = || parameters.members.iter().map(|member| &member.vantage);
            let is_known = parameters.cluster.is_some() && nodes().any(|known| known == node);
            let refusal = || Refusal::NoSuchNode { node: node.clone(), nodes: nodes().cloned().collect() };
            if is_known { Ok(()) } else { Err(refusal()) }
        }
    }
}

fn steer_of<'p>(parameters: &'p Parameters, name: &Name) -> Result<&'p Steer, Refusal> {
    let steer = parameters.steers.iter().find(|steer| steer.names.contains(name));
    steer.ok_or_else(|| Refusal::NotSteered(name.clone()))
}

/// Only a name can be planned to move, within days.
fn check_start(order: &Order, starts: Moment, now: Moment) -> Result<(), Refusal> {
    let refused = |help: String| Err(Refusal::Planned { starts, help });
    match order {
        Order::Pin { .. } if starts <= now => refused(format!("it is {now}; name a moment to come")),
        Order::Pin { .. } if starts.after(now) > PLANNED_MAX => {
            refused(format!("it is {now}, and the farthest is {} from now", shown(PLANNED_MAX)))
        }
        Order::Pin { .. } => Ok(()),
        Order::ForceUp(_)
        | Order::ForceDown(_)
        | Order::Drain(_)
        | Order::Freeze(_)
        | Order::Switch { .. }
        | Order::Suspend(_) => refused("only the move of a name can be planned: `switchover`".into()),
    }
}
