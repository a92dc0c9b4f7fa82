//! Spans of time as operators write them.

use std::time::Duration;

use jiff::fmt::friendly::{Spacing, SpanPrinter};

/// `90s` is `1m30s`, an hour `1h`: as one would write it in the configuration.
#[must_use]
pub fn shown(span: Duration) -> String {
    SpanPrinter::new().spacing(Spacing::None).unsigned_duration_to_string(&span)
}
