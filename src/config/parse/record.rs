//! `[record]`: what is kept of the probes.

use super::limit::Limit;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::config::settings::RecordSettings;
use crate::config::spec::RecordSpec;

const MAX_SIZE: Limit<i64> = Limit {
    key: "max_size",
    least: 1 << 20,
    most: 1 << 40,
    why: "octets for all recordings together, 67108864 by default, or 0 for none",
};

/// `[record]`
pub(super) fn record(spec: Option<At<RecordSpec>>, diagnostics: &Diagnostics<'_>) -> Option<RecordSettings> {
    let RecordSpec { max_size } = spec.map(|spec| spec.value).unwrap_or_default();
    let max_size = match max_size {
        Some(At { value: 0, .. }) => Some(0),
        max_size => MAX_SIZE.or(max_size.as_ref(), RecordSettings::default().max_size, diagnostics),
    };
    Some(RecordSettings { max_size: max_size? })
}
