//! How a command finds the daemon.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::config::Whereabouts;

/// The options that say where the daemon is.
#[derive(Debug, clap::Args)]
pub(super) struct DaemonAddress {
    /// The configuration file, which names the socket and the state folder
    #[arg(long, short, value_name = "FILE", default_value = "/etc/cadence-dns/cadence-dns.toml")]
    config: PathBuf,
    /// The control socket, instead of the one in the configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl DaemonAddress {
    /// The configuration file.
    pub(super) fn file(&self) -> &Path {
        &self.config
    }

    /// The socket and the state folder. A mistake elsewhere in the configuration does not matter.
    pub(super) fn whereabouts(&self) -> Result<Whereabouts, Failure> {
        let DaemonAddress { config, socket } = self;
        let mut whereabouts = match (std::fs::read_to_string(config), socket) {
            (Ok(text), _) => Whereabouts::read(&text, config.parent().unwrap_or(Path::new(""))),
            (Err(_), Some(_)) => Whereabouts::default(),
            (Err(error), None) => {
                let help = "name the configuration with --config, or the socket with --socket";
                return Err(Failure::Failed(format!("cannot read {}: {error}; {help}", config.display())));
            }
        };
        if let Some(socket) = socket {
            whereabouts.socket.clone_from(socket);
        }
        Ok(whereabouts)
    }
}
