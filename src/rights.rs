//! What the process may still do once everything that takes a right is open: as little as the rest of it needs.
//!
//! ```text
//! no_dumps ─▶ files are read, sockets taken ─▶ give_up ─▶ threads start, the state is opened, queries are answered
//! ```
//!
//! [`no_dumps`] comes first, before a secret is in memory. [`give_up`] comes before any thread is started: the user is
//! the process's, but capabilities are a thread's, which hands them down to those that it starts. What cannot be given
//! up stops the start; what this system does not have is said. A process that is started in between, with what we have
//! then, is another one: it is as little privileged, and not confined to our files and system calls.

mod calls;
mod capabilities;
mod dumps;
mod error;
mod files;
mod folder;
mod user;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use rustix::thread::set_no_new_privs;

use crate::config::Seccomp;

pub use dumps::no_dumps;
pub use error::RightsError;
pub use user::unknown_user;

use calls::Filtered;
use files::Confined;
use user::{Become, User};

/// Where the kernel lists the threads of this process.
const THREADS: &str = "/proc/self/task";

/// What is still needed when the rights are gone.
#[derive(Debug, Clone)]
pub struct Needs {
    /// `[node] user`, if the configuration names one.
    pub user: Option<String>,
    /// Folders that are written to. Those that are missing are made, for the user that we become.
    pub written: Vec<PathBuf>,
    /// Files and folders that are read.
    pub read: Vec<PathBuf>,
    /// TCP ports that a reload may listen on, at other addresses.
    pub ports: Vec<u16>,
    /// Files that are read again and again.
    pub read_again: Vec<PathBuf>,
    /// `[node] landlock`
    pub landlock: bool,
    /// `[node] seccomp`
    pub seccomp: Seccomp,
}

/// What has become of the rights, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// As whom we run from now on.
    pub user: String,
    /// The files that are left, and the system calls.
    pub confinement: String,
    /// What was not given up, and what would help.
    pub doubts: Vec<String>,
    /// What this system does not have.
    pub absent: Vec<&'static str>,
}

/// Gives up all that is not needed any more, for good: root, groups, every capability, what a program that is executed
/// could bring, the files of others, and system calls.
///
/// `before_confinement` is called when the user is another one and privileges are gone, and files and system calls are not.
///
/// # Errors
/// When something of it cannot be given up; the process must not go on then.
pub fn give_up(
    needs: &Needs,
    before_confinement: impl FnOnce() -> io::Result<()>,
) -> Result<GivenUp, RightsError> {
    alone()?;
    let Become { user, doubt } = user::choose(needs.user.as_deref())?;
    for path in &needs.written {
        folder::prepare(path, user.as_ref());
    }
    let refused = |what| move |error| RightsError::System(what, error);
    capabilities::empty_bounding_set().map_err(refused("the bounding set of capabilities"))?;
    if let Some(user) = &user {
        user.become_it().map_err(refused("the user that started us"))?;
        no_dumps().map_err(refused("core dumps"))?; // another user, and the kernel's default is back
    }
    let shown = user.unwrap_or_else(User::us).to_string();
    capabilities::give_up().map_err(refused("capabilities"))?;
    set_no_new_privs(true).map_err(|error| RightsError::System("new privileges", error.into()))?;
    before_confinement().map_err(RightsError::Runner)?;
    let confined =
        needs.landlock.then(|| files::confine(&needs.read, &needs.written, &needs.ports)).transpose();
    let confined = confined.map_err(RightsError::Files)?;
    for file in &needs.read_again {
        let unreadable = |error| RightsError::Unreadable { file: file.clone(), user: shown.clone(), error };
        File::open(file).map_err(unreadable)?;
    }
    let filtered = calls::filter(needs.seccomp).map_err(refused("system calls"))?;
    let absent = [
        (confined == Some(Confined::NotAtAll))
            .then_some("this kernel has no Landlock (Linux 5.13): our user's files stay open"),
        (filtered == Filtered::NotHere)
            .then_some("this machine has no list of system calls: all of them stay open"),
    ];
    Ok(GivenUp {
        user: shown,
        confinement: confinement(confined.as_ref(), &filtered),
        doubts: doubt.into_iter().collect(),
        absent: absent.into_iter().flatten().collect(),
    })
}

/// For the log.
fn confinement(confined: Option<&Confined>, filtered: &Filtered) -> String {
    let files = match confined {
        Some(Confined::To(version)) => format!("our own only ({version})"),
        Some(Confined::NotAtAll) | None => "all of our user's".to_owned(),
    };
    let calls = match filtered {
        Filtered::Enforced => "those on our list (seccomp)",
        Filtered::Logged => "all, and those that are not on our list in the kernel's log",
        Filtered::Off | Filtered::NotHere => "all",
    };
    format!("files: {files}; system calls: {calls}")
}

/// Where /proc is not mounted, nobody can tell.
fn alone() -> Result<(), RightsError> {
    match fs::read_dir(THREADS).map(Iterator::count) {
        Ok(0 | 1) | Err(_) => Ok(()),
        Ok(number) => Err(RightsError::Threads(number)),
    }
}
