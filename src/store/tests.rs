//! What a crash, a bad disk, a stranger's file or a second daemon do to the state.

mod crashes;
mod damage;
mod faults;
mod history;
mod memory;
mod older;
mod real;
mod waiting;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::*;
use crate::model::Moment;
use memory::MemoryDisk;

/// A wall-clock time.
const NOW: Moment = Moment::from_millis(1_795_363_451_007);

/// The state of the tests: every entry that was taken in.
type State = Vec<u64>;

type Opened = Result<(StateLog, Recovered<State, u64>), StoreError>;

fn open_at(disk: &MemoryDisk, boot: &str) -> Opened {
    StateLog::open_in(Arc::new(disk.clone()), boot, NOW)
}

#[track_caller]
fn open(disk: &MemoryDisk) -> (StateLog, Recovered<State, u64>) {
    open_at(disk, "boot").expect("a disk that works")
}

/// Everything that was recovered.
fn whole(recovered: &Recovered<State, u64>) -> State {
    let snapshot = recovered.snapshot.iter().flatten();
    snapshot.chain(&recovered.entries).copied().collect()
}

/// A disk with two snapshots and a log: entries 1 to 9, of which 1 to 4 and 1 to 7 are in the snapshots.
fn used_disk() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    let mut state = State::new();
    for batch in [&[1, 2][..], &[3, 4], &[5], &[6, 7], &[8], &[9]] {
        let through = log.append(batch, NOW).expect("a disk that works");
        state.extend(batch);
        if [4, 7].contains(state.last().expect("not empty")) {
            log.snapshot(&state, through, NOW).expect("a disk that works");
        }
    }
    disk
}
