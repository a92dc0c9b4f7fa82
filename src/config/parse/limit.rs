//! Values that must lie between two others, and why.

use std::time::Duration;

use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::model::shown;

/// The least and the most that a key may say.
pub(super) struct Limit<T> {
    /// The key.
    pub(super) key: &'static str,
    /// The smallest value that is right.
    pub(super) least: T,
    /// The largest.
    pub(super) most: T,
    /// Why not less, or not more.
    pub(super) why: &'static str,
}

impl Limit<i64> {
    /// The number, if it is within the limits.
    pub(super) fn check<N: TryFrom<i64>>(
        &self,
        number: &At<i64>,
        diagnostics: &Diagnostics<'_>,
    ) -> Option<N> {
        let within = (self.least..=self.most).contains(&number.value);
        let fitting = within.then_some(number.value).and_then(|value| N::try_from(value).ok());
        if fitting.is_none() {
            let Limit { key, least, most, why } = self;
            let help = format!("from {least} to {most}: {why}");
            diagnostics.error(&number.place, format!("`{key}` is {}", number.value), help);
        }
        fitting
    }

    /// The number, or `default` when the file has none.
    pub(super) fn or<N: TryFrom<i64>>(
        &self,
        number: Option<&At<i64>>,
        default: N,
        diagnostics: &Diagnostics<'_>,
    ) -> Option<N> {
        number.map_or(Some(default), |number| self.check(number, diagnostics))
    }
}

impl Limit<Duration> {
    /// The span, if it is within the limits.
    pub(super) fn check(&self, span: &At<Duration>, diagnostics: &Diagnostics<'_>) -> Option<Duration> {
        let within = (self.least..=self.most).contains(&span.value);
        if !within {
            let help = format!("from {} to {}: {}", shown(self.least), shown(self.most), self.why);
            diagnostics.error(&span.place, format!("`{}` is {}", self.key, shown(span.value)), help);
        }
        within.then_some(span.value)
    }

    /// The span, or `default` when the file has none.
    pub(super) fn or(
        &self,
        span: Option<&At<Duration>>,
        default: Duration,
        diagnostics: &Diagnostics<'_>,
    ) -> Option<Duration> {
        span.map_or(Some(default), |span| self.check(span, diagnostics))
    }
}
