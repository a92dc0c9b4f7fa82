//! The files that one process at a time may have open, and what is known of them when they are opened.

use std::io;
use std::path::PathBuf;

use crate::config::Config;
use crate::controller::Missing;
use crate::recorder::Recorder;
use crate::store::{Ended, UnsavedMark};

/// What the saved state may lack.
pub(super) fn missing(ended: Ended, mark: &UnsavedMark) -> Missing {
    if mark.is_set() {
        return Missing::Commits;
    }
    match ended {
        Ended::FirstStart | Ended::Cleanly => Missing::Nothing,
        Ended::Killed => Missing::Notes,
        Ended::PowerLost => Missing::Commits,
    }
}

/// Who writes the probes down, if that is wanted.
pub(super) fn recorder(config: &Config) -> io::Result<Option<Recorder>> {
    if config.record.max_size == 0 {
        return Ok(None);
    }
    let checks = config.probes.iter().map(|probe| probe.check.clone()).collect();
    Recorder::start(&config.node.state_dir, config.record.max_size, checks).map(Some)
}

/// Beside the control socket, whose folder usually lies in memory.
pub(super) fn unsaved_mark(config: &Config) -> PathBuf {
    let mut name = config.control.socket.file_name().unwrap_or_default().to_owned();
    name.push(".unsaved");
    config.control.socket.with_file_name(name)
}
