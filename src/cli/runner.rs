//! `cadence-dns run-programs`: the process that runs programs for a daemon, which starts it and sits at its stdin.

use super::failure::Failure;
use super::runtime::runtime;
use crate::programs;

/// Until the daemon is gone.
pub(super) fn run() -> Result<(), Failure> {
    let served = runtime()?.block_on(programs::serve());
    served.map_err(|error| Failure::Failed(format!("stdin is no socket of a daemon: {error}")))
}
