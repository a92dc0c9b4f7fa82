//! The configuration as an operator writes it, and what they are told.

mod anything;
mod meaning;
mod mistakes;
mod secrets;

use std::path::Path;

use super::{Parsed, parse};
use crate::model::Problem;

/// The file of the project's contract with its users.
const CONTRACT: &str = include_str!("../../tests/config/contract.toml");

/// Every key, none at its default.
const COMPLETE: &str = include_str!("../../tests/config/complete.toml");

/// As on a machine with four cores, from a file in `/etc/cadence-dns`.
fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    parse("test.toml", text, Path::new("/etc/cadence-dns"), 4)
}

/// What must be right.
fn good(text: &str) -> Parsed {
    read(text).unwrap_or_else(|problems| panic!("{text}\n{}", shown(&problems, 0)))
}

/// A line for each problem, their places counted from line `after` on.
fn shown(problems: &[Problem], after: u32) -> String {
    let line = |problem: &Problem| {
        let place = problem.place.as_ref().expect("every mistake has a place");
        let severity = match problem.severity {
            crate::model::Severity::Error => "",
            crate::model::Severity::Warning => "warning: ",
        };
        let line = i64::from(place.line) - i64::from(after);
        format!("{line}:{}: {severity}{}; {}", place.column, problem.found, problem.help)
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
