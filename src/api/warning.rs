//! What an operator is told beside the figures.

use serde::{Deserialize, Serialize};

/// Something that an operator should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What is the matter.
    pub text: String,
    /// The command or the place that helps.
    pub help: String,
}
