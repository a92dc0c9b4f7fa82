//! The files that one process at a time may have open, and what is known of them when they are opened.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::clock::Clock;
use crate::config::Config;
use crate::controller::{Change, Missing, Saved};
use crate::recorder::Recorder;
use crate::store::{self, Ended, Recovered, StateLog, StoreError, UnsavedMark};

/// A process that was killed is gone by then.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

const LOCK_TRIED_EVERY: Duration = Duration::from_millis(10);

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

/// What was saved last. A predecessor that was killed is not quite gone when its last word has come, for the kernel closes
/// its files one by one: then the folder is tried again for a moment.
pub(super) async fn open_state(
    folder: &Path,
    clock: &Clock,
    is_successor: bool,
) -> Result<(StateLog, Recovered<Saved, Change>), StoreError> {
    let given_up = Instant::now() + LOCK_PATIENCE;
    loop {
        match StateLog::open(folder, &store::boot_id(), clock.now()) {
            Err(StoreError::Locked { .. }) if is_successor && Instant::now() < given_up => {
                sleep(LOCK_TRIED_EVERY).await;
            }
            opened => return opened,
        }
    }
}
