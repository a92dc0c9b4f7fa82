//! What every parser of a table needs beside the table.

use std::path::{Path, PathBuf};

use crate::config::diagnostics::Diagnostics;
use crate::config::read::At;

/// Where the file lies, on what machine, and where its mistakes are collected.
#[derive(Clone, Copy)]
pub(in crate::config) struct Context<'a> {
    /// The folder that relative paths start from.
    pub(in crate::config) base: &'a Path,
    /// How many UDP workers there are when the file does not say.
    pub(in crate::config) cores: usize,
    /// Every mistake found so far.
    pub(in crate::config) diagnostics: &'a Diagnostics<'a>,
}

impl Context<'_> {
    /// The path that `key` names; a relative one starts at the configuration file's folder.
    pub(super) fn path(&self, key: &str, text: &At<String>) -> Option<PathBuf> {
        if text.value.is_empty() || text.value.contains('\0') {
            let found = format!("`{key}` is not a path");
            let help = "an absolute path, or one relative to the folder of this file";
            self.diagnostics.error(&text.place, found, help);
            return None;
        }
        Some(self.base.join(&text.value))
    }

    /// The path that `key` names, or `default` when the file has none.
    pub(super) fn path_or(&self, key: &str, text: Option<&At<String>>, default: &str) -> Option<PathBuf> {
        text.map_or(Some(default.into()), |text| self.path(key, text))
    }
}
