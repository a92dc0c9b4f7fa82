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

mod near;
mod parse;
mod read;
mod report;
mod settings;
mod spec;
mod syntax;
#[cfg(test)]
mod tests;
mod whereabouts;

use std::path::Path;

use crate::model::Problem;
use report::Report;
use spec::Spec;

pub use settings::{
    BodyRule, Config, ControlSettings, CookieSettings, DnsSettings, Expect, Fresh, HttpProbe, HttpsSettings,
    NodeSettings, Probe, ProbeKind, RateLimitSettings, TcpSettings, TlsSettings, XdpSettings, ZoneSettings,
};

pub use whereabouts::Whereabouts;

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
    let report = Report::new(file, text);
    let spec = Spec::of(syntax::tree(text, &report), &report);
    let config = parse::config(spec, base, cores, &report);
    match config {
        Some(config) if !report.has_errors() => Ok(Parsed { config, warnings: report.into_problems() }),
        Some(_) | None => Err(report.into_problems()),
    }
}
