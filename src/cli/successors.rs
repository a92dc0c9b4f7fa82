//! `cadence-dns start-successors`: the process that starts the successors of a daemon, which starts it and sits at its stdin.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::runtime::runtime;
use crate::handover;

/// `cadence-dns start-successors`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The program
    program: PathBuf,
    /// Its configuration file
    #[arg(long, short)]
    config: PathBuf,
}

/// Until the daemon is gone.
pub(super) fn run(Arguments { program, config }: &Arguments) -> Result<(), Failure> {
    // SIGHUP is for the daemon, also where all of a service or a terminal get it. What is handled here, a successor is
    // not born with.
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let failed = |error| Failure::Failed(format!("stdin is no socket of a daemon: {error}"));
    let _unheard = signal(SignalKind::hangup()).map_err(failed)?;
    handover::serve(program, config).map_err(failed)
}
