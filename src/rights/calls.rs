//! System calls: a list of those that the program makes, as strace(1) shows them over its tests, and what can stand in
//! for them on other systems. Whatever is not on it fails with EPERM: an attacker's code gets no program executed, no
//! debugger, no mount, no module, no namespace and no other user; a mistake in the list costs one operation, which says
//! so, instead of the process.
//!
//! Calls that are newer than the list fail with ENOSYS instead, as on an older kernel: the C library then does without.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use crate::config::Seccomp;

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[c_long] = &[
    // Sockets.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    // Descriptors, and waiting for them.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_fcntl,
    libc::SYS_lseek,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    // Files; Landlock says which.
    libc::SYS_faccessat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    // `[node] watch` looks at the folders of the configuration.
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_rm_watch,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads, signals and their end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    // Who we are, what time it is, and chance.
    libc::SYS_capget,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// The same under names that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OF_OLD: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_chmod,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(target_arch = "aarch64")]
const ALLOWED_OF_OLD: &[c_long] = &[libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ALLOWED_OF_OLD: &[c_long] = &[];

/// Calls that the C library does without where the kernel has none of them. Those of clone3(2) have their flags in
/// memory, where no filter sees them; it is clone(2) then.
const ABSENT: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_epoll_pwait2,
    libc::SYS_faccessat2,
    libc::SYS_fchmodat2,
    libc::SYS_openat2,
];

/// Newer than this list.
const UNKNOWN: std::ops::Range<c_long> = 463..600;

/// The namespaces that clone(2) could enter: CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
const CLONE_NEW: u64 = 0x7e02_0080;

/// TCGETS, which is how a terminal is told from a file, FIONBIO, FIOCLEX and FIONREAD.
const IOCTLS: [u64; 4] = [0x5401, 0x5421, 0x5451, 0x541b];

/// Of sockets.
const FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filtered {
    /// Other calls fail.
    Enforced,
    /// Other calls are in the kernel's log.
    Logged,
    /// Nobody wanted it.
    Off,
    /// This program has no list for this machine.
    NotHere,
}

/// From now on, this thread and those that it starts make no other system calls than those on the list.
pub(super) fn filter(mode: Seccomp) -> io::Result<Filtered> {
    let (action, filtered) = match mode {
        Seccomp::Off => return Ok(Filtered::Off),
        Seccomp::Enforce => (SeccompAction::Errno(libc::EPERM as u32), Filtered::Enforced),
        Seccomp::Log => (SeccompAction::Log, Filtered::Logged),
    };
    let Ok(machine) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(Filtered::NotHere) };
    let programs = programs(action, machine).map_err(io::Error::other)?;
    // The list comes last: it would not let another filter come after it.
    programs.iter().try_for_each(|program| apply_filter(program)).map_err(io::Error::other)?;
    Ok(filtered)
}

/// What is absent, and the list, in which that passes.
fn programs(action: SeccompAction, machine: TargetArch) -> Result<[BpfProgram; 2], BackendError> {
    let absent = || ABSENT.iter().copied().chain(UNKNOWN).map(|call| (call, Vec::new()));
    let no_such_call = SeccompAction::Errno(libc::ENOSYS as u32);
    let absence = SeccompFilter::new(absent().collect(), SeccompAction::Allow, no_such_call, machine)?;
    let list = list()?.into_iter().chain(absent()).collect();
    let list = SeccompFilter::new(list, action, SeccompAction::Allow, machine)?;
    Ok([absence.try_into()?, list.try_into()?])
}

/// Each call with the rules of which one must hold; without rules it is always allowed.
fn list() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq};
    let all = |conditions: Vec<SeccompCondition>| SeccompRule::new(conditions);
    let word = |argument, op, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value);
    let long = |argument, op, value| SeccompCondition::new(argument, SeccompCmpArgLen::Qword, op, value);
    let number = |value: i32| u64::from(value.unsigned_abs());
    let one_of = |argument, values: &[u64]| -> Result<Vec<SeccompRule>, BackendError> {
        values.iter().map(|value| all(vec![word(argument, Eq, *value)?])).collect()
    };
    let (executable, writable) = (number(libc::PROT_EXEC), number(libc::PROT_WRITE));
    let never = |bits| -> Result<SeccompRule, BackendError> { all(vec![word(2, MaskedEq(bits), 0)?]) };
    let mut list: BTreeMap<c_long, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_OF_OLD).map(|call| (*call, Vec::new())).collect();
    list.extend([
        (libc::SYS_socket, one_of(0, &FAMILIES.map(number))?),
        (libc::SYS_clone, vec![all(vec![long(0, MaskedEq(CLONE_NEW), 0)?])?]),
        // Memory is written to or executed, not both: the libraries of nsswitch.conf are mapped as they are.
        (libc::SYS_mmap, vec![never(executable)?, never(writable)?]),
        (libc::SYS_mprotect, vec![never(executable)?]),
        // The name of a thread, and nothing else that prctl(2) does.
        (libc::SYS_prctl, one_of(0, &[number(libc::PR_SET_NAME)])?),
        (libc::SYS_ioctl, one_of(1, &IOCTLS)?),
        // Limits are read, not set.
        (libc::SYS_prlimit64, vec![all(vec![long(2, Eq, 0)?])?]),
        // abort(3), and no signal to anybody else.
        (libc::SYS_tgkill, one_of(0, &[u64::from(std::process::id())])?),
    ]);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;
    use std::thread;

    use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
    use socket2::{Domain, Socket, Type};

    use super::*;

    /// A thread that is filtered does what the program does, and nothing else. Other threads are not filtered.
    #[test]
    fn what_is_not_on_the_list_fails_and_the_process_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let attempts = move || {
            if filter(Seccomp::Enforce).expect("the kernel has filters") == Filtered::NotHere {
                return; // no list for the machine of this test
            }
            let listener = TcpListener::bind("127.0.0.1:0").expect("sockets of ours");
            let address = listener.local_addr().expect("it is bound");
            TcpStream::connect(address).expect("a connection");
            UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0")).expect("datagrams");
            let (one, two) = (folder.path().join("one"), folder.path().join("two"));
            fs::write(&one, "text").and_then(|()| fs::rename(&one, &two)).expect("files of ours");
            thread::Builder::new()
                .name("more".into())
                .spawn(|| {})
                .expect("threads")
                .join()
                .expect("nothing");
            let denied =
                |what: &str, kind: ErrorKind| assert_eq!(kind, ErrorKind::PermissionDenied, "{what}");
            let program = Command::new("true").status();
            denied("a program", program.expect_err("none is executed").kind());
            for family in [libc::AF_NETLINK, libc::AF_PACKET, libc::AF_XDP] {
                let socket = Socket::new(Domain::from(family), Type::from(libc::SOCK_RAW), None);
                denied("a socket of the kernel", socket.expect_err("no such family").kind());
            }
            denied("a link", fs::hard_link(&two, &one).expect_err("none is made").kind());
            denied("a link", std::os::unix::fs::symlink(&two, &one).expect_err("none is made").kind());
            denied(
                "an owner",
                std::os::unix::fs::chown(&two, Some(1), None).expect_err("none is given").kind(),
            );
            let signalled = kill_process(Pid::INIT, Signal::CONT);
            denied("a signal", signalled.expect_err("nobody is signalled").kind());
            let limits: Rlimit = getrlimit(Resource::Nofile);
            denied("a limit", setrlimit(Resource::Nofile, limits).expect_err("none is set").kind());
            let dumps = super::super::no_dumps();
            denied("a trait of the process", dumps.expect_err("none is changed").kind());
        };
        thread::spawn(attempts).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }

    #[test]
    fn the_list_fits_into_a_filter_of_every_machine_it_is_made_for() {
        for machine in [TargetArch::x86_64, TargetArch::aarch64, TargetArch::riscv64] {
            let [absence, list] = programs(SeccompAction::Log, machine).expect("a filter");
            assert!(absence.len() < 4096 && list.len() < 4096, "{} {}", absence.len(), list.len());
        }
    }
}
