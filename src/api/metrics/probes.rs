//! What probes saw since the start.

use super::families::Page;
use crate::api::figures::{ProbeFigures, ProbePhase};
use crate::api::heartbeats::BeatOutcome;

pub(super) fn tell(page: &mut Page, probes: &[ProbeFigures]) {
    let mut outcomes = page.counter("cadence_dns_probes_total", "Probes by what they prove.");
    for of_region in probes {
        for (outcome, count) in BeatOutcome::ALL.into_iter().zip(of_region.outcomes) {
            let labels = [("region", of_region.region.as_str()), ("outcome", outcome.label())];
            outcomes.put(&labels, count as f64);
        }
    }
    drop(outcomes);
    let mut failures = page.counter("cadence_dns_probe_failures_total", "Probes that failed, by why.");
    for of_region in probes {
        for (reason, count) in &of_region.failures {
            failures.put(&[("region", of_region.region.as_str()), ("reason", reason)], *count as f64);
        }
    }
    drop(failures);
    let mut durations = page
        .histogram("cadence_dns_probe_duration_seconds", "How long the parts of probes took that passed.");
    for of_region in probes {
        for (phase, figures) in ProbePhase::ALL.into_iter().zip(&of_region.phases) {
            let labels = [("region", of_region.region.as_str()), ("phase", phase.label())];
            durations.put_histogram(&labels, figures);
        }
    }
}
