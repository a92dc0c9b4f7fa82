//! How commands print.

use std::io::Write;

use clap::ValueEnum;

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    Table,
    /// One JSON document with a versioned schema
    Json,
}

/// Prints to stdout; a reader that has gone away (`| head`) is not a failure.
pub(super) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}
