//! `cadence-dns status`: what is answered, since when and why.

mod render;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Failure, Output, print, runtime};
use crate::config::Whereabouts;
use crate::control::client::{self, ClientError};
use crate::controller::{Change, Saved, Status};
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

/// How a command finds the daemon.
#[derive(Debug, clap::Args)]
pub(super) struct DaemonAddress {
    /// The configuration file, which names the socket and the state folder
    #[arg(long, short, value_name = "FILE", default_value = "/etc/cadence-dns/cadence-dns.toml")]
    config: PathBuf,
    /// The control socket, instead of the one in the configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// Shows the daemon's status; what it left behind when it is not there.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Whereabouts { socket, state_dir } = whereabouts(&arguments.daemon)?;
    match runtime()?.block_on(client::status(&socket)) {
        Ok(status) => {
            show(&status, arguments.output);
            Ok(())
        }
        Err(error @ ClientError::Unreachable(..)) => {
            show_saved(&state_dir, arguments.output);
            Err(Failure::Unreachable(error.to_string()))
        }
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

/// Where the daemon is to be found. A configuration that is wrong elsewhere must not keep an operator out.
pub(super) fn whereabouts(place: &DaemonAddress) -> Result<Whereabouts, Failure> {
    let found = std::fs::read_to_string(&place.config);
    let mut whereabouts = match (&found, &place.socket) {
        (Ok(text), _) => Whereabouts::read(text, place.config.parent().unwrap_or(Path::new(""))),
        (Err(_), Some(_)) => Whereabouts::default(),
        (Err(error), None) => {
            let file = place.config.display();
            return Err(Failure::Failed(format!(
                "cannot read {file}: {error}; name the configuration with --config, or the socket with --socket"
            )));
        }
    };
    if let Some(socket) = &place.socket {
        whereabouts.socket.clone_from(socket);
    }
    Ok(whereabouts)
}

fn show_saved(state_dir: &Path, output: Output) {
    let read = store::read_for_display::<Saved, Change>(state_dir);
    let Recovered { snapshot, entries, troubles, .. } = match read {
        Ok(recovered) => recovered,
        Err(error) => return eprintln!("cadence-dns: {error}"),
    };
    for trouble in &troubles {
        eprintln!("cadence-dns: {trouble}");
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
            print(&format!("{text}\n"));
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
