//! The TOML file becomes a [`Config`], or every mistake in it with its place.
//!
//! A `Config` builds the parameters of the core and holds the settings of the shells: after it nobody checks
//! again.
//!
//! ```text
//! text ─toml─▶ tree ─read─▶ spec (the file word for word) ─parse─▶ Config and warnings
//!                └────────────┴───────────┬──────────────────┴──▶ every Problem, in file order
//!                                      report
//! ```

mod settings;

use std::path::Path;

use crate::model::Problem;

pub use settings::{
    BodyRule, Config, ControlSettings, DnsSettings, Expect, Fresh, HttpProbe, NodeSettings, Probe, ProbeKind,
    ZoneSettings,
};

/// A configuration that may be used, and what is doubtful about it.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it says.
    pub config: Config,
    /// Warnings, in file order; never errors.
    pub warnings: Vec<Problem>,
}

/// Reads and judges the text of a configuration file. Reads no other file.
///
/// `file` is its name in messages, `base` the folder that relative paths in it start from (the file's own), and
/// `cores` the number of UDP workers when the file does not say.
///
/// # Errors
/// Every mistake found, warnings among them, in file order, when at least one of them is an error.
pub fn parse(file: &str, text: &str, base: &Path, cores: usize) -> Result<Parsed, Vec<Problem>> {
    let _ = (file, text, base, cores);
    unimplemented!("the configuration reader")
}
