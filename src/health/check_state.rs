//! One check from one vantage: how probes make it up or down.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::guard::Testimony;
use super::{Failure, Observation, ProbeOutcome, Rules, Timings};
use crate::model::Moment;

/// What one vantage believes about one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Too little has been seen yet. Both count what came last in a row; one of them is zero.
    Unknown {
        /// Passes in a row.
        passes: u8,
        /// Failures in a row.
        failures: u8,
    },
    /// Believed to work.
    Up {
        /// Failures in a row; at `fall` or more when nothing else answered us meanwhile, so that we doubt ourselves.
        failures: u8,
    },
    /// Believed to be broken.
    Down {
        /// Passes in a row.
        passes: u8,
    },
}

/// What a probe that says something says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Pass,
    Fail,
}

impl Health {
    /// A check that nobody has looked at.
    pub const UNSEEN: Health = Health::Unknown { passes: 0, failures: 0 };

    /// The whole state machine. `witnessed`: something else answered this vantage while the check was failing, so the
    /// fault is not our own. `worn`: the brown-out window is full.
    ///
    /// | health  | sign | becomes |
    /// |---------|------|---------|
    /// | unknown | pass | up after `rise` in a row |
    /// | unknown | fail | down after `fall` in a row, if witnessed |
    /// | up      | pass | up, nothing counted |
    /// | up      | fail | down after `fall` in a row or when worn, if witnessed |
    /// | down    | pass | up after `rise` in a row |
    /// | down    | fail | down, nothing counted |
    fn step(self, sign: Sign, rules: &Rules, witnessed: bool, worn: bool) -> Health {
        let risen = |passes: u8| passes >= rules.rise;
        let fallen = |failures: u8| witnessed && (failures >= rules.fall || worn);
        match (self, sign) {
            (Health::Unknown { passes, .. }, Sign::Pass) => match passes.saturating_add(1) {
                passes if risen(passes) => Health::Up { failures: 0 },
                passes => Health::Unknown { passes, failures: 0 },
            },
            (Health::Unknown { failures, .. }, Sign::Fail) => match failures.saturating_add(1) {
                failures if fallen(failures) => Health::Down { passes: 0 },
                failures => Health::Unknown { passes: 0, failures },
            },
            (Health::Up { .. }, Sign::Pass) => Health::Up { failures: 0 },
            (Health::Up { failures }, Sign::Fail) => match failures.saturating_add(1) {
                failures if fallen(failures) => Health::Down { passes: 0 },
                failures => Health::Up { failures },
            },
            (Health::Down { passes }, Sign::Pass) => match passes.saturating_add(1) {
                passes if risen(passes) => Health::Up { failures: 0 },
                passes => Health::Down { passes },
            },
            (Health::Down { .. }, Sign::Fail) => Health::Down { passes: 0 },
        }
    }

    /// The same without what was counted.
    fn without_counts(self) -> Health {
        match self {
            Health::Unknown { .. } => Health::UNSEEN,
            Health::Up { .. } => Health::Up { failures: 0 },
            Health::Down { .. } => Health::Down { passes: 0 },
        }
    }

    /// Failures in a row that may still make it down.
    #[must_use]
    pub fn failures(self) -> u8 {
        match self {
            Health::Unknown { failures, .. } | Health::Up { failures } => failures,
            Health::Down { .. } => 0,
        }
    }

    /// Whether a few more probes may change it, so that it is worth looking sooner.
    #[must_use]
    pub fn is_unsettled(self) -> bool {
        match self {
            Health::Unknown { .. } => true,
            Health::Up { failures } => failures > 0,
            Health::Down { passes } => passes > 0,
        }
    }
}

/// One vantage's memory of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckState {
    /// What is believed.
    pub health: Health,
    /// Since when it is up, down or unknown.
    pub since: Moment,
    /// The last probe that said something.
    pub last: Option<LastProbe>,
    /// The first pass of the row that is going on.
    pub passing_since: Option<Moment>,
    /// The first failure of the row that is going on.
    pub failing_since: Option<Moment>,
    /// The last failure, kept while the check is up again: what an operator asks for first.
    pub last_failure: Option<(Moment, Failure)>,
    /// When the certificate expires that was shown last.
    pub certificate_expires: Option<Moment>,
    /// Our own trouble with the last probe, if it had any.
    pub trouble: Option<String>,
    /// Everything else failed during the row of failures that is going on, so it convicts nobody.
    doubtful: bool,
    /// Failures within the brown-out window, oldest first; never more than its limit.
    recent_failures: VecDeque<Moment>,
}

/// The last probe that said something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastProbe {
    /// When it ended.
    pub at: Moment,
    /// Why it failed; none for a pass.
    pub failure: Option<Failure>,
    /// How long it took.
    pub timings: Timings,
}

impl CheckState {
    /// A check that nobody has looked at.
    #[must_use]
    pub fn unseen(now: Moment) -> CheckState {
        CheckState {
            health: Health::UNSEEN,
            since: now,
            last: None,
            passing_since: None,
            failing_since: None,
            last_failure: None,
            certificate_expires: None,
            trouble: None,
            doubtful: false,
            recent_failures: VecDeque::new(),
        }
    }

    /// Takes in one probe; `testimony` is about its failure. True when the belief, a count or the reason changed, and
    /// so the verdict may.
    pub fn observe(&mut self, seen: &Observation, rules: &Rules, testimony: Testimony, now: Moment) -> bool {
        self.certificate_expires = seen.certificate_expires.or(self.certificate_expires);
        let failure = match &seen.outcome {
            ProbeOutcome::Ours(why) => {
                self.trouble = Some(why.clone());
                return false; // no evidence: the last one ages
            }
            ProbeOutcome::Pass => None,
            ProbeOutcome::Heard(failure) | ProbeOutcome::Silent(failure) => Some(failure.clone()),
        };
        self.trouble = None;
        let before = self.health;
        let came_back = self.is_stale(rules, now);
        if came_back {
            self.forget();
        }
        let sign = match &failure {
            None => self.note_pass(now),
            Some(failure) => self.note_failure(failure, rules, testimony, now),
        };
        let witnessed = testimony == Testimony::Witnessed;
        self.health = self.health.step(sign, rules, witnessed, self.is_worn(rules));
        let reason = self.last.as_ref().and_then(|seen| seen.failure.as_ref());
        let says_otherwise = came_back || self.health != before || reason != failure.as_ref();
        self.last = Some(LastProbe { at: now, failure, timings: seen.timings });
        self.note_transition(before, now);
        says_otherwise
    }

    /// The clock was set back while we were away: evidence from the future may be of any age, so it is none.
    pub fn forget_future(&mut self, now: Moment) {
        if self.last.as_ref().is_some_and(|seen| seen.at > now) {
            self.forget();
            (self.last, self.since) = (None, now);
        }
        self.since = self.since.min(now);
    }

    /// Whether the last evidence is too old to count, or there is none.
    #[must_use]
    pub fn is_stale(&self, rules: &Rules, now: Moment) -> bool {
        self.last.as_ref().is_none_or(|seen| now.since(seen.at) > rules.stale_after())
    }

    /// Whether everything else failed during the row of failures that is going on.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// After a gap a check proves itself anew: a belief of long ago and one probe are not enough to flip on.
    fn forget(&mut self) {
        self.health = Health::UNSEEN;
        self.recent_failures.clear();
        (self.passing_since, self.failing_since, self.doubtful) = (None, None, false);
    }

    fn note_pass(&mut self, now: Moment) -> Sign {
        self.passing_since.get_or_insert(now);
        (self.failing_since, self.doubtful) = (None, false);
        Sign::Pass
    }

    /// What failed together with everything else counts for nothing once something else answers again.
    fn note_failure(&mut self, failure: &Failure, rules: &Rules, testimony: Testimony, now: Moment) -> Sign {
        if self.doubtful && testimony == Testimony::Witnessed {
            self.health = self.health.without_counts();
            (self.failing_since, self.doubtful) = (None, false);
        }
        let began = *self.failing_since.get_or_insert(now);
        self.passing_since = None;
        self.last_failure = Some((now, failure.clone()));
        if testimony == Testimony::Shared {
            self.doubtful = true;
            self.recent_failures.retain(|at| *at < began);
        } else if !self.doubtful {
            self.remember_failure(rules, now);
        }
        Sign::Fail
    }

    fn remember_failure(&mut self, rules: &Rules, now: Moment) {
        if let Some(brownout) = rules.brownout {
            self.recent_failures.push_back(now);
            self.recent_failures.retain(|at| now.since(*at) <= brownout.window);
            while self.recent_failures.len() > usize::from(brownout.failures) {
                self.recent_failures.pop_front();
            }
        }
    }

    fn is_worn(&self, rules: &Rules) -> bool {
        rules.brownout.is_some_and(|brownout| self.recent_failures.len() >= usize::from(brownout.failures))
    }

    /// A new belief starts with a clean sheet, or a brown-out that is over would be found again at once.
    fn note_transition(&mut self, before: Health, now: Moment) {
        if std::mem::discriminant(&before) != std::mem::discriminant(&self.health) {
            self.since = now;
            self.recent_failures.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::Brownout;

    fn rules() -> Rules {
        Rules {
            fall: 3,
            rise: 2,
            brownout: Some(Brownout { failures: 4, window: Duration::from_secs(60) }),
            interval: Duration::from_secs(5),
            recheck: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
        }
    }

    /// Plays probes a second apart: `.` passes, `x` fails, `s` fails with nobody else being looked at, `o` fails with
    /// everything else, `?` says nothing, `_` is twenty seconds without any. The result is one letter for the belief
    /// after each probe.
    fn play(probes: &str) -> String {
        let mut state = CheckState::unseen(Moment::default());
        let mut now = Moment::default();
        let mut beliefs = String::new();
        for probe in probes.chars() {
            now = now + Duration::from_secs(if probe == '_' { 20 } else { 1 });
            let outcome = match probe {
                '.' => ProbeOutcome::Pass,
                '?' => ProbeOutcome::Ours("no descriptor".into()),
                '_' => continue,
                _ => ProbeOutcome::failed(Failure::Refused),
            };
            let seen = Observation {
                check: crate::model::CheckId {
                    region: "r".into(),
                    probe: 0,
                    address: std::net::Ipv4Addr::LOCALHOST.into(),
                },
                vantage: "v".into(),
                outcome,
                timings: Timings::default(),
                certificate_expires: None,
            };
            let testimony = match probe {
                'o' => Testimony::Shared,
                's' => Testimony::Silent,
                _ => Testimony::Witnessed,
            };
            state.observe(&seen, &rules(), testimony, now);
            beliefs.push(match state.health {
                Health::Unknown { .. } => '?',
                Health::Up { .. } => 'U',
                Health::Down { .. } => 'D',
            });
        }
        beliefs
    }

    fn check(probes: &str, beliefs: &str) {
        assert_eq!(play(probes), beliefs, "{probes}");
    }

    #[test]
    fn it_takes_a_row_to_change_a_belief() {
        check("..", "?U");
        check(".x..", "???U");
        check("xxx", "??D");
        check("..xx.x.", "?UUUUUU");
        check("..xxx", "?UUUD");
        check("..xxx.x..", "?UUUDDDDU");
    }

    #[test]
    fn scattered_failures_wear_it_out() {
        check("..x.x.x.x", "?UUUUUUUD");
        check("..x.x.x.x..x", "?UUUUUUUDDUU");
    }

    #[test]
    fn while_nothing_else_answers_it_stays_what_it_was() {
        check("..oooooo", "?UUUUUUU");
        check("..ssssss", "?UUUUUUU");
        check("..sssx", "?UUUUD");
        check("oooo", "????");
    }

    #[test]
    fn what_everything_else_failed_with_counts_for_nothing() {
        check("..ooooxx.", "?UUUUUUUU");
        check("..ooooxxx", "?UUUUUUUD");
        check("..soooxxx", "?UUUUUUUD");
        check("..ooossxxx", "?UUUUUUUUD");
        check("ooooxxx", "??????D");
    }

    #[test]
    fn what_everything_else_failed_with_wears_nothing_out() {
        check("..sooo.x.x.x.x", "?UUUUUUUUUUUUD");
        check("..x.x.oo.x.x", "?UUUUUUUUUUD");
    }

    #[test]
    fn our_own_trouble_counts_for_nothing() {
        check("..x?x?.x", "?UUUUUUU");
    }

    #[test]
    fn after_a_gap_it_proves_itself_anew() {
        check("..xx_x", "?UUU?");
        check("..xx_xxx", "?UUU??D");
        check("..xxx_x", "?UUUD?");
        check("..xxx._..", "?UUUDD?U");
    }
}
