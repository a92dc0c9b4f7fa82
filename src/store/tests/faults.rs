//! A disk that is full, read-only or fails: told, and what was there stays there.

use super::memory::{Faults, Unsynced};
use super::*;
use crate::store::files::Files;
use crate::store::record;

#[track_caller]
fn check_kept(disk: &MemoryDisk, wanted: &[u64]) {
    for disk in [disk.after_kill(), disk.after_power_cut(0, Unsynced::Lost)] {
        assert_eq!(whole(&open(&disk).1), wanted);
    }
}

/// No room after any number of octets: an error, nothing half, and all is well once there is room.
#[test]
fn a_full_disk_keeps_what_was_there() {
    let record = record::entries(10, NOW, &[10, 11]).expect("numbers");
    for room in 0..record.len() {
        let disk = used_disk();
        let (mut log, recovered) = open(&disk);
        disk.fail(Faults { room: Some(room), ..Faults::default() });
        let error = log.append(&[10_u64, 11], NOW).expect_err("there is no room for a record").to_string();
        assert!(error.starts_with("cannot write /state/log-8: ") && error.contains("make room"), "{error}");
        let state = whole(&recovered);
        let error = log.snapshot(&state, log.last(), NOW).expect_err("nor for a snapshot").to_string();
        assert!(error.starts_with("cannot write /state/state.json.new: "), "{error}");
        check_kept(&disk, &state);
        disk.fail(Faults::default());
        assert_eq!(log.append(&[12_u64], NOW).expect("there is room again"), Sequence(10));
        check_kept(&disk, &[&state[..], &[12]].concat());
    }
}

#[test]
fn a_start_on_a_full_disk_is_told_and_goes_on() {
    let disk = used_disk();
    disk.fail(Faults { room: Some(10), ..Faults::default() });
    let (mut log, recovered) = open(&disk);
    assert_eq!(whole(&recovered).len(), 9);
    let [trouble] = &recovered.troubles[..] else { panic!("{:?}", recovered.troubles) };
    assert!(trouble.starts_with("the state log cannot be written to: "), "{trouble}");
    disk.fail(Faults::default());
    log.append(&[10_u64], NOW).expect("there is room again");
    let (_, again) = open(&disk);
    assert_eq!((whole(&again).len(), again.ended, again.troubles.len()), (10, Ended::Killed, 0));
}

#[test]
fn a_read_only_disk_is_named_at_the_start_and_keeps_all_later() {
    let disk = used_disk();
    let (mut log, recovered) = open(&disk);
    let before = disk.files();
    disk.fail(Faults { is_read_only: true, ..Faults::default() });
    assert!(log.append(&[10_u64], NOW).is_err());
    assert!(log.snapshot(&State::new(), log.last(), NOW).is_err());
    let error = open_at(&disk, "boot").expect_err("nothing can be written").to_string();
    assert!(error.contains("read-only filesystem") && error.contains("`state_dir`"), "{error}");
    assert_eq!(disk.files(), before);
    disk.fail(Faults::default());
    log.append(&[10_u64], NOW).expect("the disk works again");
    check_kept(&disk, &[&whole(&recovered)[..], &[10]].concat());
}

/// After a failed sync the system thinks the pages clean and never writes them: they must be written again.
#[test]
fn a_failed_sync_confirms_nothing_that_is_not_there() {
    let disk = used_disk();
    let (mut log, recovered) = open(&disk);
    disk.fail(Faults { sync_fails: true, ..Faults::default() });
    let error = log.append(&[10_u64], NOW).expect_err("not synced").to_string();
    assert_eq!(error, "cannot sync /state/log-8: Input/output error");
    assert_eq!(log.append(&[11_u64], NOW).expect("the disk works again"), Sequence(10));
    check_kept(&disk, &[&whole(&recovered)[..], &[11]].concat());
}

/// A killed run has written an entry and half of another, and synced neither. What we have read of it must not go with
/// the next power cut, also where the half cannot be set aside and the log goes on in another segment.
#[test]
fn what_was_recovered_is_as_safe_as_what_was_confirmed() {
    let disk = used_disk();
    let mut killed = disk.reopen("log-8").expect("it is there");
    killed.write_all(&record::entries(10, NOW, &[10]).expect("a number")).expect("room");
    killed.write_all(b"0123").expect("room");
    disk.fail(Faults { room: Some(0), ..Faults::default() });
    let (mut log, recovered) = open(&disk);
    assert_eq!(recovered.entries, [8, 9, 10]);
    disk.fail(Faults::default());
    log.append(&[11_u64], NOW).expect("room again");
    check_kept(&disk, &[&whole(&recovered)[..], &[11]].concat());
}

/// What a state says beyond the log, for its commit failed, is safe as well.
#[test]
fn a_saved_snapshot_outlives_a_power_cut() {
    let disk = used_disk();
    let (mut log, _) = open(&disk);
    log.snapshot(&[5_u64, 6], log.last(), NOW).expect("a disk that works");
    check_kept(&disk, &[5, 6]);
}

/// Saves that fail make no new segments; the one grows up to its limit, and then an error says why.
#[test]
fn a_log_without_snapshots_is_bounded() {
    let disk = used_disk();
    let (mut log, _) = open(&disk);
    let limit = 4_000;
    log.log.limit(limit);
    let mut failed = 0;
    let error = loop {
        disk.fail(Faults { room: Some(20), ..Faults::default() });
        assert!(log.snapshot(&State::new(), log.last(), NOW).is_err());
        failed += 1;
        disk.fail(Faults::default());
        match log.append(&[0_u64], NOW) {
            Ok(_) => assert!(failed < 100, "no limit"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(failed > 10, "{failed}");
    assert!(
        error.starts_with("the state log has grown to its limit of 4000 octets, for no snapshot"),
        "{error}"
    );
    let sizes: Vec<usize> = ["log-5", "log-8"].map(|name| disk.get(name).len()).to_vec();
    assert!(sizes[1] <= limit as usize, "{sizes:?}");
    assert_eq!(disk.names(), ["log-5", "log-8", "state.json", "state.json.previous"]);

    // A restart does not count anew.
    let (mut log, _) = open(&disk);
    log.log.limit(limit);
    assert!(log.append(&[0_u64; 20], NOW).is_err());
    log.snapshot(&State::new(), log.last(), NOW).expect("the disk works again");
    log.append(&[0_u64; 20], NOW).expect("the snapshot has made room");
}

#[test]
fn the_log_is_removed_that_both_snapshots_have() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    for entry in 1..=50_u64 {
        let through = log.append(&[entry], NOW).expect("a disk that works");
        log.snapshot(&(1..=entry).collect::<State>(), through, NOW).expect("a disk that works");
        log.snapshot(&(1..=entry).collect::<State>(), through, NOW).expect("a disk that works");
        assert!(disk.names().len() <= 4, "{:?}", disk.names());
    }
    assert_eq!(open(&disk).0.last(), Sequence(50));
}

/// An entry that was appended while a snapshot was made is in no snapshot yet.
#[test]
fn a_snapshot_may_lag_behind_the_log() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    let through = log.append(&[1_u64, 2], NOW).expect("a disk that works");
    log.append(&[3_u64], NOW).expect("a disk that works");
    for entry in 4..8_u64 {
        log.snapshot(&[1_u64, 2], through, NOW).expect("a disk that works");
        log.append(&[entry], NOW).expect("a disk that works");
    }
    assert_eq!(whole(&open(&disk).1), [1, 2, 3, 4, 5, 6, 7]);
}
