//! Looks at every endpoint, on time, and reports what it saw.

use tokio::sync::mpsc;

use crate::config;
use crate::health::{Observation, Pace};
use crate::model::{CheckId, Problem, VantageId};

/// Everything that can fail is done: files are read, clients are built. Nothing is sent yet.
#[derive(Debug)]
pub struct Prober {}

/// The checks at work. Dropping it ends them.
#[derive(Debug)]
pub struct Probing {}

/// Builds what the probes need, or names every reason why that cannot be.
///
/// # Errors
/// Every certificate file, URL, method or header that cannot be used, with its place.
pub fn prepare(_probes: &[config::Probe], _vantage: VantageId) -> Result<Prober, Vec<Problem>> {
    Ok(Prober {})
}

impl Prober {
    /// Begins to probe, on the current tokio runtime. The first round is spread over the first second.
    ///
    /// A check waits for room in the channel; when its other end is gone the check ends.
    #[must_use]
    pub fn start(self, _observations: mpsc::Sender<Observation>) -> Probing {
        Probing {}
    }
}

impl Probing {
    /// Lets a check be probed at its interval, or at its recheck interval while it is suspect.
    ///
    /// The pace holds from the last start on: a change to [`Pace::Recheck`] brings the next start forward, to this
    /// instant when it is due already. A check that is not there is none of our business: a reload took it.
    pub fn set_pace(&self, _check: &CheckId, _pace: Pace) {}

    /// Ends all checks. When it returns nothing is in flight, and nothing more will be reported.
    pub async fn stop(self) {}
}
