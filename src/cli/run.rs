//! `cadence-dns run`: the daemon.

use std::mem::take;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

use super::ConfigFile;
use super::failure::{Failure, refused, told};
use super::runtime::runtime;
use crate::daemon::HangUps;
use crate::handover::Predecessor;
use crate::model::Problem;
use crate::{daemon, rights, telemetry};

/// How long blocking calls that are left over may delay the end.
const LEFT_MAX: Duration = Duration::from_secs(1);

/// `cadence-dns run`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Take over from the daemon that has started this
    #[arg(long, hide = true)]
    take_over: bool,
}

/// Runs the daemon until SIGTERM or SIGINT. The log has a thread of its own, so it starts after the rights are given up.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    rights::no_dumps()
        .map_err(|error| Failure::Failed(format!("core dumps cannot be prevented: {error}")))?;
    if !arguments.take_over {
        return run_after(None, arguments);
    }
    let predecessor = Predecessor::at_stdin().map_err(|error| Failure::Misused(error.to_string()))?;
    let us = predecessor.share().map_err(|error| Failure::Failed(error.to_string()))?;
    let ended = run_after(Some(predecessor), arguments);
    if let Err(failure) = &ended {
        us.failed(&failure.to_string());
    }
    ended
}

/// The same, with somebody who answers until we do.
fn run_after(
    predecessor: Option<Predecessor>,
    Arguments { file: ConfigFile { config: file }, .. }: &Arguments,
) -> Result<(), Failure> {
    let mut ready = daemon::load(file).map_err(|problems| match predecessor {
        None => refused(&problems),
        Some(_) => told(&problems),
    })?;
    let warnings = take(&mut ready.warnings);
    let failed = |error: daemon::StartError| Failure::Failed(error.to_string());
    let opened = match predecessor {
        Some(predecessor) => daemon::take_over(ready, predecessor),
        None => daemon::open(ready),
    };
    let opened = opened.and_then(daemon::Opened::give_up_rights).map_err(failed)?;
    let _log = telemetry::start_log().map_err(Failure::Failed)?; // when it is dropped, the last lines are written
    for Problem { place, found, help, .. } in &warnings {
        let place = place.as_ref().map(tracing::field::display);
        warn!(event = "config.warning", place, help, "{found}");
    }
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let signals =
            Signals::take().map_err(|error| Failure::Failed(format!("no signal handlers: {error}")))?;
        let daemon = daemon::start(opened).await.map_err(failed)?;
        let hang_ups = daemon.hang_ups();
        let ended = daemon.run_until(signals.until_stop(hang_ups)).await;
        ended.map_err(|gave_up| Failure::Failed(gave_up.to_string()))
    });
    runtime.shutdown_timeout(LEFT_MAX); // a disk or a user directory that hangs must not keep us
    ended
}

/// The signals that are handled.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Replaces the default action, which would end the process.
    fn take() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Ends with the first SIGTERM or SIGINT. SIGHUP has the configuration reloaded, and changed certificates and secrets read.
    async fn until_stop(mut self, hang_ups: HangUps) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => hang_ups.hang_up(),
            }
        }
    }
}
