//! Which regions the demo plays with, and how long each part of it takes.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Config;
use crate::health::Region;
use crate::model::RegionId;
use crate::policy::{Budget, Failback, Steer, budget};

/// For a busy machine, and to let people read.
const PAUSE: Duration = Duration::from_secs(1);

/// The configuration that is played, and when the play ends.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) steer: Steer,
    pub(super) regions: Vec<Region>,
    pub(super) budget: Budget,
    /// When it ends; none: not by itself.
    pub(super) length: Option<Duration>,
    failback_after: Duration,
}

impl Plan {
    /// From the very configuration that the daemon runs on; none if that cannot fail over.
    pub(super) fn of(config: &Config, length: Option<Duration>) -> Option<Plan> {
        let steer = config.steers.first()?.clone();
        let budget = budget(&steer, &config.regions)?;
        let failback_after = match steer.failback {
            Failback::Delayed(after) => after,
            Failback::Auto | Failback::Manual => Duration::ZERO,
        };
        Some(Plan { steer, regions: config.regions.clone(), budget, length, failback_after })
    }

    pub(super) fn preferred(&self) -> &RegionId {
        &self.steer.regions[0]
    }

    /// Long enough after a change that no hold keeps the next one waiting.
    pub(super) fn quiet(&self) -> Duration {
        self.steer.dwell + PAUSE
    }

    /// The longest that the end of the quiet may wait for the cache to ask again.
    pub(super) fn cached(&self) -> Duration {
        self.steer.ttl.as_duration() + PAUSE
    }

    /// Long enough to see the client on the other region, and to try a `dig`.
    pub(super) fn dead(&self) -> Duration {
        self.budget.total + PAUSE
    }

    /// The longest that the region needs to be proven up.
    fn proof(&self) -> Duration {
        let rules = &self.budget.rules;
        self.budget.first_failed + rules.recheck.max(rules.timeout) * u32::from(rules.rise.saturating_sub(1))
    }

    /// The longest from the return until the client behind the cache is back.
    pub(super) fn healing(&self) -> Duration {
        self.proof() + self.failback_after + self.steer.ttl.as_duration() + PAUSE
    }

    /// The longest that a cycle takes.
    pub(super) fn cycle(&self) -> Duration {
        self.quiet() + self.cached() + self.dead() + self.healing()
    }

    /// The longest from the start to the end of the first cycle.
    #[cfg(test)]
    pub(super) fn longest(&self) -> Duration {
        self.proof() + self.cycle()
    }

    /// The region that all of these addresses belong to.
    pub(super) fn region_of(&self, addresses: &[IpAddr]) -> Option<&RegionId> {
        let owns = |region: &&Region| addresses.iter().all(|address| region.addresses.contains(address));
        self.regions.iter().find(owns).map(|region| &region.id).filter(|_| !addresses.is_empty())
    }
}
