//! How commands print.

use std::borrow::Cow;
use std::io::Write;

use clap::ValueEnum;

use crate::model::plain;

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    Table,
    /// One JSON document with a versioned schema
    Json,
}

/// Prints text for people to stdout, without anything in it that could repaint a terminal: some of it is what operators
/// and strangers wrote.
pub(super) fn print(text: &str) {
    print_as_it_is(&harmless(text));
}

/// Prints what a program reads, whose format has escapes of its own.
pub(super) fn print_as_it_is(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A reader that has gone away (`| head`) is not a failure.
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// The same for a complaint on stderr.
pub(super) fn complain(text: &str) {
    eprintln!("{}", harmless(text));
}

/// Lines and columns are ours.
fn harmless(text: &str) -> Cow<'_, str> {
    plain(text, |character| matches!(character, '\n' | '\t'))
}
