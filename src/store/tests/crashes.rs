//! Killed at every operation, torn at every octet, power lost with anything of what was not synced: what was confirmed is
//! there, what was never appended is not, and no number comes again.

use std::collections::BTreeSet;

use super::memory::{Faults, UNSYNCED};
use super::*;

/// What the process knows when it dies.
#[derive(Debug, Clone, Default)]
struct Run {
    /// What was found at the start, and confirmed since.
    confirmed: State,
    /// The last batch that was not confirmed.
    attempted: State,
    /// The highest number that was confirmed.
    last: u64,
    /// It ended as it should.
    is_closed: bool,
}

/// Appends `batches` numbers from the ones that are there on, with snapshots in between, until the disk refuses.
fn run(disk: &MemoryDisk, before: Option<&Run>, batches: usize) -> Run {
    let mut run = before.cloned().unwrap_or_default();
    let Ok((mut log, recovered)) = open_at(disk, "boot") else { return run };
    assert!(log.last().0 >= run.last, "{:?} comes again", log.last());
    check(&run, &whole(&recovered));
    run.confirmed = whole(&recovered);
    run.attempted.clear();
    for batch in 0..batches {
        let first = run.confirmed.last().map_or(1, |last| last + 1);
        let entries: State = (first..first + 1 + batch as u64 % 3).collect();
        run.attempted.clone_from(&entries);
        let Ok(sequence) = log.append(&entries, NOW) else { return run };
        assert!(sequence.0 >= run.last + entries.len() as u64, "{sequence:?} comes again");
        run.last = sequence.0;
        run.confirmed.append(&mut run.attempted);
        if batch % 2 == 1 && log.snapshot(&run.confirmed, sequence, NOW).is_err() {
            return run;
        }
    }
    run.is_closed = log.close(NOW).is_ok();
    run
}

/// All that was confirmed, and then at most the whole batch that was not.
#[track_caller]
fn check(run: &Run, found: &[u64]) {
    let (confirmed, more) = found.split_at_checked(run.confirmed.len()).unwrap_or((found, &[]));
    assert_eq!(confirmed, run.confirmed, "something confirmed is missing");
    assert!(more.is_empty() || more == run.attempted, "{more:?} was never appended as a whole");
}

/// Every disk that the death may leave: of a kill, and of a power cut.
fn remains(disk: &MemoryDisk) -> Vec<(MemoryDisk, Ended)> {
    let mut remains = vec![(disk.after_kill(), Ended::Killed)];
    let mut known = BTreeSet::new();
    for names in 0..1 << disk.unsynced_names() {
        for unsynced in UNSYNCED {
            let remaining = disk.after_power_cut(names, unsynced);
            if known.insert(remaining.files()) {
                remains.push((remaining, Ended::PowerLost));
            }
        }
    }
    remains
}

const BATCHES: usize = 7;

/// The operations of a whole run that begins with this disk.
fn operations(disk: &MemoryDisk, before: &Run) -> usize {
    let disk = disk.after_kill();
    assert!(run(&disk, Some(before), BATCHES).is_closed);
    disk.operations()
}

#[test]
fn killed_or_cut_off_at_every_operation_and_again_in_the_next_run() {
    let (fresh, nothing) = (MemoryDisk::default(), Run::default());
    let mut disks = 0;
    for first in 0..operations(&fresh, &nothing) {
        let disk = fresh.after_kill();
        disk.fail(Faults { killed_after: Some(first), ..Faults::default() });
        let before = run(&disk, None, BATCHES);
        assert!(!before.is_closed);
        for (disk, _) in remains(&disk) {
            disks += 1;
            for second in 0..operations(&disk, &before) {
                let disk = disk.after_kill();
                disk.fail(Faults { killed_after: Some(second), ..Faults::default() });
                let again = run(&disk, Some(&before), BATCHES);
                for disk in [disk.after_kill(), disk.after_power_cut(0, UNSYNCED[second % 4])] {
                    run(&disk, Some(&again), 2);
                }
            }
        }
    }
    assert!(disks > 150, "{disks}");
}

#[test]
fn torn_at_every_octet_of_every_write() {
    let (fresh, nothing) = (MemoryDisk::default(), Run::default());
    let mut tears = 0;
    for operation in 0..operations(&fresh, &nothing) {
        let mut octets = 0;
        for torn_at in 0.. {
            let disk = fresh.after_kill();
            disk.fail(Faults { killed_after: Some(operation), torn_at, ..Faults::default() });
            let before = run(&disk, None, BATCHES);
            let size: usize = disk.files().values().map(Vec::len).sum();
            if torn_at > 0 && size == octets {
                break; // no write, or all of it
            }
            octets = size;
            tears += 1;
            for disk in [disk.after_kill(), disk.after_power_cut(usize::MAX, super::memory::Unsynced::Kept)] {
                let again = run(&disk, Some(&before), 2);
                assert!(again.is_closed, "a torn write stops nothing");
                run(&disk.after_kill(), Some(&again), 0);
            }
        }
    }
    assert!(tears > 1000, "{tears}");
}

#[test]
fn the_end_of_the_last_run_is_told() {
    let disk = MemoryDisk::default();
    let ended = |disk: &MemoryDisk, boot| open_at(disk, boot).expect("a disk that works").1.ended;
    assert_eq!(ended(&disk, "a"), Ended::FirstStart);
    assert_eq!(ended(&disk, "a"), Ended::Killed);
    assert_eq!(ended(&disk, "b"), Ended::PowerLost);
    assert_eq!(ended(&disk, ""), Ended::PowerLost);
    assert_eq!(ended(&disk, ""), Ended::PowerLost, "no boot is no proof that it is the same");
    let (mut log, _) = open(&disk);
    log.append(&[1_u64], NOW).expect("a disk that works");
    log.close(NOW).expect("a disk that works");
    assert_eq!(ended(&disk.after_kill(), "other"), Ended::Cleanly);
    assert_eq!(ended(&disk, "boot"), Ended::Cleanly);
    assert_eq!(ended(&disk, "boot"), Ended::Killed, "a run has begun since");
}

/// The boot is known though the segments of the run's first days are gone.
#[test]
fn the_end_of_a_long_run_is_told() {
    let disk = used_disk();
    assert_eq!(segments_of(&disk), ["log-5", "log-8"]);
    for (disk, ended) in remains(&disk) {
        let boot = if ended == Ended::Killed { "boot" } else { "another" };
        assert_eq!(open_at(&disk, boot).expect("a disk that works").1.ended, ended);
    }
}

fn segments_of(disk: &MemoryDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.starts_with("log-")).collect()
}
