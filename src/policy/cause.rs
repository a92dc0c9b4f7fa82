//! What makes an answer another one.

use std::fmt;

use super::{Decision, Standing};
use crate::health::State;

/// What a change of an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The region in service is down.
    Escape,
    /// A better region is up again.
    Failback,
    /// An operator wants it.
    Order,
    /// The configuration gives the region to the name no more.
    Configuration,
    /// The region is the same, and its addresses are others.
    Addresses,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 5] =
        [Cause::Escape, Cause::Failback, Cause::Order, Cause::Configuration, Cause::Addresses];

    /// Of a change from what was served before to this decision.
    ///
    /// Only what happens by itself counts as a flip, so a move that does not was wanted by somebody.
    #[must_use]
    pub fn of(before: &Standing, after: &Decision) -> Cause {
        let Decision { standing, derivation, .. } = after;
        if before.region == standing.region {
            return Cause::Addresses;
        }
        let was_automatic = standing.flips.last() == Some(standing.since) && derivation.order.is_none();
        match derivation.verdict_on(&before.region) {
            None => Cause::Configuration,
            Some(_) if !was_automatic => Cause::Order,
            Some(verdict) if verdict.state == State::Down => Cause::Escape,
            Some(_) => Cause::Failback,
        }
    }

    /// Where it stands in [`ALL`](Cause::ALL).
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// A word for metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Cause::Escape => "escape",
            Cause::Failback => "failback",
            Cause::Order => "order",
            Cause::Configuration => "configuration",
            Cause::Addresses => "addresses",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
