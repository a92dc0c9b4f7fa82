//! What happened since the state was saved, one JSON line each.
//!
//! Appending is one system call and waits for no disk, so it can happen before every publishing; what it wrote is
//! there when the process is killed the next moment. Only a crash of the machine may lose it, and then the saved
//! state is what counts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MODE;

const PREFIX: &str = "journal-";

/// A journal is begun anew with every save, seconds apart. One that grows to this means that no save succeeds.
const FILE_MAX_BYTES: u64 = 64 << 20;

/// The journal that is being written.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    number: u64,
    file: Option<File>,
    written: u64,
}

impl Journal {
    /// After all that are there.
    pub(super) fn after_all(folder: &Path) -> Journal {
        let number = numbers(folder).into_iter().max().unwrap_or(0) + 1;
        Journal { folder: folder.to_owned(), number, file: None, written: 0 }
    }

    /// Ends this journal; what is appended from now on goes into another one, whose number this returns.
    pub fn begin_next(&mut self) -> u64 {
        (self.file, self.written) = (None, 0);
        self.number += 1;
        self.number
    }

    /// Appends all of these, or none.
    ///
    /// # Errors
    /// When the disk is full, or the journal is because no state could be saved for long.
    pub fn append<T: Serialize>(&mut self, changes: &[T]) -> io::Result<()> {
        let mut lines = Vec::new();
        for change in changes {
            serde_json::to_writer(&mut lines, change)?;
            lines.push(b'\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.written += lines.len() as u64;
        if self.written > FILE_MAX_BYTES {
            return Err(io::Error::other("the journal is full, for the state could not be saved for long"));
        }
        self.file()?.write_all(&lines)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let path = path(&self.folder, self.number);
                OpenOptions::new().append(true).create(true).mode(MODE).open(path)?
            }
        };
        Ok(self.file.insert(file))
    }
}

/// Everything in the journals from `first` on, oldest first. A line that was cut short by a crash ends its journal.
pub fn read_journals<T: DeserializeOwned>(folder: &Path, first: u64) -> Vec<T> {
    let mut numbers: Vec<u64> = numbers(folder).into_iter().filter(|number| *number >= first).collect();
    numbers.sort_unstable();
    let texts = numbers.into_iter().filter_map(|number| fs::read(path(folder, number)).ok());
    texts.flat_map(|text| whole_lines(&text)).collect()
}

fn whole_lines<T: DeserializeOwned>(text: &[u8]) -> Vec<T> {
    text.split(|octet| *octet == b'\n').map_while(|line| serde_json::from_slice(line).ok()).collect()
}

/// Removes the journals whose changes have been saved. What cannot be removed is tried again next time.
pub(super) fn remove_before(folder: &Path, first: u64) {
    for number in numbers(folder).into_iter().filter(|number| *number < first) {
        drop(fs::remove_file(path(folder, number)));
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{number}"))
}

fn numbers(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix(PREFIX)?.parse().ok();
    entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn what_was_appended_is_there_at_once_and_in_order() {
        let folder = folder();
        let mut journal = Journal::after_all(folder.path());
        journal.append(&[1, 2]).expect("room");
        let second = journal.begin_next();
        journal.append(&[3]).expect("room");
        assert_eq!(read_journals::<u8>(folder.path(), 0), [1, 2, 3]);
        assert_eq!(read_journals::<u8>(folder.path(), second), [3]);
        remove_before(folder.path(), second);
        assert_eq!(read_journals::<u8>(folder.path(), 0), [3]);
    }

    #[test]
    fn a_restart_never_writes_into_an_old_journal() {
        let folder = folder();
        Journal::after_all(folder.path()).append(&["old"]).expect("room");
        Journal::after_all(folder.path()).append(&["new"]).expect("room");
        assert_eq!(read_journals::<String>(folder.path(), 0), ["old", "new"]);
    }

    #[test]
    fn a_line_cut_short_ends_its_journal_and_no_other() {
        let folder = folder();
        fs::write(path(folder.path(), 9), "1\n2\n{\"a").expect("room");
        fs::write(path(folder.path(), 10), "3\n").expect("room");
        assert_eq!(read_journals::<u8>(folder.path(), 0), [1, 2, 3]);
    }
}
