//! The command line. One file for each command, and one for each thing that several commands share; what is printed
//! comes from pure functions.

mod check;
mod daemon_address;
mod demo;
mod failback;
mod failure;
mod output;
mod run;
mod runner;
mod runtime;
mod status;
mod text;
mod zone;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use failure::refused;
use runtime::runtime;

pub use failure::Failure;

/// Answers DNS queries for a service's name with the addresses of a healthy region, and fails over when it fails
#[derive(Debug, Parser)]
#[command(name = "cadence-dns", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the daemon cannot be reached")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the name server in the foreground until SIGTERM or SIGINT; log one line for each change
    Run(ConfigFile),
    /// Check the configuration, its zones and certificates as `run` does, and print each failover budget
    Check(ConfigFile),
    /// Check one zone file without a configuration, or print the records in it
    #[command(subcommand)]
    Zone(zone::Command),
    /// Show the current answer for each name, since when it holds, and why
    Status(status::Arguments),
    /// Return a name to its preferred region now, without waiting for `failback` and `dwell`
    Failback(failback::Arguments),
    /// Watch a failover on this machine, with nothing else installed
    Demo(demo::Arguments),
    /// Run the programs of gates and hooks for `run`, which starts it
    #[command(hide = true)]
    Runner,
}

/// Which configuration.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "/etc/cadence-dns/cadence-dns.toml")]
    config: PathBuf,
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
        Command::Runner => runner::run(),
    }
}
