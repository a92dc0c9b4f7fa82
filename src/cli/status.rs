//! `cadence-dns status`: the current answers, since when they hold, and why.

mod changes;
mod cluster;
mod filter;
mod look;
mod plugin;
mod render;
#[cfg(test)]
pub(in crate::cli) mod sample;
mod watch;
pub(in crate::cli) mod words;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::{Output, complain, print, print_as_it_is, put};
use super::runtime::runtime;
use super::when::now;
use crate::api::Status;
use crate::config::Whereabouts;
use crate::control::client::{self, ClientError};
use crate::controller::{Change, Saved};
use crate::store::{self, Recovered};

use filter::narrow;
use look::Look;
use plugin::{Level, Verdict};
use render::render;

/// `cadence-dns status`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --check it is a monitoring plugin: one line with figures, and exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. \
CRITICAL: a name fails open, is held or frozen on a region that is down or unknown, a part that answers or decides is dead, \
or no daemon answers. WARNING: a name is not with its preferred region, an operator's order keeps it, or `status` warns of \
anything. UNKNOWN: wrong usage, a configuration or socket that may not be read, an unknown name or region.")]
pub(super) struct Arguments {
    /// Only this steered name, with the regions that it may have; or only this region, with the names that may have it
    #[arg(value_name = "NAME|REGION")]
    what: Option<String>,
    #[command(flatten)]
    daemon: DaemonAddress,
    /// Only the name servers of the cluster: who is heard, what each of them sees, and by which epoch it answers
    #[arg(long, conflicts_with_all = ["what", "check", "watch"])]
    cluster: bool,
    /// Go on until `q` or Ctrl-C, and mark what changes; without a terminal, a line a change
    #[arg(long, short, conflicts_with = "check")]
    watch: bool,
    /// One line and an exit code for Nagios, Icinga and what runs their plugins
    #[arg(long, conflicts_with = "output")]
    check: bool,
    /// How to print it; with --watch, as JSON, one line a change
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Shows the daemon's status, or the saved state when the daemon cannot be reached.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.check {
        return check(arguments);
    }
    let Whereabouts { socket, state_dir } = arguments.daemon.whereabouts()?;
    if arguments.watch {
        return watch::run(socket, arguments.what.clone(), arguments.output);
    }
    match runtime()?.block_on(client::status(&socket)) {
        Ok(status) => show(status, arguments),
        Err(error) => {
            if let ClientError::Unreachable(..) = error {
                show_saved(&state_dir, arguments)?;
            }
            Err(error.into())
        }
    }
}

fn show_saved(state_dir: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let read = store::read_for_display::<Saved, Change>(state_dir);
    let Recovered { snapshot, entries, troubles, .. } = match read {
        Ok(recovered) => recovered,
        Err(error) => {
            complain(&format!("cadence-dns: {error}"));
            return Ok(());
        }
    };
    for trouble in &troubles {
        complain(&format!("cadence-dns: {trouble}"));
    }
    match Saved::with_changes(snapshot, entries) {
        Some(saved) => show(Status::from_saved(saved, now()), arguments),
        None => Ok(()),
    }
}

fn show(status: Status, arguments: &Arguments) -> Result<(), Failure> {
    let status = match &arguments.what {
        Some(what) => narrow(status, what).map_err(Failure::Failed)?,
        None => status,
    };
    match arguments.output {
        Output::Table => {
            let look = Look { now: now(), width: terminal_width(), marked: &BTreeSet::new() };
            print(&if arguments.cluster {
                self::of_cluster(&status, &look)?
            } else {
                render(&status, &look)
            });
        }
        Output::Json => {
            let text = serde_json::to_string_pretty(&status).expect("a status is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    Ok(())
}

fn of_cluster(status: &Status, look: &Look<'_>) -> Result<String, Failure> {
    if status.cluster.is_none() {
        return Err(Failure::Failed(
            "this name server decides alone: its configuration has no [cluster]".into(),
        ));
    }
    Ok(cluster::cluster(status, look))
}

/// As a monitoring plugin: whatever happens is one line on stdout and an exit code of its own.
fn check(arguments: &Arguments) -> Result<(), Failure> {
    let Verdict { state, line } = checked(arguments);
    put(&line); // plain already, and a plugin's reader that has gone away reads the exit code
    match state.code() {
        0 => Ok(()),
        code => Err(Failure::Told(code)),
    }
}

fn checked(arguments: &Arguments) -> Verdict {
    let unknown = |why: &str| plugin::without_status(Level::Unknown, why);
    let socket = match arguments.daemon.whereabouts() {
        Ok(Whereabouts { socket, .. }) => socket,
        Err(failure) => return unknown(&failure.to_string()),
    };
    let status = match runtime() {
        Ok(runtime) => runtime.block_on(client::status(&socket)),
        Err(failure) => return unknown(&failure.to_string()),
    };
    match status.map_err(|error| without_answer(&error)) {
        Err(verdict) => verdict,
        Ok(status) => match &arguments.what {
            None => plugin::verdict(&status, now()),
            Some(what) => match narrow(status, what) {
                Ok(status) => plugin::verdict(&status, now()),
                Err(why) => unknown(&why),
            },
        },
    }
}

/// A daemon that does not run is what a monitoring system is there for, so that is CRITICAL; UNKNOWN is what it cannot tell.
fn without_answer(error: &ClientError) -> Verdict {
    let level = match error {
        ClientError::Unreachable(..) if error.io_kind() == Some(ErrorKind::PermissionDenied) => {
            Level::Unknown
        }
        ClientError::Unreachable(..) | ClientError::Refused(_) => Level::Critical,
        ClientError::Forbidden(_) | ClientError::Mistakes(..) | ClientError::Malformed(_) => Level::Unknown,
    };
    plugin::without_status(level, &error.to_string())
}

/// What a plugin says of a command line that is wrong.
pub(super) fn misused(why: &str) -> Failure {
    let Verdict { state, line } = plugin::without_status(Level::Unknown, why);
    put(&line);
    Failure::Told(state.code())
}

/// None when stdout is no terminal: then nothing is wrapped.
fn terminal_width() -> Option<u16> {
    use std::io::IsTerminal;
    std::io::stdout().is_terminal().then(|| comfy_table::Table::new().width()).flatten()
}
