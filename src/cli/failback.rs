//! `cadence-dns failback`: an operator returns a name to its preferred region.

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::print;
use super::runtime::runtime;
use crate::control::FailBack;
use crate::control::client;
use crate::model::Name;

/// `cadence-dns failback NAME --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The steered name
    name: Name,
    /// Why, for the log
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Asks the daemon to return the name to its preferred region.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { name, reason, daemon } = arguments;
    let socket = daemon.whereabouts()?.socket;
    let wish = FailBack { name: name.clone(), reason: reason.clone(), by: String::new() };
    let done = runtime()?.block_on(client::fail_back(&socket, &wish))?;
    print(&format!("{done}\n"));
    Ok(())
}
