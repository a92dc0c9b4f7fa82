//! Files that follow one another and never take more than they may together.

use std::io::{self, Write};

use super::files::Files;
use crate::model::CheckId;
use crate::recording::{HEADER, table, whole};

/// All recordings together are this many files, of which the oldest gives way: so much of the history at a time.
const FILES: u64 = 8;

/// The table of checks is written again after so many octets: damage to one costs no more than these.
const TABLE_EVERY_OCTETS: u64 = 256 << 10;

/// The files, and the one that is written.
#[derive(Debug)]
pub(super) struct Segments<F> {
    files: F,
    /// The most octets of one file.
    file_max: u64,
    /// The table of checks as a block.
    table: Vec<u8>,
    open: Option<Open>,
}

/// The file that is written.
struct Open {
    number: u64,
    file: Box<dyn Write + Send>,
    octets: u64,
    since_table: u64,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("number", &self.number).field("octets", &self.octets).finish()
    }
}

impl<F: Files> Segments<F> {
    pub(super) fn new(files: F, max_size: u64, checks: &[CheckId]) -> Segments<F> {
        Segments { files, file_max: max_size / FILES, table: table(checks), open: None }
    }

    /// What is written from now on is about these checks: the next block comes after their table.
    pub(super) fn renew(&mut self, max_size: u64, checks: &[CheckId]) {
        (self.file_max, self.table, self.open) = (max_size / FILES, table(checks), None);
    }

    /// Looks at what is there, so that trouble is known before the first block.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn open(&mut self) -> io::Result<()> {
        self.open = Some(self.go_on()?);
        Ok(())
    }

    /// Writes a block, all of it or nothing that a reader would see.
    ///
    /// # Errors
    /// When the system refuses; the next block begins with looking at what is there.
    pub(super) fn write(&mut self, block: &[u8]) -> io::Result<()> {
        let result = self.try_to_write(block);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    fn try_to_write(&mut self, block: &[u8]) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.go_on()?,
        };
        let octets = (block.len() + self.table.len()) as u64;
        if open.octets > HEADER.len() as u64 && open.octets + octets > self.file_max {
            open = self.begin(open.number + 1)?;
        }
        if open.since_table >= TABLE_EVERY_OCTETS {
            open.put(&self.table)?;
            open.since_table = 0;
        }
        open.put(block)?;
        self.open = Some(open);
        Ok(())
    }

    /// The newest file, after its last whole block; or the first one.
    fn go_on(&mut self) -> io::Result<Open> {
        let Some((number, size)) = self.files.list()?.pop() else { return self.begin(1) };
        if size + self.table.len() as u64 >= self.file_max {
            return self.begin(number + 1);
        }
        let Some(octets) = whole(&self.files.read(number)?).filter(|octets| *octets >= HEADER.len()) else {
            return self.begin(number + 1); // of another version, or damaged from the beginning on
        };
        let file = self.files.append(number, octets as u64)?;
        let mut open = Open { number, file, octets: octets as u64, since_table: 0 };
        open.put(&self.table)?; // the checks may be others now
        Ok(open)
    }

    /// A new file; the oldest give way.
    fn begin(&mut self, number: u64) -> io::Result<Open> {
        if (HEADER.len() + self.table.len()) as u64 > self.file_max / 2 {
            return Err(io::Error::other("[record] max_size is too small for so many checks"));
        }
        let all = self.files.list()?;
        let mut sum: u64 = all.iter().map(|(_, size)| size).sum();
        for (oldest, size) in all {
            if sum + self.file_max <= self.file_max * FILES {
                break;
            }
            self.files.remove(oldest)?;
            sum -= size;
        }
        let file = self.files.append(number, 0)?;
        let mut open = Open { number, file, octets: 0, since_table: 0 };
        open.put(HEADER)?;
        open.put(&self.table)?;
        Ok(open)
    }
}

impl Open {
    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all(octets)?;
        self.octets += octets.len() as u64;
        self.since_table += octets.len() as u64;
        Ok(())
    }
}
