//! How soon an operator is needed because of what a status shows.

use super::status::{NameStatus, RegionStatus, Status};
use crate::health::State;
use crate::policy::Urgency;

impl Urgency {
    /// How grave the answer of a name is.
    #[must_use]
    pub fn of_name(name: &NameStatus, status: &Status) -> Option<Urgency> {
        let served = status.regions.iter().find(|region| region.region == name.region);
        Urgency::of(&name.rule, served.map(|region| region.state))
    }

    /// How grave the verdict on a region is: the names that it serves tell for themselves.
    #[must_use]
    pub fn of_region(region: &RegionStatus) -> Option<Urgency> {
        let is_degraded = || region.endpoints.iter().any(|endpoint| endpoint.degraded.is_some());
        let is_well = region.state == State::Up && region.degraded.is_empty() && !is_degraded();
        (!is_well).then_some(Urgency::Warning)
    }
}
