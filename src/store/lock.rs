//! One daemon for each folder.

use std::fs::{File, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::{StoreError, failed};
use super::files::{MODE, ReadError, check_ours, options};

const LOCK: &str = "lock";

/// A folder is ours until this is dropped or the process ends, so that a killed daemon leaves no lock behind.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started has our files until it becomes another program.
        drop(self.0.unlock());
    }
}

/// Takes the folder. The number of our process goes into the file, for the operator who finds the folder taken.
pub(super) fn take_lock(folder: &Path) -> Result<Lock, StoreError> {
    let path = folder.join(LOCK);
    let refused = |error| match error {
        ReadError::NotOurs(why) => StoreError::NotOurs { path: path.clone(), why },
        ReadError::Io(error) => failed("open", &path)(error),
    };
    let opened = options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(|error| refused(error.into()))?;
    check_ours(&file).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { folder: folder.to_owned(), holder: holder(&file) });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
    }
    // On a full disk the note is missing, and the lock holds.
    let number = format!("{}\n", std::process::id());
    let noted = file.set_permissions(Permissions::from_mode(MODE)).and_then(|()| file.set_len(0));
    drop(noted.and_then(|()| file.write_all(number.as_bytes())));
    Ok(Lock(file))
}

fn holder(lock: &File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
