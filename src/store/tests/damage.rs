//! Damaged files: told, set aside, and as little as possible is lost.

use super::*;
use crate::store::aside::DAMAGED_MAX_FILES;

fn damaged(disk: &MemoryDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.contains(".damaged-")).collect()
}

#[test]
fn nothing_is_told_when_nothing_is_wrong() {
    let (log, recovered) = open(&used_disk());
    assert_eq!(log.last(), Sequence(9));
    let wanted = Recovered {
        snapshot: Some(vec![1, 2, 3, 4, 5, 6, 7]),
        entries: vec![8, 9],
        ended: Ended::Killed,
        troubles: Vec::new(),
    };
    assert_eq!(recovered, wanted);
}

/// Cut anywhere: the snapshot before it and the log since say the same.
#[test]
fn a_damaged_snapshot_costs_nothing() {
    let used = used_disk();
    let state = used.get("state.json");
    for length in 0..state.len() {
        let disk = used.after_kill();
        disk.put("state.json", &state[..length]);
        let (mut log, recovered) = open(&disk);
        assert_eq!(whole(&recovered), [1, 2, 3, 4, 5, 6, 7, 8, 9], "cut to {length}");
        let [why, instead] = &recovered.troubles[..] else { panic!("{:?}", recovered.troubles) };
        let (what, aside) = why.split_once("it was set aside as /state/").expect("it says where");
        assert!(what.starts_with("/state/state.json is damaged: it"), "{what}");
        assert_eq!(disk.get(aside), &state[..length]);
        assert_eq!(instead, "/state/state.json.previous is used, with the log since");
        let through = log.append(&[10_u64], NOW).expect("a disk that works");
        log.snapshot(&[10_u64], through, NOW).expect("a disk that works");
        let (_, recovered) = open(&disk);
        assert_eq!((whole(&recovered), recovered.troubles), (vec![10], Vec::new()));
    }
}

/// Each bit of the log flipped: what comes before is used, and the rest is told and set aside.
#[test]
fn a_damaged_log_is_used_up_to_the_damage() {
    let used = used_disk();
    let log = used.get("log-8");
    let mut found = Vec::new();
    for bit in 0..log.len() * 8 {
        let disk = used.after_kill();
        let mut flipped = log.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.put("log-8", &flipped);
        let (mut log, recovered) = open(&disk);
        let state = whole(&recovered);
        assert!([7, 8, 9].contains(state.last().expect("the snapshot is whole")), "{state:?}");
        assert_eq!(recovered.troubles.len(), 1, "{:?}", recovered.troubles);
        assert!(recovered.troubles[0].starts_with("/state/log-8"), "{:?}", recovered.troubles);
        if state.len() < 9 {
            let [aside] = &damaged(&disk)[..] else { panic!("{:?}", damaged(&disk)) };
            assert!(flipped.ends_with(&disk.get(aside)) && !disk.get(aside).is_empty());
        }
        let number = log.append(&[99_u64], NOW).expect("a disk that works");
        assert!(number > Sequence(9), "{number:?} comes again");
        let again = open(&disk).1;
        assert_eq!(whole(&again), [&state[..], &[99]].concat());
        found.push(state.len());
    }
    found.dedup();
    assert_eq!(found, [9, 7, 8], "the record of the run harms nothing, the others do");
}

/// A segment that is gone in the middle: the later ones are kept, but not used.
#[test]
fn a_missing_segment_is_noticed() {
    let used = used_disk();
    let disk = MemoryDisk::default();
    for (name, octets) in used.files() {
        if name != "log-5" && name != "state.json" {
            disk.put(&name, &octets);
        }
    }
    let (mut log, recovered) = open(&disk);
    assert_eq!(whole(&recovered), [1, 2, 3, 4]);
    let why = "/state/log-8 is damaged at octet 0, ";
    assert!(recovered.troubles[0].starts_with(why), "{:?}", recovered.troubles);
    assert!(log.append(&[9_u64], NOW).expect("a disk that works") > Sequence(9));
    assert_eq!(whole(&open(&disk).1), [1, 2, 3, 4, 9]);
}

#[test]
fn without_a_snapshot_the_log_tells_what_it_can() {
    let disk = used_disk();
    disk.put("state.json", b"{}");
    disk.put("state.json.previous", b"");
    let (mut log, recovered) = open(&disk);
    assert_eq!((recovered.snapshot, recovered.entries), (None, vec![5, 6, 7, 8, 9]));
    assert_eq!(recovered.troubles.len(), 3, "{:?}", recovered.troubles);
    assert_eq!(log.append(&[10_u64], NOW).expect("a disk that works"), Sequence(10));
}

#[test]
fn damaged_files_are_bounded_in_number_and_the_newest_is_kept() {
    let disk = used_disk();
    for number in 0..3 * DAMAGED_MAX_FILES {
        // Also after the clock was set back.
        disk.put("state.json", format!("damage {number}").as_bytes());
        drop(StateLog::open_in::<State, u64>(Arc::new(disk.clone()), "boot", Moment::default()));
        let kept = damaged(&disk);
        assert_eq!(kept.len(), (number + 1).min(DAMAGED_MAX_FILES));
        let newest = kept.last().expect("at least one");
        assert_eq!(disk.get(newest), format!("damage {number}").as_bytes());
    }
}

/// Damage that a full disk has no room for stays where it is, and the log goes on beside it.
#[test]
fn a_torn_end_on_a_full_disk_stops_nothing() {
    let disk = used_disk();
    let torn = [disk.get("log-8"), b"0123".to_vec()].concat();
    disk.put("log-8", &torn);
    disk.fail(super::memory::Faults { room: Some(0), ..Default::default() });
    let (mut log, recovered) = open(&disk);
    assert_eq!((whole(&recovered).len(), recovered.troubles.len()), (9, 2), "{:?}", recovered.troubles);
    assert!(log.append(&[10_u64], NOW).is_err());
    assert_eq!(disk.get("log-8"), torn);
    disk.fail(super::memory::Faults::default());
    log.append(&[10_u64], NOW).expect("there is room again");
    assert_eq!(whole(&open(&disk).1), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn files_that_cannot_be_read_are_set_aside_too() {
    let disk = used_disk();
    disk.fail(super::memory::Faults { reading_fails: true, ..Default::default() });
    let (mut log, recovered) = open(&disk);
    assert_eq!((whole(&recovered), recovered.ended), (vec![], Ended::PowerLost));
    assert!(recovered.troubles[0].starts_with("/state/state.json cannot be read: bad sector"));
    assert!(log.append(&[10_u64], NOW).expect("writing works") > Sequence(9));
    assert_eq!(damaged(&disk).len(), 4, "{:?}", disk.names());
}
