//! Reads everything that the configuration names, and judges all of it before anything is started.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::thread::available_parallelism;

use crate::config::{self, Config, Parsed, ZoneSettings};
use crate::model::{Problem, has_errors};
use crate::probe::{self, Prober};
use crate::zone::Zone;

use super::zone_file::read_zone;

/// Everything is read and right; nothing is started.
pub struct Ready {
    /// The configuration.
    pub config: Config,
    /// The zones, in its order.
    pub zones: Vec<Zone>,
    /// The prober.
    pub prober: Prober,
    /// What is doubtful.
    pub warnings: Vec<Problem>,
}

/// Reads the configuration, the zones and the certificate files: as strict for `check` as for the start.
///
/// # Errors
/// Every mistake in all of them, with its place.
pub fn load(file: &Path) -> Result<Ready, Vec<Problem>> {
    let Parsed { config, warnings: mut problems } = load_config(file)?;
    let mut zones = Vec::with_capacity(config.zones.len());
    for settings in &config.zones {
        let ZoneSettings { name, file, place, steered } = settings;
        match read_zone(name, file, steered, Some(place)) {
            Ok(accepted) => {
                problems.extend(accepted.warnings);
                zones.push(accepted.zone);
            }
            Err(mistakes) => problems.extend(mistakes),
        }
    }
    match probe::prepare(&config.probes, config.node.name.clone()) {
        Ok(prober) if !has_errors(&problems) => Ok(Ready { config, zones, prober, warnings: problems }),
        Ok(_) => Err(problems),
        Err(mistakes) => Err(problems.into_iter().chain(mistakes).collect()),
    }
}

/// Reads the configuration alone.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn load_config(file: &Path) -> Result<Parsed, Vec<Problem>> {
    let shown = file.display().to_string();
    let text = fs::read(file).map_err(|error| vec![unreadable(&shown, "the configuration file", &error)])?;
    let text = String::from_utf8(text).map_err(|error| {
        let line =
            1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        vec![Problem::error(None, format!("{shown}: line {line} is not UTF-8"), "TOML is UTF-8 text")]
    })?;
    let base = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    config::parse(&shown, &text, base, available_parallelism().map_or(1, NonZero::get))
}

/// What to say of a file that cannot be read.
pub(super) fn unreadable(shown: &str, what: &str, error: &io::Error) -> Problem {
    let help = if error.kind() == io::ErrorKind::NotFound {
        "name a file that exists; relative paths in the configuration start at its own folder"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "let the user that runs cadence-dns read it and enter its folders"
    } else {
        "it must be a file that can be read"
    };
    Problem::error(None, format!("cannot read {what} {shown}: {error}"), help)
}
