//! `cadence-dns demo`: watch a region die and the answer move.

use super::Failure;

/// `cadence-dns demo`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End by itself after so many seconds; exit code 0 only if flip and failback were seen in real answers
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

pub(super) fn run(_arguments: &Arguments) -> Result<(), Failure> {
    Ok(())
}
