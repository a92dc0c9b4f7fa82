//! What the shell that asks at a gate brings back.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What was seen at a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// All is as it should be, in words.
    Fine(String),
    /// It is not.
    Unfit(String),
    /// Nothing: why not.
    Blind(String),
    /// A PostgreSQL server has told its state.
    Database(Database),
}

/// The state of a PostgreSQL server, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// Which data it has: the same on a primary and on all its replicas (`system_identifier`).
    pub system: u64,
    /// It is a replica (`pg_is_in_recovery`).
    pub in_recovery: bool,
    /// How far it has written, or replayed.
    pub position: Lsn,
    /// How long ago the last transaction was committed that it has replayed; zero when it has replayed all that it has
    /// received. None on a primary, and on a replica that has replayed none.
    pub behind: Option<Duration>,
    /// A process of its own receives from the primary.
    pub receives: bool,
}

/// A position in the log of a PostgreSQL server, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lsn(pub u64);

impl Lsn {
    /// From the text of `pg_lsn`, such as `16/B374D848`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Lsn> {
        let (high, low) = text.split_once('/')?;
        let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
        Some(Lsn(u64::from(high) << 32 | u64::from(low)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_and_shown_as_postgresql_does() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(Lsn::parse(text).map(|lsn| lsn.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Lsn::parse("1/0"), Some(Lsn(1 << 32)));
        for text in ["", "1", "/", "x/0", "1/2/3", "100000000/0"] {
            assert_eq!(Lsn::parse(text), None, "{text}");
        }
    }
}
