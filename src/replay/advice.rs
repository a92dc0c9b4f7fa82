//! Settings that would have met a recovery time with the fewest false flips.

use std::time::Duration;

use super::figures::Figures;
use crate::controller::Parameters;
use crate::policy::budget;

const FALLS: [u8; 5] = [2, 3, 4, 5, 6];
const INTERVALS: [Duration; 6] = [secs(1), secs(2), secs(3), secs(5), secs(10), secs(20)];
const RECHECKS: [Duration; 3] = [Duration::from_millis(500), secs(1), secs(2)];

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Settings of all probes that may be better.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// As `--with` takes them; empty for those that are in force.
    pub settings: String,
    /// What is decided by.
    pub parameters: Parameters,
    /// The worst budget of all steers.
    pub budget: Duration,
}

/// What a candidate would have brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// As `--with` takes them; empty for those that are in force.
    pub settings: String,
    /// The worst budget of all steers.
    pub budget: Duration,
    /// False flips of all steers together.
    pub false_flips: usize,
    /// All flips of all steers together.
    pub flips: usize,
    /// The downtime of the last clients of all steers together.
    pub downtime: Duration,
    /// Nothing else is as good in every respect: budget, false flips and downtime.
    pub is_on_frontier: bool,
}

/// Every combination of `fall`, `interval` and `recheck` that is worth a try, as `--with` takes them. Timeouts and TTLs stay
/// as they are.
#[must_use]
pub fn settings() -> Vec<String> {
    let mut all = Vec::new();
    for (fall, interval) in FALLS.into_iter().flat_map(|fall| INTERVALS.map(|interval| (fall, interval))) {
        let rechecks = RECHECKS.into_iter().filter(|recheck| *recheck <= interval);
        all.extend(rechecks.map(|recheck| format!("fall={fall},interval={interval:?},recheck={recheck:?}")));
    }
    all
}

impl Candidate {
    /// Settings with what they mean; none where there is no failover at all.
    #[must_use]
    pub fn new(settings: String, parameters: Parameters) -> Option<Candidate> {
        let budgets = parameters.steers.iter().filter_map(|steer| budget(steer, &parameters.regions));
        let budget = budgets.map(|budget| budget.total).max()?;
        Some(Candidate { settings, parameters, budget })
    }
}

/// Candidates with what each would have brought: the fewest false flips first, then the least downtime, then the smallest
/// budget.
#[must_use]
pub fn advise(tried: impl IntoIterator<Item = (Candidate, Vec<Figures>)>) -> Vec<Advice> {
    let of = |(candidate, figures): (Candidate, Vec<Figures>)| Advice {
        settings: candidate.settings,
        budget: candidate.budget,
        false_flips: figures.iter().map(|figures| figures.false_flips.len()).sum(),
        flips: figures.iter().map(|figures| figures.flips).sum(),
        downtime: figures.iter().map(|figures| figures.downtime).sum(),
        is_on_frontier: false,
    };
    let mut all: Vec<Advice> = tried.into_iter().map(of).collect();
    let worth = |advice: &Advice| (advice.budget, advice.false_flips, advice.downtime);
    let is_beaten = |advice: &Advice, by: &Advice| {
        let (a, b) = (worth(advice), worth(by));
        b.0 <= a.0 && b.1 <= a.1 && b.2 <= a.2 && a != b
    };
    let frontier: Vec<bool> =
        all.iter().map(|advice| !all.iter().any(|other| is_beaten(advice, other))).collect();
    all.iter_mut().zip(frontier).for_each(|(advice, on)| advice.is_on_frontier = on);
    let rank = |advice: &Advice| (advice.false_flips, advice.downtime, advice.budget);
    all.sort_by(|a, b| (rank(a), &a.settings).cmp(&(rank(b), &b.settings)));
    all
}
