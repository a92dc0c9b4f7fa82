//! The last probes of one check, as a row of signs.

use std::collections::VecDeque;

use crate::api::{Beat, BeatOutcome, CheckStatus};
use crate::model::Moment;

/// So many probes are remembered.
const REMEMBERED: usize = 60;

/// From the fastest to the slowest.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The sign of a probe that failed.
const FAILED: char = '×';

/// One that could not be sent: our own trouble.
const TROUBLE: char = '?';

/// What became of one probe.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    /// It passed, in so many seconds.
    Passed(f64),
    Failed,
    Trouble,
}

impl Sign {
    fn of(beat: &Beat) -> Sign {
        match beat.outcome {
            BeatOutcome::Pass => Sign::Passed(beat.seconds),
            BeatOutcome::Heard | BeatOutcome::Silent => Sign::Failed,
            BeatOutcome::Ours => Sign::Trouble,
        }
    }
}

/// The last probes, the newest last.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Strip {
    signs: VecDeque<Sign>,
    last: Option<Moment>,
}

impl Strip {
    /// What is known from before; nothing of it once there is a newer probe.
    pub(super) fn remember(&mut self, beats: &[Beat]) {
        if self.signs.is_empty() {
            self.last = beats.last().map(|beat| beat.at);
            self.signs.extend(beats.iter().skip(beats.len().saturating_sub(REMEMBERED)).map(Sign::of));
        }
    }

    /// Takes in what a status says of the check: one probe more, if there was one.
    pub(super) fn take(&mut self, check: &CheckStatus) {
        if check.seen.is_none() || check.seen == self.last {
            return;
        }
        self.last = check.seen;
        if self.signs.len() == REMEMBERED {
            self.signs.pop_front();
        }
        self.signs.push_back(match (&check.trouble, &check.failure) {
            (Some(_), _) => Sign::Trouble,
            (None, Some(_)) => Sign::Failed,
            (None, None) => Sign::Passed(check.latency.unwrap_or_default()),
        });
    }

    /// The signs of the last probes, in so many columns; the slowest pass that is shown is the highest.
    pub(super) fn signs(&self, width: usize) -> String {
        let shown = self.signs.iter().skip(self.signs.len().saturating_sub(width));
        let slowest = shown.clone().fold(0.0, |slowest: f64, beat| match beat {
            Sign::Passed(latency) => slowest.max(*latency),
            Sign::Failed | Sign::Trouble => slowest,
        });
        let sign = |beat: &Sign| match beat {
            Sign::Passed(latency) => HEIGHTS[height(*latency, slowest)],
            Sign::Failed => FAILED,
            Sign::Trouble => TROUBLE,
        };
        let signs: String = shown.map(sign).collect();
        format!("{signs:>width$}")
    }
}

fn height(latency: f64, slowest: f64) -> usize {
    if slowest <= 0.0 {
        return 0;
    }
    let part = (latency / slowest * HEIGHTS.len() as f64).ceil() as usize;
    part.clamp(1, HEIGHTS.len()) - 1
}

#[cfg(test)]
mod tests {
    use super::super::super::status::sample::{NOW, failed_over};
    use super::*;
    use crate::health::Failure;

    fn strip(beats: &[Option<f64>]) -> Strip {
        let mut strip = Strip::default();
        let mut check = failed_over().regions[0].endpoints[0].checks[0].clone();
        for (second, latency) in beats.iter().enumerate() {
            check.seen = Some(NOW + std::time::Duration::from_secs(second as u64));
            check.latency = *latency;
            check.failure = latency.is_none().then_some(Failure::Refused);
            strip.take(&check);
            strip.take(&check); // the same probe, seen twice
        }
        strip
    }

    #[test]
    fn a_probe_is_a_sign_as_high_as_it_took() {
        assert_eq!(strip(&[Some(0.001), Some(0.004), Some(0.008), None]).signs(6), "  ▁▄█×");
        assert_eq!(strip(&[Some(0.0), Some(0.0)]).signs(3), " ▁▁");
        assert_eq!(strip(&[]).signs(2), "  ");
    }

    #[test]
    fn what_was_probed_before_comes_first() {
        let beat = |second: u64, outcome| Beat {
            at: NOW + std::time::Duration::from_secs(second),
            outcome,
            seconds: 0.001,
            connect: None,
            response: None,
            why: None,
        };
        let before = [
            beat(0, BeatOutcome::Silent),
            beat(1, BeatOutcome::Heard),
            beat(2, BeatOutcome::Ours),
            beat(3, BeatOutcome::Pass),
        ];
        let mut strip = Strip::default();
        strip.remember(&before);
        let mut check = failed_over().regions[0].endpoints[0].checks[0].clone();
        for second in 3..5 {
            check.seen = Some(NOW + std::time::Duration::from_secs(second));
            check.latency = Some(0.001);
            strip.take(&check); // the first of them is known
        }
        strip.remember(&before);
        assert_eq!(strip.signs(6), " ××?██");
    }

    #[test]
    fn only_the_newest_are_shown_and_remembered() {
        let many: Vec<Option<f64>> = (0..100).map(|n| (n != 99).then_some(0.001)).collect();
        assert_eq!(strip(&many).signs(3), "██×");
        assert_eq!(strip(&many).signs.len(), REMEMBERED);
    }
}
