//! What makes a check that passes worse than another: a certificate that is about to expire, and slowness.
//!
//! A degraded address stays in the answer. Its region is ranked after one that is not degraded, where there is a choice.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Moment;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// From when on a check that passes is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grades {
    /// By its certificate.
    pub certificate: CertificateGrades,
    /// By its slowness; never, if none.
    pub slow: Option<SlowRule>,
}

impl Grades {
    /// Nothing does.
    pub const NONE: Grades = Grades {
        certificate: CertificateGrades { warning: Duration::ZERO, degraded: Duration::ZERO },
        slow: None,
    };
}

/// How long before the end of a certificate somebody should care. Whether it fails as well is the probe's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateGrades {
    /// An operator is warned.
    pub warning: Duration,
    /// The check is degraded; zero: never.
    pub degraded: Duration,
}

impl Default for CertificateGrades {
    /// Authorities renew a month before the end: after three weeks without one somebody must look, and with three days left
    /// clients are better off elsewhere.
    fn default() -> CertificateGrades {
        CertificateGrades { warning: DAY * 21, degraded: DAY * 3 }
    }
}

/// From when on passes are slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowRule {
    /// A pass that takes longer is slow.
    pub above: Duration,
    /// Every pass for so long, and the check is degraded.
    pub after: Duration,
}

/// Why something that is up is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Degradation {
    /// Its certificate expires then.
    Certificate(Moment),
    /// Every pass takes longer than this.
    Slow(Duration),
}

/// As an operator reads it.
impl fmt::Display for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Degradation::Certificate(expires) => write!(f, "certificate expires at {expires}"),
            Degradation::Slow(above) => write!(f, "slower than {above:?}"),
        }
    }
}

/// How long a check has been slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Slowness {
    /// When the first slow pass of the row that is going on began.
    since: Option<Moment>,
    /// Passes in a row that were not slow, while it is degraded.
    quick: u8,
    degraded: bool,
}

impl Slowness {
    /// Takes in a pass that took this long. What fails says nothing about slowness.
    ///
    /// | was | pass | becomes |
    /// |---|---|---|
    /// | quick | slow | degraded when every pass was slow for `after` |
    /// | quick | quick | quick, nothing counted |
    /// | degraded | slow | degraded, nothing counted |
    /// | degraded | quick | quick after `rise` in a row |
    pub(super) fn note(&mut self, took: Duration, rule: &SlowRule, rise: u8, now: Moment) {
        if took > rule.above {
            let since = *self.since.get_or_insert(now.before(took));
            self.quick = 0;
            self.degraded |= now.since(since) >= rule.after;
            return;
        }
        self.since = None;
        self.quick = self.quick.saturating_add(1);
        self.degraded &= self.quick < rise;
    }

    /// Whether it is.
    pub(super) fn is_degraded(self) -> bool {
        self.degraded
    }
}

/// The certificate's part of a check's grade.
pub(super) fn by_certificate(
    expires: Option<Moment>,
    grades: &CertificateGrades,
    now: Moment,
) -> Option<Degradation> {
    let expires =
        expires.filter(|expires| !grades.degraded.is_zero() && expires.after(now) < grades.degraded);
    expires.map(Degradation::Certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes ten seconds apart: `.` is quick, `s` takes two seconds. One letter after each: `d` for degraded.
    fn check(passes: &str, expected: &str) {
        let rule = SlowRule { above: Duration::from_secs(1), after: Duration::from_secs(30) };
        let (mut slowness, mut now) = (Slowness::default(), Moment::from_millis(1_000_000));
        let mut grades = String::new();
        for pass in passes.chars() {
            now = now + Duration::from_secs(10);
            let took = Duration::from_millis(if pass == 's' { 2_000 } else { 1_000 });
            slowness.note(took, &rule, 2, now);
            grades.push(if slowness.is_degraded() { 'd' } else { '.' });
        }
        assert_eq!(grades, expected, "{passes}");
    }

    #[test]
    fn slow_for_long_is_degraded_and_quick_in_a_row_is_not() {
        check("....", "....");
        check("sss", "...");
        check("ssss", "...d");
        check("sss.sss", ".......");
        check("ssss.s.s..", "...dddddd.");
        check("ssss..ssss", "...dd....d");
    }

    #[test]
    fn a_certificate_degrades_in_its_last_days() {
        let now = Moment::from_millis(1_000_000);
        let graded = |left: u64, grades: CertificateGrades| {
            by_certificate(Some(now + Duration::from_secs(left)), &grades, now).is_some()
        };
        let grades = CertificateGrades::default();
        assert!(!graded(3 * 86_400, grades));
        assert!(graded(3 * 86_400 - 1, grades));
        assert!(graded(0, grades));
        assert!(!graded(0, CertificateGrades { degraded: Duration::ZERO, ..grades }));
        assert_eq!(by_certificate(None, &grades, now), None);
    }
}
