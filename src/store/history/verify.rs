//! Whether anybody has changed the history.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::ledger::{first_of, names, refused};
use super::line::{Hash, Head, Link, decode};
use crate::store::error::StoreError;
use crate::store::files::{Files, Folder};

/// A history of which not an octet was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many files there are.
    pub files: usize,
    /// The number of the first entry that is kept; those before it went with their files. 0 in an empty history.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// Its hash, which all others follow from.
    pub hash: String,
    /// Whether the entry that was asked for has the hash that was given; none if nothing was asked for.
    pub has_noted: Option<bool>,
}

/// Why the history cannot be vouched for.
#[derive(Debug)]
pub enum VerifyError {
    /// A line breaks the chain.
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A file cannot be read.
    Unreadable(StoreError),
}

/// Follows the chain from its first line to its last. `noted` is a number and a hash that somebody has noted elsewhere
/// earlier: who can rewrite all files can make the chain whole again, but not with a hash that he cannot reach.
///
/// # Errors
/// The first line that breaks the chain.
pub fn verify(folder: &Path, noted: Option<(u64, &str)>) -> Result<Verified, VerifyError> {
    let files = Folder::new(folder);
    let mut chain = Chain { noted, has_noted: noted.map(|_| false), first: 0, head: None };
    let mut count = 0;
    for name in names(&files).map_err(VerifyError::Unreadable)? {
        let read =
            files.read(&name).map_err(|error| VerifyError::Unreadable(refused(&files, &name)(error)))?;
        let Some(octets) = read else { continue }; // the oldest, removed by the daemon meanwhile
        count += 1;
        chain.file(&name, &octets).map_err(|(line, why)| VerifyError::Broken {
            path: files.path(&name),
            line,
            why,
        })?;
    }
    let Chain { has_noted, first, head, .. } = chain;
    let head = head.unwrap_or_default();
    Ok(Verified { files: count, first, last: head.number, hash: head.hash.to_string(), has_noted })
}

/// The chain as far as it was followed.
struct Chain<'n> {
    noted: Option<(u64, &'n str)>,
    has_noted: Option<bool>,
    first: u64,
    head: Option<Head>,
}

impl Chain<'_> {
    fn file(&mut self, name: &str, octets: &[u8]) -> Result<(), (usize, String)> {
        let expected = first_of(name).unwrap_or_default();
        for (number, line) in octets.split_inclusive(|octet| *octet == b'\n').enumerate() {
            let broken = |why: String| (number + 1, why);
            let line = line.strip_suffix(b"\n").ok_or_else(|| {
                let why =
                    "it has no end: a power cut, which the next start of the daemon sets right, or a change";
                broken(why.to_owned())
            })?;
            let link = decode(line).map_err(|fault| broken(fault.to_string()))?;
            if number == 0 && link.head.number != expected {
                let found = link.head.number;
                return Err(broken(format!("entry {found} stands where the file's name says {expected}")));
            }
            self.follow(link).map_err(broken)?;
        }
        Ok(())
    }

    fn follow(&mut self, Link { head, previous }: Link) -> Result<(), String> {
        match self.head {
            Some(before) if head.number != before.number + 1 => {
                return Err(format!("entry {} follows entry {}", head.number, before.number));
            }
            Some(before) if previous != before.hash => {
                return Err(format!(
                    "entry {} is chained to another entry {} than the one before it",
                    head.number, before.number
                ));
            }
            None if head.number == 1 && previous != Hash::default() => {
                return Err("entry 1 is chained to an entry before it".to_owned());
            }
            Some(_) => {}
            None => self.first = head.number,
        }
        if let Some((number, hash)) = self.noted
            && number == head.number
        {
            self.has_noted = Some(hash == head.hash.to_string());
        }
        self.head = Some(head);
        Ok(())
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Broken { path, line, why } => write!(f, "{}:{line}: {why}", path.display()),
            VerifyError::Unreadable(error) => write!(f, "{error}"),
        }
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            VerifyError::Broken { .. } => None,
            VerifyError::Unreadable(error) => Some(error),
        }
    }
}
