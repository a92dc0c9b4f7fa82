//! A note that something was adopted that is not on the disk.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::OFlags;

/// A file in the folder of the control socket, which usually lies in memory: it outlives the process and not the
/// machine. A start that finds it knows that more may have been told than the state log says.
#[derive(Debug, Clone)]
pub struct UnsavedMark(PathBuf);

impl UnsavedMark {
    /// The mark at this path.
    #[must_use]
    pub fn at(path: PathBuf) -> UnsavedMark {
        UnsavedMark(path)
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_set(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok()
    }

    /// Sets it. A failure changes nothing: then only the state log speaks.
    pub fn set(&self) {
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        drop(
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .custom_flags(flags)
                .mode(0o640)
                .open(&self.0),
        );
    }

    /// Removes it.
    pub fn clear(&self) {
        drop(fs::remove_file(&self.0)); // gone already is as good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_until_it_is_cleared_and_follows_no_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = UnsavedMark::at(folder.path().join("mark"));
        assert!(!mark.is_set());
        mark.set();
        mark.set();
        assert!(mark.is_set());
        mark.clear();
        assert!(!mark.is_set());
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("mark"))
            .expect("a link");
        mark.set();
        assert!(!folder.path().join("elsewhere").exists());
    }
}
