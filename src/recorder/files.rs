//! The files of recordings: in a folder of the state folder, or on a disk that fails at will in the tests.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The folder's name, in the state folder.
pub const FOLDER: &str = "probes";

/// As the other files of the state: the group may read.
const MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

/// How the files are called, around their numbers.
const BEFORE: &str = "probes-";
const AFTER: &str = ".rec";

/// Files by their numbers.
pub(super) trait Files: Debug + Send {
    /// The number and the size of each, the oldest first; none where there is no folder.
    fn list(&self) -> io::Result<Vec<(u64, u64)>>;
    /// What is in a file.
    fn read(&self, number: u64) -> io::Result<Vec<u8>>;
    /// A file to write at its end, made if it is missing, after it was cut to a length.
    fn append(&self, number: u64, length: u64) -> io::Result<Box<dyn Write + Send>>;
    /// Removes a file.
    fn remove(&self, number: u64) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Folder {
        Folder(path.to_owned())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.0.join(format!("{BEFORE}{number:08}{AFTER}"))
    }
}

impl Files for Folder {
    fn list(&self) -> io::Result<Vec<(u64, u64)>> {
        let all = recordings(&self.0)?;
        all.into_iter().map(|(number, path)| Ok((number, fs::metadata(path)?.len()))).collect()
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        options().read(true).open(self.path(number))?.read_to_end(&mut octets)?;
        Ok(octets)
    }

    fn append(&self, number: u64, length: u64) -> io::Result<Box<dyn Write + Send>> {
        let made = DirBuilder::new().mode(FOLDER_MODE).create(&self.0);
        made.or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
        let file = options().append(true).create(true).open(self.path(number))?;
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        Ok(Box::new(file))
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        fs::remove_file(self.path(number))
    }
}

/// Never through a symbolic link, and never waiting for the other end of a pipe.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.mode(MODE).custom_flags(flags.bits().cast_signed());
    options
}

/// The recordings of a folder with their numbers, the oldest first; none where there is no folder.
///
/// # Errors
/// When it cannot be listed.
pub fn recordings(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix(BEFORE).and_then(|name| name.strip_suffix(AFTER));
        all.extend(number.and_then(|number| number.parse().ok()).map(|number| (number, path)));
    }
    all.sort_unstable();
    Ok(all)
}
