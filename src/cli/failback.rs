//! `cadence-dns failback` and `cadence-dns release`: a name goes where it should have been all along.

use super::command::{Options, carry_out};
use super::failure::Failure;
use crate::controller::What;
use crate::model::Name;

/// `cadence-dns failback NAME --reason TEXT`, and the same for `release`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The steered name
    name: Name,
    #[command(flatten)]
    options: Options,
}

/// Returns the name to its preferred region.
pub(super) fn fail_back(Arguments { name, options }: &Arguments) -> Result<(), Failure> {
    carry_out(What::FailBack(name.clone()), Some(name), options)
}

/// Lifts what holds the name.
pub(super) fn release(Arguments { name, options }: &Arguments) -> Result<(), Failure> {
    carry_out(What::Release(name.clone()), Some(name), options)
}
