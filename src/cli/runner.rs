//! `cadence-dns runner`: the process that runs the programs of gates and hooks, started by `cadence-dns run`.

use super::failure::Failure;
use crate::config::Seccomp;
use crate::errand::{serve, take_orders};
use crate::rights::{Needs, give_up};

/// Serves the daemon at its standard input until that is gone.
///
/// It becomes the same user, without a capability, and nothing that it executes can get one. Files and system calls stay
/// as they are for that user, for programs need what programs need.
pub(super) fn run() -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Failed(format!("`cadence-dns runner` is started by `cadence-dns run` alone: {error}"))
    };
    let (orders, link) = take_orders().map_err(failed)?;
    let needs = Needs {
        user: orders.user.clone(),
        written: Vec::new(),
        read: Vec::new(),
        read_again: Vec::new(),
        landlock: false,
        seccomp: Seccomp::Off,
    };
    let given_up = give_up(&needs).map(drop).map_err(|error| error.to_string());
    serve(link, orders, given_up).map_err(failed)
}
