//! Files that cannot be read, in an operator's words.

use std::io;

use crate::model::Problem;

/// What to say of a file that cannot be read.
pub(super) fn unreadable(shown: &str, what: &str, error: &io::Error) -> Problem {
    let help = if error.kind() == io::ErrorKind::NotFound {
        "name a file that exists; relative paths in the configuration start at its own folder"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "let the user that runs cadence-dns read it and enter its folders"
    } else {
        "it must be a file that can be read"
    };
    Problem::error(None, format!("cannot read {what} {shown}: {error}"), help)
}
