//! A page of the history, the newest entries first.

use serde::{Deserialize, Serialize};

use crate::controller::HistoryEntry;
use crate::model::{Moment, Name, RegionId};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const HISTORY_SCHEMA: &str = "cadence-dns/history/v1";

/// The most entries of a page.
pub const HISTORY_PAGE_MAX: usize = 1000;

/// The entries of a page that nobody has asked more of.
pub const HISTORY_PAGE: usize = 100;

/// Which entries are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuestion {
    /// At most so many, and never more than [`HISTORY_PAGE_MAX`].
    pub limit: usize,
    /// Only those with a smaller number: what [`HistoryPage::older`] said.
    pub before: Option<u64>,
    /// None that is older.
    pub since: Option<Moment>,
    /// Only those about this name.
    pub name: Option<Name>,
    /// Only those about this region.
    pub region: Option<RegionId>,
}

/// Some entries of the history. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// [`HISTORY_SCHEMA`].
    pub schema: String,
    /// The entries, the newest first.
    pub entries: Vec<NumberedEntry>,
    /// Where the next page begins: `before` for older entries; none at the end of what was asked for.
    pub older: Option<u64>,
}

/// An entry with its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberedEntry {
    /// Its number: it grows by one.
    pub number: u64,
    /// What it says.
    #[serde(flatten)]
    pub entry: HistoryEntry,
}

impl HistoryQuestion {
    /// The newest entries about everything.
    #[must_use]
    pub fn newest(limit: usize) -> HistoryQuestion {
        HistoryQuestion { limit, before: None, since: None, name: None, region: None }
    }

    /// Whether an entry is about what is asked for. What the daemon says about itself always is.
    #[must_use]
    pub fn is_about(&self, entry: &HistoryEntry) -> bool {
        let is_of_daemon = entry.names.is_empty() && entry.regions.is_empty();
        let is_of_name = || self.name.as_ref().is_none_or(|name| entry.names.contains(name));
        let is_of_region = || self.region.as_ref().is_none_or(|region| entry.regions.contains(region));
        is_of_daemon || (is_of_name() && is_of_region())
    }
}

impl HistoryPage {
    /// A page with these entries.
    #[must_use]
    pub fn new(entries: Vec<NumberedEntry>, older: Option<u64>) -> HistoryPage {
        HistoryPage { schema: HISTORY_SCHEMA.into(), entries, older }
    }
}
