//! The log: records at the end of a segment, on the disk before anything is said of them.
//!
//! `log-18` is the segment whose first entry has the number 18. A new one begins with the first entry after a snapshot;
//! as long as none can be saved, the segment grows, up to a limit.

use std::sync::Arc;

use serde::Serialize;

use super::error::{StoreError, failed};
use super::files::{Appendable, Files};
use super::format_1;
use super::record::{self, Opened};
use super::snapshot::Reach;
use crate::model::Moment;

const PREFIX: &str = "log-";

/// A segment ends with the next snapshot, seconds after it began. One that grows to this means that none can be saved.
pub(super) const LOG_MAX_OCTETS: u64 = 64 << 20;

/// The log's end.
#[derive(Debug)]
pub(super) struct Log {
    files: Arc<dyn Files>,
    segment: Option<Segment>,
    /// What the next entries must be preceded by; `None` once it is written.
    opened: Option<Opened>,
    boot: String,
    next: u64,
    /// Octets since the last snapshot.
    octets: u64,
    max_octets: u64,
}

/// The segment that is written to.
#[derive(Debug)]
struct Segment {
    name: String,
    file: Box<dyn Appendable>,
    /// So much of it is good.
    octets: u64,
    /// There may be more in it than that.
    is_torn: bool,
    /// Its name is on the disk.
    is_named: bool,
}

/// Where a log goes on, as recovery found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The last segment and its octets, if it can be written to.
    pub(super) segment: Option<(String, u64)>,
    /// The number of the last entry.
    pub(super) after: u64,
    /// The number of the next one.
    pub(super) next: u64,
    /// Octets since the snapshot.
    pub(super) octets: u64,
}

impl Log {
    /// Goes on where a log ended. Nothing is written yet.
    ///
    /// # Errors
    /// When the last segment cannot be opened.
    pub(super) fn resume(files: Arc<dyn Files>, end: End, boot: &str) -> Result<Log, StoreError> {
        let End { segment, after, next, octets } = end;
        let segment = match segment {
            None => None,
            Some((name, octets)) => {
                let file = files.reopen(&name).map_err(failed("open", &files.path(&name)))?;
                Some(Segment { name, file, octets, is_torn: false, is_named: true })
            }
        };
        let (boot, max_octets) = (boot.to_owned(), LOG_MAX_OCTETS);
        let opened = Some(Opened { boot: boot.clone(), after });
        Ok(Log { files, segment, opened, boot, next, octets, max_octets })
    }

    /// Another limit than [`LOG_MAX_OCTETS`].
    #[cfg(test)]
    pub(super) fn limit(&mut self, octets: u64) {
        self.max_octets = octets;
    }

    /// The number of the last entry.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Notes that a run begins.
    ///
    /// # Errors
    /// When it is not on the disk. It will be, before the next entry.
    pub(super) fn open(&mut self, at: Moment) -> Result<(), StoreError> {
        self.write(&[], at)
    }

    /// Appends batches, all of each one or none of it, and brings them to the disk together. Returns the number of the
    /// last entry of each.
    ///
    /// # Errors
    /// When they are not on the disk; none of them will be in the log then, unless the process ends before another
    /// call.
    pub(super) fn append<E: Serialize>(
        &mut self,
        batches: &[(Moment, &[E])],
    ) -> Result<Vec<u64>, StoreError> {
        let (mut lines, mut next, mut ends) = (Vec::new(), self.next, Vec::new());
        for (at, entries) in batches {
            if !entries.is_empty() {
                lines.extend(record::entries(next, *at, entries).map_err(StoreError::Unwritable)?);
                next += entries.len() as u64;
            }
            ends.push(next - 1);
        }
        let Some((at, _)) = batches.first().filter(|_| !lines.is_empty()) else { return Ok(ends) };
        if self.octets.saturating_add(lines.len() as u64) > self.max_octets {
            return Err(StoreError::LogFull { limit: self.max_octets });
        }
        self.write(&lines, *at)?;
        self.next = next;
        Ok(ends)
    }

    /// Notes that the run ends as it should: nothing is to be appended after this.
    ///
    /// # Errors
    /// When it is not on the disk.
    pub(super) fn close(&mut self, at: Moment) -> Result<(), StoreError> {
        self.write(&record::closed(self.next, at), at)
    }

    /// The current snapshot is a new one, and the older of the two that are kept goes this far.
    pub(super) fn snapshot_saved(&mut self, older: Option<Reach>) {
        self.octets = 0;
        let fresh = segment_name(self.next);
        if self.segment.as_ref().is_some_and(|segment| segment.name != fresh && !segment.is_torn) {
            self.segment = None;
            self.opened = Some(Opened { boot: self.boot.clone(), after: self.last() });
        }
        match older {
            Some(Reach::Through(through)) => self.remove_through(through),
            Some(Reach::BeforeJournal(_)) | None => {}
        }
    }

    /// Removes what both snapshots say. What cannot be removed is tried again after the next snapshot.
    fn remove_through(&self, through: u64) {
        let names = self.files.list().unwrap_or_default();
        let segments = segments(&names);
        let old = segments.windows(2).filter(|pair| pair[1].0 <= through.saturating_add(1));
        let old = old.map(|pair| pair[0].1.clone()).chain(format_1::journals(&names, 0));
        old.for_each(|name| drop(self.files.remove(&name)));
    }

    /// Writes lines, with the record that a run or a segment begins with before them where it is due.
    fn write(&mut self, lines: &[u8], at: Moment) -> Result<(), StoreError> {
        let opened = self.opened.as_ref().map(|opened| record::opened(self.next, at, opened));
        let octets = [&opened.unwrap_or_default(), lines].concat();
        let segment = match &mut self.segment {
            Some(segment) => segment,
            none => none.insert(Segment::create(&*self.files, segment_name(self.next))?),
        };
        segment.append(&*self.files, &octets)?;
        self.opened = None;
        self.octets = self.octets.saturating_add(octets.len() as u64);
        Ok(())
    }
}

impl Segment {
    fn create(files: &dyn Files, name: String) -> Result<Segment, StoreError> {
        let file = files.create(&name).map_err(failed("create", &files.path(&name)))?;
        Ok(Segment { name, file, octets: 0, is_torn: false, is_named: false })
    }

    /// The octets are on the disk when this returns `Ok`; otherwise they are removed before the next ones are written.
    fn append(&mut self, files: &dyn Files, octets: &[u8]) -> Result<(), StoreError> {
        let path = files.path(&self.name);
        if self.is_torn {
            // Also after a failed sync: the system may have forgotten what it did not write (fsync(2), EIO).
            self.file.cut(self.octets).map_err(failed("cut", &path))?;
            self.file.sync().map_err(failed("sync", &path))?;
        }
        self.is_torn = true;
        self.file.write_all(octets).map_err(failed("write", &path))?;
        self.file.sync().map_err(failed("sync", &path))?;
        if !self.is_named {
            files.sync().map_err(failed("sync", &files.path("")))?;
            self.is_named = true;
        }
        self.is_torn = false;
        self.octets += octets.len() as u64;
        Ok(())
    }
}

fn segment_name(first: u64) -> String {
    format!("{PREFIX}{first}")
}

/// The segments among these files, by the number of their first entry.
pub(super) fn segments(files: &[String]) -> Vec<(u64, String)> {
    let number = |name: &String| Some((name.strip_prefix(PREFIX)?.parse().ok()?, name.clone()));
    let segments = files.iter().filter_map(number).filter(|(first, name)| *name == segment_name(*first));
    let mut segments: Vec<(u64, String)> = segments.collect();
    segments.sort_unstable();
    segments
}
