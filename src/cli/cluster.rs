//! `cadence-dns cluster`: name servers that decide together.

use clap::Subcommand;

use super::command::{Lasting, Options, carry_out};
use super::failure::Failure;
use crate::controller::{What, Which};
use crate::model::VantageId;
use crate::policy::Order;

/// `cadence-dns cluster …`
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take a name server out for maintenance: it has no vote and makes no move, and goes on answering
    ///
    /// The others decide without it, and do not miss it. Two at least must be left. It ends by itself.
    Suspend(Suspend),
    /// Have a name server count again, before the time is over
    Resume(Resume),
}

/// `cluster suspend NODE --for SPAN --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Suspend {
    /// Its `[node] name`
    node: String,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// `cluster resume NODE --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// Its `[node] name`
    node: String,
    #[command(flatten)]
    options: Options,
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    let order = |node: &String| Order::Suspend(VantageId::from(node.as_str()));
    match command {
        Command::Suspend(Suspend { node, lasting, options }) => {
            carry_out(lasting.order(order(node)), None, options)
        }
        Command::Resume(Resume { node, options }) => {
            carry_out(What::Withdraw(Which::Order(order(node))), None, options)
        }
    }
}
