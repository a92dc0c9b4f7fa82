//! A program of a gate, a hook or a receiver, and in words how it ended.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;

use crate::model::plain;
use crate::programs::{Ended, Extra, How, Programs};

/// How long after the end of its time a program's end is waited for: whoever runs programs may stand still.
const GRACE: Duration = Duration::from_secs(2);

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// What it said, fit to be shown.
    pub output: String,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// In any other way, in words.
    Broken(String),
}

impl End {
    /// Whether all is well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == End::Code(0)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Code(code) => write!(f, "it ended with {code}"),
            End::Broken(how) => f.write_str(how),
        }
    }
}

/// Runs a program in an environment of its own, which has these variables, too.
pub async fn run_program(
    programs: &Programs,
    number: usize,
    environment: Vec<(String, String)>,
    limit: Duration,
) -> Ran {
    run_program_with_input(programs, number, Extra { environment, input: String::new() }, limit).await
}

/// The same with something to read from stdin.
pub async fn run_program_with_input(
    programs: &Programs,
    number: usize,
    extra: Extra,
    limit: Duration,
) -> Ran {
    let late = || format!("it had not ended after {} s", limit.as_secs_f64());
    let Ok(Ended { how, output }) = timeout(limit + GRACE, programs.run_with(number, extra, limit)).await
    else {
        return Ran { end: End::Broken(late()), output: String::new() };
    };
    let end = match how {
        How::Exited(code) => End::Code(code),
        How::Killed(signal) => End::Broken(format!("it was ended by signal {signal}")),
        How::OutOfTime => End::Broken(late()),
        How::NotStarted(why) => End::Broken(why),
    };
    let shown = plain(output.trim(), |character| character == '\n' || character == '\t');
    Ran { end, output: shown.into_owned() }
}
