//! What goes into the story, and what comes out of it.

use std::net::IpAddr;
use std::time::Duration;

use crate::api::Status;
use crate::health::{Failure, State};
use crate::model::{Name, RegionId, Ttl};
use crate::policy::{Budget, Hold};

/// What somebody outside saw of the daemon.
#[derive(Debug)]
pub(super) enum Seen {
    /// An answer over UDP.
    Answer(Answer),
    /// A question without an address in return, and why.
    NoAnswer(String),
    /// What the control socket says.
    Status(Box<Status>),
    /// Something of the demo itself does not work.
    Trouble(String),
}

/// An answer over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ttl: Ttl,
}

/// What is to be done to the preferred region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Kill,
    Revive,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Since the start.
    pub(super) at: Duration,
    /// Since the region died or returned, whichever was last.
    pub(super) after: Option<Duration>,
    pub(super) what: What,
}

/// What happened, by how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Answered(Answered),
    Told(Told),
    Done(Done),
}

/// Seen in answers over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// The first answer.
    Begins { name: Name, region: RegionId, answer: Answer },
    /// The standby region is answered.
    Flip { name: Name, region: RegionId, answer: Answer },
    /// The preferred region is answered again.
    Failback { name: Name, region: RegionId, answer: Answer },
    /// Other addresses of the same region.
    Members { region: RegionId, answer: Answer },
    /// The same addresses, for another time.
    Ttl { before: Ttl, now: Ttl },
    /// Addresses that are of no region, or of more than one.
    Mixed(Answer),
    /// No cache that keeps to the TTL holds the dead region's addresses any more.
    CachesLetGo { old: RegionId, new: RegionId },
    /// No address came.
    NoAnswer(String),
}

/// Told by the daemon's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The first probe that failed after the death.
    FirstFailure { address: IpAddr, failure: Failure, count: u8, fall: u8 },
    /// The first probe that passed after the return.
    FirstPass { address: IpAddr, count: u8, rise: u8 },
    /// Another verdict on a region.
    Verdict { region: RegionId, state: State, why: String },
    /// A change is wanted and must wait.
    Waits { to: RegionId, hold: Hold, left: Option<u64> },
    /// It waits for so many seconds more.
    StillWaits { hold: Hold, left: u64 },
}

/// Done by the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    /// Connections to the region are refused from now on.
    Dies(RegionId),
    /// The region's servers listen again.
    Returns(RegionId),
    /// The cycle is over.
    CycleEnds(Box<Cycle>),
    /// Another cycle does not fit in; it ends at this time.
    Lingers(Duration),
    /// Something of the demo itself does not work.
    Trouble(String),
}

/// What was measured in one cycle. Times are since the start of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) number: u32,
    pub(super) budget: Budget,
    pub(super) died: Duration,
    pub(super) flip: Option<Duration>,
    pub(super) caches_let_go: Option<Duration>,
    pub(super) returned: Option<Duration>,
    pub(super) failback: Option<Duration>,
}
