//! What is found wrong while reading and judging, kept small until it is shown.

use std::borrow::Cow;
use std::sync::Arc;

use super::lexer::LexError;
use crate::model::{Place, Problem, Severity};

/// The most errors, and the most warnings, that are shown of one zone: more are not read, and a file that is
/// no zone at all must not fill the memory with messages.
const SHOWN_MAX: usize = 100;

/// The longest part of a source line that a problem carries.
const SOURCE_LINE_MAX_OCTETS: usize = 400;

/// A place in one of the texts: line and column are counted only when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Spot {
    /// Which of the sources, in the order in which they were opened.
    pub(super) source: u16,
    /// The octet in it.
    pub(super) at: u32,
}

/// A text that was read, for showing places in it.
pub(super) struct Source<'t> {
    /// Its name.
    pub(super) file: Arc<str>,
    /// Its octets.
    pub(super) text: Cow<'t, [u8]>,
    /// Whether messages may repeat words and lines of it. Not those of an included file without a single entry of a
    /// zone: it may be a key that `$INCLUDE` names by mistake, or on purpose.
    pub(super) may_be_shown: bool,
}

struct Finding {
    spot: Spot,
    found: String,
    help: String,
}

/// All that was found, up to the number that is shown.
#[derive(Default)]
pub(super) struct Findings {
    errors: Vec<Finding>,
    more_errors: usize,
    warnings: Vec<Finding>,
    more_warnings: usize,
}

impl Findings {
    pub(super) fn error(&mut self, spot: Spot, found: impl Into<String>, help: impl Into<String>) {
        keep(&mut self.errors, &mut self.more_errors, spot, found.into(), help.into());
    }

    pub(super) fn warning(&mut self, spot: Spot, found: impl Into<String>, help: impl Into<String>) {
        keep(&mut self.warnings, &mut self.more_warnings, spot, found.into(), help.into());
    }

    pub(super) fn fault(&mut self, source: u16, fault: LexError) {
        let at = u32::try_from(fault.at).unwrap_or(u32::MAX);
        self.error(Spot { source, at }, fault.found, fault.help);
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Everything in the order of the text, with lines and columns; what was left out is counted at the end.
    pub(super) fn into_problems(self, sources: &[Source<'_>]) -> Vec<Problem> {
        let with = |severity| move |finding: Finding| (severity, finding);
        let mut all: Vec<(Severity, Finding)> = Vec::new();
        all.extend(self.errors.into_iter().map(with(Severity::Error)));
        all.extend(self.warnings.into_iter().map(with(Severity::Warning)));
        all.sort_by_key(|(_, finding)| finding.spot);
        let mut problems: Vec<Problem> =
            all.into_iter().map(|(severity, finding)| problem(severity, finding, sources)).collect();
        let left_out = |count, what: &str| format!("{count} more {what}, which are not shown");
        if self.more_errors > 0 {
            problems.push(Problem::error(None, left_out(self.more_errors, "errors"), ""));
        }
        if self.more_warnings > 0 {
            problems.push(Problem::warning(None, left_out(self.more_warnings, "warnings"), ""));
        }
        problems
    }
}

fn keep(kept: &mut Vec<Finding>, more: &mut usize, spot: Spot, found: String, help: String) {
    if kept.len() < SHOWN_MAX {
        kept.push(Finding { spot, found, help });
    } else {
        *more += 1;
    }
}

fn problem(severity: Severity, finding: Finding, sources: &[Source<'_>]) -> Problem {
    let Finding { spot, found, help } = finding;
    let Some(source) = sources.get(usize::from(spot.source)) else {
        return Problem { severity, place: None, found, help, source_line: None };
    };
    let (place, line) = locate(source, spot.at);
    let place = Some(place);
    if source.may_be_shown {
        return Problem { severity, place, found, help, source_line: Some(line) };
    }
    let help = "no line of this included file is an entry of a zone, so its text is not shown".to_owned();
    Problem { severity, place, found: without_words(&found), help, source_line: None }
}

/// A message without the words of the file in it, which stand between quotes.
fn without_words(found: &str) -> String {
    match (found.find('"'), found.rfind('"')) {
        (Some(first), Some(last)) => format!("{}…{}", &found[..first], &found[last + 1..]),
        (_, _) => found.to_owned(),
    }
}

/// Whether an octet of UTF-8 is the first of a character.
fn starts_character(octet: u8) -> bool {
    octet & 0xc0 != 0x80
}

/// Line and column of an octet, both from 1, and the line itself.
fn locate(source: &Source<'_>, at: u32) -> (Place, String) {
    let at = source.text.len().min(at as usize);
    let (before, after) = source.text.split_at(at);
    let start = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|octet| **octet == b'\n').count();
    let column = 1 + before[start..].iter().filter(|octet| starts_character(**octet)).count();
    let length = after.iter().position(|octet| *octet == b'\n').unwrap_or(after.len());
    let shown = &source.text[start..at + length];
    let shown = &shown[..shown.len().min(SOURCE_LINE_MAX_OCTETS)];
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    let place = Place { file: source.file.clone(), line: number(line), column: number(column) };
    (place, String::from_utf8_lossy(shown.strip_suffix(b"\r").unwrap_or(shown)).into_owned())
}
