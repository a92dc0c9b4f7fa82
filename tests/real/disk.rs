//! Disks under the built program that stand still or are full: its state, or its history, lies in a file system of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::demand;
use crate::kit::place::{PROGRAM, Place};
use crate::kit::process::wait_until;
use crate::kit::steered::{AMPLE, PREFERRED, STANDBY, Steered};

/// Small, and large enough for ext4 with a journal.
const OCTETS: u64 = 32 << 20;

/// An ext4 file system at a folder; thawed and taken away when dropped.
struct FileSystem {
    folder: PathBuf,
    frozen: bool,
}

impl FileSystem {
    /// None on a kernel without loop devices.
    fn at(folder: &Path) -> Option<FileSystem> {
        if !Command::new("losetup").arg("--find").output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        let image = folder.with_extension("image");
        File::create(&image).and_then(|file| file.set_len(OCTETS)).expect("the folder is writable");
        fs::create_dir_all(folder).expect("the folder is writable");
        demanded("mkfs.ext4", &["-q".as_ref(), &image]);
        demanded("mount", &["-o".as_ref(), "loop".as_ref(), &image, folder]);
        Some(FileSystem { folder: folder.to_owned(), frozen: false })
    }

    /// Whoever writes waits from now on.
    fn freeze(&mut self) {
        demanded("fsfreeze", &["--freeze".as_ref(), &self.folder]);
        self.frozen = true;
    }

    fn thaw(&mut self) {
        demanded("fsfreeze", &["--unfreeze".as_ref(), &self.folder]);
        self.frozen = false;
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        let arguments = [("fsfreeze", "--unfreeze", self.frozen), ("umount", "--lazy", true)];
        for (command, option, needed) in arguments {
            if needed {
                let _ = Command::new(command).arg(option).arg(&self.folder).status();
            }
        }
    }
}

fn demanded(command: &str, arguments: &[&Path]) {
    let status = Command::new(command).args(arguments).status();
    let done = status.is_ok_and(|status| status.success());
    assert!(done, "{command} {arguments:?} failed");
}

/// What `status` warns of, in one text.
fn warnings(place: &Place) -> String {
    place.status_json()["warnings"].to_string()
}

/// The name leaves a dead region though nothing can be saved, `status` says so, and once the disk works again all is
/// saved: after kill -9 the same is answered.
#[test]
#[ignore = "needs root and a loop device: tests/run.sh"]
fn a_frozen_file_system_keeps_nobody_on_a_dead_region() {
    let place = Place::new();
    let Some(mut disk) = FileSystem::at(&place.state()) else {
        return demand::skip("losetup finds no loop device in this kernel");
    };
    let mut steered = Steered::start_at(place, "failback = { mode = \"auto\" }");
    disk.freeze();
    steered.preferred.die();
    steered.wait_for(STANDBY);
    let epoch = steered.place.epoch();
    wait_until("status warns of the disk", AMPLE, || warnings(&steered.place).contains("cannot be saved"));
    steered.preferred.revive();
    steered.wait_for(PREFERRED);
    assert!(steered.place.epoch() > epoch, "it goes on counting");

    disk.thaw();
    wait_until("all is saved", AMPLE, || !warnings(&steered.place).contains("cannot be saved"));
    let epoch = steered.place.epoch();
    let Steered { place, daemon, preferred, standby } = steered;
    daemon.kill();
    let daemon = place.started();
    let steered = Steered { place, daemon, preferred, standby };
    steered.wait_for(PREFERRED);
    assert!(steered.place.epoch() >= epoch, "no epoch goes back");
    drop(disk);
}

/// A file system in memory that is small, for the history alone; taken away when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(folder: PathBuf) -> SmallDisk {
        fs::create_dir_all(&folder).expect("the folder is writable");
        let [t, tmpfs, o, options, none] = ["-t", "tmpfs", "-o", "size=256k,mode=750", "none"].map(Path::new);
        demanded("mount", &[t, tmpfs, o, options, none, &folder]);
        SmallDisk(folder)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("there is room for a name");
        while filler.write_all(&[0; 512]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Decisions go on while the history cannot be written, `status` says so, and once there is room all of it is there.
#[test]
#[ignore = "needs root: tests/run.sh"]
fn a_full_disk_costs_no_decision_and_no_entry() {
    let place = Place::new();
    let disk = SmallDisk::at(place.state().join("history"));
    let mut steered = Steered::start_at(place, "failback = { mode = \"auto\" }");
    disk.fill();
    let before = steered.place.epoch();
    for _ in 0..10 {
        steered.preferred.die();
        steered.wait_for(STANDBY);
        steered.preferred.revive();
        steered.wait_for(PREFERRED);
    }
    let after = steered.place.epoch();
    assert!(after >= before + 20, "{after} after {before}");
    wait_until("status warns", AMPLE, || warnings(&steered.place).contains("the history is kept in memory"));
    assert!(!warnings(&steered.place).contains("cannot be saved"), "the state has a disk of its own");

    fs::remove_file(disk.filler()).expect("it is there");
    wait_until("all is written", AMPLE, || !warnings(&steered.place).contains("the history is kept"));
    let mut command = steered.place.program("history");
    command.args(["--output", "json"]);
    let written = steered.place.ended(command);
    written.assert_code(0);
    let text = String::from_utf8(written.output.stdout).expect("text");
    for epoch in before + 1..=after {
        let wanted = format!("(epoch {epoch})");
        assert_eq!(text.matches(&wanted).count(), 1, "epoch {epoch} once");
    }
    let mut command = Command::new(PROGRAM);
    command.args(["audit", "verify", "--config"]).arg(steered.place.config());
    steered.place.ended(command).assert_code(0);
    steered.daemon.signal(rustix::process::Signal::TERM);
    steered.daemon.wait_for_end(AMPLE);
    drop(disk);
}
