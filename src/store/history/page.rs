//! A page of the history: from the end backwards, so that what is old costs nothing.

use std::path::Path;

use super::ledger::{first_of, names, refused};
use super::reader::{Recorded, recorded};
use crate::api::{HISTORY_PAGE_MAX, HistoryPage, HistoryQuestion, NumberedEntry};
use crate::store::error::StoreError;
use crate::store::files::{Files, Folder};

/// Entries that are looked at for one page: where few are about what is asked for, a page may be short, and the next one
/// goes on from there.
const LOOKED_AT_MAX: usize = 5_000;

/// Reads the newest entries that are asked for, beside the daemon that writes them or without any. Lines that are no entry
/// are passed over: to find them is for [`verify`](super::verify()).
///
/// # Errors
/// When a file cannot be read, or is not ours.
pub fn history_page(folder: &Path, question: &HistoryQuestion) -> Result<HistoryPage, StoreError> {
    let files = Folder::new(folder);
    let mut page = Page::new(question);
    for name in names(&files)?.into_iter().rev() {
        if page.is_before(first_of(&name).unwrap_or_default()) {
            continue;
        }
        // A file that is removed meanwhile was the oldest.
        let Some(octets) = files.read(&name).map_err(refused(&files, &name))? else { break };
        for line in octets.split(|octet| *octet == b'\n').rev() {
            if let Some(found) = recorded(line)
                && page.take(found) == Wanted::NoMore
            {
                return Ok(page.finish());
            }
        }
    }
    page.older = None; // there is nothing older
    Ok(page.finish())
}

#[derive(PartialEq, Eq)]
enum Wanted {
    More,
    NoMore,
}

struct Page<'q> {
    question: &'q HistoryQuestion,
    limit: usize,
    entries: Vec<NumberedEntry>,
    looked_at: usize,
    older: Option<u64>,
}

impl Page<'_> {
    fn new(question: &HistoryQuestion) -> Page<'_> {
        let limit = question.limit.clamp(1, HISTORY_PAGE_MAX);
        Page { question, limit, entries: Vec::new(), looked_at: 0, older: None }
    }

    /// Whether a file that begins with this number has nothing for the page.
    fn is_before(&self, first: u64) -> bool {
        self.question.before.is_some_and(|before| first >= before)
    }

    fn take(&mut self, Recorded { number, entry, .. }: Recorded) -> Wanted {
        if self.question.before.is_some_and(|before| number >= before) {
            return Wanted::More;
        }
        if self.question.since.is_some_and(|since| entry.time < since) {
            self.older = None;
            return Wanted::NoMore;
        }
        self.looked_at += 1;
        self.older = Some(number);
        if self.question.is_about(&entry) {
            self.entries.push(NumberedEntry { number, entry });
        }
        if self.entries.len() < self.limit && self.looked_at < LOOKED_AT_MAX {
            Wanted::More
        } else {
            Wanted::NoMore
        }
    }

    fn finish(self) -> HistoryPage {
        HistoryPage::new(self.entries, self.older)
    }
}
