//! Files: Landlock (Linux 5.13) lets us read and write what we were given, and nothing else that our user could.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};

/// What is read by the C library to name the user of a command (`nsswitch.conf`, whose modules may be libraries that
/// ask a server), and by ourselves: the certificate authorities, and the boot of the machine.
const SYSTEM: &[&str] = &[
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/resolv.conf",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu/online",
];

/// What a folder of ours is for: files in it are read, written, made, renamed and removed, and folders and sockets made.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSock | RemoveFile
});

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ ReadFile | ReadDir });

/// What the kernel made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Confined {
    /// It holds, as far as this version of the interface goes.
    To(String),
    /// The kernel has no Landlock, or it is switched off.
    NotAtAll,
}

/// From now on, this thread and those that it starts read below `read` and the system's own folders, write below
/// `written`, listen on no other TCP ports than these, and signal no other process. Paths that are missing are left out.
pub(super) fn confine(
    read: &[PathBuf],
    written: &[PathBuf],
    ports: &[u16],
) -> Result<Confined, RulesetError> {
    let read: BTreeSet<&Path> =
        SYSTEM.iter().map(Path::new).chain(read.iter().map(PathBuf::as_path)).collect();
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(read, READ))?
        .add_rules(path_beneath_rules(written, WRITE))?
        .add_rules(ports.iter().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::BindTcp))))?
        .restrict_self()?;
    Ok(confined(&status))
}

fn confined(status: &RestrictionStatus) -> Confined {
    match (&status.ruleset, &status.landlock) {
        (RulesetStatus::NotEnforced, _) => Confined::NotAtAll,
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            Confined::To(format!("Landlock {}", *effective_abi as i32))
        }
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => Confined::NotAtAll,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What a thread that is confined to two folders may do to files inside and outside. Other threads are not.
    #[test]
    fn what_is_outside_cannot_be_touched_whatever_the_user_may_do() {
        let [read, written, outside] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
        for folder in [&read, &written, &outside] {
            fs::write(folder.path().join("there"), "text").expect("our folder");
        }
        symlink(outside.path().join("there"), read.path().join("link")).expect("our folder");
        let attempts = move || {
            let (may_read, may_write) = ([read.path().to_owned()], [written.path().to_owned()]);
            let confined = confine(&may_read, &may_write, &[]).expect("it is given up or not there");
            if confined == Confined::NotAtAll {
                return; // the kernel of this machine has none
            }
            let denied = |what: &str, error: std::io::Error| {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
            };
            assert_eq!(fs::read_to_string(read.path().join("there")).expect("it may be read"), "text");
            fs::write(written.path().join("new"), "text").expect("a file may be made");
            fs::rename(written.path().join("new"), written.path().join("there")).expect("and renamed");
            fs::remove_file(written.path().join("there")).expect("and removed");
            UnixListener::bind(written.path().join("socket")).expect("and a socket made");
            denied("a write", fs::write(read.path().join("there"), "").expect_err("it may only be read"));
            denied("a read", fs::read(outside.path().join("there")).expect_err("it lies outside"));
            denied("a link", fs::read(read.path().join("link")).expect_err("it leads outside"));
            denied("a list", fs::read_dir("/").expect_err("it lies outside"));
            denied("a secret", fs::read("/etc/shadow").expect_err("it lies outside"));
            denied("a device", fs::read("/dev/zero").expect_err("it lies outside"));
            fs::create_dir(written.path().join("folder")).expect("and a folder made");
            denied("a folder", fs::create_dir(outside.path().join("d")).expect_err("it lies outside"));
            UdpSocket::bind("127.0.0.1:0").expect("datagrams need a port");
            if ["4", "5", "6", "7", "8", "9"]
                .iter()
                .any(|abi| confined == Confined::To(format!("Landlock {abi}")))
            {
                denied("a listener", TcpListener::bind("127.0.0.1:0").expect_err("there are enough"));
            }
        };
        thread::spawn(attempts).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}
