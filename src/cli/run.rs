//! `cadence-dns run`: the daemon.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

use super::{Failure, refused, runtime};
use crate::{daemon, telemetry};

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    telemetry::start_log().map_err(Failure::Failed)?;
    let ready = daemon::load(file).map_err(|problems| refused(&problems))?;
    for warning in &ready.warnings {
        warn!(event = "config.warning", "{warning}");
    }
    runtime()?.block_on(async {
        let signals =
            stop_signals().map_err(|error| Failure::Failed(format!("no signal handlers: {error}")))?;
        let daemon = daemon::start(ready).await.map_err(|error| Failure::Failed(error.to_string()))?;
        daemon.run_until(signals).await;
        Ok(())
    })
}

/// Ends with the first signal to stop. SIGHUP would kill us by default; a new configuration takes a restart, and
/// saying so is better than dying.
fn stop_signals() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => warn!(event = "reload.ignored", "SIGHUP: a changed configuration is taken up by a restart"),
            }
        }
    })
}
