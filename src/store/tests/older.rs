//! Files of other versions: the format before is read, newer ones are refused and not touched.

use serde_json::Value;

use super::*;
use crate::store::{record, snapshot};

/// A folder as a kill -9 left it to the version before: a state that lacks the journals from 8 on.
fn old_disk() -> MemoryDisk {
    let disk = MemoryDisk::default();
    disk.put("state.json", include_bytes!("../../../tests/store/format-1/state.json"));
    disk.put("journal-7", b"{\"region\":\"is in the state\"}\n");
    disk.put("journal-11", include_bytes!("../../../tests/store/format-1/journal-11"));
    disk.put("journal-12", include_bytes!("../../../tests/store/format-1/journal-12"));
    disk.put("lock", b"4711\n");
    disk
}

type OldOpened = Result<(StateLog, Recovered<Value, Value>), StoreError>;

fn open_old(disk: &MemoryDisk) -> OldOpened {
    StateLog::open_in(Arc::new(disk.clone()), "boot", NOW)
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    let kinds = entries.iter().map(|entry| entry.as_object().and_then(|entry| entry.keys().next()));
    kinds.map(|kind| kind.map_or("?", String::as_str)).collect()
}

#[test]
fn the_format_before_is_read_until_two_snapshots_have_it() {
    let disk = old_disk();
    let (mut log, recovered) = open_old(&disk).expect("the format before");
    assert_eq!(recovered.snapshot.as_ref().expect("a state")["version"], "v1");
    assert_eq!(kinds(&recovered.entries), ["check", "check", "region", "name"]);
    assert_eq!(recovered.entries[3]["name"]["standing"]["epoch"], 2);
    assert_eq!((recovered.ended, recovered.troubles), (Ended::PowerLost, Vec::new()));
    let through = log.append(&["new"], NOW).expect("a disk that works");
    let (_, again) = open_old(&disk).expect("both formats");
    assert_eq!(kinds(&again.entries), ["check", "check", "region", "name", "?"]);

    log.snapshot(&"first", through, NOW).expect("a disk that works");
    let (_, again) = open_old(&disk).expect("both formats");
    assert_eq!((again.snapshot, again.entries.len()), (Some("first".into()), 0));
    let first = disk.get("state.json");
    disk.put("state.json", b"damage");
    let (_, again) = open_old(&disk).expect("both formats");
    assert_eq!(kinds(&again.entries), ["check", "check", "region", "name", "?"]);

    disk.put("state.json", &first);
    let (mut log, _) = open_old(&disk).expect("both formats");
    log.snapshot(&"second", through, NOW).expect("a disk that works");
    assert!(!disk.names().iter().any(|name| name.starts_with("journal-")), "{:?}", disk.names());
}

#[test]
fn a_torn_journal_of_the_format_before_is_told_and_kept() {
    let disk = old_disk();
    let journal = disk.get("journal-12");
    disk.put("journal-12", &journal[..journal.len() - 1]);
    let (_, recovered) = open_old(&disk).expect("the format before");
    assert_eq!(kinds(&recovered.entries), ["check", "check", "region"]);
    let [why] = &recovered.troubles[..] else { panic!("{:?}", recovered.troubles) };
    assert!(why.starts_with("/state/journal-12 is damaged at octet "), "{why}");
    let (_, aside) = why.split_once("set aside as /state/").expect("it says where");
    assert!(journal[..journal.len() - 1].ends_with(&disk.get(aside)));
}

#[test]
fn journals_that_cannot_be_read_are_told() {
    let disk = old_disk();
    disk.fail(super::memory::Faults { reading_fails: true, ..Default::default() });
    let (_, recovered) = open_old(&disk).expect("a failing disk is no reason not to start");
    for name in ["state.json", "journal-7", "journal-11", "journal-12"] {
        let wanted = format!("/state/{name} cannot be read: bad sector");
        assert!(recovered.troubles.iter().any(|why| why.starts_with(&wanted)), "{:?}", recovered.troubles);
    }
}

#[track_caller]
fn check_refused(disk: &MemoryDisk, wanted: &str) {
    let before = disk.files();
    let error = open_at(disk, "boot").expect_err("it is not for us").to_string();
    assert!(error.starts_with(wanted), "{error}");
    assert_eq!(disk.files(), before, "something was touched");
}

fn newer_snapshot() -> Vec<u8> {
    let text = "{\"format\":3,\"shape\":\"unheard of\"}\n?\n";
    format!("{text}{{\"crc32\":\"{:08x}\"}}\n", crc32fast::hash(text.as_bytes())).into_bytes()
}

#[test]
fn a_newer_format_is_refused_by_name_and_not_touched() {
    for name in ["state.json", "state.json.previous"] {
        let disk = used_disk();
        disk.put(name, &newer_snapshot());
        let wanted = format!(
            "/state/{name} is of format 3, this program reads up to 2; \
             start the newer version, or move the folder away"
        );
        check_refused(&disk, &wanted);
    }
    let json = "{\"format\":4,\"shape\":\"unheard of\"}";
    let line = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    for damage in ["", "damage before it\n"] {
        let disk = used_disk();
        disk.put("log-8", &[&disk.get("log-8"), damage.as_bytes(), line.as_bytes()].concat());
        disk.put("state.json", b"damaged too");
        check_refused(&disk, "/state/log-8 is of format 4, this program reads up to 2; ");
    }
}

/// A forged number must not make ours end.
#[test]
fn numbers_that_no_daemon_reaches_are_refused() {
    for number in [u64::MAX, (1 << 53) + 1] {
        let disk = used_disk();
        disk.put("state.json", &snapshot::seal(&State::new(), number, NOW).expect("numbers"));
        check_refused(&disk, "/state has entries with numbers that no daemon reaches");
        let disk = used_disk();
        disk.put("log-8", &record::entries(number, NOW, &[1]).expect("numbers"));
        check_refused(&disk, "/state has entries with numbers that no daemon reaches");
    }
}

#[test]
fn whole_files_of_another_shape_are_refused_and_not_touched() {
    let disk = used_disk();
    disk.put("state.json", &snapshot::seal(&"a state of the future", 7, NOW).expect("a text"));
    check_refused(
        &disk,
        "/state/state.json is whole, but this version cannot make sense of it: invalid type",
    );
    let disk = used_disk();
    let line = record::entries(10, NOW, &["an entry of the future"]).expect("a text");
    disk.put("log-8", &[disk.get("log-8"), line].concat());
    check_refused(&disk, "/state/log-8 is whole, but this version cannot make sense of it: invalid type");
    let disk = used_disk();
    disk.put("state.json", b"damaged");
    let segment = String::from_utf8(disk.get("log-5")).expect("JSON");
    let broken = segment.lines().map(|line| {
        let json = line[9..].replace("[5]", "[\"five\"]");
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
    });
    disk.put("log-5", broken.collect::<String>().as_bytes());
    check_refused(&disk, "/state/log-5 is whole, but this version cannot make sense of it: invalid type");
}
