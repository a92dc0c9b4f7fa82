//! The log and the snapshots of one folder, for a thread that may wait for the disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{StoreError, is_full, with_help};
use super::files::{Files, Folder, take_folder};
use super::lock::{Lock, take_lock};
use super::log::Log;
use super::recovery::{Recovered, survey};
use super::snapshot::Snapshots;
use crate::model::Moment;

/// The number of an entry. Numbers grow, and no number is given twice in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub(super) u64);

/// The log of a state folder, ours alone until this is dropped.
///
/// Its calls wait for the disk: [`StateWriter`](super::StateWriter) is for threads that must not.
#[derive(Debug)]
pub struct StateLog {
    pub(super) log: Log,
    pub(super) snapshots: Snapshots,
    /// Files in memory have none.
    pub(super) lock: Option<Lock>,
}

impl StateLog {
    /// Takes the folder, and makes it when it is missing; reads what the runs before have left, sets damage aside, and
    /// notes that a run begins. `boot` is the [`boot_id`].
    ///
    /// # Errors
    /// When another daemon has the folder, when it cannot be written to (a full disk is a trouble, not an error), when
    /// others can write to it, or when a file in it is of a newer format, is no state of these types, or is not ours.
    /// Nothing is touched then.
    pub fn open<T, E>(
        folder: &Path,
        boot: &str,
        now: Moment,
    ) -> Result<(StateLog, Recovered<T, E>), StoreError>
    where
        T: DeserializeOwned,
        E: DeserializeOwned,
    {
        take_folder(folder)?;
        let lock = take_lock(folder)?;
        let (mut opened, recovered) = StateLog::open_in(Arc::new(Folder::new(folder)), boot, now)?;
        opened.lock = Some(lock);
        Ok((opened, recovered))
    }

    pub(super) fn open_in<T, E>(
        files: Arc<dyn Files>,
        boot: &str,
        now: Moment,
    ) -> Result<(StateLog, Recovered<T, E>), StoreError>
    where
        T: DeserializeOwned,
        E: DeserializeOwned,
    {
        let mut survey = survey(&*files)?;
        let mut recovered = survey.recovered(&*files, boot)?;
        let snapshots = Snapshots::new(Arc::clone(&files), survey.current, survey.previous);
        let (end, troubles) = survey.put_in_order(&files, now)?;
        recovered.troubles = troubles;
        let mut log = Log::resume(files, end, boot)?;
        match log.open(now) {
            Err(StoreError::Io { source, .. }) if is_full(&source) => {
                let why = with_help(&source);
                recovered.troubles.push(format!("the state log cannot be written to: {why}"));
            }
            opened => opened?,
        }
        Ok((StateLog { log, snapshots, lock: None }, recovered))
    }

    /// The number of the last entry; of none, at a first start.
    #[must_use]
    pub fn last(&self) -> Sequence {
        Sequence(self.log.last())
    }

    /// Appends these entries, all of them or none, and waits until they are on the disk. Returns the number of the last.
    ///
    /// # Errors
    /// When they are not on the disk. If the process ends now, they may turn out to be there; otherwise they will not.
    pub fn append<E: Serialize>(&mut self, entries: &[E], now: Moment) -> Result<Sequence, StoreError> {
        let ends = self.log.append(&[(now, entries)])?;
        Ok(ends.last().copied().map_or(self.last(), Sequence))
    }

    /// Saves a state that has every entry up to `through` in it, and removes what the log needs no more.
    ///
    /// # Errors
    /// When the disk is full or fails; what was there before is still there then.
    pub fn snapshot<T: Serialize>(
        &mut self,
        state: &T,
        through: Sequence,
        now: Moment,
    ) -> Result<(), StoreError> {
        let older = self.snapshots.save(state, through.0, now)?;
        self.log.snapshot_saved(older);
        Ok(())
    }

    /// Notes that the run ends as it should, and gives the folder free.
    ///
    /// # Errors
    /// When that is not on the disk.
    pub fn close(mut self, now: Moment) -> Result<(), StoreError> {
        self.log.close(now)
    }
}

/// The boot of this machine, as the kernel names it; empty where it does not.
#[must_use]
pub fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// The same as [`StateLog::open`] for a look from outside: takes no lock and changes nothing.
///
/// # Errors
/// When a file is of a newer format, is no state of these types, or is not ours.
pub fn read_for_display<T, E>(folder: &Path) -> Result<Recovered<T, E>, StoreError>
where
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    let files = Folder::new(folder);
    survey(&files)?.recovered(&files, &boot_id())
}
