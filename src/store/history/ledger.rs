//! The files of the history, as their only writer sees them.

use std::sync::Arc;

use super::line::{Head, decode, encode};
use crate::config::HistorySettings;
use crate::controller::HistoryEntry;
use crate::model::Moment;
use crate::store::aside::{Aside, set_aside};
use crate::store::error::{StoreError, failed};
use crate::store::files::{Appendable, Files, ReadError};

const BEFORE_NUMBER: &str = "history-";
const AFTER_NUMBER: &str = ".jsonl";

/// The files, open at their end.
#[derive(Debug)]
pub(in crate::store) struct Ledger {
    files: Arc<dyn Files>,
    limits: HistorySettings,
    head: Head,
    current: Option<Current>,
}

/// The file that is written to.
#[derive(Debug)]
struct Current {
    name: String,
    file: Box<dyn Appendable>,
    octets: u64,
}

/// The file that begins with an entry of this number.
pub(super) fn name_of(first: u64) -> String {
    format!("{BEFORE_NUMBER}{first:010}{AFTER_NUMBER}")
}

/// The number of the first entry, by the file's name; none for a file that is not of the history.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(BEFORE_NUMBER)?.strip_suffix(AFTER_NUMBER)?;
    let first = digits.parse().ok()?;
    (name_of(first) == name).then_some(first)
}

/// The files of the history, the oldest first.
pub(super) fn names(files: &dyn Files) -> Result<Vec<String>, StoreError> {
    let listed = files.list().map_err(failed("list", &files.path("")))?;
    let mut names: Vec<(u64, String)> =
        listed.into_iter().filter_map(|name| Some((first_of(&name)?, name))).collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

pub(super) fn refused(files: &dyn Files, name: &str) -> impl FnOnce(ReadError) -> StoreError + use<> {
    let path = files.path(name);
    move |error| match error {
        ReadError::NotOurs(why) => StoreError::NotOurs { path, why },
        ReadError::Io(error) => failed("read", &path)(error),
    }
}

impl Ledger {
    /// Finds the last whole line, and goes on after it. What stands after it was torn by a power cut, or changed: it is
    /// set aside, and told in words.
    pub(in crate::store) fn open(
        files: Arc<dyn Files>,
        limits: HistorySettings,
        now: Moment,
    ) -> Result<(Ledger, Vec<String>), StoreError> {
        let mut mended = Vec::new();
        let mut ledger = Ledger { files, limits, head: Head::default(), current: None };
        for name in names(&*ledger.files)?.into_iter().rev() {
            let read = ledger.files.read(&name).map_err(refused(&*ledger.files, &name))?;
            let Some(octets) = read else { continue };
            let last = last_line(&octets);
            let end = last.map_or(0, |(_, end)| end);
            if end < octets.len() {
                mended.push(ledger.mend(&name, end, &octets, now)?);
            }
            if let Some((head, _)) = last {
                ledger.head = head;
                let file = ledger.files.reopen(&name).map_err(failed("open", &ledger.files.path(&name)))?;
                ledger.current = Some(Current { name, file, octets: end as u64 });
                break;
            }
            if octets.is_empty() {
                ledger.files.remove(&name).map_err(failed("remove", &ledger.files.path(&name)))?;
            }
        }
        Ok((ledger, mended))
    }

    /// Sets aside what stands after the last whole line of a file, or all of a file that has none.
    fn mend(&self, name: &str, end: usize, octets: &[u8], now: Moment) -> Result<String, StoreError> {
        let aside = if end == 0 { Aside::File(name.to_owned()) } else { Aside::Tail(name.to_owned(), end) };
        let kept = set_aside(&*self.files, &aside, octets, now);
        let kept = kept.map_err(failed("set aside", &self.files.path(name)))?;
        let count = octets.len() - end;
        Ok(format!(
            "{name}: the last {count} octets were no whole entry (a power cut, or a change by hand); they are in {kept} now"
        ))
    }

    /// The name of the newest file.
    #[cfg(test)]
    pub(in crate::store) fn newest(files: &dyn Files) -> String {
        names(files).expect("readable").pop().expect("there is one")
    }

    /// The number of the last entry.
    pub(in crate::store) fn last(&self) -> u64 {
        self.head.number
    }

    /// Appends entries and waits until they are on the disk.
    ///
    /// # Errors
    /// When the disk does not take all of them. [`Ledger::open`] then says how many it has.
    pub(in crate::store) fn append(&mut self, entries: &[HistoryEntry]) -> Result<(), StoreError> {
        let mut rest = entries;
        while !rest.is_empty() {
            if self.current.as_ref().is_none_or(|current| current.octets >= self.limits.max_size) {
                self.begin_file()?;
            }
            let written = self.append_some(rest)?;
            rest = &rest[written..];
        }
        Ok(())
    }

    /// As many as go into the current file; at least one.
    fn append_some(&mut self, entries: &[HistoryEntry]) -> Result<usize, StoreError> {
        let Some(current) = &mut self.current else { return Ok(0) };
        let (mut octets, mut head, mut count) = (Vec::new(), self.head, 0);
        for entry in entries {
            head = encode(&mut octets, head, entry).map_err(StoreError::Unwritable)?;
            count += 1;
            if current.octets + octets.len() as u64 >= self.limits.max_size {
                break;
            }
        }
        let written = current.file.write_all(&octets).and_then(|()| current.file.sync());
        if let Err(error) = written {
            // Whoever opens the file again finds no torn line if this works, and sets it aside otherwise.
            drop(current.file.cut(current.octets).and_then(|()| current.file.sync()));
            return Err(failed("write to", &self.files.path(&current.name))(error));
        }
        current.octets += octets.len() as u64;
        self.head = head;
        Ok(count)
    }

    /// Begins the next file, and removes the oldest ones.
    fn begin_file(&mut self) -> Result<(), StoreError> {
        let name = name_of(self.head.number + 1);
        let file = self.files.create(&name).map_err(failed("create", &self.files.path(&name)))?;
        self.files.sync().map_err(failed("sync", &self.files.path("")))?;
        self.current = Some(Current { name, file, octets: 0 });
        for oldest in names(&*self.files)?.iter().rev().skip(self.limits.files) {
            self.files.remove(oldest).map_err(failed("remove", &self.files.path(oldest)))?;
        }
        Ok(())
    }
}

/// The last whole line of a file, and where it ends with its line feed.
fn last_line(octets: &[u8]) -> Option<(Head, usize)> {
    let mut end = octets.iter().rposition(|octet| *octet == b'\n')?;
    loop {
        let start = octets[..end].iter().rposition(|octet| *octet == b'\n').map_or(0, |before| before + 1);
        if let Ok(link) = decode(&octets[start..end]) {
            return Some((link.head, end + 1));
        }
        end = start.checked_sub(1)?;
    }
}
