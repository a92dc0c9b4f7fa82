//! Real files: symbolic links, other users, rights, two daemons; and disks that are full, read-only or frozen.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open_folder(folder: &Path) -> Opened {
    StateLog::open(folder, "boot", NOW)
}

/// A folder with two snapshots and a log.
fn used_folder() -> TempDir {
    let folder = folder();
    for (name, octets) in used_disk().files() {
        fs::write(folder.path().join(name), octets).expect("room on the disk");
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name().into_string().expect("our names are text"))
        .collect();
    names.sort();
    names
}

#[track_caller]
fn check_refused(folder: &Path, wanted: &str) {
    let error = open_folder(folder).expect_err("it is not to be used").to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn what_was_written_is_read_again() {
    let folder = folder();
    let nested = folder.path().join("lib/cadence-dns");
    let (mut log, recovered) = open_folder(&nested).expect("made on the way");
    assert_eq!((whole(&recovered), recovered.ended), (vec![], Ended::FirstStart));
    for entry in 1..=3_u64 {
        let through = log.append(&[entry], NOW).expect("room");
        log.snapshot(&(1..=entry).collect::<State>(), through, NOW).expect("room");
    }
    log.append(&[4_u64], NOW).expect("room");
    assert_eq!(names(&nested), ["lock", "log-3", "log-4", "state.json", "state.json.previous"]);
    for name in names(&nested) {
        let mode = fs::metadata(nested.join(&name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{name}");
    }
    let shown = read_for_display::<State, u64>(&nested).expect("readable beside the daemon");
    assert_eq!((whole(&shown), shown.troubles.len()), (vec![1, 2, 3, 4], 0));
    log.close(NOW).expect("room");
    let (_, recovered) = open_folder(&nested).expect("ours");
    assert_eq!((whole(&recovered), recovered.ended), (vec![1, 2, 3, 4], Ended::Cleanly));
}

#[test]
fn a_second_daemon_is_told_who_has_the_folder() {
    let folder = folder();
    let first = open_folder(folder.path()).expect("ours");
    let error = open_folder(folder.path()).expect_err("taken").to_string();
    let process = std::process::id();
    let path = folder.path().display();
    let wanted = format!("the state folder {path} is in use by process {process}; stop it");
    assert!(error.starts_with(&wanted), "{error}");
    drop(first);
    drop(open_folder(folder.path()).expect("free again"));
}

/// Each file of ours is a link to another one: the start is refused, and the other file is as it was.
#[test]
fn symbolic_links_are_not_followed() {
    for name in ["lock", "state.json", "state.json.previous", "log-8"] {
        let folder = used_folder();
        let (victim, link) = (folder.path().join("victim"), folder.path().join(name));
        drop(fs::rename(&link, &victim));
        fs::write(&victim, "precious").expect("room");
        symlink(&victim, &link).expect("room");
        check_refused(folder.path(), &format!("{name} is a symbolic link; remove it"));
        assert_eq!(fs::read(&victim).expect("it is there"), b"precious");
        assert!(link.is_symlink());
    }
}

/// A link that waits at the name of a file that is going to be made.
#[test]
fn symbolic_links_in_wait_are_not_followed() {
    let folder = used_folder();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").expect("room");
    for name in ["state.json.new", "log-10"] {
        symlink(&victim, folder.path().join(name)).expect("room");
    }
    // A segment that is a link is refused at the start; this one comes while we run.
    fs::remove_file(folder.path().join("log-10")).expect("it is there");
    let (mut log, recovered) = open_folder(folder.path()).expect("ours");
    symlink(&victim, folder.path().join("log-10")).expect("room");
    log.snapshot(&whole(&recovered), log.last(), NOW).expect("the link is removed, not what it points to");
    let error = log.append(&[10_u64], NOW).expect_err("the link is in the way").to_string();
    assert!(error.contains("log-10: File exists"), "{error}");
    assert_eq!(fs::read(&victim).expect("it is there"), b"precious");
}

/// A pipe would keep us waiting for its other end, and a folder cannot be read.
#[test]
fn what_is_no_file_is_named_and_left_alone() {
    for name in ["lock", "state.json", "state.json.previous", "log-8"] {
        let folder = used_folder();
        let path = folder.path().join(name);
        drop(fs::remove_file(&path));
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o640), 0).expect("room");
        check_refused(folder.path(), &format!("{name} is not a file; move it out of the way"));
    }
    let folder = folder();
    fs::create_dir(folder.path().join("state.json")).expect("room");
    check_refused(folder.path(), "state.json is not a file; move it out of the way");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("room");
    let error = open_folder(&folder.path().join("file/state")).expect_err("a file is no folder").to_string();
    assert!(error.starts_with("cannot create ") && error.contains("file/state: Not a directory"), "{error}");
}

#[test]
fn a_look_from_outside_changes_nothing() {
    let folder = used_folder();
    fs::write(folder.path().join("state.json"), "scribble").expect("room");
    let before = names(folder.path());
    let shown = read_for_display::<State, u64>(folder.path()).expect("readable");
    assert_eq!((whole(&shown).len(), shown.troubles.len()), (9, 2));
    assert_eq!(names(folder.path()), before);
    let shown =
        read_for_display::<State, u64>(&folder.path().join("nowhere")).expect("no daemon was ever here");
    assert_eq!((shown.ended, shown.troubles), (Ended::FirstStart, Vec::new()));
}

const NOBODY: u32 = 65534;

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_file_that_another_user_could_have_written_is_refused() {
    for name in ["lock", "state.json", "log-8"] {
        let folder = used_folder();
        drop(open_folder(folder.path()).expect("ours"));
        let path = folder.path().join(name);
        chown(&path, Some(NOBODY), None).expect("root may");
        drop(open_folder(folder.path()).expect("only its owner can write to it, and we cannot tell why"));
        for mode in [0o660, 0o646] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("root may");
            let octets = fs::read(&path).expect("root may");
            check_refused(folder.path(), &format!("{name} belongs to user {NOBODY}, not to us (user 0)"));
            assert_eq!(fs::read(&path).expect("root may"), octets);
            fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("root may");
        }
    }
}

/// A file system in a folder, gone when dropped.
struct Mounted {
    folder: TempDir,
    image: TempDir,
    is_frozen: bool,
}

impl Mounted {
    /// 256 KiB in memory.
    fn tmpfs() -> Mounted {
        let mounted = Mounted { folder: folder(), image: folder(), is_frozen: false };
        mounted.mount(&["-t", "tmpfs", "-o", "size=256k,mode=0700", "none"]);
        mounted
    }

    /// ext4 in a file.
    fn ext4() -> Mounted {
        let mounted = Mounted { folder: folder(), image: folder(), is_frozen: false };
        let image = mounted.image.path().join("image");
        let file = fs::File::create(&image).expect("room");
        file.set_len(8 << 20).expect("room");
        let image = image.to_str().expect("a temporary folder has a plain name");
        run("mkfs.ext4", &["-q", image]);
        mounted.mount(&["-o", "loop", image]);
        mounted
    }

    fn mount(&self, arguments: &[&str]) {
        let path = self.path();
        let path = path.to_str().expect("a temporary folder has a plain name");
        run("mount", &[arguments, &[path]].concat());
    }

    fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn freeze(&mut self, is_frozen: bool) {
        let path = self.path();
        let path = path.to_str().expect("a temporary folder has a plain name");
        run("fsfreeze", &[if is_frozen { "-f" } else { "-u" }, path]);
        self.is_frozen = is_frozen;
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_frozen {
            self.freeze(false);
        }
        let path = self.path();
        let status = Command::new("umount").arg("-l").arg(path).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let ended = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it is installed");
    assert!(ended.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_disk_that_fills_up_keeps_what_was_confirmed() {
    let disk = Mounted::tmpfs();
    let (mut log, _) = open_folder(&disk.path()).expect("room");
    let ballast = disk.path().join("ballast");
    let mut confirmed = State::new();
    fs::write(&ballast, vec![0; 200 << 10]).expect("room");
    let error = loop {
        let entries: State = (0..1000).map(|entry| confirmed.len() as u64 + entry).collect();
        match log.append(&entries, NOW) {
            Ok(_) => confirmed.extend(entries),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("No space left on device") && error.contains("make room"), "{error}");
    let error = log.snapshot(&confirmed, log.last(), NOW).expect_err("no room").to_string();
    assert!(error.contains("No space left on device"), "{error}");
    drop(log);

    let (mut log, recovered) = open_folder(&disk.path()).expect("a full disk is no reason not to start");
    assert_eq!(whole(&recovered), confirmed);
    fs::remove_file(ballast).expect("ours");
    log.append(&[7_u64], NOW).expect("room again");
    log.snapshot(&confirmed, log.last(), NOW).expect("room again");
    drop(log);
    assert_eq!(whole(&open_folder(&disk.path()).expect("ours").1), confirmed);
}

#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_disk_that_becomes_read_only_is_named() {
    let disk = Mounted::ext4();
    let (mut log, _) = open_folder(&disk.path()).expect("room");
    log.append(&[1_u64], NOW).expect("room");
    drop(log);
    disk.mount(&["-o", "remount,ro"]);
    check_refused(
        &disk.path(),
        "Read-only file system (os error 30); name a `state_dir` that can be written to",
    );
    disk.mount(&["-o", "remount,rw"]);
    assert_eq!(whole(&open_folder(&disk.path()).expect("ours").1), [1]);
}

#[tokio::test]
#[ignore = "needs root: tests/run.sh"]
async fn a_frozen_disk_keeps_nobody_waiting() {
    let mut disk = Mounted::ext4();
    let (log, _) = open_folder(&disk.path()).expect("room");
    let last = log.last();
    let (writer, mut written) = StateWriter::<State, u64>::start(log).expect("threads");
    disk.freeze(true);
    writer.commit(1, vec![1], NOW).expect("room in the queue");
    writer.snapshot(vec![], last, NOW);
    let waited = tokio::time::timeout(Duration::from_millis(50), written.recv()).await;
    assert!(waited.is_err(), "a frozen disk confirms nothing");
    let trouble = loop {
        // The thread that writes may not have come to it yet.
        match writer.trouble(Instant::now() + Duration::from_secs(5)) {
            Some(trouble) if trouble.contains("the state log") => break trouble,
            _ => tokio::task::yield_now().await,
        }
    };
    assert!(trouble.starts_with("the disk has not taken the state log for "), "{trouble}");
    disk.freeze(false);
    let confirmed = written.recv().await.expect("the writer works").result.expect("the disk works again");
    writer.close(vec![1], confirmed, NOW, Duration::from_secs(60)).await.expect("the disk works again");
    let (_, recovered) = open_folder(&disk.path()).expect("ours");
    assert_eq!((whole(&recovered), recovered.ended), (vec![1], Ended::Cleanly));
}
