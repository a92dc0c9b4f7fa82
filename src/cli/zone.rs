//! `cadence-dns zone`: one master file, checked as a start checks it.

use std::path::{Path, PathBuf};

use super::failure::{Failure, refused};
use super::output::{complain, print};
use crate::daemon;
use crate::model::Name;
use crate::zone::{self, Accepted, Zone};

/// `cadence-dns zone …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check a zone file as `run` does: exit code 0 when it can be served, with or without warnings
    Check(Arguments),
    /// Print its records: one per line, with absolute names and a TTL each
    Show(Arguments),
}

/// Which zone.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The zone's name, which is the origin of relative names in the file
    name: Name,
    /// The master file; `$INCLUDE` reads files in its folder only
    file: PathBuf,
    /// A name whose addresses come from a `[[steer]]`: the file must not give it any. May be repeated
    #[arg(long, value_name = "NAME")]
    steered: Vec<Name>,
}

/// Checks or shows one zone.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    let (Command::Check(arguments) | Command::Show(arguments)) = command;
    let Accepted { zone, warnings } = read(arguments)?;
    for warning in &warnings {
        complain(&format!("{warning}\n"));
    }
    print(&match command {
        Command::Check(_) => verdict(&zone, &arguments.file, warnings.len()),
        Command::Show(_) => zone::show(&zone),
    });
    Ok(())
}

fn read(Arguments { name, file, steered }: &Arguments) -> Result<Accepted, Failure> {
    let steered = steered.iter().cloned().collect();
    daemon::read_zone(name, file, &steered, None).map_err(|problems| refused(&problems))
}

/// The line that ends a successful check.
fn verdict(zone: &Zone, file: &Path, warnings: usize) -> String {
    let warnings = match warnings {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        warnings => format!(", {warnings} warnings"),
    };
    let (name, records, serial) = (zone.origin(), zone.record_count(), zone.serial());
    format!("{}: right (zone: {name}, records: {records}, serial: {serial}){warnings}\n", file.display())
}
