//! The recordings of a folder, read into one history.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::output::complain;
use crate::controller::Parameters;
use crate::recorder;
use crate::replay::{Coverage, History};

/// The past, and what of it concerns the configuration.
pub(super) struct Past {
    pub(super) history: History,
    pub(super) coverage: Coverage,
}

/// Reads a recording, or all of a folder.
///
/// # Errors
/// When there is none, or nothing in it concerns the configuration.
pub(super) fn read(path: &Path, parameters: &Parameters) -> Result<Past, Failure> {
    let mut history = History::default();
    for file in files(path)? {
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::Failed(format!("cannot read the recording {}: {error}", file.display()))
        };
        let octets = fs::read(&file).map_err(|error| unreadable(&error))?;
        history.add(&octets).map_err(|why| Failure::Failed(format!("{} {why}", file.display())))?;
    }
    history.finish();
    if history.left_out() > 0 {
        complain(&format!(
            "warning: {} probes are too many to be held, and left out; name one file",
            history.left_out()
        ));
    }
    let checks = parameters.regions.iter().flat_map(|region| &region.checks).chain(&parameters.witnesses);
    let coverage = history.coverage(checks.map(|check| &check.id)).ok_or_else(|| {
        let help = "probes are recorded while the daemon runs, as [record] max_size lets it";
        Failure::Failed(format!("{} has no probe of this configuration; {help}", path.display()))
    })?;
    Ok(Past { history, coverage })
}

/// One file, or the recordings in a folder: in a state folder, in its folder of them.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    for folder in [path, &path.join(recorder::FOLDER)] {
        let all = recorder::recordings(folder);
        let all =
            all.map_err(|error| Failure::Failed(format!("cannot read {}: {error}", folder.display())))?;
        if !all.is_empty() {
            return Ok(all.into_iter().map(|(_, file)| file).collect());
        }
    }
    let help = "probes are recorded while the daemon runs, as [record] max_size lets it";
    Err(Failure::Failed(format!("there is no recording in {}; {help}", path.display())))
}
