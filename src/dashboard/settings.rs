//! The configuration that is in effect, without secrets.

use askama::Template;

use super::frame::{Frame, Place, Sight, finished};
use crate::api::{Configured, ConfiguredTable};

/// The tables that are shown: thousands of names have one each.
const TABLES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings<'s> {
    frame: Frame,
    tables: &'s [ConfiguredTable],
    more: usize,
}

/// The configuration that is in effect.
#[must_use]
pub fn settings(sight: &Sight<'_>, configured: &Configured) -> String {
    let shown = configured.tables.len().min(TABLES_MAX);
    finished(&Settings {
        frame: sight.frame("Configuration", Place::Settings),
        tables: &configured.tables[..shown],
        more: configured.tables.len() - shown,
    })
}
