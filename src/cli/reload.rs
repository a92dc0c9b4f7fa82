//! `cadence-dns reload`: the daemon takes the changed configuration over, or says why it does not.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::command::meaning;
use super::daemon_address::DaemonAddress;
use super::failure::{Failure, refused};
use super::output::{Output, complain, print, print_as_it_is};
use super::runtime::runtime;
use crate::control::client::{self, ClientError};
use crate::control::{Candidate, ReloadWish, Reloaded};
use crate::controller::Terms;
use crate::daemon;
use crate::policy::SafetyRule;

/// `cadence-dns reload`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Why, for the log and for colleagues
    #[arg(long, default_value = "")]
    reason: String,
    /// Break this safety rule on purpose: reload-share
    #[arg(long, value_name = "RULE")]
    break_glass: Vec<SafetyRule>,
    /// How to print what was changed
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Has the daemon reload, waits, and prints what is different.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { dry_run, reason, break_glass, output, daemon } = arguments;
    let terms = Terms { dry_run: *dry_run, break_glass: break_glass.clone(), ..Terms::default() };
    let wish = ReloadWish { reason: reason.clone(), terms, ..ReloadWish::default() };
    // Of the file that the daemon cannot make sense of, the socket may still be made out.
    let socket = daemon.whereabouts()?.socket;
    let reloaded = runtime()?.block_on(client::reload(&socket, &wish))?;
    for warning in &reloaded.warnings {
        complain(&format!("{warning}\n"));
    }
    match output {
        Output::Table => print(&text(&reloaded)),
        Output::Json => {
            let document = Document { schema: "cadence-dns/reload/v1", reloaded: &reloaded };
            let text = serde_json::to_string_pretty(&document).expect("it is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    if !reloaded.done.durable && !dry_run {
        complain(
            "cadence-dns: the disk has not taken it yet: a restart may forget it; `cadence-dns status` says why",
        );
    }
    Ok(())
}

/// What the file would change in the daemon that runs: `check --diff-running`.
pub(super) fn difference(file: &Path) -> Result<String, Failure> {
    let unreadable = |error| Failure::Failed(format!("cannot read {}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let config = daemon::load_config(file).map_err(|problems| refused(&problems))?.config;
    // Paths in it start at its own folder, wherever the daemon was started.
    let file = file.canonicalize().map_err(unreadable)?;
    let terms = Terms { dry_run: true, break_glass: Vec::new(), ..Terms::default() };
    let wish = ReloadWish { terms, candidate: Some(Candidate { file, text }), ..ReloadWish::default() };
    let reloaded = runtime()?.block_on(client::reload(&config.control.socket, &wish));
    match reloaded {
        Ok(reloaded) => Ok(self::text(&reloaded)),
        Err(ClientError::Forbidden(why)) => Err(Failure::Forbidden(why)),
        Err(error) => Err(error.into()),
    }
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    #[serde(flatten)]
    reloaded: &'d Reloaded,
}

/// What is different, and what that means for the names.
fn text(Reloaded { done, changes, hash, warnings: _ }: &Reloaded) -> String {
    let mut text = String::new();
    for change in changes {
        writeln!(text, "{change}").expect("writing to a string cannot fail");
    }
    if changes.is_empty() {
        text.push_str("nothing is different\n");
    }
    if !done.names.is_empty() {
        text.push_str(&meaning(done));
    }
    for note in &done.notes {
        writeln!(text, "{note}").expect("writing to a string cannot fail");
    }
    for breach in done.broken.iter().filter(|_| done.names.is_empty()) {
        writeln!(text, "broken on purpose: {breach}").expect("writing to a string cannot fail");
    }
    let verb = if done.dry_run { "would hold" } else { "holds" };
    writeln!(text, "the configuration {hash} {verb}").expect("writing to a string cannot fail");
    text
}
