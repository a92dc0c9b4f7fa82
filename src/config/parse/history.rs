//! `[history]`

use super::limit::Limit;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;
use crate::config::settings::HistorySettings;
use crate::config::spec::HistorySpec;

/// The largest size of a file; a whole one is read to check it.
const MAX_SIZE: Limit<i64> =
    Limit { key: "max_size", least: 64 << 10, most: 256 << 20, why: "octets of a file, 10485760 by default" };

/// How many files are kept.
const FILES: Limit<i64> =
    Limit { key: "files", least: 2, most: 1000, why: "the one that is written and those before it" };

/// `[history]`
pub(super) fn history(
    spec: Option<At<HistorySpec>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<HistorySettings> {
    let HistorySpec { max_size, files } = spec.map(|spec| spec.value).unwrap_or_default();
    let default = HistorySettings::default();
    let max_size = MAX_SIZE.or(max_size.as_ref(), default.max_size, diagnostics);
    let files = FILES.or(files.as_ref(), default.files, diagnostics);
    Some(HistorySettings { max_size: max_size?, files: files? })
}
