//! Spans of time as stories write them.

use std::time::Duration;

/// `90s`, `1500ms`, `1h5m`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    parsed.ok_or_else(|| format!("`{text}` is no time such as 90s or 1h5m"))
}
