//! The tokio runtime of a command.

use tokio::runtime::{Builder, Runtime};

use super::failure::Failure;

/// One thread: no command has work for more.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}
