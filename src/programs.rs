//! Runs programs of the operator: bounded in time and output, and ended with all that they have started.
//!
//! ```text
//! a shell ─run─▶ Programs ─┬─▶ running: here, in this process          (commands, tests)
//!                          └─▶ desk ─number, limit─▶ runner ─▶ running (the daemon)
//! ```
//!
//! The daemon gives up the right to execute anything. What it may still do is ask its *runner*: a process that it
//! started before, with the list of programs, as the same user and as little privileged (no capabilities, no new
//! privileges), but with the files and system calls that programs need. The runner takes numbers of that list and nothing
//! else, so that whoever takes over the daemon can have run what the operator wrote, and no more.

mod desk;
mod runner;
mod running;
mod wire;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use desk::Desk;

pub use runner::serve;

/// As much of what a program writes is kept, in octets; the rest is read and dropped, so that it never waits.
pub const OUTPUT_MAX_OCTETS: usize = 4096;

/// What is executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The absolute path of the program, then its arguments; no shell sees them.
    pub arguments: Vec<String>,
    /// All of its environment, but for `PATH`.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// The same with more in its environment.
    fn with(&self, more: Vec<(String, String)>) -> Program {
        let environment = self.environment.iter().cloned().chain(more).collect();
        Program { arguments: self.arguments.clone(), environment }
    }
}

/// What one run has besides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extra {
    /// More variables of its environment.
    pub environment: Vec<(String, String)>,
    /// What it reads from stdin; nothing, if it is empty.
    pub input: String,
}

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How it ended.
    pub how: How,
    /// What it wrote to stdout and stderr, up to [`OUTPUT_MAX_OCTETS`].
    pub output: String,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal that we did not send.
    Killed(i32),
    /// It was still running when its time was over, and was killed.
    OutOfTime,
    /// It never ran: why.
    NotStarted(String),
}

impl Ended {
    fn not_started(why: impl fmt::Display) -> Ended {
        Ended { how: How::NotStarted(why.to_string()), output: String::new() }
    }
}

/// The programs of one process, and who runs them. Copies share the runner.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    list: Arc<[Program]>,
    desk: Arc<OnceLock<Desk>>,
}

impl Programs {
    /// These, each known by its place in the list.
    #[must_use]
    pub fn new(list: Vec<Program>) -> Programs {
        Programs { list: list.into(), desk: Arc::default() }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Starts the runner, which is `executable` with the argument `run-programs`; from then on it runs everything.
    /// It needs no runtime, and ends when this process does.
    ///
    /// # Errors
    /// When there is no process to be had.
    pub fn start_runner(&self, executable: &OsStr) -> io::Result<()> {
        let desk = Desk::open(executable, &self.list)?;
        self.desk.set(desk).map_err(|_| io::Error::other("there is a runner already"))
    }

    /// Runs one of them for at most `limit`; then it is killed, and all that it has started within its process group.
    ///
    /// The same happens when the future is dropped, or soon after it.
    pub async fn run(&self, number: usize, limit: Duration) -> Ended {
        self.run_with(number, Extra::default(), limit).await
    }

    /// The same, with more variables in its environment, and something to read.
    pub async fn run_with(&self, number: usize, extra: Extra, limit: Duration) -> Ended {
        match (self.desk.get(), self.list.get(number)) {
            (_, None) => Ended::not_started("there is no such program"),
            (Some(desk), Some(_)) => desk.run(number, extra, limit).await,
            (None, Some(program)) => running::run(&program.with(extra.environment), extra.input, limit).await,
        }
    }

    /// Whether there is still somebody who runs them.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.desk.get().is_none_or(Desk::is_open)
    }
}
