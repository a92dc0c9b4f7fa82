//! The command line. One file for each command, and one for each thing that several commands share; what is printed
//! comes from pure functions.

mod api_token;
mod audit;
mod check;
mod cluster;
mod command;
mod completions;
mod daemon_address;
mod demo;
mod drill;
mod explain;
mod failback;
mod failover;
mod failure;
mod history;
mod man;
mod notify;
mod output;
mod overrides;
mod poll;
mod probe;
mod problems;
mod progress;
mod reload;
mod resolver;
mod run;
mod runner;
mod runtime;
mod screen;
mod simulate;
mod status;
mod story;
mod successors;
mod support;
mod switchover;
#[cfg(test)]
mod tests;
mod text;
mod top;
mod upgrade;
mod version;
mod when;
mod zone;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use failure::refused;
use runtime::runtime;

pub use failure::Failure;

/// Answers DNS queries for a service's name with the addresses of a healthy region, and fails over when it fails
#[derive(Debug, Parser)]
#[command(name = "cadence-dns", version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the daemon cannot be reached,\n4 refused by a safety rule, a gate or --if-epoch"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the name server in the foreground until SIGTERM or SIGINT; log one line for each change
    Run(run::Arguments),
    /// Have the daemon take a changed configuration over: all of it, or none, with nothing lost
    #[command(
        after_help = "Exit codes: 0 it holds, 1 it has mistakes and everything stays as it was, 3 the daemon cannot be reached, 4 a\n\
                            safety rule forbids it. Some settings cannot change while the daemon runs; they are named then"
    )]
    Reload(reload::Arguments),
    /// Have the daemon hand over to the new program in the place of its own, without a gap; on any failure it goes on
    #[command(
        after_help = "The daemon starts the file that it was started from, which an upgrade has replaced. The new process reads the\n\
                            configuration, takes over sockets, health, holds, orders and epochs, and answers before the old one stops.\n\
                            Exit codes: 0 the new one answers, 1 the old one goes on, 2 wrong usage, 3 the daemon cannot be reached"
    )]
    Upgrade(upgrade::Arguments),
    /// Check the configuration, its zones, certificates and scenarios, and print each failover budget
    Check(check::Arguments),
    /// Probe a region once, now, without a daemon, and show what was seen
    #[command(
        after_help = "Exit codes: 0 every probe passed, 1 one did not, 2 wrong usage. The daemon's state is not touched, and its \
                            probes go on meanwhile; probes run as you, not as the daemon's user"
    )]
    Probe(probe::Arguments),
    /// Check one zone file without a configuration, or print the records in it
    #[command(subcommand)]
    Zone(zone::Command),
    /// Show the current answer for each name, since when it holds, and why
    Status(status::Arguments),
    /// Watch names, addresses, probes and queries live, on the whole terminal
    Top(top::Arguments),
    /// Give a name to a region now, whatever probes say: leave a region that is green and broken
    Failover(failover::Failover),
    /// Plan the move of a name: caches are made ready, it moves on time, and is looked at from outside
    Switchover(switchover::Arguments),
    /// Return a name to its preferred region now, without waiting for `failback` and `dwell`
    Failback(failback::Arguments),
    /// Lift what holds a name: a pin, a freeze, `dwell`, `failback`, the flip limit; what it waits for happens now
    Release(failback::Arguments),
    /// Take clients away from a region or an address, for maintenance
    Drain(failover::Drain),
    /// Let clients come back to what was drained
    Undrain(failover::Undrain),
    /// Turn a gate that is a switch: names move only while it is on
    Switch(failover::Switch),
    /// Show, give and end orders to the daemon
    #[command(subcommand)]
    Override(overrides::Command),
    /// Name servers that decide together: take one out for maintenance, and have it count again
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Play stories of outages, or the recorded past under other settings: what would be decided, and why
    Simulate(simulate::Arguments),
    /// Explain why a name is answered as it is, or was: the rule, the evidence, and what would change it
    Explain(explain::Arguments),
    /// Show what was decided and ordered, when and why: one line an entry, or a timeline for a postmortem
    History(history::Arguments),
    /// Check that nobody has changed the history
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show who is told of what happens, and try whether it arrives
    #[command(subcommand)]
    Notify(notify::Command),
    /// Gather what helps to help you in one file, without secrets
    SupportBundle(support::Arguments),
    /// Rehearse the death of a region: what would happen (--shadow), or how long clients take to follow
    Drill(drill::Arguments),
    /// Make a token for the API over TCP, and its line for the access file
    ApiToken(api_token::Arguments),
    /// Watch a failover on this machine, with nothing else installed
    Demo(demo::Arguments),
    /// Print what this program is, for programs with --output json
    Version(version::Arguments),
    /// Print the completions of a shell, with the names and regions of the configuration
    Completions(completions::Arguments),
    /// Write the manual pages to a folder
    Man(man::Arguments),
    /// Run programs for a daemon that has started this
    #[command(hide = true)]
    RunPrograms,
    /// Start the successors of a daemon that has started this
    #[command(hide = true)]
    StartSuccessors(successors::Arguments),
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
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = Cli::try_parse_from(&arguments).map_err(|error| misused(error, &arguments))?;
    match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Upgrade(arguments) => upgrade::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Zone(command) => zone::run(&command),
        Command::Status(arguments) => status::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Failover(arguments) => failover::failover(&arguments),
        Command::Switchover(arguments) => switchover::run(&arguments),
        Command::Failback(arguments) => failback::fail_back(&arguments),
        Command::Release(arguments) => failback::release(&arguments),
        Command::Drain(arguments) => failover::drain(&arguments),
        Command::Undrain(arguments) => failover::undrain(&arguments),
        Command::Switch(arguments) => failover::switch(&arguments),
        Command::Override(command) => overrides::run(&command),
        Command::Cluster(command) => cluster::run(&command),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Audit(command) => audit::run(&command),
        Command::Notify(command) => notify::run(&command),
        Command::SupportBundle(arguments) => support::run(&arguments),
        Command::Drill(arguments) => drill::run(&arguments),
        Command::ApiToken(arguments) => api_token::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Version(arguments) => version::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Cli::command()),
        Command::Man(arguments) => man::run(&arguments, Cli::command()),
        Command::RunPrograms => runner::run(),
        Command::StartSuccessors(arguments) => successors::run(&arguments),
    }
}

/// Exit code 2, which clap has for wrong usage, is CRITICAL for those who run plugins; theirs for it is 3.
fn misused(error: clap::Error, arguments: &[OsString]) -> Failure {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if !(error.use_stderr() && has("status") && has("--check")) {
        return Failure::Usage(error);
    }
    let text = error.to_string();
    status::misused(text.lines().next().unwrap_or("wrong usage"))
}
