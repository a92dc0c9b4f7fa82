//! Every mistake in the file, collected with its place and shown in file order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::model::{Place, Problem, Severity};

/// What has been found wrong so far. Shared by all who read, hence the cell.
pub(super) struct Diagnostics<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line begins, in octets.
    lines: Vec<usize>,
    /// Lines that are no TOML, from 1: what was made of them is a guess.
    broken: RefCell<BTreeSet<u32>>,
    /// Lines that no message shows, from 1: they hold a password or a token.
    concealed: RefCell<BTreeSet<u32>>,
    problems: RefCell<Vec<Problem>>,
    failed: Cell<bool>,
}

impl<'t> Diagnostics<'t> {
    /// About one file.
    pub(super) fn new(file: &str, text: &'t str) -> Diagnostics<'t> {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Diagnostics {
            file: file.into(),
            text,
            lines: std::iter::once(0).chain(ends).collect(),
            broken: RefCell::default(),
            concealed: RefCell::default(),
            problems: RefCell::default(),
            failed: Cell::new(false),
        }
    }

    /// The place of an octet of the text.
    pub(super) fn place(&self, offset: usize) -> Place {
        let index = self.lines.partition_point(|start| *start <= offset) - 1;
        let before = self.text.get(self.lines[index]..offset).unwrap_or_default();
        let columns = before.trim_start_matches(BYTE_ORDER_MARK).chars().count();
        Place { file: Arc::clone(&self.file), line: counted(index + 1), column: counted(columns + 1) }
    }

    /// A line that is no TOML; only its first mistake, for the others mostly follow from it.
    pub(super) fn syntax(&self, place: Place, found: &str, help: &str) {
        if self.broken.borrow_mut().insert(place.line) {
            self.push(Problem::error(Some(place), found, help));
        }
    }

    /// A value that is wrong in itself.
    pub(super) fn error(&self, place: &Place, found: impl Into<String>, help: impl Into<String>) {
        if !self.broken.borrow().contains(&place.line) {
            self.push(Problem::error(Some(place.clone()), found, help));
        }
    }

    /// Something is missing, or in the wrong table. Not reported for a file with lines that are not TOML: it may be
    /// there, on one of them.
    pub(super) fn absence(&self, place: &Place, found: impl Into<String>, help: impl Into<String>) {
        if self.broken.borrow().is_empty() {
            self.push(Problem::error(Some(place.clone()), found, help));
        }
    }

    /// Something that may be meant, and will hurt one day.
    pub(super) fn warning(&self, place: &Place, found: impl Into<String>, help: impl Into<String>) {
        if self.broken.borrow().is_empty() {
            self.push(Problem::warning(Some(place.clone()), found, help));
        }
    }

    /// Keeps lines of the file out of every message, whatever is wrong in them.
    pub(super) fn conceal(&self, lines: RangeInclusive<u32>) {
        self.concealed.borrow_mut().extend(lines);
    }

    fn push(&self, problem: Problem) {
        self.failed.set(self.failed.get() || problem.severity == Severity::Error);
        self.problems.borrow_mut().push(problem);
    }

    /// Whether anything is worse than a warning.
    pub(super) fn has_errors(&self) -> bool {
        self.failed.get()
    }

    /// All that was found, in file order, each with its line.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.take();
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        for problem in &mut problems {
            let ours = problem.place.as_ref().filter(|place| place.file == self.file);
            let line = ours.map(|place| place.line);
            let shown = line.filter(|line| !self.concealed.borrow().contains(line));
            problem.source_line = shown.and_then(|line| self.line(line));
        }
        problems
    }

    fn line(&self, number: u32) -> Option<String> {
        let start = *self.lines.get(number as usize - 1)?;
        let line = self.text.get(start..)?.lines().next()?;
        Some(line.trim_start_matches(BYTE_ORDER_MARK).to_owned())
    }
}

/// Editors neither show nor count it.
const BYTE_ORDER_MARK: char = '\u{feff}';

fn counted(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The longest part of the operator's own text that a message repeats, in characters.
const QUOTED_CHARACTERS: usize = 80;

/// The operator's own text within a message: control characters escaped, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
