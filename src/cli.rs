//! The command line. One file for each command; what is printed comes from pure functions.

mod check;
mod demo;
mod failback;
mod run;
mod status;
mod text;
mod zone;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::model::Problem;

/// Answers for a service's name with the addresses of its healthy region, and moves it when the region dies.
#[derive(Debug, Parser)]
#[command(name = "cadence-dns", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 fine, 1 failed, 2 usage, 3 the daemon cannot be reached.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the name server in the foreground until SIGTERM or SIGINT; logs one line for each change
    Run(ConfigFile),
    /// Judge the configuration, its zones and certificates as strictly as `run`, and print each failover budget
    Check(ConfigFile),
    /// Judge one zone file without a configuration, or show what it says
    #[command(subcommand)]
    Zone(zone::Command),
    /// Show what is answered now, since when and why
    Status(status::Arguments),
    /// Give a name back to its preferred region now, past `failback` and `dwell`
    Failback(failback::Arguments),
    /// Watch a region die and the answer move, with nothing else installed
    Demo(demo::Arguments),
}

/// Which configuration.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "/etc/cadence-dns/cadence-dns.toml")]
    config: PathBuf,
}

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One JSON document with a versioned schema
    Json,
}

/// Why a command did not do what it was asked, and the exit code that goes with it.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and went wrong: exit code 1.
    Failed(String),
    /// The command line makes no sense, or help was asked for: clap prints it and knows the exit code.
    Usage(clap::Error),
    /// The daemon is not there: exit code 3.
    Unreachable(String),
}

impl Failure {
    /// Tells the operator, on stderr.
    #[must_use]
    pub fn report(self) -> ExitCode {
        let (text, code) = match self {
            Failure::Usage(error) => {
                drop(error.print()); // a closed pipe needs no second message
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
            Failure::Failed(text) => (text, 1),
            Failure::Unreachable(text) => (text, 3),
        };
        if !text.is_empty() {
            eprintln!("cadence-dns: {text}");
        }
        ExitCode::from(code)
    }
}

/// Runs one command.
///
/// # Errors
/// See [`Failure`].
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let cli = Cli::try_parse_from(arguments).map_err(Failure::Usage)?;
    match cli.command {
        Command::Run(ConfigFile { config }) => run::run(&config),
        Command::Check(ConfigFile { config }) => check::run(&config),
        Command::Zone(command) => zone::run(&command),
        Command::Status(arguments) => status::run(&arguments),
        Command::Failback(arguments) => failback::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    }
}

/// Prints to stdout; a reader that has gone away (`| head`) is no failure.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Every problem, and at the end how many there are.
fn refused(problems: &[Problem]) -> Failure {
    for problem in problems {
        eprintln!("{problem}\n");
    }
    let errors =
        problems.iter().filter(|problem| crate::model::has_errors(std::slice::from_ref(problem))).count();
    Failure::Failed(match errors {
        1 => "1 error; nothing was changed".into(),
        errors => format!("{errors} errors; nothing was changed"),
    })
}

/// The runtime of a command: one thread, for there is little to do.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}
