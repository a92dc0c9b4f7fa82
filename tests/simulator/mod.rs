//! The simulator of the library, watched: what must always hold is asserted after every event.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod resolver;
mod watch;

pub(crate) use cadence_dns::simulator::{BEGINNING, Condition, DiskState};
pub(crate) use watch::Watch;

/// Name servers and the world, and who looks on.
pub(crate) type Simulator = cadence_dns::simulator::Simulator<Watch>;
