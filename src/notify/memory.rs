//! What receivers know, in a file: a restart neither tells it again nor forgets that it is over.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::outbox::Remembered;
use crate::model::ReceiverId;

/// The file in the state folder.
const FILE: &str = "notices.json";

/// No file is longer, in octets.
const FILE_MAX: u64 = 64 << 20;

/// All receivers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    #[serde(default)]
    pub(super) receivers: BTreeMap<ReceiverId, Remembered>,
}

/// Where the file is.
pub(super) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// What was remembered; nothing, where there is no file.
///
/// # Errors
/// In words, when it cannot be read: then all is told again, which is better than nothing.
pub(super) fn read(file: &Path) -> Result<Memory, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", file.display());
    let length = match fs::symlink_metadata(file) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Err(failed(&"it is no file")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Memory::default()),
        Err(error) => return Err(failed(&error)),
    };
    if length > FILE_MAX {
        return Err(failed(&format!("it has {length} octets")));
    }
    let text = fs::read(file).map_err(|error| failed(&error))?;
    serde_json::from_slice(&text).map_err(|error| failed(&error))
}

/// Replaces the file as a whole. It blocks.
///
/// # Errors
/// In words, when the disk does not take it.
pub(super) fn write(file: &Path, memory: &Memory) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot write {}: {error}", file.display());
    let text = serde_json::to_vec(memory).map_err(|error| failed(&error))?;
    let beside = file.with_extension("json.new");
    let mut options = OpenOptions::new();
    // Whoever may write in the folder cannot make us write elsewhere.
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let written = options.open(&beside).and_then(|mut new| {
        new.write_all(&text)?;
        new.sync_data()?;
        fs::rename(&beside, file)
    });
    written.map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path());
        assert_eq!(read(&path), Ok(Memory::default()));
        let memory = Memory { receivers: BTreeMap::from([("ops".into(), Remembered::default())]) };
        assert_eq!(write(&path, &memory), Ok(()));
        assert_eq!(read(&path), Ok(memory));
        fs::write(&path, b"{\"receivers\": 7}").expect("our folder");
        assert!(read(&path).expect_err("it is damaged").contains("notices.json"));
    }
}
