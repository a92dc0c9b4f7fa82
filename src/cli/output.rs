//! How commands print.

use std::borrow::Cow;
use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::model::plain;

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    Table,
    /// One JSON document with a versioned schema
    Json,
}

/// Whether anybody reads what is printed: what goes on for ever ends when nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    There,
    Gone,
}

/// Prints text for people to stdout, without anything in it that could repaint a terminal: some of it is what operators
/// and strangers wrote.
pub(super) fn print(text: &str) {
    print_as_it_is(&harmless(text));
}

/// Prints what a program reads, whose format has escapes of its own.
pub(super) fn print_as_it_is(text: &str) {
    put(text); // a reader that has gone away (`| head`) is not a failure
}

/// Prints one JSON document.
pub(super) fn print_document(document: &impl Serialize) {
    let text = serde_json::to_string_pretty(document).expect("it is plain data");
    print_as_it_is(&format!("{text}\n"));
}

/// Prints text that is harmless, and tells whether anybody read it.
pub(super) fn put(text: &str) -> Readers {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Readers::There,
        Err(_) => Readers::Gone,
    }
}

/// The same for a complaint on stderr.
pub(super) fn complain(text: &str) {
    eprintln!("{}", harmless(text));
}

/// Lines and columns are ours.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    plain(text, |character| matches!(character, '\n' | '\t'))
}
