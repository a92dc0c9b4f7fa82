//! `cadence-dns zone`: one master file, checked as a start checks it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::{Failure, refused};
use super::output::{Output, complain, print, print_as_it_is};
use super::problems::{self, ProblemDocument};
use crate::daemon;
use crate::model::{Name, Problem};
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
    /// How to print it: of `show`, the records as they are printed, in a list
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    /// Whether it can be served.
    right: bool,
    problems: Vec<ProblemDocument<'d>>,
    zone: String,
    serial: Option<u32>,
    /// Their number.
    count: Option<usize>,
    /// One per line of `zone show`; empty for `zone check`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<String>,
}

/// Checks or shows one zone.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    let (Command::Check(arguments) | Command::Show(arguments)) = command;
    if arguments.output == Output::Json {
        return document(command, arguments);
    }
    let Accepted { zone, warnings } = read(arguments).map_err(|problems| refused(&problems))?;
    for warning in &warnings {
        complain(&format!("{warning}\n"));
    }
    print(&match command {
        Command::Check(_) => verdict(&zone, &arguments.file, warnings.len()),
        Command::Show(_) => zone::show(&zone),
    });
    Ok(())
}

fn read(Arguments { name, file, steered, .. }: &Arguments) -> Result<Accepted, Vec<Problem>> {
    let steered = steered.iter().cloned().collect();
    daemon::read_zone(name, file, &steered, None)
}

/// Whatever is found is in the document, and the exit code says whether it is right.
fn document(command: &Command, arguments: &Arguments) -> Result<(), Failure> {
    let (zone, problems) = match read(arguments) {
        Ok(Accepted { zone, warnings }) => (Some(zone), warnings),
        Err(problems) => (None, problems),
    };
    let shown =
        zone.as_ref().filter(|_| matches!(command, Command::Show(_))).map(zone::show).unwrap_or_default();
    let document = Document {
        schema: "cadence-dns/zone/v1",
        right: zone.is_some(),
        problems: problems::documents(&problems),
        zone: arguments.name.to_string(),
        serial: zone.as_ref().map(|zone| zone.serial().0),
        count: zone.as_ref().map(Zone::record_count),
        records: shown.lines().map(str::to_owned).collect(),
    };
    let text = serde_json::to_string_pretty(&document).expect("it is plain data");
    print_as_it_is(&format!("{text}\n"));
    if zone.is_some() { Ok(()) } else { Err(Failure::Told(1)) }
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
