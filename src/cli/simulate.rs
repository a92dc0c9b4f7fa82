//! `cadence-dns simulate`: what would be decided, without a packet sent.

mod stories;

use std::path::PathBuf;

use super::ConfigFile;
use super::failure::{Failure, refused};
use crate::daemon;
use crate::scenario::LANGUAGE;

/// `cadence-dns simulate`
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("A scenario is text, with comments after #.\n\n{LANGUAGE}"))]
pub(super) struct Arguments {
    /// Files with stories of outages, each played by the regions and steers of the configuration
    #[arg(value_name = "SCENARIO", required = true)]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

/// Plays scenarios.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { scenarios, config: ConfigFile { config } } = arguments;
    let config = daemon::load_config(config).map_err(|problems| refused(&problems))?.config;
    stories::play(scenarios, &config)
}
