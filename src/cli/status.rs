//! `cadence-dns status`: the current answers, since when they hold, and why.

mod render;

use std::path::Path;
use std::time::SystemTime;

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::{Output, complain, print, print_as_it_is};
use super::runtime::runtime;
use crate::api::Status;
use crate::config::Whereabouts;
use crate::control::client::{self, ClientError};
use crate::controller::{Change, Saved};
use crate::model::Moment;
use crate::store::{self, Recovered};

use render::render;

/// `cadence-dns status`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: DaemonAddress,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Shows the daemon's status, or the saved state when the daemon cannot be reached.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Whereabouts { socket, state_dir } = arguments.daemon.whereabouts()?;
    match runtime()?.block_on(client::status(&socket)) {
        Ok(status) => show(&status, arguments.output),
        Err(error) => {
            if let ClientError::Unreachable(..) = error {
                show_saved(&state_dir, arguments.output);
            }
            return Err(error.into());
        }
    }
    Ok(())
}

fn show_saved(state_dir: &Path, output: Output) {
    let read = store::read_for_display::<Saved, Change>(state_dir);
    let Recovered { snapshot, entries, troubles, .. } = match read {
        Ok(recovered) => recovered,
        Err(error) => return complain(&format!("cadence-dns: {error}")),
    };
    for trouble in &troubles {
        complain(&format!("cadence-dns: {trouble}"));
    }
    if let Some(saved) = Saved::with_changes(snapshot, entries) {
        show(&Status::from_saved(saved, now()), output);
    }
}

fn show(status: &Status, output: Output) {
    match output {
        Output::Table => print(&render(status, now(), terminal_width())),
        Output::Json => {
            let text = serde_json::to_string_pretty(status).expect("a status is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
}

fn now() -> Moment {
    Moment::default() + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// None when stdout is no terminal: then nothing is wrapped.
fn terminal_width() -> Option<u16> {
    use std::io::IsTerminal;
    std::io::stdout().is_terminal().then(|| comfy_table::Table::new().width()).flatten()
}
