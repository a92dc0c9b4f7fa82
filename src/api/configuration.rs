//! Which configuration holds, and what became of the last attempt at another one.

use serde::{Deserialize, Serialize};

use super::warning::Warning;
use crate::model::Moment;

/// As many mistakes are shown; the log has all of them.
const MISTAKES_MAX: usize = 20;

/// Which configuration holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationStatus {
    /// Its file.
    pub file: String,
    /// What tells it, and the zones with it, from any other.
    pub hash: String,
    /// Since when it holds.
    pub since: Moment,
    /// The last attempt at another one; none since the start.
    #[serde(default)]
    pub last_reload: Option<ReloadStatus>,
}

/// An attempt at another configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadStatus {
    /// When it ended.
    pub at: Moment,
    /// Whether the other configuration holds since then.
    pub successful: bool,
    /// Who wanted it.
    pub by: String,
    /// What was changed, or why nothing was, in a line.
    pub text: String,
    /// Every mistake with its place, where that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<String>,
}

impl ReloadStatus {
    /// One that failed, with its first mistakes.
    #[must_use]
    pub fn failed(at: Moment, by: &str, text: String, mistakes: Vec<String>) -> ReloadStatus {
        let mistakes = mistakes.into_iter().take(MISTAKES_MAX).collect();
        ReloadStatus { at, successful: false, by: by.to_owned(), text, mistakes }
    }
}

impl ConfigurationStatus {
    /// What an operator should look at, if the last attempt failed.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let failed = self.last_reload.as_ref().filter(|last| !last.successful)?;
        Some(Warning {
            text: format!(
                "the last reload failed at {}, the configuration before stays: {}",
                failed.at, failed.text
            ),
            help: "mend that, then `cadence-dns reload`; `cadence-dns check` shows every mistake".into(),
        })
    }
}
