//! Why a file that `$INCLUDE` names is not read.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a file that `$INCLUDE` names is not read.
#[derive(Debug)]
pub enum IncludeError {
    /// It lies outside the zone file's folder: who may edit zones may not read every file.
    OutsideFolder,
    /// This zone consists of one file.
    NotAllowed,
    /// It does not exist or cannot be read.
    Unreadable(io::Error),
}

/// The reader of included files for a zone that consists of one file.
///
/// # Errors
/// Always [`IncludeError::NotAllowed`].
pub fn no_include(_: &str) -> Result<Vec<u8>, IncludeError> {
    Err(IncludeError::NotAllowed)
}

impl fmt::Display for IncludeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IncludeError::OutsideFolder => f.write_str("it lies outside the folder of the zone file"),
            IncludeError::NotAllowed => f.write_str("this zone may not include files"),
            IncludeError::Unreadable(error) => error.fmt(f),
        }
    }
}

impl Error for IncludeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            IncludeError::Unreadable(error) => Some(error),
            IncludeError::OutsideFolder | IncludeError::NotAllowed => None,
        }
    }
}
