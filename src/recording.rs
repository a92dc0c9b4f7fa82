//! Probes of the past as octets: what a recording is made of.
//!
//! ```text
//! cadence-dns probes 1⏎      the format, which an older program can tell from its own
//! block block …              each: mark, kind, length, checksum, content
//!   T  the checks            regions, probes and addresses, by which the numbers in what follows are meant
//!   P  probes                a time, then each probe: time since the one before, check, outcome, how long it took
//! ```
//!
//! Numbers are in seven bits an octet, so that a probe takes some eleven octets; texts are cut, so that none takes more
//! than [`PROBE_MAX_OCTETS`]. Each block stands for itself: what is damaged is passed over up to the next one that is
//! whole, and a block that was not written to its end is none.

mod block;
mod number;
mod outcome;
mod reader;
mod writer;

pub use block::{HEADER, TABLE};
pub use reader::{Contents, Unreadable, read, whole};
pub use writer::{ProbeBlock, table};

use crate::health::{Observation, ProbeOutcome, Timings};
use crate::model::Moment;

/// The most that a probe takes, in a block of its own.
pub const PROBE_MAX_OCTETS: usize = 64;

/// One probe as it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// When it ended.
    pub at: Moment,
    /// The number of its check in the table.
    pub check: u32,
    /// What was seen. Of texts only the beginning is kept, of JSON pointers nothing.
    pub outcome: ProbeOutcome,
    /// How long it took, to the microsecond; how late it was and how long we stood still is not kept.
    pub timings: Timings,
}

impl Probe {
    /// An observation that was handed over at a moment, by the check's number.
    #[must_use]
    pub fn of(observation: &Observation, check: u32, at: Moment) -> Probe {
        Probe { at, check, outcome: observation.outcome.clone(), timings: observation.timings }
    }
}
