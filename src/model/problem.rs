//! What is wrong with a text that an operator wrote, where, and what would be right.

use std::fmt;
use std::sync::Arc;

/// A place in a file, as editors count: both from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was named to us.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing that contains it is used.
    Error,
    /// It is used, and will hurt one day.
    Warning,
}

/// One mistake: what was found, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops us.
    pub severity: Severity,
    /// Where; none when it is about no single place in a file.
    pub place: Option<Place>,
    /// What was found and why it is wrong, in a sentence without a full stop.
    pub found: String,
    /// What would be right.
    pub help: String,
    /// The line of the file, to be shown with a mark under the place.
    pub source_line: Option<String>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(place: Option<Place>, found: impl Into<String>, help: impl Into<String>) -> Problem {
        let (found, help) = (found.into(), help.into());
        Problem { severity: Severity::Error, place, found, help, source_line: None }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(place: Option<Place>, found: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(place, found, help) }
    }

    /// With the line shown, taken from the whole text of the file.
    #[must_use]
    pub fn with_source(mut self, text: &str) -> Problem {
        let index = self.place.as_ref().map(|place| place.line as usize - 1);
        self.source_line = index.and_then(|index| text.lines().nth(index)).map(str::to_owned);
        self
    }
}

/// Whether any of the problems is more than a warning.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The longest part of a source line that is shown.
const SHOWN_CHARACTERS: usize = 120;

/// As compilers do it, so that editors can jump to the place.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.found)?;
        if let (Some(place), Some(line)) = (&self.place, &self.source_line) {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let shown: String = line.chars().take(SHOWN_CHARACTERS).map(printable).collect();
            let mark = " ".repeat((place.column as usize - 1).min(SHOWN_CHARACTERS));
            write!(f, "\n {number} | {shown}\n {margin} | {mark}^")?;
        }
        if !self.help.is_empty() {
            write!(f, "\n   help: {}", self.help)?;
        }
        Ok(())
    }
}

/// A tab would shift the mark, and a control character could repaint the operator's terminal.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_place_line_and_help() {
        let place = Place { file: "a.toml".into(), line: 2, column: 8 };
        let problem = Problem::error(Some(place), "fall = 1", "at least 2").with_source("[x]\nfall =\t1\n");
        assert_eq!(
            problem.to_string(),
            "a.toml:2:8: error: fall = 1\n 2 | fall = 1\n   |        ^\n   help: at least 2"
        );
    }
}
