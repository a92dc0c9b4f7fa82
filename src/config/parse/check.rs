//! `[check]`: what `check` plays.

use super::context::Context;
use crate::config::read::{At, entries};
use crate::config::settings::{CheckSettings, ScenarioSettings};
use crate::config::spec::CheckSpec;

/// `[check]`
pub(super) fn check(spec: Option<At<CheckSpec>>, context: Context<'_>) -> CheckSettings {
    let CheckSpec { scenarios } = spec.map(|spec| spec.value).unwrap_or_default();
    let scenario = |text: At<String>| {
        Some(ScenarioSettings { file: context.path("scenarios", &text)?, place: text.place })
    };
    CheckSettings { scenarios: entries(scenarios).into_iter().filter_map(scenario).collect() }
}
