//! Folders of the user that we become.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

use super::user::User;

/// The group may look: operators run `status` while the daemon is down.
const MODE: u32 = 0o750;

/// Of folders above it.
const PARENT_MODE: u32 = 0o755;

/// Makes the folder if it is missing, for this user. One that is there stays as it is: whether it can be used is for
/// those to say who use it, and so is why there is none.
pub(super) fn prepare(path: &Path, user: Option<&User>) {
    if let Some(parent) = path.parent() {
        // Below a folder of another user it fails, and the next call tells.
        drop(DirBuilder::new().recursive(true).mode(PARENT_MODE).create(parent));
    }
    let made = DirBuilder::new().mode(MODE).create(path).is_ok();
    if let Some(user) = user.filter(|_| made) {
        let (uid, gid) = user.numbers();
        // What was put in its place meanwhile is not given away: a link is not followed.
        let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
        let opened = File::options().read(true).custom_flags(flags).open(path);
        drop(opened.and_then(|folder| fchown(folder, Some(uid), Some(gid))));
    }
}
