//! `cadence-dns zone`: one master file, judged as a start would judge it.

use std::path::{Path, PathBuf};

use super::{Failure, print, refused};
use crate::daemon;
use crate::model::Name;
use crate::zone::{self, Accepted, Zone};

/// `cadence-dns zone …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Judge a zone file as strictly as `run`: exit code 0 when it may be served, warnings or not
    Check(Arguments),
    /// Print what was understood: one record per line, every name whole, every TTL stated
    Show(Arguments),
}

/// Which zone.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The zone's name, which completes the names in the file
    name: Name,
    /// The master file; `$INCLUDE` reads what lies in its folder
    file: PathBuf,
    /// A name whose addresses come from a `[[steer]]`, so that the file must not give it any; may be repeated
    #[arg(long, value_name = "NAME")]
    steered: Vec<Name>,
}

/// Judges or shows one zone.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    let (Command::Check(arguments) | Command::Show(arguments)) = command;
    let Accepted { zone, warnings } = read(arguments)?;
    for warning in &warnings {
        eprintln!("{warning}\n");
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

/// What is right, and how much of it is doubtful.
fn verdict(zone: &Zone, file: &Path, warnings: usize) -> String {
    let (file, name, records, serial) = (file.display(), zone.origin(), zone.record_count(), zone.serial());
    let doubts = match warnings {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        warnings => format!(", {warnings} warnings"),
    };
    format!("{file}: right (zone: {name}, records: {records}, serial: {serial}){doubts}\n")
}
