//! The last probes of one check, as a row of signs.

use std::collections::VecDeque;

use crate::api::CheckStatus;
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
enum Beat {
    /// It passed, in so many seconds.
    Passed(f64),
    Failed,
    Trouble,
}

/// The last probes, the newest last.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Strip {
    beats: VecDeque<Beat>,
    last: Option<Moment>,
}

impl Strip {
    /// Takes in what a status says of the check: one probe more, if there was one.
    pub(super) fn take(&mut self, check: &CheckStatus) {
        if check.seen.is_none() || check.seen == self.last {
            return;
        }
        self.last = check.seen;
        if self.beats.len() == REMEMBERED {
            self.beats.pop_front();
        }
        self.beats.push_back(match (&check.trouble, &check.failure) {
            (Some(_), _) => Beat::Trouble,
            (None, Some(_)) => Beat::Failed,
            (None, None) => Beat::Passed(check.latency.unwrap_or_default()),
        });
    }

    /// The signs of the last probes, in so many columns; the slowest pass that is shown is the highest.
    pub(super) fn signs(&self, width: usize) -> String {
        let shown = self.beats.iter().skip(self.beats.len().saturating_sub(width));
        let slowest = shown.clone().fold(0.0, |slowest: f64, beat| match beat {
            Beat::Passed(latency) => slowest.max(*latency),
            Beat::Failed | Beat::Trouble => slowest,
        });
        let sign = |beat: &Beat| match beat {
            Beat::Passed(latency) => HEIGHTS[height(*latency, slowest)],
            Beat::Failed => FAILED,
            Beat::Trouble => TROUBLE,
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
    fn only_the_newest_are_shown_and_remembered() {
        let many: Vec<Option<f64>> = (0..100).map(|n| (n != 99).then_some(0.001)).collect();
        assert_eq!(strip(&many).signs(3), "██×");
        assert_eq!(strip(&many).beats.len(), REMEMBERED);
    }
}
