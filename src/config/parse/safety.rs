//! `[safety]`: what no command may do by mistake.

use super::limit::Limit;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::config::spec::SafetySpec;
use crate::policy::Safety;

const MIN_SERVING: Limit<i64> =
    Limit { key: "min_serving", least: 0, most: 100, why: "0 lets a command take away the last region" };

const RELOAD_MAX_SHARE: Limit<i64> = Limit {
    key: "reload_max_share",
    least: 0,
    most: 100,
    why: "a share of the names, in percent; 100 lets every reload pass",
};

/// `[safety]`
pub(super) fn safety(spec: Option<At<SafetySpec>>, diagnostics: &Diagnostics<'_>) -> Option<Safety> {
    let SafetySpec { min_serving, reload_max_share } = spec.map(|spec| spec.value).unwrap_or_default();
    let min_serving = MIN_SERVING.or(min_serving.as_ref(), Safety::default().min_serving, diagnostics)?;
    let share = Safety::default().reload_max_share;
    let reload_max_share = RELOAD_MAX_SHARE.or(reload_max_share.as_ref(), share, diagnostics)?;
    Some(Safety { min_serving, reload_max_share })
}
