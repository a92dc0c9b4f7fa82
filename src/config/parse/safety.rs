//! `[safety]`: what no command may do by mistake.

use super::limit::Limit;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::config::spec::SafetySpec;
use crate::policy::Safety;

const MIN_SERVING: Limit<i64> =
    Limit { key: "min_serving", least: 0, most: 100, why: "0 lets a command take away the last region" };

/// `[safety]`
pub(super) fn safety(spec: Option<At<SafetySpec>>, diagnostics: &Diagnostics<'_>) -> Option<Safety> {
    let SafetySpec { min_serving } = spec.map(|spec| spec.value).unwrap_or_default();
    let min_serving = MIN_SERVING.or(min_serving.as_ref(), Safety::default().min_serving, diagnostics)?;
    Some(Safety { min_serving })
}
