//! `cadence-dns failback`: an operator's word that a name may go back.

use super::status::{self, DaemonAddress};
use super::{Failure, print, runtime};
use crate::control::FailBack;
use crate::control::client::{self, ClientError};
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

/// Asks the daemon to give the name back.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { name, reason, daemon } = arguments;
    let socket = status::whereabouts(daemon)?.socket;
    let wish = FailBack { name: name.clone(), reason: reason.clone(), by: String::new() };
    match runtime()?.block_on(client::fail_back(&socket, &wish)) {
        Ok(done) => {
            print(&format!("{done}\n"));
            Ok(())
        }
        Err(error @ ClientError::Unreachable(..)) => Err(Failure::Unreachable(error.to_string())),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}
