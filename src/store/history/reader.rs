//! Reads the history beside the daemon that writes it, or without any.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use super::ledger::{first_of, names, refused};
use crate::controller::HistoryEntry;
use crate::store::error::{StoreError, failed};
use crate::store::files::{Files, Folder, check_ours, options};

/// More of one file is not read at a time: it is something else.
const FILE_MAX_OCTETS: u64 = 512 << 20;

/// An entry as it was written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its number: it grows by one.
    pub number: u64,
    /// What it says.
    pub entry: HistoryEntry,
    /// The line, without its line feed.
    pub line: String,
}

/// Reads entry after entry, and later those that were written since.
#[derive(Debug)]
pub struct HistoryReader {
    folder: Folder,
    /// The file that was read last, and how far.
    at: Option<(u64, u64)>,
    /// The last number that was read.
    last: u64,
}

#[derive(Deserialize)]
struct Line {
    number: u64,
    #[serde(flatten)]
    entry: HistoryEntry,
}

impl HistoryReader {
    /// From the oldest entry in the folder on. A folder that is missing has none.
    #[must_use]
    pub fn new(folder: &Path) -> HistoryReader {
        HistoryReader { folder: Folder::new(folder), at: None, last: 0 }
    }

    /// Hands out every entry that was not read yet, oldest first; returns what is no entry, in words.
    ///
    /// # Errors
    /// When a file cannot be read, or is not ours.
    pub fn read(&mut self, mut each: impl FnMut(Recorded)) -> Result<Vec<String>, StoreError> {
        let mut troubles = Vec::new();
        for name in names(&self.folder)? {
            let first = first_of(&name).unwrap_or_default();
            let from = match self.at {
                Some((file, _)) if first < file => continue,
                Some((file, octets)) if first == file => octets,
                Some(_) | None => 0,
            };
            let Some((from, octets)) = self.octets(&name, from)? else { continue };
            let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |last| last + 1);
            for line in octets[..whole].split_inclusive(|octet| *octet == b'\n') {
                match recorded(line) {
                    Some(recorded) if recorded.number > self.last => {
                        self.last = recorded.number;
                        each(recorded);
                    }
                    Some(_) => {} // read before the file was set right
                    None => troubles.push(format!(
                        "{} has a line after entry {} that is none of ours; `cadence-dns audit verify` says more",
                        self.folder.path(&name).display(),
                        self.last
                    )),
                }
            }
            self.at = Some((first, from + whole as u64));
        }
        Ok(troubles)
    }

    /// A file from a place on, and that place: the start of a file that has become shorter. None when the file was
    /// removed meanwhile.
    fn octets(&self, name: &str, from: u64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let path = self.folder.path(name);
        let mut file = match options().read(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| refused(&self.folder, name)(error.into()))?,
        };
        check_ours(&file).map_err(refused(&self.folder, name))?;
        rest_of(&mut file, from).map(Some).map_err(failed("read", &path))
    }
}

/// The entry in a line; none in a line that is none of ours.
pub(super) fn recorded(line: &[u8]) -> Option<Recorded> {
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\n');
    let Line { number, entry } = serde_json::from_str(line).ok()?;
    Some(Recorded { number, entry, line: line.to_owned() })
}

fn rest_of(file: &mut File, from: u64) -> std::io::Result<(u64, Vec<u8>)> {
    let from = if file.metadata()?.len() < from { 0 } else { from };
    file.seek(SeekFrom::Start(from))?;
    let mut octets = Vec::new();
    file.take(FILE_MAX_OCTETS).read_to_end(&mut octets)?;
    Ok((from, octets))
}
