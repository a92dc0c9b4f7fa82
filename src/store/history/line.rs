//! One line of the history.
//!
//! ```text
//! {"number":17,"previous":"9f86…","time":"2026-11-29T03:12:07.120Z","kind":"decision.changed",…,"hash":"60a3…"}
//! ```
//!
//! `hash` is the SHA-256 of the line's octets before `,"hash":`; `previous` is the `hash` of the line before, and zeroes
//! in entry 1.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::controller::HistoryEntry;

/// Octets of a hash.
const HASH_OCTETS: usize = 32;

/// What stands before the hash at the end, and after it.
const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const AFTER_HASH: &[u8] = b"\"}";

/// The end of every line.
const END_OCTETS: usize = BEFORE_HASH.len() + 2 * HASH_OCTETS + AFTER_HASH.len();

/// The hash of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hash([u8; HASH_OCTETS]);

/// What the next line is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// The number of the last entry; 0 before the first.
    pub(super) number: u64,
    /// Its hash.
    pub(super) hash: Hash,
}

/// A whole line, as far as the chain is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) head: Head,
    pub(super) previous: Hash,
}

/// Why something is no whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not end as every line does.
    NoHash,
    /// Its hash is that of another text.
    WrongHash,
    /// Its hash is right, but it is none of ours.
    NotOurs(String),
}

#[derive(Serialize)]
struct Written<'e> {
    number: u64,
    previous: String,
    #[serde(flatten)]
    entry: &'e HistoryEntry,
}

#[derive(Deserialize)]
struct Beginning {
    number: u64,
    previous: String,
}

/// Appends the line of the entry that comes after `head`, with its line feed; returns the new head.
pub(super) fn encode(out: &mut Vec<u8>, head: Head, entry: &HistoryEntry) -> Result<Head, serde_json::Error> {
    let written = Written { number: head.number + 1, previous: head.hash.to_string(), entry };
    let mut line = serde_json::to_vec(&written)?;
    line.pop(); // the brace that comes after the hash
    let hash = Hash::of(&line);
    out.extend_from_slice(&line);
    out.extend_from_slice(BEFORE_HASH);
    out.extend_from_slice(hash.to_string().as_bytes());
    out.extend_from_slice(AFTER_HASH);
    out.push(b'\n');
    Ok(Head { number: written.number, hash })
}

/// Reads a line without its line feed.
pub(super) fn decode(line: &[u8]) -> Result<Link, Fault> {
    let (text, end) = line.split_at_checked(line.len().saturating_sub(END_OCTETS)).ok_or(Fault::NoHash)?;
    let end = end.strip_prefix(BEFORE_HASH).and_then(|end| end.strip_suffix(AFTER_HASH));
    let hash = end.and_then(Hash::from_hex).ok_or(Fault::NoHash)?;
    if Hash::of(text) != hash {
        return Err(Fault::WrongHash);
    }
    let Beginning { number, previous } =
        serde_json::from_slice(line).map_err(|error| Fault::NotOurs(error.to_string()))?;
    let previous = Hash::from_hex(previous.as_bytes())
        .ok_or_else(|| Fault::NotOurs("`previous` is no hash".to_owned()))?;
    Ok(Link { head: Head { number, hash }, previous })
}

impl Hash {
    fn of(octets: &[u8]) -> Hash {
        let mut hash = Hash::default();
        hash.0.copy_from_slice(digest(&SHA256, octets).as_ref());
        hash
    }

    /// From lower-case digits: any other would be another line with the same meaning.
    pub(super) fn from_hex(digits: &[u8]) -> Option<Hash> {
        Some(Hash(HEXLOWER.decode(digits).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoHash => f.write_str("it does not end with a hash: it was cut off or changed"),
            Fault::WrongHash => f.write_str("its hash is that of another text: it was changed"),
            Fault::NotOurs(why) => write!(f, "its hash is right, but it is no entry: {why}"),
        }
    }
}
