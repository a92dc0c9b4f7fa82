//! How the parts of the program around the controller do, as plain data that they hand in.

use serde::{Deserialize, Serialize};

use super::warning::Warning;

/// How one part does: a DNS worker, the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStatus {
    /// Its name, such as `dns-0-53` or `log`.
    pub part: String,
    /// Whether it works now.
    pub healthy: bool,
    /// What went wrong with it since the start, as a sentence without a full stop; none if nothing did.
    pub trouble: Option<String>,
    /// What an operator can do about it.
    pub help: Option<String>,
}

impl PartStatus {
    /// A part that works and always did.
    #[must_use]
    pub fn working(part: &str) -> PartStatus {
        PartStatus { part: part.into(), healthy: true, trouble: None, help: None }
    }

    /// The part with its trouble.
    #[must_use]
    pub fn with_trouble(self, trouble: String, help: &str) -> PartStatus {
        PartStatus { trouble: Some(trouble), help: Some(help.into()), ..self }
    }

    /// What an operator should look at, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let text = self.trouble.clone()?;
        Some(Warning { text, help: self.help.clone().unwrap_or_default() })
    }
}
