//! Names of nodes and regions.

use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;

/// The longest name of a node or region, in characters: it is a column of `status` and a metric label.
const LABEL_CHARACTERS: usize = 64;

/// A name that tables, metric labels and command lines can show. `key` says whose it is, for messages.
pub(super) fn label(key: &str, text: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let found = if text.value.is_empty() {
        "is empty"
    } else if text.value.len() > LABEL_CHARACTERS {
        "is too long"
    } else if text.value.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Some(text.value.clone());
    } else {
        "has characters that tables and command lines cannot show"
    };
    let help = format!("1 to {LABEL_CHARACTERS} printable ASCII characters, no spaces");
    diagnostics.error(&text.place, format!("{key} {} {found}", quoted(&text.value)), help);
    None
}
