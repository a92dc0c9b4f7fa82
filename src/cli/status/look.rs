//! How a status is looked at, and what its tables have in common.

use std::collections::BTreeSet;
use std::fmt::Display;

use comfy_table::Table;

use super::changes::Subject;
use crate::model::Moment;

/// What begins the row of a subject that has just changed.
pub(super) const MARK: &str = "* ";

/// How a status is looked at.
pub(super) struct Look<'m> {
    /// What ages are measured against.
    pub(super) now: Moment,
    /// The terminal's width, if it is one.
    pub(super) width: Option<u16>,
    /// What has just changed.
    pub(super) marked: &'m BTreeSet<Subject>,
}

impl Look<'_> {
    pub(super) fn marked(&self, subject: &Subject, text: impl Display) -> String {
        if self.marked.contains(subject) { format!("{MARK}{text}") } else { text.to_string() }
    }
}

/// A table as text; nothing of an empty one.
pub(super) fn finish(table: &Table, empty: bool) -> String {
    if empty { String::new() } else { format!("{}\n", table.trim_fmt()) }
}
