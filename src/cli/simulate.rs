//! `cadence-dns simulate`: what would be decided, without a packet sent.

mod advice;
mod comparison;
mod document;
mod drawing;
mod progress;
mod recordings;
mod stories;

use std::path::PathBuf;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use super::ConfigFile;
use super::failure::{Failure, refused};
use super::output::Output;
use crate::daemon;
use crate::scenario::LANGUAGE;

/// `cadence-dns simulate`
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_long_help())]
pub(super) struct Arguments {
    /// Files with stories of outages, each played by the regions and steers of the configuration
    #[arg(value_name = "SCENARIO", required_unless_present_any = ["replay", "with", "advise"])]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// Replay recorded probes: one file, or a folder of them; without it those of the configuration's state folder
    #[arg(long, value_name = "FILE|FOLDER", conflicts_with = "scenarios")]
    replay: Option<PathBuf>,
    /// Settings to compare with those of the configuration, as in 'fall=2,interval=3s': interval, recheck, timeout, fall and
    /// rise of every probe; ttl, ttl_suspect, dwell, max_flips_per_hour and failback (auto, manual or a time) of every name
    #[arg(long, value_name = "SETTINGS", conflicts_with = "scenarios")]
    with: Option<String>,
    /// Search fall, interval and recheck for those that keep the `rto` with the fewest false flips
    #[arg(long, conflicts_with_all = ["scenarios", "with"])]
    advise: bool,
    /// The recovery time to keep, instead of the strictest `rto` of the configuration
    #[arg(long, value_name = "TIME", value_parser = span, requires = "advise")]
    rto: Option<Duration>,
    /// An outage that was shorter is a glitch: to leave a region for it was a false flip
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "10s")]
    glitch: Duration,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Plays scenarios, or recorded probes.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { scenarios, config: ConfigFile { config: file }, replay, with, .. } = arguments;
    let Arguments { advise, rto, glitch, output, .. } = arguments;
    let config = daemon::load_config(file).map_err(|problems| refused(&problems))?.config;
    if !scenarios.is_empty() {
        return stories::play(scenarios, &config, *output);
    }
    let with = match with {
        Some(with) => {
            let parsed = daemon::load_config_with(file, Some(with)).map_err(|problems| refused(&problems))?;
            Some((with.as_str(), parsed.config.parameters()))
        }
        None => None,
    };
    let folder = config.node.state_dir.join(crate::recorder::FOLDER);
    let past = recordings::read(replay.as_deref().unwrap_or(&folder), &config.parameters())?;
    if *advise {
        return advice::advise(file, &config, &past, *rto, *glitch, *output);
    }
    comparison::compare(&config, with, &past, *glitch, *output);
    Ok(())
}

fn span(text: &str) -> Result<Duration, String> {
    let span = SpanParser::new().parse_unsigned_duration(text.as_bytes());
    span.map_err(|_| "a number with its unit, as in 45s or 500ms".to_owned())
}

fn after_long_help() -> String {
    format!(
        "SCENARIOS are text, with comments after #. One without regions of its own is played by those of the \
         configuration; one that brings its own has them in front of a line `---`. Exit code 1 when a scenario does not go \
         as it says; the line, what was expected and what was found are printed.\n\n{LANGUAGE}\n{REPLAY}"
    )
}

const REPLAY: &str = "\
REPLAY: the daemon records every probe ([record] max_size). A replay plays them once more by the production code, with the
settings of the configuration and with others, and judges both by hindsight. What it can know is limited: the past was
looked at by one schedule.

  With the settings that were in force, a replay is the past.
  Between two recorded probes that agree, other schedules meet what those agree on.
  Three or more failures in a row were lasting trouble: from halfway after the last pass to halfway before the next one.
  Shorter trouble hits the next probe, once for each recorded failure. What happened between two recorded probes was seen
  by nobody: a faster schedule would have met more of it than a replay shows.
  A pass that took longer than another timeout fails; what failed by time fails with a longer one as well.
  Where nothing is recorded nothing is known, and answers freeze.

  flips          changes of region
  false flips    moves to a less preferred region though the one that was left was not dead, or for less than --glitch
  answered dead  for how long a dead region was the answer
  downtime       for how long a client behind a cache that keeps to the TTL may have been sent to a dead region
  hopeless       of that, while no other region was alive
  budget         the bound that `check` computes for these settings";

#[cfg(test)]
mod tests;
