//! What an operator should look at, with what helps.

use super::prose::Prose;
use crate::api::Warning;

/// A warning or a note.
pub(super) struct Advice {
    pub(super) text: String,
    pub(super) help: Prose,
}

impl Advice {
    pub(super) fn of(warning: &Warning) -> Advice {
        Advice { text: warning.text.clone(), help: Prose::new(&warning.help) }
    }
}
