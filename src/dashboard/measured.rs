//! How long the last move of a name really took, from the first probe that failed to the new answer.

use std::time::Duration;

use crate::api::{Beat, BeatOutcome, Heartbeats, NumberedEntry};
use crate::model::{Moment, Name, RegionId};

/// A move away from a region, as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measured {
    /// When the answer changed.
    pub(super) at: Moment,
    /// Away from here.
    pub(super) from: RegionId,
    /// To here.
    pub(super) to: RegionId,
    /// From the start of the first probe that failed until then; none if the probes of then are not kept any more.
    pub(super) detect: Option<Duration>,
}

/// The last move of a name that failures caused. Entries are the newest first.
pub(super) fn measured(name: &Name, entries: &[NumberedEntry], beats: &Heartbeats) -> Option<Measured> {
    entries.iter().find_map(|NumberedEntry { entry, .. }| {
        let (decision, before) = entry.decision()?;
        let (from, to) = (before?.region.clone(), decision.standing.region.clone());
        let was_down = decision.derivation.verdict_on(&from)?.state == crate::health::State::Down;
        if !entry.names.contains(name) || from == to || !was_down {
            return None;
        }
        let of_region = beats.checks.iter().filter(|check| check.region == from);
        let first = of_region.filter_map(|check| failing_since(&check.beats, entry.time)).min();
        let detect = first.map(|first| entry.time.since(first));
        Some(Measured { at: entry.time, from, to, detect })
    })
}

/// Since when a check had failed without a pass by then; none if it did not, or if the last pass is not kept any more.
fn failing_since(beats: &[Beat], by: Moment) -> Option<Moment> {
    let seen = &beats[..beats.partition_point(|beat| beat.at <= by)];
    let last_pass = seen.iter().rposition(|beat| beat.outcome == BeatOutcome::Pass)?;
    let is_failure = |beat: &&Beat| matches!(beat.outcome, BeatOutcome::Heard | BeatOutcome::Silent);
    let first = seen[last_pass + 1..].iter().find(is_failure)?;
    Some(first.at.before(Duration::from_secs_f64(first.seconds.clamp(0.0, 3600.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Moment = Moment::from_millis(1_795_363_200_000);

    /// One letter a probe, one a second, each of which takes half of one.
    fn check(letters: &str, expected_millis: Option<u64>) {
        let beat = |(second, letter): (u64, char)| Beat {
            at: NOON + Duration::from_secs(second),
            outcome: match letter {
                '.' => BeatOutcome::Pass,
                'x' => BeatOutcome::Heard,
                's' => BeatOutcome::Silent,
                _ => BeatOutcome::Ours,
            },
            seconds: 0.5,
            connect: None,
            response: None,
            why: None,
        };
        let beats: Vec<Beat> = (0..).zip(letters.chars()).map(beat).collect();
        let since = failing_since(&beats, NOON + Duration::from_secs(3));
        assert_eq!(since.map(|since| since.since(NOON).as_millis() as u64), expected_millis, "{letters}");
    }

    #[test]
    fn from_the_start_of_the_first_failure_after_a_pass() {
        check("..xx", Some(1500));
        check(".sxx....", Some(500));
        check(".?xx", Some(1500)); // our own fault is no failure of theirs
        check("....xx", None);
        check("xxxx", None); // when that began is not kept any more
        check("", None);
    }
}
