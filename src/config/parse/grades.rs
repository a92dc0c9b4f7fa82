//! `certificate` and `slow`: what makes an address that is up worse than another.

use std::time::Duration;

use super::limit::Limit;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::config::spec::{CertificateSpec, SlowSpec};
use crate::health::{CertificateGrades, SlowRule};
use crate::model::shown;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Certificates live a year at most.
const WARNING: Limit<Duration> = Limit {
    key: "warning",
    least: Duration::ZERO,
    most: Duration::from_secs(398 * 24 * 60 * 60),
    why: "no certificate that browsers accept lives longer",
};
const DEGRADED: Limit<Duration> = Limit { key: "degraded", ..WARNING };
const FAILED: Limit<Duration> = Limit { key: "failed", ..WARNING };

const ABOVE: Limit<Duration> = Limit {
    key: "above",
    least: Duration::from_millis(1),
    most: Duration::from_secs(60 * 60),
    why: "what takes longer than the `timeout` fails anyway",
};
const AFTER: Limit<Duration> = Limit {
    key: "after",
    least: Duration::ZERO,
    most: DAY,
    why: "slowness of yesterday says nothing about today",
};

/// How long passes are slow before that counts, unless the file says so.
const DEFAULT_AFTER: Duration = Duration::from_secs(60);

/// From when on a certificate is worth a warning and degrades, and from when on it fails.
pub(super) fn certificate(
    spec: Option<At<CertificateSpec>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<(CertificateGrades, Duration)> {
    let CertificateSpec { warning, degraded, failed } = spec.map(|spec| spec.value).unwrap_or_default();
    let default = CertificateGrades::default();
    let at_most_warning =
        |limit: Duration| limit.min(warning.as_ref().map_or(default.warning, |warning| warning.value));
    let failed_at = FAILED.or(failed.as_ref(), Duration::ZERO, diagnostics)?;
    let degraded_at =
        DEGRADED.or(degraded.as_ref(), at_most_warning(default.degraded).max(failed_at), diagnostics)?;
    let warned_at = WARNING.or(warning.as_ref(), default.warning.max(degraded_at), diagnostics)?;
    let earlier = [
        (&failed, "failed", failed_at, "degraded", degraded_at),
        (&degraded, "degraded", degraded_at, "warning", warned_at),
    ];
    for (at, key, span, other, before) in earlier {
        // Zero is never, not the end.
        let never = span.is_zero() || before.is_zero();
        if let Some(at) = at.as_ref().filter(|_| !never && span > before) {
            let found =
                format!("`{key}` begins {} before the end, `{other}` only {}", shown(span), shown(before));
            diagnostics.error(&at.place, found, "first a warning, then degraded, then failed");
            return None;
        }
    }
    Some((CertificateGrades { warning: warned_at, degraded: degraded_at }, failed_at))
}

/// From when on passes are slow: never where that is not written. `timeout` is that of the probe.
pub(super) fn slow(
    spec: Option<At<SlowSpec>>,
    timeout: Option<Duration>,
    diagnostics: &Diagnostics<'_>,
) -> Option<Option<SlowRule>> {
    let Some(At { value: SlowSpec { above, after }, .. }) = spec else { return Some(None) };
    let after = AFTER.or(after.as_ref(), DEFAULT_AFTER, diagnostics)?;
    let at = above?;
    let above = ABOVE.check(&at, diagnostics)?;
    if let Some(timeout) = timeout.filter(|timeout| above >= *timeout) {
        let found = format!("`above` is {}, and the `timeout` {}", shown(above), shown(timeout));
        diagnostics.error(&at.place, found, "less than the `timeout`: what takes longer fails anyway");
        return None;
    }
    Some(Some(SlowRule { above, after }))
}
