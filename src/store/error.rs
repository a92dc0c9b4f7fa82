//! Why the state cannot be kept, and what would help.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why the state cannot be kept.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has the folder.
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The number of the process that has it, if it said so.
        holder: Option<u32>,
    },
    /// A file or folder could not be made, written or renamed.
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state cannot be written as JSON: a mistake of ours.
    Unwritable(serde_json::Error),
}

/// Puts the system's word into ours.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// What the system said, and what to do about it where that is known.
pub(super) fn with_help(error: &io::Error) -> String {
    let is = |kind| error.kind() == kind;
    let help = if is(ErrorKind::PermissionDenied) {
        "; it must belong to the user that cadence-dns runs as"
    } else if is(ErrorKind::StorageFull) || is(ErrorKind::QuotaExceeded) {
        "; make room, what was saved before is still there"
    } else if is(ErrorKind::ReadOnlyFilesystem) {
        "; name a `state_dir` that can be written to"
    } else {
        ""
    };
    format!("{error}{help}")
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked { folder, holder } => {
                write!(f, "the state folder {} is in use by ", folder.display())?;
                match holder {
                    Some(number) => write!(f, "process {number}; ")?,
                    None => f.write_str("another process; ")?,
                }
                f.write_str("stop it, or give this daemon a `state_dir` of its own")
            }
            StoreError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {}", path.display(), with_help(source))
            }
            StoreError::Unwritable(error) => write!(f, "the state cannot be written as JSON: {error}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StoreError::Locked { .. } => None,
            StoreError::Io { source, .. } => Some(source),
            StoreError::Unwritable(error) => Some(error),
        }
    }
}
