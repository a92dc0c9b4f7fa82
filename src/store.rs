//! The saved state in a file that is whole at every moment.
//!
//! `state.json` is JSON with a line after it that proves it whole; `state.json.previous` is the one before. A
//! damaged file is set aside as `state.json.damaged-<milliseconds since 1970>`. Two daemons cannot share a folder.

mod envelope;
mod error;
mod journal;

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::error::StoreError;
use self::error::{failed, with_help};
pub use self::journal::{Journal, read_journals};

const CURRENT: &str = "state.json";
const PREVIOUS: &str = "state.json.previous";
const DAMAGED: &str = "state.json.damaged-";
/// Being written. With the lock there is only one writer, so a fixed name leaves no litter behind a crash.
const NEW: &str = "state.json.new";
/// On its way to be the previous one.
const LINK: &str = "state.json.link";
const LOCK: &str = "lock";

/// The group may read: operators run `status` while the daemon is down.
const MODE: u32 = 0o640;

/// A state is kilobytes, and megabytes with a hundred thousand names; a file beyond this is something else, and would only cost us our memory.
const FILE_MAX_BYTES: u64 = 512 << 20;

/// As many damaged files are kept, the newest: a failing disk must not fill itself up.
const DAMAGED_MAX_FILES: usize = 8;

/// The state folder, ours alone until this is dropped.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// The lock goes when this is closed, so a killed daemon leaves none behind.
    _lock: File,
}

/// What was found in the state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<T> {
    /// The newest state that is whole; none at a first start, or when nothing could be used.
    pub value: Option<T>,
    /// What was wrong on the way, a sentence each for the operator.
    pub troubles: Vec<String>,
}

impl Store {
    /// Takes the folder, and makes it when it is missing.
    ///
    /// # Errors
    /// When another daemon has it, or when it cannot be written to.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let store = Store { folder: folder.to_owned(), _lock: lock(folder)? };
        // A folder that cannot be written to should say so at the start, not at the first failover.
        store.write_new(b"")?;
        fs::remove_file(store.path(NEW)).map_err(failed("remove", &store.path(NEW)))?;
        Ok(store)
    }

    /// The newest state that is whole. A damaged file is set aside under another name, not overwritten.
    #[must_use]
    pub fn load<T: DeserializeOwned>(&self) -> Loaded<T> {
        read(&self.folder, |path| set_aside(&self.folder, path))
    }

    /// Makes `state` the saved one. It waits for the disk: not for a thread that must not wait.
    ///
    /// # Errors
    /// When the disk is full or the folder is not ours any more; what was saved before is still there then.
    pub fn save<T: Serialize>(&self, state: &T) -> Result<(), StoreError> {
        self.write_new(&envelope::seal(state).map_err(StoreError::Unwritable)?)?;
        self.keep_previous()?;
        let current = self.path(CURRENT);
        fs::rename(self.path(NEW), &current).map_err(failed("replace", &current))?;
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(failed("sync", &self.folder))
    }

    /// A journal for what happens from now on, after all that are there.
    #[must_use]
    pub fn journal(&self) -> Journal {
        Journal::after_all(&self.folder)
    }

    /// Everything in the journals from `first` on, oldest first.
    #[must_use]
    pub fn journaled<T: DeserializeOwned>(&self, first: u64) -> Vec<T> {
        read_journals(&self.folder, first)
    }

    /// Removes the journals before `first`: what they say has been saved.
    pub fn remove_journals_before(&self, first: u64) {
        journal::remove_before(&self.folder, first);
    }

    /// The bytes are on the disk, beside the state, when this returns.
    fn write_new(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(NEW);
        remove_if_there(&path)?;
        let written = create_new(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        // Half a file on a full disk helps nobody; that it cannot be removed either adds nothing to the error.
        written.inspect_err(|_| drop(fs::remove_file(&path))).map_err(failed("write", &path))
    }

    /// Gives the current state its second name, so that there is a `state.json` at every moment.
    fn keep_previous(&self) -> Result<(), StoreError> {
        let (current, link, previous) = (self.path(CURRENT), self.path(LINK), self.path(PREVIOUS));
        remove_if_there(&link)?;
        let kept = match fs::hard_link(&current, &link) {
            Ok(()) => fs::rename(&link, &previous),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A file system without hard links, or a file of another user. `load` knows how to go on from a crash here.
            Err(_) => fs::rename(&current, &previous),
        };
        kept.map_err(failed("replace", &previous))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The same as [`Store::load`] for a look from outside: takes no lock and changes nothing.
#[must_use]
pub fn read_for_display<T: DeserializeOwned>(folder: &Path) -> Loaded<T> {
    read(folder, |_| String::new())
}

/// The current state, or else the one before. `tidy` deals with a damaged file, and says so.
fn read<T: DeserializeOwned>(folder: &Path, tidy: impl Fn(&Path) -> String) -> Loaded<T> {
    let mut troubles = Vec::new();
    for name in [CURRENT, PREVIOUS] {
        let path = folder.join(name);
        match read_file(&path).and_then(|bytes| envelope::open(&bytes).map_err(Unusable::Damaged)) {
            Ok(state) => {
                if name == PREVIOUS {
                    troubles.push(format!("the state before that is used, from {}", path.display()));
                }
                return Loaded { value: Some(state), troubles };
            }
            Err(Unusable::Missing) => {
                let odd = name == CURRENT && folder.join(PREVIOUS).exists();
                troubles.extend(odd.then(|| format!("{} is missing", path.display())));
            }
            Err(Unusable::Unreadable(why)) => troubles.push(format!("cannot read {}: {why}", path.display())),
            Err(Unusable::Damaged(why)) => {
                troubles.push(format!("{} is damaged: {why}{}", path.display(), tidy(&path)));
            }
        }
    }
    Loaded { value: None, troubles }
}

/// Why a file gives no state.
enum Unusable {
    Missing,
    Unreadable(String),
    Damaged(String),
}

fn read_file(path: &Path) -> Result<Vec<u8>, Unusable> {
    let unreadable = |error: io::Error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        if missing { Unusable::Missing } else { Unusable::Unreadable(with_help(&error)) }
    };
    // Asked first, for opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Unusable::Unreadable("not a file; move it out of the way".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(Unusable::Damaged(format!("longer than {FILE_MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Under a name of its own, so that nothing is lost and nothing stands in the way of the next state.
fn set_aside(folder: &Path, path: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    // After all others, even if the clock was set back or the last one is of this millisecond: the oldest are removed.
    let newest = damaged(folder).last().and_then(|path| number_of(path));
    let number = newest.map_or(now, |newest| now.max(newest.saturating_add(1)));
    let aside = folder.join(format!("{DAMAGED}{number:013}"));
    match fs::rename(path, &aside) {
        Ok(()) => {
            remove_oldest_damaged(folder);
            format!("; it was set aside as {}", aside.display())
        }
        Err(error) => format!("; it could not be set aside as {}: {error}", aside.display()),
    }
}

/// What cannot be removed is tried again next time.
fn remove_oldest_damaged(folder: &Path) {
    for path in damaged(folder).iter().rev().skip(DAMAGED_MAX_FILES) {
        drop(fs::remove_file(path));
    }
}

/// The files that were set aside, the oldest first; none if they cannot be listed.
fn damaged(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut damaged: Vec<PathBuf> = entries.filter(|path| number_of(path).is_some()).collect();
    damaged.sort_by_key(|path| number_of(path));
    damaged
}

/// The number of a file that was set aside; others have none.
fn number_of(path: &Path) -> Option<u128> {
    path.file_name()?.to_str()?.strip_prefix(DAMAGED)?.parse().ok()
}

/// The number of our process goes into the file, for whoever finds the folder taken.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(MODE).open(&path);
    let mut file = opened.map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { folder: folder.to_owned(), holder: holder(&file) });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
    }
    let number = format!("{}\n", std::process::id());
    let noted = file.set_len(0).and_then(|()| file.write_all(number.as_bytes()));
    noted.map_err(failed("write", &path))?;
    Ok(file)
}

fn holder(lock: &File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(MODE))?; // whatever the umask took
    Ok(file)
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
