//! One log for everything that outlives the process, on a disk that may lie, fill up, fail or hang.
//!
//! ```text
//! commit ───▶ StateWriter ─▶ thread "state-log" ──────▶ log-18, log-23, …   entries, synced before they are confirmed
//!    ▲                            │
//!    └────────── Written ─────────┘
//! snapshot ─▶ StateWriter ─▶ thread "state-snapshot" ─▶ state.json, state.json.previous
//! ```
//!
//! What was appended is on the disk, all of a batch or none of it. A snapshot holds everything up to an entry; the log
//! goes on from the older one of two snapshots, so that damage to the newer one costs nothing. What is damaged is told
//! and set aside as `….damaged-<number>`, never used and never overwritten. A file of a newer format, of another user or
//! behind a symbolic link stops the start before anything is touched. Two daemons cannot share a folder.
//!
//! Beside it lies the [history](history_folder): what was decided and ordered, for people, which no start depends on.
//!
//! The formats are described in `record.rs` and `snapshot.rs`; `format_1.rs` reads the one before.

mod aside;
mod chain;
mod error;
mod files;
mod format_1;
mod history;
mod lock;
mod log;
mod record;
mod recovery;
mod slot;
mod snapshot;
mod state_log;
mod unsaved;
mod watch;
mod writer;

pub use self::error::StoreError;
pub use self::history::{
    HistoryHealth, HistoryReader, HistoryWriter, Recorded, Verified, VerifyError, history_folder,
    history_page, verify,
};
pub use self::recovery::{Ended, Recovered};
pub use self::state_log::{Sequence, StateLog, boot_id, read_for_display};
pub use self::unsaved::UnsavedMark;
pub use self::writer::{CloseError, CommitError, StateWriter, Written};

#[cfg(test)]
mod tests;
