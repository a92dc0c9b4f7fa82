//! The history: entries that are only ever appended, in files of bounded size and number, each chained to the one before.
//!
//! ```text
//! add ─▶ queue ─▶ thread "history" ─▶ history-0000000001.jsonl, history-0000005120.jsonl, …   one line an entry
//! ```
//!
//! A line is JSON; it begins with its number and the hash of the line before, and ends with its own hash, so that not one
//! octet of any line can be changed without a trace (`line.rs`). The number in a file's name is that of its first entry.
//! The chain goes over files and restarts.
//!
//! Nobody waits for this disk: what it does not take is kept in memory up to a limit, and what is beyond the limit is
//! counted in an entry of its own once the disk takes entries again.

mod ledger;
mod line;
mod page;
mod queue;
mod reader;
mod verify;
mod writer;

pub use page::history_page;
pub use reader::{HistoryReader, Recorded};
pub use verify::{Verified, VerifyError, verify};
pub use writer::{HistoryHealth, HistoryWriter};

#[cfg(test)]
pub(super) use {ledger::Ledger, queue::ENTRIES_MAX};

use std::path::{Path, PathBuf};

/// The folder below `state_dir`.
const FOLDER: &str = "history";

/// Where the history of a state folder lies.
#[must_use]
pub fn history_folder(state_dir: &Path) -> PathBuf {
    state_dir.join(FOLDER)
}
