//! Why the state cannot be kept, and what would help.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

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
    /// A whole file of a format that this program does not know. Nothing was touched.
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// A whole file in whose content this program cannot make sense. Nothing was touched.
    Unintelligible {
        /// The file.
        path: PathBuf,
        /// What was found in it.
        source: serde_json::Error,
    },
    /// A file that is not ours, or that others could have written. Nothing was touched.
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do, as the end of a sentence that begins with its path.
        why: String,
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
    /// The log has grown to its limit, because no snapshot could be saved for long.
    LogFull {
        /// The limit in octets.
        limit: u64,
    },
    /// The state cannot be written as JSON: a mistake of ours.
    Unwritable(serde_json::Error),
}

/// Puts the system's word into ours.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// There is no room left, by the disk or by a quota.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What was to be opened is a symbolic link, which we never follow.
pub(super) fn is_symlink(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// What the system said, and what to do about it where that is known.
pub(super) fn with_help(error: &io::Error) -> String {
    let is = |kind| error.kind() == kind;
    let help = if is(ErrorKind::PermissionDenied) {
        "; it must belong to the user that cadence-dns runs as"
    } else if is_full(error) {
        "; make room, what was saved before is still there"
    } else if is(ErrorKind::ReadOnlyFilesystem) {
        "; name a `state_dir` that can be written to"
    } else if is_symlink(error) {
        "; it is a symbolic link, remove it"
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
            StoreError::NewerFormat { path, format, known } => {
                let path = path.display();
                write!(f, "{path} is of format {format}, this program reads up to {known}; ")?;
                f.write_str("start the newer version, or move the folder away")
            }
            StoreError::Unintelligible { path, source } => {
                let path = path.display();
                write!(f, "{path} is whole, but this version cannot make sense of it: {source}; ")?;
                f.write_str("start the version that wrote it, or move the folder away")
            }
            StoreError::NotOurs { path, why } => write!(f, "{} {why}", path.display()),
            StoreError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {}", path.display(), with_help(source))
            }
            StoreError::LogFull { limit } => {
                write!(f, "the state log has grown to its limit of {limit} octets, ")?;
                f.write_str("for no snapshot of the state could be saved for long; make room for one")
            }
            StoreError::Unwritable(error) => write!(f, "the state cannot be written as JSON: {error}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StoreError::Io { source, .. } => Some(source),
            StoreError::Unintelligible { source, .. } | StoreError::Unwritable(source) => Some(source),
            StoreError::Locked { .. }
            | StoreError::NewerFormat { .. }
            | StoreError::NotOurs { .. }
            | StoreError::LogFull { .. } => None,
        }
    }
}
