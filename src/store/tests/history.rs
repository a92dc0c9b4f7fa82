//! The history on a disk that tears, fills up, fails and hangs; and in the hands of somebody who changes it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::memory::{Faults, UNSYNCED};
use super::*;
use crate::config::HistorySettings;
use crate::controller::HistoryEntry;
use crate::store::files::Folder;
use crate::store::history::{ENTRIES_MAX, Ledger};

/// No file is ever full.
const ROOMY: HistorySettings = HistorySettings { max_size: 10 << 20, files: 10 };

/// A file is full with its first few entries.
const TIGHT: HistorySettings = HistorySettings { max_size: 1000, files: 3 };

/// Of a history without entries.
const NOTHING: Vec<String> = Vec::new();

/// The files of a history by name.
type Octets = BTreeMap<String, Vec<u8>>;

fn entry(text: impl ToString) -> HistoryEntry {
    HistoryEntry::told(&"ns1".into(), NOW, "test", text.to_string())
}

fn entries(texts: std::ops::Range<usize>) -> Vec<HistoryEntry> {
    texts.map(entry).collect()
}

fn ledger(disk: &MemoryDisk, limits: HistorySettings) -> (Ledger, Vec<String>) {
    Ledger::open(Arc::new(disk.clone()), limits, NOW).expect("a disk that works")
}

/// A history of this many entries, with the entry's number for a text.
fn written(count: usize, limits: HistorySettings) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (mut ledger, _) = ledger(&disk, limits);
    for number in 1..=count {
        ledger.append(&[entry(number)]).expect("a disk that works");
    }
    disk
}

/// The files of a disk as a folder, for those who read real ones.
fn folder_of(disk: &MemoryDisk) -> TempDir {
    folder_with(&disk.files())
}

fn folder_with(files: &Octets) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, octets) in files {
        fs::write(folder.path().join(name), octets).expect("room");
    }
    folder
}

fn texts(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let troubles = HistoryReader::new(folder).read(|recorded| texts.push(recorded.entry.text));
    assert_eq!(troubles.expect("readable"), Vec::<String>::new());
    texts
}

fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn what_was_written_is_read_again_and_goes_on_after_a_restart() {
    let disk = written(3, ROOMY);
    let (mut again, mended) = ledger(&disk, ROOMY);
    assert_eq!((again.last(), mended.len()), (3, 0));
    again.append(&entries(4..6)).expect("a disk that works");
    let folder = folder_of(&disk);
    assert_eq!(texts(folder.path()), numbers(1..=5));
    let verified = verify(folder.path(), None).expect("nothing was changed");
    assert_eq!((verified.files, verified.first, verified.last), (1, 1, 5));
}

#[test]
fn an_empty_history_is_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().to_owned(), folder.path().join("missing")] {
        let verified = verify(&path, None).expect("there is nothing to be wrong");
        assert_eq!((verified.files, verified.first, verified.last), (0, 0, 0));
        assert_eq!(texts(&path), NOTHING);
    }
}

#[test]
fn files_are_bounded_in_size_and_number_and_the_chain_goes_over_them() {
    let disk = written(40, TIGHT);
    assert_eq!(disk.names().len(), TIGHT.files, "{:?}", disk.names());
    for octets in disk.files().values() {
        assert!(octets.len() < 1000 + 500, "{} octets", octets.len());
    }
    let folder = folder_of(&disk);
    let verified = verify(folder.path(), None).expect("the chain goes over files");
    assert_eq!((verified.files, verified.last), (TIGHT.files, 40));
    assert!(verified.first > 1, "the first files are gone");
    assert_eq!(texts(folder.path()), numbers(usize::try_from(verified.first).expect("small")..=40));
}

/// Every bit of every octet of every line: whoever changes one is found, by the file and the line.
#[test]
fn not_one_octet_can_be_changed() {
    let disk = written(9, TIGHT);
    let whole = disk.files();
    let mut tried = 0;
    for (name, octets) in &whole {
        for at in 0..octets.len() {
            let mut changed = whole.clone();
            changed.get_mut(name).expect("it is there")[at] ^= 1 << (at % 8);
            let folder = folder_with(&changed);
            let line = octets[..at].iter().filter(|octet| **octet == b'\n').count() + 1;
            let broken = verify(folder.path(), None).expect_err("an octet was changed").to_string();
            let place = format!("{}:{line}: ", folder.path().join(name).display());
            assert!(broken.starts_with(&place), "octet {at} of {name}: {broken}");
            tried += 1;
        }
    }
    assert!(tried > 1500, "{tried}");
}

#[test]
fn lines_and_files_cannot_be_taken_out_put_in_or_exchanged() {
    let disk = written(14, TIGHT);
    let (whole, names) = (disk.files(), disk.names());
    let check = |what: &str, wanted: &str, change: &dyn Fn(&mut Octets)| {
        let mut changed = whole.clone();
        change(&mut changed);
        let folder = folder_with(&changed);
        let broken = verify(folder.path(), None).expect_err(what).to_string();
        assert!(broken.contains(wanted), "{what}: {broken}");
    };
    let lines = |octets: &[u8]| -> Vec<Vec<u8>> {
        octets.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (first, middle) = (names[0].clone(), names[1].clone());
    check("a line is missing", "jsonl:2: entry", &|files| {
        let mut rest = lines(&files[&first]);
        rest.remove(1);
        files.insert(first.clone(), rest.concat());
    });
    check("two lines are exchanged", "jsonl:2: entry", &|files| {
        let mut rest = lines(&files[&first]);
        rest.swap(1, 2);
        files.insert(first.clone(), rest.concat());
    });
    check("a file is missing", "jsonl:1: entry", &|files| drop(files.remove(&middle)));
    check("a file has another name", "where the file's name says 2", &|files| {
        let octets = files.remove(&first).expect("it is there");
        files.insert("history-0000000002.jsonl".to_owned(), octets);
    });
    // An entry of another history: whole in itself, and chained to something else.
    let other = MemoryDisk::default();
    let (mut ledger, _) = ledger(&other, ROOMY);
    ledger.append(&entries(50..59)).expect("a disk that works");
    let foreign = lines(&other.files()["history-0000000001.jsonl"]);
    check("a line of another history", "chained to another entry 1", &|files| {
        let mut rest = lines(&files[&first]);
        rest[1].clone_from(&foreign[1]);
        files.insert(first.clone(), rest.concat());
    });
}

/// Who rewrites everything is found by whoever has noted a hash before.
#[test]
fn a_history_that_was_written_anew_does_not_have_the_hash_that_was_noted() {
    let (ours, forged) = (folder_of(&written(5, ROOMY)), tempfile::tempdir().expect("a folder"));
    let noted = verify(ours.path(), None).expect("whole").hash;
    let has = |folder: &Path, number| verify(folder, Some((number, &noted))).expect("whole").has_noted;
    assert_eq!(
        (has(ours.path(), 5), has(ours.path(), 4), has(ours.path(), 6)),
        (Some(true), Some(false), Some(false))
    );
    let (mut ledger, _) =
        Ledger::open(Arc::new(Folder::new(forged.path())), ROOMY, NOW).expect("a folder of ours");
    ledger.append(&entries(11..16)).expect("room");
    assert_eq!(has(forged.path(), 5), Some(false));
}

/// Killed or cut off at every operation, torn at every octet of the last write, and again in the next run: what was
/// confirmed is there, once, and the chain is whole.
#[test]
fn killed_or_cut_off_at_any_moment_the_chain_goes_on() {
    let operations = {
        let disk = written(4, TIGHT);
        disk.fail(Faults::default());
        let (mut ledger, _) = ledger(&disk, TIGHT);
        ledger.append(&entries(5..9)).expect("a disk that works");
        disk.operations()
    };
    assert!(operations > 4, "{operations}");
    for killed_after in 0..operations {
        for torn_at in [0, 1, 40, 200, 299] {
            let disk = written(4, TIGHT);
            disk.fail(Faults { killed_after: Some(killed_after), torn_at, ..Faults::default() });
            let (mut ledger, _) = ledger(&disk, TIGHT);
            ledger.append(&entries(5..9)).expect_err("it was killed");
            let left = UNSYNCED.iter().map(|unsynced| disk.after_power_cut(disk.unsynced_names(), *unsynced));
            for left in left.chain([disk.after_kill()]) {
                check_goes_on(&left);
            }
        }
    }
}

#[track_caller]
fn check_goes_on(disk: &MemoryDisk) {
    let (mut again, mended) = ledger(disk, TIGHT);
    let kept = usize::try_from(again.last()).expect("small");
    assert!((4..=8).contains(&kept), "{kept} entries are left of 4 that were confirmed");
    let is_torn = disk.names().iter().any(|name| name.contains(".damaged-"));
    assert_eq!(!mended.is_empty(), is_torn, "{mended:?}");
    again.append(&[entry("after")]).expect("the disk works again");
    let folder = folder_of(disk);
    let verified = verify(folder.path(), None).expect("the chain is whole");
    assert_eq!(verified.last, again.last());
    let texts = texts(folder.path());
    assert_eq!(texts.last().map(String::as_str), Some("after"));
    let first = usize::try_from(verified.first).expect("small");
    assert_eq!(texts[..texts.len() - 1], numbers(first..=kept), "each once, in order");
}

#[tokio::test]
async fn what_a_full_disk_does_not_take_is_kept_and_written_later() {
    let disk = MemoryDisk::default();
    disk.fail(Faults { room: Some(600), ..Faults::default() });
    let writer = start(&disk);
    for number in 1..=20 {
        writer.add(entry(number));
    }
    let trouble = until(&writer, |health| health.trouble.is_some()).await;
    assert!(trouble.trouble.expect("it is full").contains("make room"));
    assert!(trouble.waiting >= 18, "{}", trouble.waiting);
    disk.fail(Faults::default());
    let well = until(&writer, |health| health.waiting == 0).await;
    assert_eq!((well.trouble, well.lost), (None, 0));
    writer.close(Duration::from_secs(5)).await.expect("it works again");
    let folder = folder_of(&disk);
    assert_eq!(texts(folder.path()), numbers(1..=20), "each once");
    verify(folder.path(), None).expect("the chain is whole");
}

/// What memory has no room for is lost, and one entry says so in the place where it is missing.
#[tokio::test]
async fn what_there_is_no_room_for_is_counted() {
    let disk = MemoryDisk::default();
    disk.hang();
    let writer = start(&disk);
    for number in 0..ENTRIES_MAX + 7 {
        writer.add(entry(number));
    }
    let health = writer.health(Instant::now() + Duration::from_secs(3));
    assert!(health.trouble.is_some_and(|trouble| trouble.contains("it hangs")));
    assert_eq!((health.waiting, health.lost), (ENTRIES_MAX, 7));
    disk.release();
    until(&writer, |health| health.waiting < ENTRIES_MAX).await;
    writer.add(entry("the next"));
    writer.close(Duration::from_secs(60)).await.expect("it works again");
    let folder = folder_of(&disk);
    let texts = texts(folder.path());
    assert_eq!(texts.len(), ENTRIES_MAX + 2);
    let wanted = format!("7 entries from {NOW} to {NOW} are lost: the disk took none for too long");
    assert_eq!(texts[ENTRIES_MAX..], [wanted, "the next".to_owned()]);
}

/// A disk that hangs keeps nobody waiting: not who adds an entry, and not who closes for longer than he wants.
#[tokio::test]
async fn a_disk_that_hangs_keeps_nobody_waiting() {
    let disk = MemoryDisk::default();
    disk.hang();
    let writer = start(&disk);
    writer.add(entry(1));
    let closed = writer.close(Duration::from_millis(20)).await;
    assert!(matches!(closed, Err(CloseError::Deadline(_))), "{closed:?}");
    disk.release();
}

#[tokio::test]
async fn a_torn_end_is_told_in_the_log_and_in_the_history() {
    let disk = written(3, ROOMY);
    let name = "history-0000000001.jsonl";
    let mut octets = disk.get(name);
    octets.truncate(octets.len() - 10);
    disk.put(name, &octets);
    let writer = start(&disk);
    writer.add(entry("started"));
    until(&writer, |health| health.waiting == 0).await;
    let [notice] = &writer.take_notices()[..] else { panic!("one notice") };
    assert!(notice.contains("were no whole entry") && notice.contains(".damaged-"), "{notice}");
    let texts = texts(folder_of(&disk).path());
    assert_eq!(texts, ["1", "2", notice, "started"]);
}

#[test]
fn a_reader_follows_over_rotations_and_repairs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = || Arc::new(Folder::new(folder.path()));
    let mut reader = HistoryReader::new(folder.path());
    let mut next = || {
        let mut texts = Vec::new();
        reader.read(|recorded| texts.push(recorded.entry.text)).expect("readable");
        texts
    };
    assert_eq!(next(), NOTHING);
    let (mut ledger, _) = Ledger::open(files(), TIGHT, NOW).expect("room");
    for number in 1..=7 {
        ledger.append(&[entry(number)]).expect("room");
        assert_eq!(next(), [number.to_string()]);
    }
    ledger.append(&entries(8..15)).expect("room");
    assert_eq!(next(), numbers(8..=14));
    // Half a line: not read before it is whole, nor what replaces it missed.
    let newest = folder.path().join(Ledger::newest(&Folder::new(folder.path())));
    let whole = fs::read(&newest).expect("it is there");
    fs::write(&newest, [&whole[..], b"{\"number\":15,"].concat()).expect("room");
    assert_eq!(next(), NOTHING);
    let (mut ledger, mended) = Ledger::open(files(), TIGHT, NOW).expect("room");
    assert_eq!(mended.len(), 1);
    ledger.append(&[entry(15)]).expect("room");
    assert_eq!(next(), numbers(15..=15));
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").expect("room");
    std::os::unix::fs::symlink(&victim, folder.path().join("history-0000000001.jsonl")).expect("room");
    let files = Arc::new(Folder::new(folder.path()));
    let refused = Ledger::open(files, ROOMY, NOW).expect_err("a link").to_string();
    assert!(refused.contains("is a symbolic link"), "{refused}");
    assert_eq!(fs::read(&victim).expect("it is there"), b"precious");
}

fn start(disk: &MemoryDisk) -> HistoryWriter {
    let retry_after = Duration::from_millis(5);
    HistoryWriter::start_in(Arc::new(disk.clone()), ROOMY, retry_after).expect("a thread")
}

/// Waits for the thread of the disk to come so far.
async fn until(writer: &HistoryWriter, wanted: impl Fn(&HistoryHealth) -> bool) -> HistoryHealth {
    loop {
        let health = writer.health(Instant::now());
        if wanted(&health) {
            return health;
        }
        tokio::task::yield_now().await;
    }
}
