//! The history: what was decided, ordered and refused, the newest first.

use askama::Template;

use super::frame::{Frame, Place, Sight, finished};
use super::when::At;
use crate::api::{HistoryPage, HistoryQuestion, NumberedEntry};
use crate::model::RegionId;

#[derive(Template)]
#[template(path = "history.html")]
struct Page<'s> {
    frame: Frame,
    rows: Vec<Row<'s>>,
    name: String,
    region: String,
    regions: Vec<&'s RegionId>,
    older: Option<u64>,
    is_newest: bool,
}

struct Row<'s> {
    at: At,
    numbered: &'s NumberedEntry,
}

/// A page of the history, and the question that it answers.
#[must_use]
pub fn history<'s>(sight: &Sight<'s>, page: &'s HistoryPage, asked: &HistoryQuestion) -> String {
    let row = |numbered: &'s NumberedEntry| Row { at: At::new(numbered.entry.time, sight.now), numbered };
    finished(&Page {
        frame: sight.frame("History", Place::History),
        rows: page.entries.iter().map(row).collect(),
        name: asked.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        region: asked.region.as_ref().map(ToString::to_string).unwrap_or_default(),
        regions: sight.status.regions.iter().map(|region| &region.region).collect(),
        older: page.older,
        is_newest: asked.before.is_none(),
    })
}
