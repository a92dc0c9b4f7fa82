//! Secrets that everybody can read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::model::Problem;

/// A warning when every user can read the file: with its secret, a user could pass for us.
pub(super) fn shared_too_widely(file: &Path, shown: &str) -> Option<Problem> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    let help = format!("`chmod 640 {shown}`, and the group of the user that runs cadence-dns");
    (mode & 0o007 > 0)
        .then(|| Problem::warning(None, format!("every user of this machine can read {shown}"), help))
}
