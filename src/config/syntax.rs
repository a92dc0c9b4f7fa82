//! Text becomes the tree of TOML, or what of it can be made out beside the mistakes.

use toml::de::{DeTable, Error};

use super::diagnostics::Diagnostics;

/// The tree, with the place of every key and value; lines that are no TOML are reported.
pub(super) fn tree<'t>(text: &'t str, diagnostics: &Diagnostics<'_>) -> DeTable<'t> {
    let (tree, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    for error in errors {
        let span = error.span().unwrap_or_default();
        let (found, help) = explained(&error, text.get(span.clone()).unwrap_or_default());
        diagnostics.syntax(diagnostics.place(span.start), &found, &help);
    }
    tree.into_inner()
}

/// The parser's words about a piece of the text, and what would be right in ours.
fn explained(error: &Error, piece: &str) -> (String, String) {
    let message = error.message();
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    match found {
        "string values must be quoted" | "invalid literal string" if piece.is_empty() => {
            ("a key without a value".into(), "write the value after `=`".into())
        }
        "invalid float" | "invalid integer" | "string values must be quoted" => {
            ("neither a number nor a string in quotes".into(), "put it in double quotes, as in \"5s\"".into())
        }
        "invalid unquoted key" => {
            (found.into(), "a key has letters, digits, - and _, and after it comes `=`".into())
        }
        "duplicate key" => (found.into(), "a key, or a table, is written once: remove one of the two".into()),
        _ if matches!(expected, "" | "nothing") => (found.into(), "correct it, or remove it".into()),
        _ => (found.into(), format!("expected {expected}")),
    }
}
