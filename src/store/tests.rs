//! What a crash, a bad disk, a stranger's file or a second daemon do to the state.

use super::*;
use tempfile::TempDir;

type State = (String, u64);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(folder: &TempDir) -> Store {
    Store::open(folder.path()).expect("a folder of our own")
}

fn state(epoch: u64) -> State {
    ("fra".to_owned(), epoch)
}

fn saved(epoch: u64) -> Vec<u8> {
    envelope::seal(&state(epoch)).expect("plain values")
}

fn save(store: &Store, epoch: u64) {
    store.save(&state(epoch)).expect("room on the disk");
}

/// The epoch that was loaded, and how many troubles were met.
fn load(store: &Store) -> (Option<u64>, usize) {
    let Loaded { value, troubles } = store.load::<State>();
    (value.map(|(_, epoch)| epoch), troubles.len())
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("it is there");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("readable").file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn put(folder: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(folder.path().join(name), bytes).expect("room on the disk");
}

fn get(folder: &TempDir, name: &str) -> Vec<u8> {
    fs::read(folder.path().join(name)).expect("it is there")
}

#[test]
fn a_first_start_is_no_trouble() {
    let folder = folder();
    let nested = folder.path().join("lib/cadence-dns");
    let store = Store::open(&nested).expect("made on the way");
    assert_eq!(load(&store), (None, 0));
    assert_eq!(read_for_display::<State>(&folder.path().join("nowhere")).troubles, [""; 0]);
}

#[test]
fn what_was_saved_last_is_loaded() {
    let folder = folder();
    for epoch in 1..=3 {
        let store = open(&folder);
        save(&store, epoch);
        assert_eq!(load(&store), (Some(epoch), 0));
    }
    assert_eq!(names(&folder), ["lock", "state.json", "state.json.previous"]);
    assert_eq!(read_for_display(folder.path()), Loaded { value: Some(state(3)), troubles: Vec::new() });
}

#[test]
fn only_the_owner_writes_and_only_the_group_reads() {
    let folder = folder();
    save(&open(&folder), 1);
    let mode = fs::metadata(folder.path().join(CURRENT)).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_second_daemon_is_told_who_has_the_folder() {
    let folder = folder();
    let first = open(&folder);
    let error = Store::open(folder.path()).expect_err("taken").to_string();
    let process = std::process::id();
    let wanted =
        format!("the state folder {} is in use by process {process}; stop it", folder.path().display());
    assert!(error.starts_with(&wanted), "{error}");
    drop(first);
    drop(open(&folder));
}

/// Torn anywhere: the state before it is used, and the torn bytes are kept.
#[test]
fn a_torn_file_gives_way_to_the_one_before() {
    let folder = folder();
    let store = open(&folder);
    save(&store, 1);
    let first = get(&folder, CURRENT);
    save(&store, 2);
    let second = get(&folder, CURRENT);
    for length in 0..second.len() {
        put(&folder, CURRENT, &second[..length]);
        put(&folder, PREVIOUS, &first);
        let Loaded { value, troubles } = store.load::<State>();
        assert_eq!(value, Some(state(1)), "torn at {length}");
        let (_, aside) = troubles[0].rsplit_once("set aside as ").expect("the trouble names the file");
        assert_eq!(fs::read(aside).expect("it is there"), &second[..length]);
        assert!(troubles[1].contains("state.json.previous"), "{troubles:?}");
    }
    assert_eq!(names(&folder).len(), DAMAGED_MAX_FILES + 2, "{:?}", names(&folder));
}

/// The clock may have been set back since the others were set aside.
#[test]
fn what_was_set_aside_last_is_kept() {
    let folder = folder();
    let store = open(&folder);
    for number in 0..DAMAGED_MAX_FILES {
        put(&folder, &format!("{DAMAGED}{}", 9_000_000_000_000 + number), b"older");
    }
    put(&folder, CURRENT, b"newest");
    let troubles = store.load::<State>().troubles;
    let (_, aside) = troubles[0].rsplit_once("set aside as ").expect("the trouble names the file");
    assert_eq!(fs::read(aside).expect("it is there"), b"newest");
}

#[test]
fn both_damaged_is_like_a_first_start_but_loud() {
    let folder = folder();
    let store = open(&folder);
    put(&folder, CURRENT, b"{}");
    put(&folder, PREVIOUS, b"");
    assert_eq!(load(&store), (None, 2));
    assert_eq!(names(&folder).iter().filter(|name| name.starts_with(DAMAGED)).count(), 2);
    save(&store, 5);
    assert_eq!(load(&store), (Some(5), 0));
}

#[test]
fn a_damaged_file_never_becomes_the_previous_one() {
    let folder = folder();
    let store = open(&folder);
    save(&store, 1);
    save(&store, 2);
    put(&folder, CURRENT, b"scribble");
    assert_eq!(load(&store), (Some(1), 2));
    save(&store, 3);
    put(&folder, CURRENT, b"scribble");
    assert_eq!(load(&store), (Some(1), 2));
}

/// Killed between any two steps of a save: there is a state, and it is the old or the new one.
#[test]
fn a_crash_during_a_save_leaves_the_old_state_or_the_new() {
    check_crash("half written", &[(CURRENT, &saved(2)), (PREVIOUS, &saved(1)), (NEW, &saved(3)[..9])], 2);
    let linked = [(CURRENT, &*saved(2)), (PREVIOUS, &saved(1)), (NEW, &saved(3)), (LINK, &saved(2))];
    check_crash("linked", &linked, 2);
    check_crash("kept", &[(CURRENT, &saved(2)), (PREVIOUS, &saved(2)), (NEW, &saved(3))], 2);
    check_crash("renamed", &[(CURRENT, &saved(3)), (PREVIOUS, &saved(2))], 3);
}

fn check_crash(when: &str, files: &[(&str, &[u8])], wanted: u64) {
    let folder = folder();
    files.iter().for_each(|(name, bytes)| put(&folder, name, bytes));
    let store = open(&folder);
    assert_eq!(load(&store), (Some(wanted), 0), "{when}");
    save(&store, 4);
    assert_eq!(load(&store), (Some(4), 0), "{when}");
    assert_eq!(names(&folder), ["lock", "state.json", "state.json.previous"], "{when}");
    assert_eq!(get(&folder, PREVIOUS), saved(wanted), "{when}");
}

/// As after a crash on a file system without hard links.
#[test]
fn without_a_current_file_the_previous_one_is_used() {
    let folder = folder();
    let store = open(&folder);
    put(&folder, PREVIOUS, &saved(1));
    assert_eq!(load(&store), (Some(1), 2));
}

#[test]
fn looking_from_outside_changes_nothing() {
    let folder = folder();
    save(&open(&folder), 1);
    save(&open(&folder), 2);
    put(&folder, CURRENT, b"scribble");
    let before = names(&folder);
    let _daemon = open(&folder);
    let Loaded { value, troubles } = read_for_display::<State>(folder.path());
    assert_eq!((value, troubles.len()), (Some(state(1)), 2));
    assert_eq!(names(&folder), before);
    assert_eq!(get(&folder, CURRENT), b"scribble");
}

/// The nearest thing to a full disk that needs no disk: the new file cannot be written.
#[test]
fn a_save_that_fails_keeps_the_old_state() {
    let folder = folder();
    let store = open(&folder);
    save(&store, 1);
    fs::create_dir(folder.path().join(NEW)).expect("room on the disk");
    let error = store.save(&state(2)).expect_err("there is a folder in the way").to_string();
    assert!(error.contains("state.json.new"), "{error}");
    assert_eq!(load(&store), (Some(1), 0));
}

#[test]
fn what_is_no_file_is_left_alone() {
    let folder = folder();
    let store = open(&folder);
    fs::create_dir(folder.path().join(CURRENT)).expect("room on the disk");
    let troubles = store.load::<State>().troubles;
    assert!(troubles[0].ends_with("state.json: not a file; move it out of the way"), "{troubles:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = folder();
    put(&folder, "file", b"");
    let error = Store::open(&folder.path().join("file/state")).expect_err("a file is no folder").to_string();
    assert!(error.starts_with("cannot create ") && error.contains("file/state: Not a directory"), "{error}");
}

/// Root may do anything, so as root there is nothing to see.
#[test]
fn missing_rights_are_told_and_nothing_is_moved() {
    let folder = folder();
    let store = open(&folder);
    save(&store, 1);
    save(&store, 2);
    let allow =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    let current = folder.path().join(CURRENT);
    allow(&current, 0);
    if File::open(&current).is_ok() {
        return;
    }
    let Loaded { value, troubles } = store.load::<State>();
    assert_eq!(value, Some(state(1)));
    assert!(troubles[0].contains("Permission denied"), "{troubles:?}");
    drop(store);
    allow(folder.path(), 0o500);
    let error = Store::open(folder.path()).expect_err("read-only").to_string();
    allow(folder.path(), 0o700);
    assert!(error.contains("it must belong to the user that cadence-dns runs as"), "{error}");
}
