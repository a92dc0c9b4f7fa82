//! The first format, which only this file knows: `state.json` without a header, and journals without anything but entries.
//!
//! ```text
//! {                                     state.json
//!   "version": "v1", …,
//!   "journal": 11
//! }
//! {"crc32":"cbf43926"}
//!
//! {"region":{"region":"us-east", …}}    journal-11, journal-12, …: one entry on each line
//! ```
//!
//! `journal` is the first journal whose entries are not in the state. Nothing was brought to the disk before an answer.

use serde::Deserialize;
use serde::de::DeserializeOwned;

const PREFIX: &str = "journal-";

#[derive(Deserialize)]
struct State {
    #[serde(rename = "version")]
    _version: String,
    #[serde(default)]
    journal: u64,
}

/// The first journal whose entries are not in a state; `None` when it is no state.
pub(super) fn first_journal(state: &[u8]) -> Option<u64> {
    serde_json::from_slice::<State>(state).ok().map(|state| state.journal)
}

/// The journals among these files from number `first` on, the oldest first.
pub(super) fn journals(files: &[String], first: u64) -> Vec<String> {
    let number = |name: &String| Some((name.strip_prefix(PREFIX)?.parse::<u64>().ok()?, name.clone()));
    let mut journals: Vec<(u64, String)> = files.iter().filter_map(number).collect();
    journals.sort_unstable();
    journals.into_iter().filter(|(number, _)| *number >= first).map(|(_, name)| name).collect()
}

/// The entries of a journal up to a line that cannot be read, and where that line begins.
pub(super) fn entries<E: DeserializeOwned>(journal: &[u8]) -> (Vec<E>, Option<usize>) {
    let (mut entries, mut at) = (Vec::new(), 0);
    for line in journal.split_inclusive(|octet| *octet == b'\n') {
        match serde_json::from_slice(line) {
            Ok(entry) if line.ends_with(b"\n") => entries.push(entry),
            Ok(_) | Err(_) => return (entries, Some(at)),
        }
        at += line.len();
    }
    (entries, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cut_short_ends_its_journal() {
        assert_eq!(entries::<u8>(b"1\n2\n"), (vec![1, 2], None));
        assert_eq!(entries::<u8>(b"1\n2\n3"), (vec![1, 2], Some(4)));
        assert_eq!(entries::<u8>(b"1\n{\"a\n3\n"), (vec![1], Some(2)));
    }

    #[test]
    fn journals_are_in_the_order_of_their_numbers() {
        let files = ["journal-10", "journal-9", "journal-x", "state.json", "journal-2"].map(str::to_owned);
        assert_eq!(journals(&files, 3), ["journal-9", "journal-10"]);
    }
}
