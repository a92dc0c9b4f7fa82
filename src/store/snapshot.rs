//! A snapshot: the whole state in one file that is complete or not there.
//!
//! ```text
//! {"format":2,"sequence":41,"at":"2026-11-25T02:05:19.400Z"}
//! {
//!   "version": "v1", …
//! }
//! {"crc32":"cbf43926"}
//! ```
//!
//! `sequence` is the number of the last entry that is in it. The last line is the checksum (CRC-32 as in zip) of all
//! before it. Every format keeps the first key of the first line and the last line, so that an older program can tell a
//! newer format from damage.
//!
//! `state.json.previous` is the one before. The log keeps all entries since that one, so that a damaged `state.json`
//! costs nothing.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{StoreError, failed};
use super::files::Files;
use super::format_1;
use super::record::FORMAT;
use crate::model::Moment;

pub(super) const CURRENT: &str = "state.json";
pub(super) const PREVIOUS: &str = "state.json.previous";

/// Being written. With the lock there is only one writer, so a fixed name leaves no litter behind a crash.
pub(super) const NEW: &str = "state.json.new";

/// So much is written and brought to the disk at a time: what the log brings to the disk meanwhile waits for one such
/// piece at most.
const PIECE_OCTETS: usize = 1 << 20;

/// What a snapshot's file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Snapshot {
    /// Not a bit is missing or changed.
    Whole(Whole),
    /// The same in a format that this program does not know.
    Newer(u32),
    /// Why it cannot be used, as the end of a sentence.
    Damaged(&'static str),
}

/// Where in a file the state lies, and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    /// The JSON of the state.
    pub(super) state: Range<usize>,
    pub(super) reach: Reach,
}

/// How far a snapshot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All entries up to this number are in it.
    Through(u64),
    /// A file of the first format: no entry of this log is in it, and of its journals those before this one.
    BeforeJournal(u64),
}

impl Reach {
    /// The number of the last entry that is in it.
    pub(super) fn through(self) -> u64 {
        match self {
            Reach::Through(sequence) => sequence,
            Reach::BeforeJournal(_) => 0,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    sequence: u64,
    at: Moment,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The octets of a snapshot.
pub(super) fn seal<T: Serialize>(state: &T, through: u64, at: Moment) -> Result<Vec<u8>, serde_json::Error> {
    let mut octets = serde_json::to_vec(&Header { format: FORMAT, sequence: through, at })?;
    octets.push(b'\n');
    serde_json::to_writer_pretty(&mut octets, state)?;
    octets.push(b'\n');
    let proof = proof(&octets);
    octets.extend_from_slice(proof.as_bytes());
    Ok(octets)
}

/// Checks a snapshot, without a look at the state itself.
pub(super) fn open(octets: &[u8]) -> Snapshot {
    let (sealed, seal) = octets.split_at(octets.len().saturating_sub(proof(b"").len()));
    if seal.is_empty() {
        return Snapshot::Damaged("it is empty");
    }
    if seal != proof(sealed).as_bytes() {
        return Snapshot::Damaged("its checksum is missing or wrong, so it was cut short or changed");
    }
    let header = sealed.iter().position(|octet| *octet == b'\n').unwrap_or_default();
    match serde_json::from_slice::<Format>(&sealed[..header]) {
        Ok(Format { format }) if format > FORMAT => Snapshot::Newer(format),
        Ok(_) => match serde_json::from_slice::<Header>(&sealed[..header]) {
            Ok(Header { sequence, .. }) => {
                Snapshot::Whole(Whole { state: header + 1..sealed.len(), reach: Reach::Through(sequence) })
            }
            Err(_) => Snapshot::Damaged("its first line is not one of ours"),
        },
        Err(_) => match format_1::first_journal(sealed) {
            Some(first) => {
                Snapshot::Whole(Whole { state: 0..sealed.len(), reach: Reach::BeforeJournal(first) })
            }
            None => Snapshot::Damaged("its checksum is right, but it is no saved state"),
        },
    }
}

fn proof(octets: &[u8]) -> String {
    format!("{{\"crc32\":\"{:08x}\"}}\n", crc32fast::hash(octets))
}

/// The two snapshots that are kept.
#[derive(Debug)]
pub(super) struct Snapshots {
    files: Arc<dyn Files>,
    current: Option<Reach>,
    previous: Option<Reach>,
}

impl Snapshots {
    /// With what was found at the start.
    pub(super) fn new(files: Arc<dyn Files>, current: Option<Reach>, previous: Option<Reach>) -> Snapshots {
        Snapshots { files, current, previous }
    }

    /// Makes `state` the current snapshot. Returns how far the older one of the two that are kept then goes: the log up
    /// to there is needed no more.
    ///
    /// # Errors
    /// When the disk is full or fails. Both snapshots are there as before then, or the new one with the one before it.
    pub(super) fn save<T: Serialize>(
        &mut self,
        state: &T,
        through: u64,
        at: Moment,
    ) -> Result<Option<Reach>, StoreError> {
        self.write_new(&seal(state, through, at).map_err(StoreError::Unwritable)?)?;
        let files = Arc::clone(&self.files);
        let replaced = |name| failed("replace", &files.path(name));
        if self.current.is_some() {
            // A kill between the two renames leaves no `state.json`; the previous one and the log say the same.
            self.files.rename(CURRENT, PREVIOUS).map_err(replaced(PREVIOUS))?;
            self.previous = self.current.take();
        }
        self.files.rename(NEW, CURRENT).map_err(replaced(CURRENT))?;
        self.current = Some(Reach::Through(through));
        self.files.sync().map_err(failed("sync", &self.files.path("")))?;
        Ok(self.previous)
    }

    /// The octets are on the disk, beside the current snapshot, when this returns.
    fn write_new(&self, octets: &[u8]) -> Result<(), StoreError> {
        let path = self.files.path(NEW);
        remove_if_there(&*self.files, NEW).map_err(failed("remove", &path))?;
        let mut file = self.files.create(NEW).map_err(failed("create", &path))?;
        let mut pieces = octets.chunks(PIECE_OCTETS);
        let written = pieces.try_for_each(|piece| {
            file.write_all(piece)?;
            file.sync()
        });
        // Half a file helps nothing on a full disk; that it cannot be removed either adds nothing to the error.
        written.inspect_err(|_| drop(self.files.remove(NEW))).map_err(failed("write", &path))
    }
}

fn remove_if_there(files: &dyn Files, name: &str) -> std::io::Result<()> {
    match files.remove(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment::from_millis(1_795_363_451_007);

    #[test]
    fn reads_as_three_json_documents() {
        let sealed = seal(&("fra", 7), 41, AT).expect("plain values");
        let text = String::from_utf8(sealed.clone()).expect("JSON is UTF-8");
        let (state, seal) = text.split_at(text.len() - proof(b"").len());
        let header = "{\"format\":2,\"sequence\":41,\"at\":\"2026-11-22T16:04:11.007Z\"}\n";
        assert_eq!(state, format!("{header}[\n  \"fra\",\n  7\n]\n"));
        assert_eq!(seal, proof(state.as_bytes()));
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        assert_eq!(documents.filter(Result::is_ok).count(), 3);
        let whole = Whole { state: header.len()..state.len(), reach: Reach::Through(41) };
        assert_eq!(open(&sealed), Snapshot::Whole(whole));
    }

    #[test]
    fn no_cut_and_no_flipped_bit_goes_unnoticed() {
        let sealed = seal(&("fra", vec![1.5, 2.5]), 41, AT).expect("plain values");
        for length in 0..sealed.len() {
            assert!(matches!(open(&sealed[..length]), Snapshot::Damaged(_)), "cut to {length} octets");
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(open(&flipped), Snapshot::Damaged(_)), "bit {bit} flipped");
        }
    }
}
