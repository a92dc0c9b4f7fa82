//! The operations on files that the log is made of: on a real folder here, on a disk that fails at will in the tests.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::{StoreError, failed, is_symlink};

/// The group may read: operators run `status` while the daemon is down.
pub(super) const MODE: u32 = 0o640;

/// Of a folder that we make.
const FOLDER_MODE: u32 = 0o750;

/// The user that may do everything.
const ROOT: u32 = 0;

/// Write bits of group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A snapshot is kilobytes, and megabytes with a hundred thousand names. A file beyond this is something else, and
/// would only cost us our memory.
const FILE_MAX_OCTETS: u64 = 512 << 20;

/// One folder and the files in it, by name.
pub(super) trait Files: Debug + Send + Sync {
    /// The path of a file, or of the folder if the name is empty; for messages.
    fn path(&self, name: &str) -> PathBuf;
    /// The names of all files, in any order; none if there is no folder.
    fn list(&self) -> io::Result<Vec<String>>;
    /// The whole file; `None` if there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError>;
    /// A new file that did not exist.
    fn create(&self, name: &str) -> io::Result<Box<dyn Appendable>>;
    /// An existing file, to write at its end.
    fn reopen(&self, name: &str) -> io::Result<Box<dyn Appendable>>;
    /// Gives a file another name; a file that had it is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Creations, renames and removals before this outlive a power cut.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is written at its end.
pub(super) trait Appendable: Debug + Send {
    /// Writes all of it; after an error any part of it may be in the file.
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()>;
    /// Everything written before this outlives a power cut.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to this length.
    fn cut(&mut self, octets: u64) -> io::Result<()>;
}

/// Why a file could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It is not a file that we wrote; the end of a sentence that begins with its path.
    NotOurs(String),
    /// The system could not read it.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        if is_symlink(&error) { ReadError::NotOurs(SYMLINK.to_owned()) } else { ReadError::Io(error) }
    }
}

const SYMLINK: &str = "is a symbolic link; remove it, the state must lie in the folder itself";

/// A folder of the file system.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Folder {
        Folder(path.to_owned())
    }
}

/// Options that never follow a symbolic link in the last component and never wait for the other end of a pipe.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.mode(MODE).custom_flags(flags.bits().cast_signed());
    options
}

/// Refuses what is no file, and a file of another user that others may write to.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_ours(file: &File) -> Result<(), ReadError> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(ReadError::NotOurs("is not a file; move it out of the way".to_owned()));
    }
    let (owner, us) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner != us && found.mode() & WRITABLE_BY_OTHERS != 0 {
        let mode = found.mode() & 0o777;
        return Err(ReadError::NotOurs(format!(
            "belongs to user {owner}, not to us (user {us}), and others may write to it (mode {mode:03o}); \
             move it away if it is not the daemon's, or else chown it to user {us} and chmod it to {MODE:03o}"
        )));
    }
    Ok(())
}

/// Makes the folder if it is missing, and refuses one in which another user could put, replace or remove files. Root
/// could anyway.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(super) fn take_folder(path: &Path) -> Result<(), StoreError> {
    let parents = path.parent().map_or(Ok(()), fs::create_dir_all);
    // What stands in a folder's place is found below.
    for made in [parents, DirBuilder::new().mode(FOLDER_MODE).create(path)] {
        made.or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
            .map_err(failed("create", path))?;
    }
    let found = fs::metadata(path).map_err(failed("open", path))?;
    match wrong_with(found.uid(), found.mode(), rustix::process::geteuid().as_raw()) {
        Some((wrong, right)) => {
            let why = format!(
                "{wrong}; `{right} {}` if it is the daemon's, or name another `state_dir`",
                path.display()
            );
            Err(StoreError::NotOurs { path: path.to_owned(), why })
        }
        None => Ok(()),
    }
}

/// What is wrong with a folder of this owner and mode, for us, and the command that mends it.
fn wrong_with(owner: u32, mode: u32, us: u32) -> Option<(String, String)> {
    if ![us, ROOT].contains(&owner) {
        return Some((format!("belongs to user {owner}, not to us (user {us})"), format!("chown -R {us}")));
    }
    let others = match (mode & 0o002 > 0, mode & 0o020 > 0) {
        (true, _) => "every user",
        (false, true) => "its group",
        (false, false) => return None,
    };
    let wrong =
        format!("can be written to by {others} (mode {:03o}), who could replace the state", mode & 0o777);
    Some((wrong, format!("chmod {FOLDER_MODE:03o}")))
}

impl Files for Folder {
    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.clone() } else { self.0.join(name) }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect()
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let file = match options().read(true).open(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        check_ours(&file)?;
        let mut octets = Vec::new();
        file.take(FILE_MAX_OCTETS + 1).read_to_end(&mut octets)?;
        if octets.len() as u64 > FILE_MAX_OCTETS {
            return Err(ReadError::NotOurs(format!("is longer than {FILE_MAX_OCTETS} octets; move it away")));
        }
        Ok(Some(octets))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appendable>> {
        let file = options().append(true).create_new(true).open(self.path(name))?;
        file.set_permissions(Permissions::from_mode(MODE))?; // whatever the umask took
        Ok(Box::new(file))
    }

    fn reopen(&self, name: &str) -> io::Result<Box<dyn Appendable>> {
        Ok(Box::new(options().append(true).open(self.path(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl Appendable for File {
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        Write::write_all(self, octets)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, octets: u64) -> io::Result<()> {
        self.set_len(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(owner: u32, mode: u32, expected: &str) {
        let told = wrong_with(owner, mode, 998).map(|(wrong, right)| format!("{wrong}: {right}"));
        assert_eq!(told.as_deref().unwrap_or("-"), expected, "{owner} {mode:o}");
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        check(998, 0o40750, "-");
        check(998, 0o40755, "-");
        check(0, 0o40755, "-");
        check(1000, 0o40700, "belongs to user 1000, not to us (user 998): chown -R 998");
        let replace = "who could replace the state: chmod 750";
        check(998, 0o42770, &format!("can be written to by its group (mode 770), {replace}"));
        check(998, 0o41777, &format!("can be written to by every user (mode 777), {replace}"));
    }

    #[test]
    fn a_folder_that_is_missing_is_made_for_us_alone() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = above.path().join("a").join("state");
        take_folder(&folder).expect("it is made");
        take_folder(&folder).expect("it is there");
        assert_eq!(fs::metadata(&folder).expect("it is there").mode() & 0o027, 0);
        fs::set_permissions(&folder, Permissions::from_mode(0o770)).expect("our folder");
        let refused = take_folder(&folder).expect_err("its group can write").to_string();
        assert!(refused.contains("/a/state can be written to by its group (mode 770)"), "{refused}");
        assert!(refused.contains("`chmod 750 ") && refused.contains("another `state_dir`"), "{refused}");
    }
}
