//! The log: one line for each event, on stderr, without ever waiting for the reader of stderr.
//!
//! ```text
//! any thread ─event─▶ formatted ─▶ one line ─▶ queue (bounded) ─▶ thread "log" ─▶ stderr
//!                                                └─full: dropped and counted, told once there is room again
//! ```
//!
//! Threads that log hold a lock only as long as it takes to append a line to the queue. Panics are logged by the same
//! way: the standard library would write them to stderr itself, and a stuck reader would keep the thread from ending.

mod line;
mod queue;

use std::any::Any;
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tracing::{error, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use queue::{LineWriter, Queue};

pub use queue::LogMonitor;

/// The environment variable that sets the level, such as `debug` or `cadence_dns=debug`.
pub const LEVEL_VARIABLE: &str = "CADENCE_DNS_LOG";

/// How long the end of the program waits until the last lines are written. A reader that is stuck delays it no longer.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// The log at work. Dropping it writes what is queued, and takes at most a second.
#[must_use = "the last lines are written when this is dropped"]
pub struct Log {
    queue: Queue,
}

/// Starts the log. Without [`LEVEL_VARIABLE`] it tells changes and problems, nothing else.
///
/// A second start in the same process (the demo, tests) changes nothing: events go on to the first log.
///
/// # Errors
/// When the variable holds no level, or the system gives no thread.
pub fn start_log() -> Result<Log, String> {
    let wanted = std::env::var(LEVEL_VARIABLE).unwrap_or_default();
    let level = if wanted.is_empty() { "warn,cadence_dns=info" } else { wanted.as_str() };
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("{LEVEL_VARIABLE}={wanted}: {error}; `info` or `debug` would be right"))?;
    let is_terminal = io::stderr().is_terminal();
    let queue = Queue::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(QueuedLines { queue: queue.clone(), is_terminal })
        .with_ansi(is_terminal)
        .with_target(false)
        .finish();
    queue
        .start_writer(io::stderr(), tell_dropped)
        .map_err(|error| format!("no thread for the log: {error}"))?;
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(log_panic));
        let _ = MONITOR.set(queue.monitor()); // it was empty: the first log is the only one to come here
    }
    Ok(Log { queue })
}

/// The log of this process, as `tracing` has one subscriber for a process.
static MONITOR: OnceLock<LogMonitor> = OnceLock::new();

/// Watches the log of this process, for status and the watchdog; none before [`start_log`].
#[must_use]
pub fn monitor() -> Option<LogMonitor> {
    MONITOR.get().cloned()
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.flush(FLUSH_MAX);
    }
}

/// Makes the writer of one event.
struct QueuedLines {
    queue: Queue,
    /// The formatter colours lines for terminals, so its escape characters must pass; those in texts it has escaped.
    is_terminal: bool,
}

impl<'w> MakeWriter<'w> for QueuedLines {
    type Writer = LineWriter<'w>;

    fn make_writer(&'w self) -> LineWriter<'w> {
        LineWriter::new(&self.queue, self.is_terminal)
    }
}

/// By the same way as all events, so that it has their form.
fn tell_dropped(dropped: u64) {
    warn!(
        event = "log.dropped",
        dropped, "{dropped} log lines were dropped: the reader of stderr did not keep up"
    );
}

/// Logs a panic with its place instead of writing it to stderr.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(event = "panic", thread, place, "{}", panic_text(panic.payload()));
}

/// What a panic said. Panics carry a text, unless code throws something else on purpose.
#[must_use]
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text")
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, resume_unwind};

    use super::*;

    fn text_of(panic: impl FnOnce() + std::panic::UnwindSafe) -> String {
        panic_text(&*catch_unwind(panic).expect_err("it panics")).to_owned()
    }

    #[test]
    fn a_panic_has_a_text_whatever_was_thrown() {
        assert_eq!(text_of(|| resume_unwind(Box::new("fixed"))), "fixed");
        assert_eq!(text_of(|| resume_unwind(Box::new(format!("made of {}", 2)))), "made of 2");
        assert_eq!(text_of(|| resume_unwind(Box::new(7_u8))), "a panic without a text");
    }
}
