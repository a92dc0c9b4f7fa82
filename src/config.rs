//! The TOML file becomes a [`Config`], or every mistake in it with its place.
//!
//! A `Config` builds the parameters of the core and holds the settings of the shells. Its types cannot hold what is
//! wrong, so no room checks a setting again.
//!
//! ```text
//! text ─toml─▶ tree ─read─▶ spec (the file word for word) ─parse─▶ Config and warnings
//!                └────────────┴───────────┬──────────────────┴──▶ every Problem, in file order
//!                                      diagnostics
//! ```

mod changes;
mod cluster;
mod diagnostics;
mod difference;
mod errands;
mod near;
mod notify;
mod parameters;
mod parse;
mod probe_settings;
mod probe_url;
mod read;
mod reference;
mod settings;
mod spec;
mod syntax;
#[cfg(test)]
mod tests;
mod whereabouts;
mod with;

use std::path::Path;

use crate::model::Problem;
use diagnostics::Diagnostics;
use parse::Context;
use spec::Spec;
use with::With;

pub use changes::changes;
pub use cluster::{ClientCertificate, ClusterSettings, EtcdLogin, EtcdSettings};
pub use difference::{fixed, kept};
pub use errands::{
    Ask, Bound, BoundLimit, Deed, GateSettings, HookSettings, PostgresServer, SecretFile, Web,
};
pub use notify::{Destination, Email, ReceiverKind, ReceiverSettings, TemplateText};
pub use probe_settings::{
    BodyRule, DnsProbe, DnsTransport, ExecProbe, Expect, Fresh, GrpcProbe, HttpProbe, HttpVersion, Probe,
    ProbeKind, TrustSettings,
};
pub use probe_url::{ProbeUrl, ProbeUrlError};
pub use reference::{Facts, KeyReference, Kind, TableReference};
pub use settings::{
    ApiSettings, ApiTlsSettings, CheckSettings, Config, ControlSettings, CookieSettings, DnsSettings,
    HistorySettings, HttpsSettings, NodeSettings, RateLimitSettings, RecordSettings, ScenarioSettings,
    Seccomp, TcpSettings, TlsSettings, XdpSettings, ZoneSettings,
};
pub use spec::REFERENCE;
pub use whereabouts::Whereabouts;

/// A configuration that can be used, and warnings about it.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// Its meaning.
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
    parse_with(file, text, base, cores, None)
}

/// The same with settings in the place of those of every probe and every steer: `fall=2,interval=3s`. A `rto` is then no
/// limit.
///
/// # Errors
/// As [`parse()`]; a mistake in `with` has `--with` for its file.
pub fn parse_with(
    file: &str,
    text: &str,
    base: &Path,
    cores: usize,
    with: Option<&str>,
) -> Result<Parsed, Vec<Problem>> {
    let with = with.map(With::read).transpose()?;
    let diagnostics = Diagnostics::new(file, text);
    let mut spec = Spec::of(syntax::tree(text, &diagnostics), &diagnostics);
    if let Some(with) = with {
        with.apply(&mut spec);
    }
    let config = parse::config(spec, Context { base, cores, diagnostics: &diagnostics });
    match config {
        Some(config) if !diagnostics.has_errors() => {
            Ok(Parsed { config, warnings: diagnostics.into_problems() })
        }
        Some(_) | None => {
            let mut problems = diagnostics.into_problems();
            problems.dedup(); // a setting of `with` is the same for every probe
            Err(problems)
        }
    }
}
