//! A disk that stands still under the built program: its state lies in a file system of its own, which is frozen.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::demand;
use crate::kit::place::Place;
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
